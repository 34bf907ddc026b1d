//! What a round trip over loopback costs on sockets of egret, on tokio's through the bridge, and on tokio's with egret as the guest
//! of tokio's loop.
//!
//!     cargo run --release --bin wake_cost [ROUNDS] [egret|bridge|guest]
//!
//! The other end is a thread with blocking sockets, the same for both.

use async_compat::CompatExt;
use egret::runtime::{Runtime, Turn};
use egret::time::{Duration, Instant};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::thread;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::time::timeout;

/// For a wait without a deadline.
const A_WHILE: Duration = Duration::from_secs(3600);

fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, mut byte) = (listener.accept().unwrap().0, [0]);
        stream.set_nodelay(true).unwrap();
        while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
    });
    address
}

/// Rounds on a socket of tokio's, for a task on either loop.
async fn on_tokio(what: &str, rounds: u32) {
    let mut stream = tokio::net::TcpStream::connect(echo()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let begun = Instant::now();
    for _ in 0..rounds {
        stream.write_all(b"x").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
    }
    println!("{what}: {:?} for a round trip", begun.elapsed() / rounds);
}

async fn on_egret(rounds: u32) {
    let mut stream = egret::net::TcpStream::connect(echo()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let begun = Instant::now();
    for _ in 0..rounds {
        stream.write_all(b"x").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
    }
    println!("egret's sockets: {:?} for a round trip", begun.elapsed() / rounds);
}

/// Runs a task of egret whose loop is a guest of tokio's: both are this thread, and each finds its reactor.
fn as_guest(task: impl Future<Output = ()> + 'static) {
    let rt = Runtime::new().unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let task = rt.spawn(task);
    tokio.block_on(async {
        // SAFETY: `rt` lives longer than the `AsyncFd`, so its descriptor stays open and the same.
        let descriptor = unsafe { AsyncFd::register_with_interest(rt.as_fd(), Interest::READABLE) }.unwrap();
        while !task.is_finished() {
            if rt.turn(Some(Duration::ZERO)) != Turn::default() {
                continue;
            }
            let wait = rt.next_deadline().map_or(A_WHILE, |at| at.saturating_duration_since(Instant::now()));
            if let Ok(ready) = timeout(wait, descriptor.readable()).await {
                ready.unwrap().clear_ready();
            }
        }
    });
}

fn main() {
    let mut args = std::env::args().skip(1);
    let rounds: u32 = args.next().map_or(20_000, |rounds| rounds.parse().unwrap());
    let only = args.next();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    if wanted("egret") {
        egret::block_on(on_egret(rounds));
    }
    if wanted("bridge") {
        egret::block_on(on_tokio("tokio's through the bridge", rounds).compat());
    }
    if wanted("guest") {
        as_guest(on_tokio("tokio's, egret as a guest", rounds));
        as_guest(on_egret(rounds));
    }
}
