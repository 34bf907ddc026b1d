//! The traits of `futures-io` on the streams: each method reaches the socket.

#![cfg(feature = "futures-io")]

use crate::sockets_common::run;
use egret_net::{TcpListener, TcpStream, UnixStream};
use egret_runtime::runtime::Runtime;
use egret_runtime::spawn;
use egret_runtime::task::yield_now;
use futures_io::{AsyncRead, AsyncWrite};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::rc::Rc;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

async fn read(mut from: impl AsyncRead + Unpin, buf: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut from).poll_read(cx, buf)).await
}

async fn write(mut to: impl AsyncWrite + Unpin, buf: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| Pin::new(&mut to).poll_write(cx, buf)).await
}

async fn close(mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx)).await?;
    poll_fn(|cx| Pin::new(&mut to).poll_close(cx)).await
}

/// One way from `to` to `from`, of every operation: plain, vectored, flush, close, and after that.
async fn exchange(mut to: impl AsyncWrite + Unpin, mut from: impl AsyncRead + Unpin) {
    let mut buf = [0; 16];
    assert_eq!(write(&mut to, b"ping").await.unwrap(), 4);
    assert_eq!(read(&mut from, &mut buf).await.unwrap(), 4);
    assert_eq!(&buf[..4], b"ping");

    let parts = [IoSlice::new(b""), IoSlice::new(b"head"), IoSlice::new(b"body")];
    let sent = poll_fn(|cx| Pin::new(&mut to).poll_write_vectored(cx, &parts)).await;
    assert_eq!(sent.unwrap(), 8, "all of them by one call");
    let (mut one, mut two) = ([0; 6], [0; 6]);
    let mut parts = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
    let got = poll_fn(|cx| Pin::new(&mut from).poll_read_vectored(cx, &mut parts)).await;
    assert_eq!((got.unwrap(), &one, &two[..2]), (8, b"headbo", &b"dy"[..]));

    // The buffer is empty, so 0 bytes do not mean the end of the stream.
    assert_eq!(read(&mut from, &mut []).await.unwrap(), 0);
    assert_eq!(write(&mut to, b"").await.unwrap(), 0);

    close(&mut to).await.unwrap();
    assert_eq!(read(&mut from, &mut buf).await.unwrap(), 0);
    assert_eq!(write(&mut to, b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    close(&mut to).await.unwrap();
}

#[test]
fn a_stream_reads_writes_and_closes_one_way_at_a_time() {
    run(async {
        let (mut client, mut server) = pair().await;
        exchange(&mut client, &mut server).await;
        // The other way is still open.
        exchange(&mut server, &mut client).await;
    });
}

#[test]
fn a_shared_reference_reads_writes_and_closes() {
    run(async {
        let (client, server) = pair().await;
        exchange(&client, &server).await;
        exchange(&server, &client).await;
    });
}

#[test]
fn borrowed_and_owned_halves_read_write_and_close() {
    run(async {
        let (mut client, server) = pair().await;
        let (mut reader, mut writer) = server.into_split();
        let (client_reader, client_writer) = client.split();
        exchange(client_writer, &mut reader).await;
        exchange(&mut writer, client_reader).await;
    });
}

/// Two tasks wait for one stream by shared references. Were there one place for both, the first would wait for ever.
#[test]
fn two_tasks_that_read_by_shared_references_are_both_woken_and_each_byte_goes_to_one() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (mut client, server) = pair().await;
        let server = Rc::new(server);
        let got = Rc::new(RefCell::new(Vec::new()));
        let tasks = [1, 2].map(|number| {
            let (server, got) = (server.clone(), got.clone());
            spawn(async move {
                let mut buf = [0; 1];
                assert_eq!(read(&*server, &mut buf).await.unwrap(), 1);
                got.borrow_mut().push((number, buf[0]));
            })
        });
        yield_now().await;
        let before = runtime.metrics().polls;
        client.write_all(b"a").await.unwrap();
        let [first, second] = tasks;
        first.await.unwrap();
        assert_eq!(*got.borrow(), [(1, b'a')]);
        assert!(!second.is_finished());
        client.write_all(b"b").await.unwrap();
        second.await.unwrap();
        assert_eq!(*got.borrow(), [(1, b'a'), (2, b'b')]);
        // Each of the two polled by the first byte, the second by its own; and this task twice, by those it awaits.
        assert_eq!(runtime.metrics().polls - before, 2 + 1 + 2);
    });
}

