//! The chunks of a [`File`], one job each.
//!
//! * There is at most one call in progress. That of a read is dropped with the read; that of a write stays, and whatever
//!   comes next waits for it, so that it cannot land on later bytes.
//! * A poll must know whether the write in progress is its own: by its position and its bytes.
//! * A runtime may end before the call has begun. The next poll, on another runtime, begins it anew.

use super::File;
use crate::io::fs::job::{Job, no_result};
use crate::io::{AsyncRead, AsyncWrite};
use std::io::{self, Seek, Write};
use std::os::unix::fs::FileExt;
use std::task::{Context, Poll, ready};

/// The most that one job reads or writes: twice the kernel's usual readahead.
pub(super) const MOST: usize = 256 * 1024;

/// A call that a thread makes, with the file's position before it.
#[derive(Debug)]
pub(super) enum Call {
    Read(u64, Job<io::Result<Vec<u8>>>),
    Write(u64, Job<Written>),
}

/// The bytes of a write, how many were written and the position after them.
type Written = (Vec<u8>, io::Result<(usize, u64)>);

/// Ends a read whose future is dropped.
pub(super) struct GivenUp<'a>(pub(super) &'a mut File);

impl Drop for GivenUp<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.call.take_if(|call| matches!(call, Call::Read(..)));
    }
}

impl File {
    /// Reads the next chunk, of at most so many bytes.
    #[track_caller]
    #[inline]
    pub(in crate::io::fs) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<Vec<u8>>> {
        if most == 0 {
            return Poll::Ready(Ok(Vec::new()));
        }
        let mut is_new = false;
        loop {
            match &mut self.call {
                Some(Call::Read(at, job)) if *at == self.position => {
                    let outcome = ready!(job.poll(cx));
                    self.call = None;
                    match outcome {
                        Ok(read) => {
                            let mut chunk = read?;
                            chunk.truncate(most);
                            self.position += chunk.len() as u64;
                            return Poll::Ready(Ok(chunk));
                        }
                        Err(error) if is_new || !error.is_cancelled() => {
                            return Poll::Ready(Err(no_result(error)));
                        }
                        Err(_) => {}
                    }
                }
                Some(Call::Read(..)) => self.call = None,
                Some(Call::Write(..)) => ready!(self.poll_settled(cx)),
                None => {
                    let (file, at, len) = (self.file.clone(), self.position, most.min(MOST));
                    let read = move || {
                        let mut chunk = vec![0; len];
                        let n = uninterrupted(|| file.read_at(&mut chunk, at))?;
                        chunk.truncate(n);
                        Ok(chunk)
                    };
                    self.call = Some(Call::Read(at, Job::start(read)));
                    is_new = true;
                }
            }
        }
    }

    /// Waits for the write in progress; ends the read.
    #[track_caller]
    #[inline]
    pub(super) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(Call::Write(_, job)) = &mut self.call {
            // Its future was dropped, and so is its result.
            let _ = ready!(job.poll(cx));
        }
        self.call = None;
        Poll::Ready(())
    }
}

impl AsyncRead for File {
    #[track_caller]
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let chunk = ready!(self.poll_chunk(cx, buf.len()))?;
        buf[..chunk.len()].copy_from_slice(&chunk);
        Poll::Ready(Ok(chunk.len()))
    }
}

impl AsyncWrite for File {
    #[track_caller]
    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut is_new = false;
        loop {
            match &mut self.call {
                Some(Call::Write(at, job)) => {
                    let (outcome, at) = (ready!(job.poll(cx)), *at);
                    self.call = None;
                    match outcome {
                        Ok((given, written)) if at == self.position && buf.starts_with(&given) => {
                            let (n, position) = written?;
                            self.position = position;
                            return Poll::Ready(Ok(n));
                        }
                        Ok(_) => {} // of a future that was dropped
                        Err(error) if is_new || !error.is_cancelled() => {
                            return Poll::Ready(Err(no_result(error)));
                        }
                        Err(_) => {}
                    }
                }
                Some(Call::Read(..)) => self.call = None,
                None => {
                    let (file, at, is_append) = (self.file.clone(), self.position, self.is_append);
                    let bytes = buf[..buf.len().min(MOST)].to_vec();
                    let write = move || {
                        let written = match is_append {
                            true => uninterrupted(|| (&*file).write(&bytes))
                                .and_then(|n| Ok((n, (&*file).stream_position()?))),
                            false => uninterrupted(|| file.write_at(&bytes, at)).map(|n| (n, at + n as u64)),
                        };
                        (bytes, written)
                    };
                    self.call = Some(Call::Write(at, Job::start(write)));
                    is_new = true;
                }
            }
        }
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_settled(cx).map(Ok)
    }

    /// Flushes; the drop closes the file.
    #[inline]
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_settled(cx).map(Ok)
    }
}

/// Repeats a call that a signal interrupted.
#[inline]
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
