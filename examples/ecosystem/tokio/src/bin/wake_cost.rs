//! What a round trip over loopback costs on sockets of egret, and on tokio's through the bridge.
//!
//!     cargo run --release --bin wake_cost [ROUNDS]
//!
//! The other end is a thread with blocking sockets, the same for both.

use async_compat::CompatExt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

fn main() {
    let rounds: u32 = std::env::args().nth(1).map_or(20_000, |rounds| rounds.parse().unwrap());
    egret::block_on(async {
        let mut stream = egret::net::TcpStream::connect(echo()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let begun = Instant::now();
        for _ in 0..rounds {
            stream.write_all(b"x").await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
        }
        println!("egret's sockets: {:?} for a round trip", begun.elapsed() / rounds);
    });
    let bridged = async {
        let mut stream = tokio::net::TcpStream::connect(echo()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let begun = Instant::now();
        for _ in 0..rounds {
            stream.write_all(b"x").await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
        }
        println!("tokio's through the bridge: {:?} for a round trip", begun.elapsed() / rounds);
    };
    egret::block_on(bridged.compat());
}
