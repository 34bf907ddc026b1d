//! tokio's traits on the streams: each method reaches the socket, and no buffer is zeroed.

#![cfg(feature = "tokio-io")]

use crate::sockets_common::run;
use egret_net::{TcpListener, TcpStream, UnixStream};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

async fn read(mut from: impl AsyncRead + Unpin, buf: &mut ReadBuf<'_>) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut from).poll_read(cx, buf)).await
}

async fn write(mut to: impl AsyncWrite + Unpin, buf: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut to).poll_write(cx, buf)).await
}

async fn shutdown(mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx)).await?;
    poll_fn(|cx| Pin::new(&mut to).poll_shutdown(cx)).await
}

/// One way from `to` to `from`, of every operation: plain, vectored, flush, shutdown, and after that.
async fn exchange(mut to: impl AsyncWrite + Unpin, mut from: impl AsyncRead + Unpin) {
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
    assert_eq!((buf.filled().len(), buf.initialized().len()), (12, 12), "none of it was zeroed");
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
        buf.put_slice(b"a");
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

#[test]
fn a_pipe_and_the_output_of_a_child_are_read_to_an_end_that_is_the_drop_of_the_writer() {
    run(async {
        let (mut sender, mut receiver) = egret_net::unix::pipe::pipe().unwrap();
        assert!(sender.is_write_vectored());
        let parts = [IoSlice::new(b"head"), IoSlice::new(b"body")];
        let sent = poll_fn(|cx| Pin::new(&mut sender).poll_write_vectored(cx, &parts)).await;
        assert_eq!(sent.unwrap(), 8);
        shutdown(&mut sender).await.unwrap();
        assert_eq!(write(&mut sender, b"!").await.unwrap(), 1, "a pipe cannot be shut");
        drop(sender);
        let mut memory = [MaybeUninit::uninit(); 64];
        let mut buf = ReadBuf::uninit(&mut memory);
        for _ in 0..2 {
            read(&mut receiver, &mut buf).await.unwrap();
            assert_eq!((buf.filled(), buf.initialized().len()), (&b"headbody!"[..], 9));
        }

        let mut child = cat();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        assert_eq!(write(&mut stdin, b"through a child").await.unwrap(), 15);
        drop(stdin);
        buf.clear();
        for _ in 0..2 {
            read(&mut stdout, &mut buf).await.unwrap();
            assert_eq!(buf.filled(), b"through a child");
        }
        assert!(child.wait().await.unwrap().success());
    });
}

fn cat() -> egret_runtime::process::Child {
    use std::process::Stdio;
    egret_runtime::process::Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}
