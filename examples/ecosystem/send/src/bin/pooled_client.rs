//! An HTTP client with a pool of connections, hyper-util's, on egret.
//!
//!     cargo run --release --bin pooled_client URL...
//!
//! Requests to one host follow each other on one connection. The pool has a connection back when the task of that connection has
//! run, which the end of a body does not wait for: a request that is made at once opens a second connection. So each request
//! lets the tasks that are queued run first.

use bytes::Bytes;
use ecosystem_send::connector::Connector;
use egret::hyper::{Executor, Timer};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use std::error::Error;
use std::io::Write;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    egret::block_on(async {
        let client: Client<_, Empty<Bytes>> = Client::builder(Executor)
            .pool_timer(Timer)
            .pool_idle_timeout(Duration::from_secs(30))
            .timer(Timer)
            .build(Connector);
        for url in std::env::args().skip(1) {
            let response = client.get(url.parse()?).await?;
            eprintln!("{:?} {}", response.version(), response.status());
            let body = response.into_body().collect().await?.to_bytes();
            std::io::stdout().write_all(&body)?;
            egret::task::yield_now().await; // the connection returns to the pool
        }
        Ok(())
    })
}
