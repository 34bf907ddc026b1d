//! The I/O of `futures-util` and `futures-lite` over egret's sockets, with feature `futures-io`.

use egret::net::{TcpListener, TcpStream};
use futures_util::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use futures_util::stream::TryStreamExt;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[egret::test]
async fn lines_come_out_of_a_buffered_reader_as_they_went_into_a_buffered_writer() {
    let (client, server) = pair().await;
    let writing = egret::spawn(async move {
        let mut writer = BufWriter::with_capacity(7, client);
        for n in 0..1000 {
            writer.write_all(format!("line {n}\n").as_bytes()).await.unwrap();
        }
        writer.close().await.unwrap(); // flushes what is held back, and the peer reads the end
        writer
    });
    let lines: Vec<_> = BufReader::with_capacity(11, server).lines().try_collect().await.unwrap();
    assert_eq!(lines, (0..1000).map(|n| format!("line {n}")).collect::<Vec<_>>());
    drop(writing.await.unwrap());
}

#[egret::test]
async fn a_copy_through_shared_references_moves_a_megabyte_both_ways_at_once() {
    let (client, server) = pair().await;
    let echo = egret::spawn(async move { futures_util::io::copy(&server, &mut &server).await.unwrap() });
    let sent: Vec<_> = (0..1_000_000_u32).map(|n| n as u8).collect();
    let (mut writer, mut reader) = (&client, &client);
    let mut got = vec![0; sent.len()];
    let (written, read) = futures_util::join!(writer.write_all(&sent), reader.read_exact(&mut got));
    written.and(read).unwrap();
    assert!(got == sent);
    writer.close().await.unwrap();
    assert_eq!(echo.await.unwrap(), 1_000_000);
}

#[egret::test]
async fn futures_lite_splits_and_reads_to_the_end() {
    let (client, server) = pair().await;
    let (mut reader, _writer) = futures_lite::io::split(server);
    {
        use futures_lite::AsyncWriteExt;
        let mut client = client;
        client.write_all(b"all of it").await.unwrap();
        AsyncWriteExt::close(&mut client).await.unwrap();
    }
    let mut text = String::new();
    futures_lite::AsyncReadExt::read_to_string(&mut reader, &mut text).await.unwrap();
    assert_eq!(text, "all of it");
}
