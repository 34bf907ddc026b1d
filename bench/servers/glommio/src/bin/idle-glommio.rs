//! Waits until a connection is readable, reads what came and drops it: what an idle connection costs.

use futures_lite::AsyncReadExt;
use glommio::net::TcpStream;
use std::io;

fn main() {
    server_glommio::run(idle);
}

async fn idle(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 64];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
