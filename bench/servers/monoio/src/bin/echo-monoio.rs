//! Sends back what it receives.

use monoio::buf::IoBuf;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::TcpStream;
use server_common::BUFFER;
use std::io;

fn main() {
    server_monoio::run(echo);
}

/// Buffers are lent to the runtime and come back with the result.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let (result, lent) = stream.read(buffer).await;
        let count = result?;
        if count == 0 {
            return Ok(());
        }
        let (result, lent) = stream.write_all(lent.slice(..count)).await;
        result?;
        buffer = lent.into_inner();
    }
}
