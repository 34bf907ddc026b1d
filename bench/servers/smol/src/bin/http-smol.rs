//! "Hello, world!" over HTTP/1.1.

use server_common::{BUFFER, http};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpStream;
use std::io;

fn main() {
    server_smol::run(hello);
}

async fn hello(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    let mut output = Vec::new();
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let answered = http::answer(&buffer[..filled], &mut output);
        filled = answered.keep_rest(&mut buffer, filled);
        stream.write_all(&output).await?;
        output.clear();
        if answered.close {
            return Ok(());
        }
    }
}