#[test]
fn a_task_that_reads_by_a_shared_reference_is_woken_beside_one_that_writes() {
    run(async {
        let (mut client, server) = pair().await;
        let server = Rc::new(server);
        let (theirs, sent) = (server.clone(), Rc::new(Cell::new(0)));
        let counted = sent.clone();
        let writer = spawn(async move {
            // More than the kernel takes without the peer reading.
            while counted.get() < 16 << 20 {
                counted.set(counted.get() + write(&*theirs, &[0; 65536]).await.unwrap());
            }
        });
        let reader = spawn(async move { read(&*server, &mut [0; 16]).await });
        yield_now().await;
        client.write_all(b"hello").await.unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), 5);
        let (mut buf, mut received) = (vec![0; 65536], 0);
        // Both tasks own the stream: it is closed when the last write is done.
        while let n @ 1.. = client.read(&mut buf).await.unwrap() {
            received += n;
        }
        writer.await.unwrap();
        assert_eq!(received, sent.get());
    });
}

#[test]
fn a_unix_stream_and_its_halves_read_write_and_close() {
    run(async {
        let (mut one, mut two) = UnixStream::pair().unwrap();
        exchange(&mut one, &mut two).await;
        exchange(&mut two, &mut one).await;

        let (mut one, two) = UnixStream::pair().unwrap();
        let (mut reader, mut writer) = two.into_split();
        let (one_reader, one_writer) = one.split();
        exchange(one_writer, &mut reader).await;
        exchange(&mut writer, one_reader).await;

        let (one, two) = UnixStream::pair().unwrap();
        exchange(&one, &two).await;
        exchange(&two, &one).await;
    });
}

#[test]
fn a_pipe_and_the_output_of_a_child_are_read_to_an_end_that_is_the_drop_of_the_writer() {
    run(async {
        let (mut sender, mut receiver) = egret_net::unix::pipe::pipe().unwrap();
        let parts = [IoSlice::new(b"head"), IoSlice::new(b"body")];
        let sent = poll_fn(|cx| Pin::new(&mut sender).poll_write_vectored(cx, &parts)).await;
        assert_eq!(sent.unwrap(), 8);
        assert_eq!(write(&mut sender, b"tail").await.unwrap(), 4);
        close(&mut sender).await.unwrap();
        assert_eq!(write(&mut sender, b"!").await.unwrap(), 1, "a pipe cannot be shut");
        drop(sender);
        let (mut one, mut two) = ([0; 6], [0; 16]);
        let mut parts = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        let got = poll_fn(|cx| Pin::new(&mut receiver).poll_read_vectored(cx, &mut parts)).await;
        assert_eq!((got.unwrap(), &one, &two[..7]), (13, b"headbo", &b"dytail!"[..]));
        assert_eq!(read(&mut receiver, &mut one).await.unwrap(), 0);

        let mut child = cat();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        assert_eq!(write(&mut stdin, b"through a child").await.unwrap(), 15);
        drop(stdin);
        assert_eq!(read(&mut stdout, &mut two).await.unwrap(), 15);
        assert_eq!(&two[..15], b"through a child");
        assert_eq!(read(&mut stdout, &mut two).await.unwrap(), 0);
        assert!(child.wait().await.unwrap().success());
    });
}

fn cat() -> egret_runtime::process::Child {
    use std::process::Stdio;
    egret_runtime::process::Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}
