//! hyper's traits on the streams: each method reaches the socket, and no buffer is zeroed.

#![cfg(feature = "hyper")]

use crate::sockets_common::run;
use egret_net::{TcpListener, TcpStream, UnixStream};
use hyper::rt::{Read, ReadBuf, Write};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

async fn read(mut from: impl Read + Unpin, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut from).poll_read(cx, buf.unfilled())).await
}

async fn write(mut to: impl Write + Unpin, buf: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut to).poll_write(cx, buf)).await
}

async fn shutdown(mut to: impl Write + Unpin) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx)).await?;
    poll_fn(|cx| Pin::new(&mut to).poll_shutdown(cx)).await
}

/// One way from `to` to `from`, of every operation: plain, vectored, flush, shutdown, and after that.
async fn exchange(mut to: impl Write + Unpin, mut from: impl Read + Unpin) {
    let mut memory = [MaybeUninit::uninit(); 64];
    let mut buf = ReadBuf::uninit(&mut memory);
    assert_eq!(write(&mut to, b"ping").await.unwrap(), 4);
    read(&mut from, &mut buf).await.unwrap();
    assert_eq!(buf.filled(), b"ping");

    assert!(to.is_write_vectored());
    let parts = [IoSlice::new(b""), IoSlice::new(b"head"), IoSlice::new(b"body")];
    let sent = poll_fn(|cx| Pin::new(&mut to).poll_write_vectored(cx, &parts)).await;
    assert_eq!(sent.unwrap(), 8, "all of them by one call");
    read(&mut from, &mut buf).await.unwrap();
    assert_eq!(buf.filled(), b"pingheadbody", "what came is added to what was there");

    // The buffer is empty, so 0 bytes do not mean the end of the stream.
    read(&mut from, &mut ReadBuf::new(&mut [])).await.unwrap();
    assert_eq!(write(&mut to, b"").await.unwrap(), 0);

    shutdown(&mut to).await.unwrap();
    read(&mut from, &mut buf).await.unwrap();
    assert_eq!(buf.filled().len(), 12);
    // The cursor tells by its debug form alone how much of it is initialised.
    assert!(format!("{buf:?}").contains("init: 12"), "none of it was zeroed: {buf:?}");
    assert_eq!(write(&mut to, b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    shutdown(&mut to).await.unwrap();
}

#[test]
fn a_stream_reads_writes_and_shuts_down_one_way_at_a_time() {
    run(async {
        let (mut client, mut server) = pair().await;
        exchange(&mut client, &mut server).await;
        exchange(&mut server, &mut client).await;
    });
}

#[test]
fn borrowed_and_owned_halves_read_write_and_shut_down() {
    run(async {
        let (mut client, server) = pair().await;
        let (mut reader, mut writer) = server.into_split();
        let (client_reader, client_writer) = client.split();
        exchange(client_writer, &mut reader).await;
        exchange(&mut writer, client_reader).await;
    });
}

#[test]
fn an_error_leaves_the_buffer_as_it_was() {
    run(async {
        let (client, mut server) = pair().await;
        server.write_all(b"unread").await.unwrap();
        drop(client); // with bytes unread, so the kernel resets the connection
        let mut buf = [0; 4];
        let mut buf = ReadBuf::new(&mut buf);
        buf.unfilled().put_slice(b"a");
        assert_eq!(read(&mut server, &mut buf).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(buf.filled(), b"a");
    });
}

#[test]
fn a_unix_stream_and_its_halves_read_write_and_shut_down() {
    run(async {
        let (mut one, mut two) = UnixStream::pair().unwrap();
        exchange(&mut one, &mut two).await;
        exchange(&mut two, &mut one).await;

        let (mut one, two) = UnixStream::pair().unwrap();
        let (mut reader, mut writer) = two.into_split();
        let (one_reader, one_writer) = one.split();
        exchange(one_writer, &mut reader).await;
        exchange(&mut writer, one_reader).await;
    });
}
