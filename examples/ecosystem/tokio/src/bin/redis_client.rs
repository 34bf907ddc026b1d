//! A cache in Redis, by redis-rs, on egret: commands of many tasks on one connection, and messages of a channel.
//!
//!     cargo run --release --bin redis_client redis://HOST:PORT

use async_compat::CompatExt;
use futures_util::StreamExt;
use redis::AsyncCommands;
use redis::aio::ConnectionManagerConfig;
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: redis://HOST:PORT")?;
    egret::block_on(async move {
        let client = redis::Client::open(url)?;
        // The limits are half a second for an answer and a second for a connection otherwise, which a busy machine may need.
        let limits = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(30)))
            .set_response_timeout(Some(Duration::from_secs(30)));
        // It connects again when the connection is lost. A clone is a handle of the same connection, so tasks share it.
        let connection = client.get_connection_manager_with_config(limits).compat().await?;
        let tasks: Vec<_> = (0..16_i64)
            .map(|n| {
                let mut connection = connection.clone();
                let square = async move {
                    let key = format!("egret:{n}");
                    connection.set_ex::<_, _, ()>(&key, n * n, 60).await?;
                    connection.get::<_, i64>(&key).await
                };
                egret::spawn(square.compat())
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await??;
        }
        println!("the squares below 16 are {sum}");

        let listen = async {
            let mut messages = client.get_async_pubsub().await?;
            messages.subscribe("egret").await?;
            connection.clone().publish::<_, _, ()>("egret", "hello").await?;
            let message = messages.on_message().next().await.ok_or("the channel has ended")?;
            Ok::<String, Box<dyn Error>>(message.get_payload()?)
        };
        println!("a message: {}", listen.compat().await?);
        Ok(())
    })
}
