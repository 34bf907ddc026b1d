//! Waits until a connection is readable, reads what came and drops it: what an idle connection costs.

use monoio::io::AsyncReadRent;
use monoio::net::TcpStream;
use std::io;

fn main() {
    server_monoio::run(idle);
}

async fn idle(mut stream: TcpStream) -> io::Result<()> {
    loop {
        stream.readable(false).await?;
        // There is something, or it is the end: the read does not wait.
        let (result, _) = stream.read(Vec::with_capacity(64)).await;
        if result? == 0 {
            return Ok(());
        }
    }
}
