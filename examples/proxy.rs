//! A TCP proxy: bytes from one address go to another, and the answers come back. Most bytes stay
//! in the kernel; see `io::copy_bidirectional`.
//!
//!     cargo run --release --example proxy [LISTEN_ADDRESS:PORT TARGET_ADDRESS:PORT]
//!
//! A client holds two descriptors, and each of its states has a timeout: connecting, idle, and
//! half-closed. Above the limit of connections new ones are reset at once instead of waiting.

use std::io::{self, Write};

use egret::io::CopyBidirectional;
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::time::{Duration, timeout};

/// Further connections are reset. A connection has two descriptors, and two pipes while bytes pass
/// through it: the limit of open files should be four times as high. Otherwise further connections
/// wait in the kernel's backlog until one ends.
pub(crate) const MAX_CONNECTIONS: usize = 10_000;

/// How long the target may take to accept a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long nothing may move in either direction, by what the peers take and not by what there is room for. Protocols
/// that are silent for longer need keep-alives of their own.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// The same when one side has ended: the other has this long to go on with its answer.
pub(crate) const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(30);

async fn relay(mut client: TcpStream, target: String) -> io::Result<()> {
    let mut server = timeout(CONNECT_TIMEOUT, TcpStream::connect(&target)).await??;
    // What one side sends in small pieces reaches the other as soon as it comes.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    // Ends when both sides have: one that has only finished sending still gets its answer.
    let limits = CopyBidirectional::new().idle_timeout(IDLE_TIMEOUT).half_closed_timeout(HALF_CLOSED_TIMEOUT);
    limits.run(&mut client, &mut server).await?;
    Ok(())
}

pub(crate) async fn serve(listener: TcpListener, target: &str, most: usize) -> io::Result<()> {
    // Without a free descriptor it waits and retries; open connections continue.
    let serving = listener.serve(&Shutdown::new());
    let counts = serving.counts();
    let connection = |client: TcpStream, peer| {
        let target = target.to_string();
        let is_full = counts.open() >= most;
        async move {
            let relayed = match is_full {
                true => client.set_linger(Some(Duration::ZERO)), // so that the close is a reset
                false => relay(client, target).await,
            };
            // A connection that fails ends alone; its client finds it closed.
            if let Err(error) = relayed {
                eprintln!("{peer}: {error}");
            }
        }
    };
    serving.run(connection).await
}

async fn listen(address: &str, target: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    io::stdout().flush()?;
    serve(listener, target, MAX_CONNECTIONS).await
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (address, target) = match &arguments[..] {
        [] => ("127.0.0.1:8080", "127.0.0.1:8081"),
        [address, target] => (address.as_str(), target.as_str()),
        _ => ("", ""),
    };
    if let Err(error) = egret::block_on(listen(address, target)) {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: proxy [LISTEN_ADDRESS:PORT TARGET_ADDRESS:PORT], where port 0 takes any free one");
        std::process::exit(1);
    }
}
