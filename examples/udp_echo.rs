//! A UDP echo server: each datagram goes back to its source address. One system call receives up to 64 of
//! them and one sends them, so a busy server makes two calls for 64 clients, and an idle one two for one.
//!
//! A source address can be forged, and then another host gets the answer: do not expose it to the
//! internet, although an answer here is no longer than its request.
//!
//!     cargo run --release --example udp_echo [ADDRESS:PORT]

use std::io::{self, Write};

use egret::net::UdpSocket;
use egret::net::udp::RecvBatch;
use egret::time::{Duration, sleep};

/// As many as one call receives, and as long as a datagram can be. The memory is touched as far as it is used.
const BATCH: usize = 64;
const LONGEST: usize = 65_535;
/// The time between two attempts to receive while the kernel has no memory for it.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) async fn serve(socket: UdpSocket) -> io::Result<()> {
    let mut batch = RecvBatch::new(BATCH, LONGEST);
    loop {
        if let Err(error) = socket.recv_many(&mut batch).await {
            eprintln!("cannot receive: {error}");
            sleep(PAUSE).await;
            continue;
        }
        let answers: Vec<_> = batch.iter().map(|datagram| (datagram.data, Some(datagram.from))).collect();
        let mut left = &answers[..];
        while !left.is_empty() {
            match socket.send_many(left).await {
                Ok(sent) => left = &left[sent..],
                // It is about the first: one that cannot be answered, for want of a route or by a rule of the firewall,
                // is left out, as the network might have lost it.
                Err(error) => {
                    eprintln!("no answer to {}: {error}", left[0].1.expect("each has an address"));
                    left = &left[1..];
                }
            }
        }
    }
}

async fn listen(address: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(address).await?;
    writeln!(io::stdout(), "listening on {}", socket.local_addr()?)?;
    io::stdout().flush()?;
    serve(socket).await
}

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_string());
    if let Err(error) = egret::block_on(listen(&address)) {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: udp_echo [ADDRESS:PORT], where port 0 takes any free one");
        std::process::exit(1);
    }
}
