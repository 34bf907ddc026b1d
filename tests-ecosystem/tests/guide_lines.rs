//! The programs of `docs/guide/1-hello.md` that read lines.

#[path = "../guide/frames.rs"]
mod frames;
#[allow(dead_code)] // its `main`
#[path = "../guide/lines.rs"]
mod lines;

use egret::net::{TcpListener, TcpStream};
use std::io;
use tokio_util::codec::LinesCodecError;

async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    Ok((client, listener.accept().await?.0))
}

/// What comes back for names in pieces that are no lines, the last one without an end.
async fn answers(mut client: TcpStream) -> io::Result<String> {
    for piece in ["Ro", "bin\nWr", "en\n\nFinch"] {
        client.write_all(piece.as_bytes()).await?;
        egret::task::yield_now().await;
    }
    client.shutdown().await?;
    let mut all = String::new();
    client.read_to_string(&mut all).await?;
    Ok(all)
}

const ANSWERS: &str = "hello, Robin\nhello, Wren\nhello, \nhello, Finch\n";

#[egret::test]
async fn lines_of_a_buffered_reader_are_answered() -> io::Result<()> {
    let (client, server) = pair().await?;
    let server = egret::spawn(lines::connection(server));
    assert_eq!(answers(client).await?, ANSWERS);
    server.await?
}

#[egret::test]
async fn lines_of_a_codec_are_answered_and_one_that_is_too_long_ends_the_connection() -> io::Result<()> {
    let (client, server) = pair().await?;
    let server = egret::spawn(frames::connection(server));
    assert_eq!(answers(client).await?, ANSWERS);
    assert!(server.await?.is_ok());

    let (mut client, server) = pair().await?;
    let server = egret::spawn(frames::connection(server));
    client.write_all(&[b'x'; 1025]).await?;
    assert!(matches!(server.await?, Err(LinesCodecError::MaxLineLengthExceeded)));
    Ok(())
}

#[test]
fn the_page_shows_the_programs_that_are_tested() {
    let page = include_str!("../../docs/guide/1-hello.md");
    let blocks: Vec<_> =
        page.split("```rust,no_run\n").skip(2).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks, [include_str!("../guide/lines.rs"), include_str!("../guide/frames.rs")]);
}
