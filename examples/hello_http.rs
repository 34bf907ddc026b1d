//! The classic epoll HTTP server as async code: it reads up to the empty line that ends a request's
//! header and answers "Hello, world!". It does not parse the request, so it cannot know where
//! the next one begins: it answers `Connection: close` and closes. It has no timeouts either;
//! `http_server.rs` has what a public server needs.
//!
//!     cargo run --release --example hello_http [ADDRESS:PORT]

use std::io::{self, Write};

use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\
    Connection: close\r\n\r\nHello, world!";

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let (mut head, mut len) = ([0; 4096], 0);
    while !head[..len].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut head[len..]).await? {
            0 => return Ok(()), // the client has gone, or its header does not fit
            n => len += n,
        }
    }
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    // Closing with bytes unread would make the kernel reset the connection and destroy the answer.
    while stream.read(&mut head).await? > 0 {}
    Ok(())
}

pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    // One task per connection; an error ends only that. A failed `accept`, for lack of descriptors for example, is
    // retried.
    listener.serve(&Shutdown::new()).run(|stream, _| answer(stream)).await
}

async fn listen(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    io::stdout().flush()?;
    serve(listener).await
}

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_string());
    if let Err(error) = egret::block_on(listen(&address)) {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: hello_http [ADDRESS:PORT], where port 0 takes any free one");
        std::process::exit(1);
    }
}
