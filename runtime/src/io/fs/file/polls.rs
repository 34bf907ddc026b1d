//! The chunks of a [`File`], one job each.
//!
//! * There is at most one call in progress. That of a read or a seek is dropped with it, or by whatever comes next; that of a
//!   write stays, and whatever comes next waits for it, so that it cannot land on later bytes.
//! * A poll must know whether the write in progress is its own: by its position and its bytes.
//! * A runtime may end before the call has begun. The next poll, on another runtime, begins it anew.

use super::File;
use crate::io::fs::job::{FileJob, no_result};
use crate::io::{AsyncRead, AsyncWrite};
use crate::sys::uninterrupted;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::task::{Context, Poll, ready};

/// The most that one job reads or writes: twice the kernel's usual readahead.
pub(super) const MOST: usize = 256 * 1024;

/// A call that a thread makes, with the file's position before it.
#[derive(Debug)]
pub(super) enum FileCall {
    Read(u64, FileJob<io::Result<Vec<u8>>>),
    Write(u64, FileJob<Written>),
    /// Only one from the end has a job, once it was polled.
    Seek(SeekFrom, Option<FileJob<io::Result<u64>>>),
}

/// The bytes of a write, how many were written and the position after them.
type Written = (Vec<u8>, io::Result<(usize, u64)>);

/// Ends a read or a seek whose future is dropped.
pub(super) struct GivenUp<'a>(pub(super) &'a mut File);

impl Drop for GivenUp<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.call.take_if(|call| !matches!(call, FileCall::Write(..)));
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
                Some(FileCall::Read(at, job)) if *at == self.position => {
                    let outcome = ready!(job.poll(cx));
                    self.call = None;
                    match outcome {
                        Ok(read) => {
                            let mut chunk = read?;
                            chunk.truncate(most);
                            self.position += chunk.len() as u64;
                            return Poll::Ready(Ok(chunk));
                        }
                        // A call of an earlier poll may have been cancelled with its runtime: it is begun again, but only once.
                        Err(error) if is_new || !error.is_cancelled() => {
                            return Poll::Ready(Err(no_result(error)));
                        }
                        Err(_) => {}
                    }
                }
                // A call of a dropped future or at another position: its result is of no use.
                Some(FileCall::Read(..) | FileCall::Seek(..)) => self.call = None,
                Some(FileCall::Write(..)) => ready!(self.poll_settled(cx)),
                None => {
                    let (file, at, len) = (self.file.clone(), self.position, most.min(MOST));
                    let read = move || {
                        let mut chunk = vec![0; len];
                        let n = uninterrupted(|| file.read_at(&mut chunk, at))?;
                        chunk.truncate(n);
                        Ok(chunk)
                    };
                    self.call = Some(FileCall::Read(at, FileJob::start(read)));
                    is_new = true;
                }
            }
        }
    }

    /// Writes the next chunk of these bytes, as if they were one slice.
    #[track_caller]
    #[inline]
    pub(in crate::io::fs) fn poll_write_slices(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let mut is_new = false;
        loop {
            match &mut self.call {
                Some(FileCall::Write(at, job)) => {
                    let (outcome, at) = (ready!(job.poll(cx)), *at);
                    self.call = None;
                    match outcome {
                        Ok((given, written)) if at == self.position && begins_with(bufs, &given) => {
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
                Some(FileCall::Read(..) | FileCall::Seek(..)) => self.call = None,
                None => {
                    let (file, at, is_append) = (self.file.clone(), self.position, self.is_append);
                    let bytes = gathered(bufs);
                    let write = move || {
                        let written = match is_append {
                            true => uninterrupted(|| (&*file).write(&bytes))
                                .and_then(|n| Ok((n, (&*file).stream_position()?))),
                            false => uninterrupted(|| file.write_at(&bytes, at)).map(|n| (n, at + n as u64)),
                        };
                        (bytes, written)
                    };
                    self.call = Some(FileCall::Write(at, FileJob::start(write)));
                    is_new = true;
                }
            }
        }
    }

    /// Moves the position.
    #[track_caller]
    #[inline]
    pub(in crate::io::fs) fn poll_seek(
        &mut self,
        cx: &mut Context<'_>,
        position: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        let found = match position {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => loop {
                match &mut self.call {
                    Some(FileCall::Seek(before, Some(job))) if *before == position => {
                        let outcome = ready!(job.poll(cx));
                        self.call = None;
                        break Some(outcome.map_err(no_result)??);
                    }
                    Some(FileCall::Write(..)) => ready!(self.poll_settled(cx)),
                    _ => {
                        let file = self.file.clone();
                        let seek = move || (&*file).seek(SeekFrom::End(by));
                        self.call = Some(FileCall::Seek(position, Some(FileJob::start(seek))));
                    }
                }
            },
        };
        self.call.take_if(|call| matches!(call, FileCall::Seek(..)));
        let in_range = found.filter(|position| i64::try_from(*position).is_ok());
        self.position = in_range.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Poll::Ready(Ok(self.position))
    }

    /// The next [`poll_sought`](Self::poll_sought) moves the position; anything else forgets it.
    #[cfg(feature = "tokio-io")]
    #[inline]
    pub(in crate::io::fs) fn start_seek(&mut self, position: SeekFrom) -> io::Result<()> {
        if matches!(self.call, Some(FileCall::Write(..))) {
            return Err(io::Error::other("a write is in progress"));
        }
        self.call = Some(FileCall::Seek(position, None));
        Ok(())
    }

    #[cfg(feature = "tokio-io")]
    #[track_caller]
    #[inline]
    pub(in crate::io::fs) fn poll_sought(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let Some(FileCall::Seek(position, _)) = self.call {
            return self.poll_seek(cx, position);
        }
        ready!(self.poll_settled(cx));
        Poll::Ready(Ok(self.position))
    }

    /// Waits for the write in progress; ends the read or the seek.
    #[track_caller]
    #[inline]
    pub(super) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(FileCall::Write(_, job)) = &mut self.call {
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
        self.poll_write_slices(cx, &[IoSlice::new(buf)])
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

/// Returns the first of these bytes, as many as a job writes.
#[inline]
fn gathered(bufs: &[IoSlice<'_>]) -> Vec<u8> {
    let len = bufs.iter().map(|buf| buf.len()).fold(0, usize::saturating_add).min(MOST);
    let mut bytes = Vec::with_capacity(len);
    for buf in bufs {
        bytes.extend_from_slice(&buf[..buf.len().min(len - bytes.len())]);
    }
    bytes
}

/// Returns whether the first of these bytes are `given`.
#[inline]
fn begins_with(bufs: &[IoSlice<'_>], mut given: &[u8]) -> bool {
    bufs.iter().all(|buf| {
        let (here, after) = given.split_at(given.len().min(buf.len()));
        given = after;
        buf.starts_with(here)
    }) && given.is_empty()
}
