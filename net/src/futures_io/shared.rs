//! Reading and writing through `&TcpStream` and `&UnixStream`.
//!
//! The place of the one waiter in a direction belongs to whoever has the stream by `&mut`, or a half of it. Of shared
//! references there may be many, so their tasks wait in the list and are all woken, and the bytes go to the first that
//! asks; a task that took the one place would strand the task that had it. Of foreign wakers the last is woken. A short transfer clears no readiness here: that rule
//! is for a single reader.

use crate::stream::{ByteStream, total, within_limit, within_limit_mut};
use egret_runtime::io::Direction;
use std::io::{self, IoSlice, IoSliceMut};
use std::task::{Context, Poll};

/// As for the ones with `&mut`, an empty buffer makes no system call.
pub(super) trait Shared: ByteStream {
    fn poll_recv_shared(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Read, |fd| fd.recv(buf))
    }

    fn poll_recv_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = within_limit_mut(bufs);
        if total(bufs) == 0 {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Read, |fd| fd.recv_vectored(bufs))
    }

    fn poll_send_shared(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Write, |fd| fd.send(buf))
    }

    fn poll_send_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = within_limit(bufs);
        if total(bufs) == 0 {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Write, |fd| fd.send_vectored(bufs))
    }
}

impl<S: ByteStream> Shared for S {}
