//! A TCP proxy: what comes in on one address goes to another, and what that answers comes back. Much of it does not
//! leave the kernel; see `io::copy_bidirectional`.
//!
//!     cargo run --release --example proxy [LISTEN_ADDRESS:PORT TARGET_ADDRESS:PORT]

use std::io::{self, Write};

use egret::io::copy_bidirectional;
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;

/// Those who come then wait in the kernel's backlog. A connection has two descriptors, and two pipes while bytes are on
/// their way through it.
const MAX_CONNECTIONS: usize = 10_000;

async fn relay(mut client: TcpStream, target: String) -> io::Result<()> {
    let mut server = TcpStream::connect(&target).await?;
    // What one side sends in small pieces reaches the other as soon as it comes.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    // Ends when both sides have: one that has only finished sending still gets its answer.
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

pub(crate) async fn serve(listener: TcpListener, target: &str) -> io::Result<()> {
    // With no descriptors left it waits and tries again: the proxy goes on, and so do those who are connected.
    let serving = listener.serve(&Shutdown::new()).max_connections(MAX_CONNECTIONS);
    let connection = |client, peer| {
        let target = target.to_string();
        async move {
            // A connection that fails ends alone; its client finds it closed.
            if let Err(error) = relay(client, target).await {
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
    serve(listener, target).await
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
