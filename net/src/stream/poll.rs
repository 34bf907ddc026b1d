//! The system calls of reading and writing, for the streams and their halves.
//!
//! * The methods take `&self`, because the stream and its halves (`halves.rs`) share them. Each direction has one
//!   waiter, so the public methods on top take `&mut` of the stream, or of the one half of that direction: otherwise
//!   a task would wait for ever because another has replaced its waker.
//! * Methods that any number of tasks may call (`peek`, `readable`) wait in a list.
//! * An empty buffer makes no system call: the result 0 says nothing about the end of the stream.

use super::{Family, Stream};
use egret_runtime::io::{Clears, Direction, Site};
use egret_runtime::sys::{IOV_MAX, ReadBuf, TRANSFER_MAX};
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::ops::Deref;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

/// The least and the most room for a read to the end.
const LEAST_ROOM: usize = 8 * 1024;
const MOST_ROOM: usize = 64 * 1024;

impl<F: Family> Stream<F> {
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_recv_at(cx, buf, &Site::current())
    }

    #[inline(always)] // as poll_transfer_at is
    pub(crate) fn poll_recv_at(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        at: &Site,
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration()
            .poll_transfer_at(cx, Direction::Read, Clears::ShortOf(buf.len()), at, |fd| F::recv(fd, buf))
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_recv_uninit(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_transfer(cx, Direction::Read, Clears::ShortOf(buf.remaining()), |fd| {
            F::recv_uninit(fd, buf)
        })
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_recv_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = within_limit_mut(bufs);
        match total(bufs) {
            0 => Poll::Ready(Ok(0)),
            wanted => self
                .registration()
                .poll_transfer(cx, Direction::Read, Clears::ShortOf(wanted), |fd| F::recv_vectored(fd, bufs)),
        }
    }

    /// Receives until `buf` is full; `filled` counts across polls.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_recv_exact(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        filled: &mut usize,
    ) -> Poll<io::Result<usize>> {
        while *filled < buf.len() {
            let n = ready!(self.poll_recv(cx, &mut buf[*filled..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            *filled += n;
        }
        Poll::Ready(Ok(*filled))
    }

    /// Receives without removing the bytes. Any number of tasks may wait in it.
    pub(crate) async fn recv_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.registration().io(Direction::Read, |fd| fd.peek(buf)).await
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_recv_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_io(cx, Direction::Read, |fd| fd.peek(buf))
    }

    /// Receives until the end and appends to `buf`.
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_recv_to_end(&self, cx: &mut Context<'_>, buf: &mut Vec<u8>) -> Poll<io::Result<()>> {
        loop {
            let end = buf.len();
            buf.reserve(LEAST_ROOM);
            buf.resize(buf.capacity().min(end + MOST_ROOM), 0);
            let received = self.poll_recv(cx, &mut buf[end..]);
            let n = if let Poll::Ready(Ok(n)) = received { n } else { 0 };
            buf.truncate(end + n);
            if ready!(received)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Polls to the end of the stream; returns the number of bytes.
    pub(crate) async fn recv_to_end(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let before = buf.len();
        poll_fn(|cx| self.poll_recv_to_end(cx, buf)).await?;
        Ok(buf.len() - before)
    }

    /// The same as text; nothing is kept if it is not UTF-8.
    pub(crate) async fn recv_to_string(&self, buf: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        poll_fn(|cx| self.poll_recv_to_end(cx, &mut bytes)).await?;
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let text = String::from_utf8(bytes).map_err(invalid)?;
        buf.push_str(&text);
        Ok(text.len())
    }

    pub(crate) fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.registration().try_transfer(Direction::Read, Clears::ShortOf(buf.len()), |fd| F::recv(fd, buf))
    }

    pub(crate) fn try_recv_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let bufs = within_limit_mut(bufs);
        match total(bufs) {
            0 => Ok(0),
            wanted => self
                .registration()
                .try_transfer(Direction::Read, Clears::ShortOf(wanted), |fd| F::recv_vectored(fd, bufs)),
        }
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send_at(cx, buf, &Site::current())
    }

    #[inline]
    pub(crate) fn poll_send_at(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        at: &Site,
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.registration()
            .poll_transfer_at(cx, Direction::Write, F::write_clears(buf.len()), at, |fd| fd.send(buf))
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_send_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = within_limit(bufs);
        match total(bufs) {
            0 => Poll::Ready(Ok(0)),
            wanted => {
                self.registration()
                    .poll_transfer(cx, Direction::Write, F::write_clears(wanted), |fd| fd.send_vectored(bufs))
            }
        }
    }

    /// Sends until `rest` is empty.
    #[inline]
    pub(crate) fn poll_send_all(
        &self,
        cx: &mut Context<'_>,
        rest: &mut &[u8],
        at: &Site,
    ) -> Poll<io::Result<()>> {
        while !rest.is_empty() {
            let n = ready!(self.poll_send_at(cx, rest, at))?;
            if n == rest.len() {
                break; // the most frequent case, and the cheapest check
            }
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *rest = &rest[n..];
        }
        Poll::Ready(Ok(()))
    }

    /// Sends until `rest` is empty, advancing its start.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_send_all_vectored(
        &self,
        cx: &mut Context<'_>,
        rest: &mut &mut [IoSlice<'_>],
    ) -> Poll<io::Result<()>> {
        // Empty buffers at the start would look like a transfer of nothing.
        IoSlice::advance_slices(rest, 0);
        while !rest.is_empty() {
            let n = ready!(self.poll_send_vectored(cx, rest))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            IoSlice::advance_slices(rest, n);
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.registration().try_transfer(Direction::Write, F::write_clears(buf.len()), |fd| fd.send(buf))
    }

    pub(crate) fn try_send_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = within_limit(bufs);
        match total(bufs) {
            0 => Ok(0),
            wanted => self
                .registration()
                .try_transfer(Direction::Write, F::write_clears(wanted), |fd| fd.send_vectored(bufs)),
        }
    }

    /// Sends from a file. A short transfer may be the end of the file, and proves nothing about the socket: only
    /// `EAGAIN` clears.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_send_file(
        &self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        if count == 0 {
            return Poll::Ready(Ok(0));
        }
        self.registration().poll_transfer(cx, Direction::Write, Clears::WouldBlock, |fd| {
            fd.sendfile(file.as_fd(), offset, count)
        })
    }

    pub(crate) fn try_send_file(&self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        if count == 0 {
            return Ok(0);
        }
        self.registration()
            .try_transfer(Direction::Write, Clears::WouldBlock, |fd| fd.sendfile(file.as_fd(), offset, count))
    }

    /// Sends FIN. A connection that is gone needs none: no error.
    pub(crate) fn shut_writing(&self) -> io::Result<()> {
        match self.fd().shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

/// Returns the buffers of one system call. A transfer counts as short against these only.
pub(crate) fn within_limit<'a, 'b>(bufs: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    &bufs[..bufs.len().min(IOV_MAX)]
}

pub(crate) fn within_limit_mut<'a, 'b>(bufs: &'a mut [IoSliceMut<'b>]) -> &'a mut [IoSliceMut<'b>] {
    let len = bufs.len().min(IOV_MAX);
    &mut bufs[..len]
}

/// Returns the most bytes of one system call: the size of the buffers, or the kernel's limit. A slice may appear many
/// times, so the sum may exceed the memory.
pub(crate) fn total<B: Deref<Target = [u8]>>(bufs: &[B]) -> usize {
    bufs.iter().fold(0, |sum: usize, buf| sum.saturating_add(buf.len())).min(TRANSFER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_judged_against_what_one_call_moves_at_most() {
        let memory = vec![0; 4 << 20];
        assert_eq!(total(&[IoSlice::new(&memory); 3]), 12 << 20);
        assert_eq!(total(&[IoSlice::new(&memory); 1024]), (2 << 30) - 4096);
    }
}
