//! Waits until a connection is readable, reads what came and drops it: what an idle connection costs.

use smol::Async;
use smol::net::TcpStream;
use std::io::{self, Read};
use std::sync::Arc;

fn main() {
    server_smol::run(idle);
}

async fn idle(stream: TcpStream) -> io::Result<()> {
    let stream: Arc<Async<std::net::TcpStream>> = stream.into();
    loop {
        stream.readable().await?;
        let mut buffer = [0; 64];
        match stream.get_ref().read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
