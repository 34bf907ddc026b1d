//! "Hello, world!" over HTTP/1.1.

use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::TcpStream;
use server_common::{BUFFER, http};
use std::io;

fn main() {
    server_monoio::run(hello);
}

/// Buffers are lent to the runtime and come back with the result.
async fn hello(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    let mut output = Vec::new();
    loop {
        let (result, lent) = stream.read(buffer.slice_mut(filled..)).await;
        let count = result?;
        buffer = lent.into_inner();
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let answered = http::answer(&buffer[..filled], &mut output);
        filled = answered.keep_rest(&mut buffer, filled);
        let (result, lent) = stream.write_all(output).await;
        result?;
        output = lent;
        output.clear();
        if answered.close {
            return Ok(());
        }
    }
}
