//! The pools and clients, with the real servers at the other end.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/common/postgres.rs"]
mod postgres;
#[path = "../../tests/common/redis.rs"]
mod redis;

use common::{Server, output, python_with};
use postgres::Postgres;
use redis::Redis;

#[test]
fn sqlx_asks_postgresql_over_its_pool_from_sixteen_tasks() {
    let Some(postgres) = Postgres::start() else { return };
    let url = format!("postgres://egret@{}/postgres", postgres.address);
    let got = output(env!("CARGO_BIN_EXE_postgres_pool"), &[&url]);
    assert!(got.starts_with("the squares below 16 are 1240, over "), "{got}");
}

#[test]
fn sqlx_keeps_a_transaction_in_a_file_of_sqlite_and_reads_it_from_sixteen_tasks() {
    let file = std::env::temp_dir().join(format!("egret-sqlite-{}", std::process::id()));
    let _ = std::fs::remove_file(&file); // of another process with this number, which was killed
    let got = output(env!("CARGO_BIN_EXE_sqlite_pool"), &[file.to_str().unwrap()]);
    assert_eq!(got, "100 rows, 4950\n".repeat(16));
    assert!(std::fs::read(&file).unwrap().starts_with(b"SQLite format 3\0"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn redis_answers_sixteen_tasks_on_one_connection_and_sends_what_is_published() {
    let Some(redis) = Redis::start() else { return };
    let got = output(env!("CARGO_BIN_EXE_redis_client"), &[&format!("redis://{}", redis.address)]);
    assert_eq!(got, "the squares below 16 are 1240\na message: hello\n");
}

#[test]
fn lettre_sends_the_messages_of_eight_tasks() {
    let Some(python) = python_with("aiosmtpd") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp_server.py");
    let server = Server::start(python.to_str().unwrap(), &[script]);
    assert_eq!(output(env!("CARGO_BIN_EXE_mail"), &["127.0.0.1", server.port()]), "8 messages accepted\n");
    let mut messages: Vec<_> = (0..8).map(|_| server.line()).collect();
    messages.sort(); // the tasks send at the same time
    let expected = |n| format!("egret@localhost|task{n}@localhost|the square of {n} is {}", n * n);
    assert_eq!(messages, (0..8).map(expected).collect::<Vec<_>>());
}
