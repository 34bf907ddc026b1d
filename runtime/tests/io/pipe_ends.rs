//! The two ends of a pipe, and egret's stream traits on them, on references and on memory: each method waits where
//! documented, moves bytes and counts them.

#![cfg(not(miri))] // which has no splice and no pipe of the kernel's

use egret_runtime::io::pipe::{self, ReadEnd, WriteEnd};
use egret_runtime::io::{AsyncRead, AsyncWrite};
use egret_runtime::process::{ChildStderr, ChildStdin, ChildStdout};
use egret_runtime::runtime::Runtime;
use egret_runtime::sys::Backend;
use std::fmt::Debug;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::process::Stdio;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn ends() -> (ReadEnd, WriteEnd) {
    let (reader, writer) = Backend::current().pipe().unwrap();
    (ReadEnd::new(reader).unwrap(), WriteEnd::new(writer).unwrap())
}

fn once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn ready<T>(poll: Poll<io::Result<T>>) -> T {
    match poll {
        Poll::Ready(result) => result.unwrap(),
        Poll::Pending => panic!("pending"),
    }
}

/// What the trait of `stream` does, whatever type that is.
fn read(mut stream: impl AsyncRead, buf: &mut [u8]) -> Poll<io::Result<usize>> {
    stream.poll_read(&mut Context::from_waker(Waker::noop()), buf)
}

fn write(mut stream: impl AsyncWrite, buf: &[u8]) -> Poll<io::Result<usize>> {
    stream.poll_write(&mut Context::from_waker(Waker::noop()), buf)
}

#[test]
fn every_way_to_read_waits_for_bytes_and_takes_as_many_as_there_are() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut reader, mut writer) = ends();
    let (mut one, mut two) = ([0; 2], [0; 8]);

    assert_eq!(reader.try_read(&mut two).unwrap_err().kind(), ErrorKind::WouldBlock);
    let bufs = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
    assert_eq!(reader.try_read_vectored(bufs).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(once(reader.read_vectored(bufs)).is_pending());
    assert!(read(&mut reader, &mut two).is_pending());
    assert!(reader.poll_read_ready(cx).is_pending());
    assert!(once(reader.readable()).is_pending());

    assert_eq!(ready(write(&mut writer, b"bytes")), 5);
    assert_eq!(rt.turn(Some(Duration::ZERO)).events, 2); // bytes for the one, room for the other
    ready(reader.poll_read_ready(cx));
    ready(once(reader.readable()));
    assert_eq!((ready(read(&mut reader, &mut two)), &two[..5]), (5, &b"bytes"[..]));
    two.fill(0);
    assert_eq!(writer.try_write(b"bytes").unwrap(), 5);
    let bufs = &mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
    assert_eq!(reader.try_read_vectored(bufs).unwrap(), 5);
    assert_eq!((&one, &two[..3]), (b"by", &b"tes"[..]));

    assert_eq!(writer.try_write(b"the end").unwrap(), 7);
    drop(writer);
    let mut all = b"before ".to_vec();
    assert_eq!(rt.block_on(reader.read_to_end(&mut all)).unwrap(), 7);
    assert_eq!(all, b"before the end");
}

#[test]
fn every_way_to_write_waits_for_room_and_writes_as_much_as_it_says() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut reader, mut writer) = ends();
    let mut sent = 0;
    let full = loop {
        match writer.try_write(&[b'x'; 4096]) {
            Ok(n) => sent += n,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let bufs = &[IoSlice::new(b"by"), IoSlice::new(b"tes")];
    assert_eq!(writer.try_write_vectored(bufs).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(once(writer.write_vectored(bufs)).is_pending());
    assert!(write(&mut writer, b"bytes").is_pending());
    assert!(writer.poll_write_ready(cx).is_pending());
    assert!(once(writer.writable()).is_pending());

    let mut received = vec![0; sent];
    rt.block_on(reader.read_exact(&mut received)).unwrap();
    rt.turn(Some(Duration::ZERO));
    ready(writer.poll_write_ready(cx));
    ready(once(writer.writable()));
    // To shut a pipe down is nothing: it is open until it is dropped.
    ready(writer.poll_shutdown(cx));
    ready(writer.poll_flush(cx));
    assert_eq!(ready(once(writer.write_vectored(bufs))), 5);
    let mut received = [0; 5];
    rt.block_on(reader.read_exact(&mut received)).unwrap();
    assert_eq!(&received, b"bytes");
}

/// Counts what is called.
#[derive(Default)]
struct Calls {
    writes: usize,
    flushes: usize,
    shutdowns: usize,
}

impl AsyncWrite for Calls {
    fn poll_write(&mut self, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writes += 1;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Pending
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdowns += 1;
        Poll::Pending
    }
}

#[test]
fn a_reference_does_what_the_stream_does() {
    fn all(mut stream: impl AsyncWrite) {
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(ready(stream.poll_write(cx, b"bytes")), 5);
        assert!(stream.poll_flush(cx).is_pending());
        assert!(stream.poll_shutdown(cx).is_pending());
        assert!(stream.as_registration().is_none());
    }
    let mut calls = Calls::default();
    all(&mut calls);
    assert_eq!((calls.writes, calls.flushes, calls.shutdowns), (1, 1, 1));

    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let (mut reader, mut writer) = ends();
    assert!(AsyncRead::as_registration(&&mut reader).is_some());
    assert!(AsyncWrite::as_registration(&&mut writer).is_some());
    let mut bytes = &b"bytes"[..];
    let mut buf = [0; 3];
    assert_eq!((ready(read(&mut bytes, &mut buf)), buf), (3, *b"byt"));
    assert_eq!((ready(read(&mut bytes, &mut buf)), &buf[..2]), (2, &b"es"[..]));
    assert_eq!(ready(read(&mut bytes, &mut buf)), 0);
}

#[test]
fn memory_takes_all_that_is_written_to_it() {
    let mut memory = b"before ".to_vec();
    assert_eq!(ready(write(&mut memory, b"bytes")), 5);
    assert_eq!(memory, b"before bytes");
    let cx = &mut Context::from_waker(Waker::noop());
    ready(memory.poll_flush(cx));
    ready(memory.poll_shutdown(cx));
    assert_eq!(ready(write(&mut memory, b".")), 1);
    assert_eq!(memory, b"before bytes.");
}

#[test]
fn an_end_prints_the_name_of_its_type_and_its_descriptor() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let prints = |end: &dyn Debug, name: &str, fd: i32| {
        let text = format!("{end:?}");
        assert!(text.starts_with(&format!("{name}(")) && text.contains(&fd.to_string()), "{text}");
    };
    let (reader, writer) = ends();
    prints(&reader, "ReadEnd", reader.as_raw_fd());
    prints(&writer, "WriteEnd", writer.as_raw_fd());
    let (sender, receiver) = pipe::pipe().unwrap();
    prints(&sender, "Sender", sender.as_raw_fd());
    prints(&receiver, "Receiver", receiver.as_raw_fd());
    let mut cat = std::process::Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = ChildStdin::from_std(cat.stdin.take().unwrap()).unwrap();
    let stdout = ChildStdout::from_std(cat.stdout.take().unwrap()).unwrap();
    let stderr = ChildStderr::from_std(cat.stderr.take().unwrap()).unwrap();
    prints(&stdin, "ChildStdin", stdin.as_raw_fd());
    prints(&stdout, "ChildStdout", stdout.as_raw_fd());
    prints(&stderr, "ChildStderr", stderr.as_raw_fd());
    drop(stdin);
    cat.wait().unwrap();
}
