//! [`Scripted`]: the traits of streams over the [`Steps`] of a script.

use super::steps::Steps;
use crate::io::{AsyncRead, AsyncWrite};
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A stream that does what a [`Script`](super::Script) says.
///
/// It has `AsyncRead` and `AsyncWrite` of egret; with their features those of tokio (`tokio-io`) and of futures-io
/// (`futures-io`), and `Read` and `Write` of hyper (`hyper`).
///
/// # Panics
///
/// Where the program does something else than the script says, and in the drop, when steps are left: see
/// [`Script`](super::Script#panics).
pub struct Scripted(Rc<RefCell<Steps>>);

impl Scripted {
    pub(super) fn new(steps: Rc<RefCell<Steps>>) -> Scripted {
        Scripted(steps)
    }
}

impl Drop for Scripted {
    #[track_caller]
    fn drop(&mut self) {
        self.0.borrow_mut().finish();
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("left", &self.0.borrow().left()).finish()
    }
}

impl AsyncRead for Scripted {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for Scripted {
    #[track_caller]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, buf)
    }

    #[track_caller]
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_shutdown(cx)
    }
}

#[cfg(feature = "futures-io")]
mod futures_traits {
    use super::{AsyncRead, AsyncWrite, Context, Poll, Scripted, io};
    use std::pin::Pin;

    impl futures_io::AsyncRead for Scripted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            AsyncRead::poll_read(&mut *self, cx, buf)
        }
    }

    impl futures_io::AsyncWrite for Scripted {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            AsyncWrite::poll_write(&mut *self, cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            AsyncWrite::poll_shutdown(&mut *self, cx)
        }
    }
}

#[cfg(feature = "tokio-io")]
mod tokio_traits {
    use super::{AsyncRead, AsyncWrite, Context, Poll, Scripted, io};
    use std::pin::Pin;
    use tokio::io::ReadBuf;

    impl tokio::io::AsyncRead for Scripted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let polled = AsyncRead::poll_read(&mut *self, cx, buf.initialize_unfilled());
            polled.map_ok(|n| buf.advance(n))
        }
    }

    impl tokio::io::AsyncWrite for Scripted {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            AsyncWrite::poll_write(&mut *self, cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            AsyncWrite::poll_shutdown(&mut *self, cx)
        }
    }
}

#[cfg(feature = "hyper")]
mod hyper_traits {
    use super::{AsyncRead, AsyncWrite, Context, Poll, Scripted, io};
    use hyper::rt::{Read, ReadBufCursor, Write};
    use std::pin::Pin;

    impl Read for Scripted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            mut cursor: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            let mut buf = vec![0; cursor.remaining()];
            let polled = AsyncRead::poll_read(&mut *self, cx, &mut buf);
            polled.map_ok(|n| cursor.put_slice(&buf[..n]))
        }
    }

    impl Write for Scripted {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            AsyncWrite::poll_write(&mut *self, cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            AsyncWrite::poll_shutdown(&mut *self, cx)
        }
    }
}
