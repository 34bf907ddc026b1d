use super::*;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Returns scripted bytes, records its calls, and never waits.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) gives: Vec<u8>,
    pub(crate) told: Vec<String>,
    pub(crate) pending: bool,
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pending {
            return Poll::Pending;
        }
        let n = buf.remaining().min(self.gives.len());
        buf.put_slice(&self.gives.drain(..n).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.told.push(format!("write {}", buf.len()));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.told.push("flush".into());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.told.push("shutdown".into());
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.told.push(format!("write {} buffers", bufs.len()));
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }
}

pub(crate) fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

const TOLD: [&str; 4] = ["write 2", "write 2 buffers", "flush", "shutdown"];

#[test]
#[cfg(feature = "futures-io")]
fn what_futures_io_asks_for_is_asked_of_the_stream() {
    use futures_io::{AsyncRead, AsyncWrite};
    let mut io = TokioIo::new(Script { gives: b"abc".into(), ..Script::default() });
    let mut io = Pin::new(&mut io);
    let mut buf = [0; 2];
    for (n, bytes) in [(2, b"ab"), (1, b"cb"), (0, b"cb")] {
        assert!(matches!(io.as_mut().poll_read(&mut cx(), &mut buf), Poll::Ready(Ok(read)) if read == n));
        assert_eq!(&buf, bytes);
    }
    io.as_mut().get_mut().get_mut().pending = true;
    assert!(io.as_mut().poll_read(&mut cx(), &mut buf).is_pending());
    let parts = [IoSlice::new(b"a"), IoSlice::new(b"bc")];
    assert!(matches!(io.as_mut().poll_write(&mut cx(), b"ab"), Poll::Ready(Ok(2))));
    assert!(matches!(io.as_mut().poll_write_vectored(&mut cx(), &parts), Poll::Ready(Ok(3))));
    assert!(io.as_mut().poll_flush(&mut cx()).is_ready());
    assert!(io.as_mut().poll_close(&mut cx()).is_ready());
    assert_eq!(io.get_mut().get_mut().told, TOLD);
}

#[test]
#[cfg(feature = "hyper")]
fn what_hyper_asks_for_is_asked_of_the_stream() {
    use ::hyper::rt::{Read, ReadBuf, Write};
    let mut io = TokioIo::new(Script { gives: b"abc".into(), ..Script::default() });
    let mut io = Pin::new(&mut io);
    let mut memory = [std::mem::MaybeUninit::uninit(); 5];
    let mut buf = ReadBuf::uninit(&mut memory);
    buf.unfilled().put_slice(b"> ");
    for _ in 0..2 {
        assert!(matches!(io.as_mut().poll_read(&mut cx(), buf.unfilled()), Poll::Ready(Ok(()))));
        assert_eq!(buf.filled(), b"> abc");
    }
    io.as_mut().get_mut().get_mut().pending = true;
    assert!(io.as_mut().poll_read(&mut cx(), buf.unfilled()).is_pending());
    let parts = [IoSlice::new(b"a"), IoSlice::new(b"bc")];
    assert!(io.is_write_vectored());
    assert!(matches!(io.as_mut().poll_write(&mut cx(), b"ab"), Poll::Ready(Ok(2))));
    assert!(matches!(io.as_mut().poll_write_vectored(&mut cx(), &parts), Poll::Ready(Ok(3))));
    assert!(io.as_mut().poll_flush(&mut cx()).is_ready());
    assert!(io.as_mut().poll_shutdown(&mut cx()).is_ready());
    assert_eq!(io.get_mut().get_mut().told, TOLD);
}

#[test]
fn a_copy_both_ways_between_two_streams_moves_the_bytes_flushes_them_and_shuts_both_down() {
    let stream = |gives: &[u8]| TokioIo::new(Script { gives: gives.to_vec(), ..Script::default() });
    let (mut a, mut b) = (stream(b"four"), stream(b"seven.."));
    let moved = crate::block_on(crate::io::copy_bidirectional(&mut a, &mut b)).unwrap();
    assert_eq!(moved, (4, 7));
    assert_eq!(a.into_inner().told, ["write 7", "flush", "shutdown"]);
    assert_eq!(b.get_ref().told, ["write 4", "flush", "shutdown"]);
}

#[test]
fn a_copy_from_memory_into_a_stream_with_tokios_traits_ends_with_a_flush() {
    let mut sink = TokioIo::new(Script::default());
    assert_eq!(crate::block_on(crate::io::copy(&mut &b"abc"[..], &mut sink)).unwrap(), 3);
    assert_eq!(sink.into_inner().told, ["write 3", "flush"]);
}
