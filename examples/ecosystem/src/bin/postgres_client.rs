//! PostgreSQL by tokio-postgres, which works on any stream with tokio's traits, without tokio's runtime.
//!
//!     cargo run --release --bin postgres_client HOST:PORT USER DATABASE
//!
//! Its `connect` would open a tokio socket; `connect_raw` takes a stream. Concurrent queries are pipelined on
//! the one connection, without a pool.

use egret::net::TcpStream;
use futures_util::future::try_join_all;
use std::error::Error;
use tokio_postgres::{Client, Config, NoTls};

async fn connect(address: &str, user: &str, database: &str) -> Result<Client, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = Config::new().user(user).dbname(database).connect_raw(stream, NoTls).await?;
    // Moves the bytes for as long as the client lives.
    egret::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("the connection ended: {error}");
        }
    });
    Ok(client)
}

async fn birds(client: &mut Client) -> Result<(), Box<dyn Error>> {
    client.batch_execute("CREATE TEMPORARY TABLE birds (name TEXT PRIMARY KEY, legs INT4 NOT NULL)").await?;

    let transaction = client.transaction().await?;
    let insert = transaction.prepare("INSERT INTO birds VALUES ($1, $2)").await?;
    let names: Vec<_> = (0..100).map(|n| format!("egret {n:03}")).collect();
    try_join_all(names.iter().map(|name| async { transaction.execute(&insert, &[name, &2]).await })).await?;
    transaction.commit().await?;

    let again = client.execute("INSERT INTO birds VALUES ('egret 000', 3)", &[]).await;
    println!("a second of that name: {}", again.unwrap_err().code().ok_or("no code")?.code());
    let row =
        client.query_one("SELECT count(*), sum(legs) FROM birds WHERE name < $1", &[&"egret 050"]).await?;
    println!("{} birds on {} legs", row.get::<_, i64>(0), row.get::<_, i64>(1));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [address, user, database] = &args[..] else {
        return Err("usage: postgres_client HOST:PORT USER DATABASE".into());
    };
    egret::block_on(async { birds(&mut connect(address, user, database).await?).await })
}
