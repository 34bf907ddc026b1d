//! The instructions of a request by hyper-util's pooled client, on egret and on tokio's `current_thread`.
//!
//!     cargo run --release -p pooled
//!
//! Sixteen tasks make one request after the other, over the connections of one pool. The server is blocking threads of another process.
//! callgrind counts a client twice, for a few requests and for many; what is reported is the difference for a request. On
//! tokio the connector and the executor are hyper-util's own, on egret those of examples/ecosystem/send.

#[path = "../../../examples/ecosystem/send/src/connector.rs"]
mod connector;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

const TASKS: usize = 16;
/// Requests of each task in the two runs.
const FEW: u64 = 50;
const MANY: u64 = 300;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, world!";

type Pool<C> = Client<C, Empty<Bytes>>;

async fn requests<C>(client: Pool<C>, url: String, count: u64)
where
    C: Connect + Clone + Send + Sync + 'static,
{
    for _ in 0..count {
        let response = client.get(url.parse().expect("a URL")).await.expect("an answer");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body, "Hello, world!");
    }
}

fn on_egret(url: &str, count: u64) {
    let client: Pool<_> = Client::builder(egret::hyper::Executor).build(connector::Connector);
    egret::block_on(async {
        let tasks: Vec<_> =
            (0..TASKS).map(|_| egret::spawn(requests(client.clone(), url.to_owned(), count))).collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

fn on_tokio(url: &str, count: u64) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Pool<_> = Client::builder(TokioExecutor::new()).build(connector);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> =
            (0..TASKS).map(|_| tokio::spawn(requests(client.clone(), url.to_owned(), count))).collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

/// Answers every request until the client closes.
fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).expect("a socket");
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        head.extend_from_slice(&buffer[..n]);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}

/// All instructions of a client in user space.
fn count(runtime: &str, url: &str, requests: u64) -> Result<u64, Box<dyn Error>> {
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([runtime, url, &requests.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&done.stderr);
    let collected =
        text.lines().find_map(|line| line.split_once("Collected : ")).filter(|_| done.status.success());
    Ok(collected.ok_or_else(|| format!("valgrind failed:\n{text}"))?.1.trim().parse()?)
}

fn measure() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    let mut of = [0.0; 2];
    for (of, runtime) in of.iter_mut().zip(["egret", "tokio"]) {
        let instructions = count(runtime, &url, MANY)? - count(runtime, &url, FEW)?;
        *of = instructions as f64 / (TASKS as u64 * (MANY - FEW)) as f64;
        println!("{runtime}: {of:.0} instructions for a request");
    }
    println!("ratio: {:.2}", of[0] / of[1]);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [] => measure()?,
        [runtime, url, count] if runtime == "egret" => on_egret(url, count.parse()?),
        [runtime, url, count] if runtime == "tokio" => on_tokio(url, count.parse()?),
        _ => return Err("usage: pooled".into()),
    }
    Ok(())
}
