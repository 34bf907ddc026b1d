//! "Hello, world!" over HTTP/1.1.

use compio::BufResult;
use compio::buf::{IntoInner, IoBuf};
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::TcpStream;
use server_common::{BUFFER, http};
use std::io;

fn main() {
    server_compio::run(hello);
}

/// Buffers are lent to the runtime and come back with the result.
async fn hello(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut output = Vec::new();
    loop {
        let filled = buffer.len();
        let BufResult(result, lent) = stream.read(buffer.slice(filled..)).await;
        let count = result?;
        buffer = lent.into_inner();
        if count == 0 {
            return Ok(());
        }
        let answered = http::answer(&buffer, &mut output);
        buffer.drain(..answered.consumed);
        let BufResult(result, lent) = stream.write_all(output).await;
        result?;
        output = lent;
        output.clear();
        if answered.close {
            return Ok(());
        }
    }
}
