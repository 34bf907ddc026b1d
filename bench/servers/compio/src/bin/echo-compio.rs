//! Sends back what it receives.

use compio::BufResult;
use compio::buf::{IntoInner, IoBuf};
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::TcpStream;
use server_common::BUFFER;
use std::io;

fn main() {
    server_compio::run(echo);
}

/// Buffers are lent to the runtime and come back with the result.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let BufResult(result, lent) = stream.read(buffer).await;
        let count = result?;
        if count == 0 {
            return Ok(());
        }
        let BufResult(result, lent) = stream.write_all(lent.slice(..count)).await;
        result?;
        buffer = lent.into_inner();
        buffer.clear();
    }
}
