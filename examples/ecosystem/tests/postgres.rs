//! The database client, with a real PostgreSQL at the other end.

mod common;
#[path = "common/postgres.rs"]
mod server;

use common::output;
use server::Postgres;

#[test]
fn a_table_is_made_filled_by_queries_at_once_and_asked() {
    let Some(postgres) = Postgres::start() else { return };
    let got = output(env!("CARGO_BIN_EXE_postgres_client"), &[&postgres.address, "egret", "postgres"]);
    assert_eq!(got, "a second of that name: 23505\n50 birds on 100 legs\n");
}
