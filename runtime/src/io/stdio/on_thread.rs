//! Standard streams on a thread, for calls that may block and cannot be interrupted: [`ReadOnThread`] and
//! [`WriteOnThread`].
//!
//! * Each has at most one [`ThreadCall`] in progress, which cannot be cancelled. Bytes read for a dropped future are kept
//!   for the next read. A write goes on, and the next write waits for it, so order is kept.
//! * A runtime may end before the call has begun. The next runtime that polls the stream begins it anew.
//! * A write resolves when its bytes are with the kernel. In tokio it resolves when they are in a buffer, and a
//!   program that ends without a flush loses bytes.
//! * So a poll must know whether the call in progress is its own, and can tell only by the bytes. Reporting that call
//!   for other bytes would lose these; a second call for the same bytes would write them twice.

use super::charged;
use crate::sys::uninterrupted;
use crate::task::blocking::spawn_blocking;
use crate::task::join::JoinHandle;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The most that a thread reads or writes at once.
pub(super) const MOST: usize = 64 * 1024;

const GONE: &str = "the egret runtime is gone: it has no thread to read or write a standard stream on";

/// Reads on a thread of the pool, one read at a time.
pub(super) struct ReadOnThread {
    file: Arc<File>,
    call: ThreadCall<io::Result<Vec<u8>>>,
    /// Bytes read for a future that was dropped, or that requested less.
    left: Vec<u8>,
}

/// Writes on a thread of the pool, one write at a time.
pub(super) struct WriteOnThread {
    file: Arc<File>,
    /// Returns its buffer and how much of it was written.
    call: ThreadCall<(Vec<u8>, io::Result<usize>)>,
}

/// The system call in progress on a thread, if any.
struct ThreadCall<T>(Option<JoinHandle<T>>);

impl<T> ThreadCall<T> {
    /// Waits for the call in progress, or for the one that `begin` starts.
    #[inline]
    fn poll(&mut self, cx: &mut Context<'_>, begin: impl Fn() -> JoinHandle<T>) -> Poll<io::Result<T>> {
        loop {
            let is_new = self.0.is_none();
            let job = self.0.get_or_insert_with(&begin);
            let outcome = ready!(job.poll_uncharged(cx));
            self.0 = None;
            match outcome {
                Ok(output) => return Poll::Ready(Ok(output)),
                Err(error) if !error.is_cancelled() => return Poll::Ready(Err(io::Error::other(error))),
                Err(_) if is_new => return Poll::Ready(Err(io::Error::other(GONE))),
                // Its runtime ended before it ran: begin it in this runtime.
                Err(_) => {}
            }
        }
    }
}

impl ReadOnThread {
    #[inline]
    pub(super) fn new(file: File) -> ReadOnThread {
        ReadOnThread { file: Arc::new(file), call: ThreadCall(None), left: Vec::new() }
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        charged(cx, |cx| {
            if self.left.is_empty() {
                let (file, len) = (&self.file, buf.len().min(MOST));
                self.left = ready!(self.call.poll(cx, || {
                    let file = file.clone();
                    spawn_blocking(move || read(&file, len))
                }))??;
            }
            let n = self.left.len().min(buf.len());
            buf[..n].copy_from_slice(&self.left[..n]);
            self.left.drain(..n);
            Poll::Ready(Ok(n))
        })
    }
}

impl WriteOnThread {
    #[inline]
    pub(super) fn new(file: File) -> WriteOnThread {
        WriteOnThread { file: Arc::new(file), call: ThreadCall(None) }
    }

    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        charged(cx, |cx| {
            loop {
                let (file, bytes) = (&self.file, &buf[..buf.len().min(MOST)]);
                let (given, written) = ready!(self.call.poll(cx, || {
                    let (file, bytes) = (file.clone(), bytes.to_vec());
                    spawn_blocking(move || {
                        let written = uninterrupted(|| (&*file).write(&bytes));
                        (bytes, written)
                    })
                }))?;
                if buf.starts_with(&given) {
                    return Poll::Ready(written);
                }
                // It was for a dropped future. If it failed, this one fails too.
            }
        })
    }
}

