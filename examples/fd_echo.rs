//! The classic edge-triggered echo server over foreign descriptors: a listening socket made by std is
//! registered through `AsyncFd`, and so is each connection. Use this for sockets that egret has no type for;
//! for TCP `echo.rs` is shorter.
//!
//! One readiness event may stand for any number of connections, and those that are not accepted are not reported
//! again: so it accepts until `EWOULDBLOCK`, and prints their number. While no descriptor
//! is free, it retries every 100 ms: the connections still wait, and no event will report them.
//!
//!     cargo run --release --example fd_echo [ADDRESS:PORT]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use egret::io::AsyncFd;
use egret::task::yield_now;
use egret::time::sleep;

/// The time between two attempts to accept while `accept` fails.
const PAUSE: Duration = Duration::from_millis(100);

async fn echo(stream: TcpStream) -> io::Result<()> {
    // An accepted socket does not inherit the flag.
    stream.set_nonblocking(true)?;
    let stream = AsyncFd::new(stream)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // Each closure makes one attempt; when it says `WouldBlock`, it is called again after the next event.
        let n = stream.read_with(|mut socket| socket.read(&mut buffer)).await?;
        if n == 0 {
            return Ok(()); // end of file: everything has been sent back, and dropping closes
        }
        let mut left = &buffer[..n];
        while !left.is_empty() {
            let n = stream.write_with(|mut socket| socket.write(left)).await?;
            left = &left[n..];
        }
    }
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    // egret does not change the flags of a descriptor that is not its own.
    listener.set_nonblocking(true)?;
    let listener = AsyncFd::new(listener)?;
    writeln!(io::stdout(), "listening on {}", listener.get_ref().local_addr()?)?;
    io::stdout().flush()?;
    loop {
        let mut ready = listener.readable().await?;
        let mut accepted = 0;
        // When it would block, `try_io` forgets the readiness, so that `readable` waits again.
        while let Ok(result) = ready.try_io(|listener| listener.get_ref().accept()) {
            match result {
                Ok((stream, _)) => {
                    accepted += 1;
                    egret::spawn(echo(stream)); // a connection that fails ends alone
                }
                // The client has gone while it was in the queue.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    sleep(PAUSE).await;
                }
            }
            yield_now().await; // there may be no end to the queue, and the others have their turn
        }
        // None when the event was for connections that the loop before has accepted already.
        if accepted > 0 {
            writeln!(io::stdout(), "accepted {accepted}, then EWOULDBLOCK")?;
        }
    }
}

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5000".to_string());
    if let Err(error) = egret::block_on(serve(&address)) {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: fd_echo [ADDRESS:PORT], where port 0 takes any free one");
        std::process::exit(1);
    }
}
