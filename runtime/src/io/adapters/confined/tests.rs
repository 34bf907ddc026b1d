//! A confined stream with each pair of traits: each call is one of the stream.

use crate::io::TokioIo;
use crate::io::adapters::tokio_io::tests::{Script, cx};
use crate::task::Confined;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Poll;

const TOLD: [&str; 4] = ["write 2", "write 2 buffers", "flush", "shutdown"];

fn script() -> Script {
    Script { gives: b"abc".into(), ..Script::default() }
}

#[test]
fn with_egrets_traits() {
    use crate::io::{AsyncRead, AsyncWrite};
    let mut io = Confined::new(TokioIo::new(script()));
    let mut buf = [0; 4];
    assert!(matches!(io.poll_read(&mut cx(), &mut buf), Poll::Ready(Ok(3))));
    assert!(matches!(io.poll_write(&mut cx(), b"ab"), Poll::Ready(Ok(2))));
    assert!(io.poll_flush(&mut cx()).is_ready());
    assert!(io.poll_shutdown(&mut cx()).is_ready());
    assert!(AsyncRead::as_registration(&io).is_none() && AsyncWrite::as_registration(&io).is_none());
    assert_eq!(io.into_inner().into_inner().told, ["write 2", "flush", "shutdown"]);
}

#[test]
fn a_pipe_that_is_confined_is_copied_in_the_kernel() {
    use crate::io::{AsyncRead, AsyncWrite};
    crate::block_on(async {
        let (writer, reader) = crate::io::pipe::pipe().unwrap();
        let (writer, reader) = (Confined::new(writer), Confined::new(reader));
        assert!(AsyncWrite::as_registration(&writer).is_some());
        assert!(AsyncRead::as_registration(&reader).is_some());
    });
}

#[test]
fn with_tokios_traits() {
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    let mut io = Confined::new(script());
    let mut memory = [0; 4];
    let mut buf = ReadBuf::new(&mut memory);
    let mut pinned = Pin::new(&mut io);
    assert!(pinned.as_mut().poll_read(&mut cx(), &mut buf).is_ready());
    assert_eq!(buf.filled(), b"abc");
    let parts = [IoSlice::new(b"a"), IoSlice::new(b"bc")];
    assert!(pinned.is_write_vectored());
    assert!(matches!(pinned.as_mut().poll_write(&mut cx(), b"ab"), Poll::Ready(Ok(2))));
    assert!(matches!(pinned.as_mut().poll_write_vectored(&mut cx(), &parts), Poll::Ready(Ok(3))));
    assert!(pinned.as_mut().poll_flush(&mut cx()).is_ready());
    assert!(pinned.as_mut().poll_shutdown(&mut cx()).is_ready());
    assert_eq!(io.into_inner().told, TOLD);
}

#[test]
#[cfg(feature = "futures-io")]
fn with_those_of_futures_io() {
    use futures_io::{AsyncRead, AsyncWrite};
    let mut io = Confined::new(TokioIo::new(script()));
    let mut buf = [0; 4];
    let mut pinned = Pin::new(&mut io);
    let mut parts = [std::io::IoSliceMut::new(&mut buf)];
    assert!(matches!(pinned.as_mut().poll_read_vectored(&mut cx(), &mut parts), Poll::Ready(Ok(3))));
    assert!(matches!(pinned.as_mut().poll_read(&mut cx(), &mut buf), Poll::Ready(Ok(0))));
    let parts = [IoSlice::new(b"a"), IoSlice::new(b"bc")];
    assert!(matches!(pinned.as_mut().poll_write(&mut cx(), b"ab"), Poll::Ready(Ok(2))));
    assert!(matches!(pinned.as_mut().poll_write_vectored(&mut cx(), &parts), Poll::Ready(Ok(3))));
    assert!(pinned.as_mut().poll_flush(&mut cx()).is_ready());
    assert!(pinned.as_mut().poll_close(&mut cx()).is_ready());
    assert_eq!(io.into_inner().into_inner().told, TOLD);
}

#[test]
#[cfg(feature = "hyper")]
fn with_hypers_traits() {
    use ::hyper::rt::{Read, ReadBuf, Write};
    let mut io = Confined::new(TokioIo::new(script()));
    let mut memory = [0; 4];
    let mut buf = ReadBuf::new(&mut memory);
    let mut pinned = Pin::new(&mut io);
    assert!(pinned.as_mut().poll_read(&mut cx(), buf.unfilled()).is_ready());
    assert_eq!(buf.filled(), b"abc");
    let parts = [IoSlice::new(b"a"), IoSlice::new(b"bc")];
    assert!(pinned.is_write_vectored());
    assert!(matches!(pinned.as_mut().poll_write(&mut cx(), b"ab"), Poll::Ready(Ok(2))));
    assert!(matches!(pinned.as_mut().poll_write_vectored(&mut cx(), &parts), Poll::Ready(Ok(3))));
    assert!(pinned.as_mut().poll_flush(&mut cx()).is_ready());
    assert!(pinned.as_mut().poll_shutdown(&mut cx()).is_ready());
    assert_eq!(io.into_inner().into_inner().told, TOLD);
}
