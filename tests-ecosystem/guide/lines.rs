use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use std::io;
use tokio::io::{AsyncBufReadExt, BufReader};

pub async fn connection(stream: TcpStream) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Some(name) = lines.next_line().await? {
        writer.write_all(format!("hello, {name}\n").as_bytes()).await?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    egret::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:7000").await?;
        listener.serve(&Shutdown::new()).run(|stream, _| connection(stream)).await
    })
}
