//! Waits until a connection is readable, reads what came and drops it: what an idle connection costs.

use egret::net::TcpStream;
use std::io;

fn main() {
    server_egret::run(idle);
}

async fn idle(stream: TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        let mut buffer = [0; 64];
        match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