#[inline]
fn read(mut file: &File, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let read = uninterrupted(|| file.read(&mut bytes))?;
    bytes.truncate(read);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Builder, UnhandledPanic};
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::io::ErrorKind;
    #[cfg(not(miri))]
    use std::os::fd::OwnedFd;
    use std::sync::mpsc;
    use std::task::Waker;

    /// The end to read from, and the end to write to.
    #[cfg(not(miri))] // it has no kernel pipes
    fn pipe() -> (File, File) {
        let (reader, writer) = crate::sys::Backend::current().pipe().unwrap();
        (OwnedFd::from(reader).into(), OwnedFd::from(writer).into())
    }

    #[test]
    fn a_call_that_a_signal_ends_is_made_again_and_no_other() {
        let made = |outcomes: &[Result<usize, i32>]| {
            let mut calls = 0;
            let result = uninterrupted(|| {
                calls += 1;
                outcomes[calls - 1].map_err(io::Error::from_raw_os_error)
            });
            (calls, result.map_err(|error| error.raw_os_error().unwrap()))
        };
        let interrupted = Err(libc::EINTR);
        assert_eq!(made(&[interrupted, interrupted, Ok(3)]), (3, Ok(3)));
        assert_eq!(made(&[interrupted, Err(libc::EPIPE), Ok(3)]), (2, Err(libc::EPIPE)));
        assert_eq!(made(&[Ok(0), Ok(3)]), (1, Ok(0)));
    }

    #[test]
    fn a_job_that_panics_is_an_error_and_is_not_begun_again() {
        let rt = Builder::new().unhandled_panic(UnhandledPanic::Ignore).build().unwrap();
        let _entered = rt.enter();
        for begun_before in [false, true] {
            let begun = Cell::new(0);
            let begin = || {
                begun.set(begun.get() + 1);
                spawn_blocking(|| panic!("a job"))
            };
            let mut call: ThreadCall<()> = ThreadCall(begun_before.then(begin));
            let outcome = rt.block_on(poll_fn(|cx| call.poll(cx, begin)));
            assert_eq!((outcome.unwrap_err().kind(), begun.get()), (ErrorKind::Other, 1));
        }
    }

    #[test]
    #[cfg(not(miri))]
    fn a_write_that_is_given_up_comes_first_and_the_next_one_is_not_taken_for_it() {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        let (mut reader, writer) = pipe();
        let mut thread = WriteOnThread::new(writer);
        let (open, gate) = mpsc::channel::<()>();
        let written = rt.block_on(async {
            // The only thread is busy, so the first write cannot have finished when it is polled.
            let busy = spawn_blocking(move || gate.recv());
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(thread.poll_write(cx, b"given up ").is_pending());
            open.send(()).unwrap();
            busy.await.unwrap().unwrap();
            poll_fn(|cx| thread.poll_write(cx, b"asked for")).await
        });
        assert_eq!(written.unwrap(), 9);
        drop(thread);
        drop(rt);
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, "given up asked for");
    }

    #[test]
    #[cfg(not(miri))]
    fn a_write_whose_job_was_cancelled_before_it_ran_is_begun_again() {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        let (mut reader, writer) = pipe();
        let mut thread = WriteOnThread::new(writer);
        let (open, gate) = mpsc::channel::<()>();
        let written = rt.block_on(async {
            let busy = spawn_blocking(move || gate.recv());
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(thread.poll_write(cx, b"once").is_pending());
            thread.call.0.as_ref().unwrap().abort();
            open.send(()).unwrap();
            busy.await.unwrap().unwrap();
            poll_fn(|cx| thread.poll_write(cx, b"once")).await
        });
        assert_eq!(written.unwrap(), 4);
        drop(thread);
        drop(rt);
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, "once");
    }
}
