//! A TCP echo server: one task a connection, and each sends back what it reads until the client is done.
//! A client that does not read is not read from either, so nothing piles up here. The server ends when
//! descriptors run out; `http_server.rs` shows how to wait for one instead.
//!
//!     cargo run --release --example echo [ADDRESS:PORT]

use std::io::{self, Write};

use egret::net::{TcpListener, TcpStream};

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    // Small answers go out at once and do not wait for the client to acknowledge the one before.
    stream.set_nodelay(true)?;
    // On the heap: a future carries its locals, and a large one is slow to move into its task.
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()), // end of file: everything has been sent back, and dropping closes
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        egret::spawn(echo(stream)); // a connection that fails ends alone
    }
}

async fn listen(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    io::stdout().flush()?;
    serve(listener).await
}

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_string());
    if let Err(error) = egret::block_on(listen(&address)) {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: echo [ADDRESS:PORT], where port 0 takes any free one");
        std::process::exit(1);
    }
}
