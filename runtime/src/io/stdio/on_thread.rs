//! Standard streams that a thread reads from and writes to, because a call that waits for somebody cannot be made to
//! return: [`ReadOnThread`] and [`WriteOnThread`].
//!
//! Each has one call under way at most, which nobody can take back: what a read brings after its future was dropped
//! is kept for the next one, and a write goes on and is waited for by the next one, so that the order is that of the
//! calls. The runtime may end before the call has begun; then the next runtime, if there is one, begins it anew.

use super::charged;
use crate::blocking::spawn_blocking;
use crate::join::{JoinError, JoinHandle};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How much a thread reads or writes at once at most, whatever it is asked for.
pub(super) const MOST: usize = 64 * 1024;

/// Reads on a thread of the pool, one read at a time.
pub(super) struct ReadOnThread {
    file: Arc<File>,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
    /// What was read and not asked for any more, because the one who had asked went away.
    left: Vec<u8>,
}

/// Writes on a thread of the pool, one write at a time.
pub(super) struct WriteOnThread {
    file: Arc<File>,
    writing: Option<Writing>,
}

struct Writing {
    bytes: Arc<[u8]>,
    job: JoinHandle<io::Result<usize>>,
}

impl ReadOnThread {
    #[inline]
    pub(super) fn new(file: File) -> ReadOnThread {
        ReadOnThread { file: Arc::new(file), reading: None, left: Vec::new() }
    }

    #[inline]
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        charged(cx, |cx| {
            while self.left.is_empty() {
                let begun_before = self.reading.is_some();
                let reading = self.reading.get_or_insert_with(|| {
                    let (file, len) = (self.file.clone(), buf.len().min(MOST));
                    spawn_blocking(move || read(&file, len))
                });
                let outcome = ready!(reading.poll_uncharged(cx));
                self.reading = None;
                match settle(outcome, begun_before)? {
                    // 0 is the end: nothing is left then, either.
                    Some(read) if read.is_empty() => return Poll::Ready(Ok(0)),
                    Some(read) => self.left = read,
                    None => {}
                }
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
        WriteOnThread { file: Arc::new(file), writing: None }
    }

    /// A write that was dropped on the way and is asked for again is the same write: its bytes go once.
    #[inline]
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        charged(cx, |cx| {
            loop {
                let begun_before = self.writing.is_some();
                let writing = self.writing.get_or_insert_with(|| Writing::begin(&self.file, buf));
                let outcome = ready!(writing.job.poll_uncharged(cx));
                let asked_for = buf.starts_with(&writing.bytes);
                self.writing = None;
                match settle(outcome, begun_before) {
                    Ok(None) => {}
                    result if asked_for => {
                        return Poll::Ready(result.map(|written| written.expect("not cancelled")));
                    }
                    // What became of one that nobody asks about any more is nobody's; an error comes again.
                    _ => {}
                }
            }
        })
    }
}

impl Writing {
    #[inline]
    fn begin(file: &Arc<File>, buf: &[u8]) -> Writing {
        let bytes: Arc<[u8]> = buf[..buf.len().min(MOST)].into();
        let (file, theirs) = (file.clone(), bytes.clone());
        Writing { bytes, job: spawn_blocking(move || uninterrupted(|| (&*file).write(&theirs))) }
    }
}

/// What a job has brought. `None` when it has not run and is to be begun again: the runtime in which it was to run
/// ended before it did, and this is another. One that was begun in this very poll has no other to go to.
#[inline]
fn settle<T>(outcome: Result<io::Result<T>, JoinError>, begun_before: bool) -> io::Result<Option<T>> {
    match outcome {
        Ok(result) => result.map(Some),
        Err(error) if !error.is_cancelled() => Err(io::Error::other(error)),
        Err(_) if begun_before => Ok(None),
        Err(_) => Err(io::Error::other(
            "the egret runtime is gone: it has no thread to read or write a standard stream on",
        )),
    }
}

#[inline]
fn read(mut file: &File, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let read = uninterrupted(|| file.read(&mut bytes))?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Calls again what a signal has ended.
#[inline]
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Builder, UnhandledPanic};
    use std::future::poll_fn;
    use std::io::ErrorKind;
    use std::sync::mpsc;
    use std::task::Waker;

    #[test]
    fn a_call_that_a_signal_ends_is_made_again_and_no_other() {
        let made = |outcomes: &[Result<usize, ErrorKind>]| {
            let mut calls = 0;
            let result = uninterrupted(|| {
                calls += 1;
                outcomes[calls - 1].map_err(io::Error::from)
            });
            (calls, result.map_err(|error| error.kind()))
        };
        let interrupted = Err(ErrorKind::Interrupted);
        assert_eq!(made(&[interrupted, interrupted, Ok(3)]), (3, Ok(3)));
        assert_eq!(made(&[interrupted, Err(ErrorKind::BrokenPipe), Ok(3)]), (2, Err(ErrorKind::BrokenPipe)));
        assert_eq!(made(&[Ok(0), Ok(3)]), (1, Ok(0)));
    }

    #[test]
    fn a_job_that_panics_is_an_error_and_is_not_begun_again() {
        let rt = Builder::new().unhandled_panic(UnhandledPanic::Ignore).build().unwrap();
        for begun_before in [false, true] {
            let job = rt.block_on(async { spawn_blocking(|| panic!("a job")).await });
            assert_eq!(settle::<()>(job, begun_before).unwrap_err().kind(), ErrorKind::Other);
        }
    }

    #[test]
    #[cfg(not(miri))] // which has no pipes of the kernel's
    fn a_write_that_is_given_up_comes_first_and_the_next_one_is_not_taken_for_it() {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let mut thread = WriteOnThread::new(File::from(std::os::fd::OwnedFd::from(writer)));
        let (open, gate) = mpsc::channel::<()>();
        let written = rt.block_on(async {
            // The only thread has other work, so that the first write cannot be over when it is polled.
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
    #[cfg(not(miri))] // which has no pipes of the kernel's
    fn a_write_whose_job_was_cancelled_before_it_ran_is_begun_again() {
        let rt = Builder::new().max_blocking_threads(1).build().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let mut thread = WriteOnThread::new(File::from(std::os::fd::OwnedFd::from(writer)));
        let (open, gate) = mpsc::channel::<()>();
        let written = rt.block_on(async {
            let busy = spawn_blocking(move || gate.recv());
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(thread.poll_write(cx, b"once").is_pending());
            thread.writing.as_ref().unwrap().job.abort();
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
