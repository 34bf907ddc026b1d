//! A pool of connections to PostgreSQL, sqlx's, on egret.
//!
//!     cargo run --release --bin postgres_pool postgres://USER@HOST:PORT/DATABASE

use async_compat::CompatExt;
use sqlx::postgres::PgPoolOptions;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: postgres://USER@HOST:PORT/DATABASE")?;
    egret::block_on(async move {
        let pool = PgPoolOptions::new().max_connections(4).connect(&url).compat().await?;
        // Tasks of egret that share the pool: more than it has connections.
        let squares: Vec<_> = (0..16_i64)
            .map(|n| {
                let pool = pool.clone();
                let query = async move {
                    sqlx::query_scalar::<_, i64>("select $1 * $1").bind(n).fetch_one(&pool).await
                };
                egret::spawn(query.compat())
            })
            .collect();
        let mut sum = 0_i64;
        for square in squares {
            sum += square.await??;
        }
        println!("the squares below 16 are {sum}, over {} connections at most", pool.size().min(4));
        pool.close().compat().await;
        Ok(())
    })
}
