//! A database in a file, by sqlx and SQLite, on egret.
//!
//!     cargo run --release --bin sqlite_pool FILE
//!
//! sqlx runs SQLite on a thread for each connection, and reaches it by channels.

use async_compat::CompatExt;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: FILE")?;
    egret::block_on(async move {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).compat().await?;
        let table = "create table if not exists visits (visitor text not null, seen integer not null)";
        sqlx::query(table).execute(&pool).compat().await?;
        // One transaction: all rows of it, or none.
        let add = async {
            let mut transaction = pool.begin().await?;
            for n in 0..100_i64 {
                let insert =
                    sqlx::query("insert into visits values (?, ?)").bind(format!("visitor {n}")).bind(n);
                insert.execute(&mut *transaction).await?;
            }
            transaction.commit().await
        };
        add.compat().await?;
        let sums: Vec<_> = (0..16)
            .map(|_| {
                let pool = pool.clone();
                let sum = async move {
                    sqlx::query_as::<_, (i64, i64)>("select count(*), sum(seen) from visits")
                        .fetch_one(&pool)
                        .await
                };
                egret::spawn(sum.compat())
            })
            .collect();
        for task in sums {
            let (rows, sum) = task.await??;
            println!("{rows} rows, {sum}");
        }
        pool.close().compat().await;
        Ok(())
    })
}
