//! The pools and clients, with the real servers at the other end.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/common/postgres.rs"]
mod postgres;

use common::output;
use postgres::Postgres;

#[test]
fn sqlx_asks_postgresql_over_its_pool_from_sixteen_tasks() {
    let Some(postgres) = Postgres::start() else { return };
    let url = format!("postgres://egret@{}/postgres", postgres.address);
    let got = output(env!("CARGO_BIN_EXE_postgres_pool"), &[&url]);
    assert!(got.starts_with("the squares below 16 are 1240, over "), "{got}");
}
