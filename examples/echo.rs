//! A TCP echo server: one task per connection, which sends back what it reads until the end of the stream.
//! It does not read from a client that does not read, so its memory stays bounded. While no descriptor is
//! free, new clients wait.
//!
//!     cargo run --release --example echo [ADDRESS:PORT]

use std::io::{self, Write};

use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;

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
    // One task per connection; an error ends only that. A failed `accept`, for lack of descriptors for example, is
    // retried.
    listener.serve(&Shutdown::new()).run(|stream, _| echo(stream)).await
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
