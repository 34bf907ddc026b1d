//! An HTTP client by hyper: one connection, one request for each path.
//!
//!     cargo run --release --bin hyper_client [--http2] HOST:PORT PATH...
//!
//! There is no pool. `send/src/bin/pooled_client.rs` has that of hyper-util, which requires `Send`; or a program keeps its
//! `SendRequest`s in a `Vec`, because they are all on one thread.

use bytes::Bytes;
use egret::hyper::{Executor, Timer};
use egret::net::TcpStream;
use egret::time::{self, Duration};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use std::error::Error;
use std::io::Write;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The two kinds of connection, behind what they have in common.
enum Client {
    One(http1::SendRequest<Empty<Bytes>>),
    Two(http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    /// Connects, and leaves the connection to a task of its own, which ends when the client is dropped.
    async fn connect(host: &str, http2: bool) -> Result<Client> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        if http2 {
            let (client, connection) = http2::Builder::new(Executor).timer(Timer).handshake(stream).await?;
            egret::spawn(async move { report(connection.await) });
            Ok(Client::Two(client))
        } else {
            let (client, connection) = http1::handshake(stream).await?;
            egret::spawn(async move { report(connection.await) });
            Ok(Client::One(client))
        }
    }

    async fn get(&mut self, host: &str, path: &str) -> Result<Response<Incoming>> {
        Ok(match self {
            Client::One(client) => {
                client.ready().await?;
                let request = Request::get(path).header("host", host).body(Empty::new())?;
                client.send_request(request).await?
            }
            Client::Two(client) => {
                client.ready().await?;
                let request = Request::get(format!("http://{host}{path}")).body(Empty::new())?;
                client.send_request(request).await?
            }
        })
    }
}

fn report(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        eprintln!("the connection ended: {error}");
    }
}

async fn fetch(host: &str, paths: &[String], http2: bool) -> Result<()> {
    let mut client = Client::connect(host, http2).await?;
    for path in paths {
        let mut response = client.get(host, path).await?;
        eprintln!("{:?} {}", response.version(), response.status());
        while let Some(frame) = response.frame().await {
            if let Some(data) = frame?.data_ref() {
                std::io::stdout().write_all(data)?;
            }
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let mut args: Vec<_> = std::env::args().skip(1).collect();
    let http2 = args.first().is_some_and(|arg| arg == "--http2");
    args.drain(..usize::from(http2));
    let [host, paths @ ..] = &args[..] else { return Err("usage: [--http2] HOST:PORT PATH...".into()) };
    egret::block_on(async { time::timeout(Duration::from_secs(30), fetch(host, paths, http2)).await? })
}
