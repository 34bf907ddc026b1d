//! Waits until a connection is readable, reads what came and drops it: what an idle connection costs.
//! It lends the kernel a buffer of 64 bytes while it waits: a completion has nothing like "readable".

use compio::BufResult;
use compio::io::AsyncRead;
use compio::net::TcpStream;
use std::io;

fn main() {
    server_compio::run(idle);
}

async fn idle(mut stream: TcpStream) -> io::Result<()> {
    loop {
        let BufResult(result, _) = stream.read(Vec::with_capacity(64)).await;
        if result? == 0 {
            return Ok(());
        }
    }
}
