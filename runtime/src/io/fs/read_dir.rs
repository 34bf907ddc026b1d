//! [`ReadDir`]: the entries of a folder, read on the pool 64 at a time; [`DirEntry`]: one of them.

use super::job::{FileJob, no_result, on_pool};
use crate::observe::site::Site;
use crate::sys::fs;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::poll_fn;
use std::io;
#[cfg_attr(feature = "sim", allow(unused_imports, reason = "a method there"))]
use std::os::unix::fs::DirEntryExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How many entries a job reads: those of most folders, and a few milliseconds of a slow disk.
const BATCH: usize = 64;

/// The entries of a folder, without `.` and `..`, in the order of the file system; by [`read_dir`](super::read_dir()).
#[derive(Debug)]
pub struct ReadDir {
    read: VecDeque<io::Result<fs::DirEntry>>,
    /// `None` while a job has it, and at the end.
    rest: Option<fs::ReadDir>,
    job: Option<FileJob<EntryBatch>>,
}

pub(super) type EntryBatch = (VecDeque<io::Result<fs::DirEntry>>, Option<fs::ReadDir>);

/// Reads the next entries, on the pool.
#[inline]
pub(super) fn batch(mut rest: fs::ReadDir) -> EntryBatch {
    let read: VecDeque<_> = rest.by_ref().take(BATCH).collect();
    let is_end = read.len() < BATCH;
    (read, (!is_end).then_some(rest))
}

impl ReadDir {
    /// The first entries are read by the job that opens the folder.
    #[inline]
    pub(super) fn new((read, rest): EntryBatch) -> ReadDir {
        ReadDir { read, rest, job: None }
    }

    /// Returns the next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// Those of [`readdir(3)`](https://man7.org/linux/man-pages/man3/readdir.3.html).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no entry is lost.
    #[track_caller]
    #[inline]
    pub fn next_entry(&mut self) -> impl Future<Output = io::Result<Option<DirEntry>>> {
        Site::caller().within(poll_fn(|cx| self.poll_next_entry(cx)))
    }

    /// [`next_entry`](Self::next_entry) as a poll function.
    ///
    /// # Errors
    ///
    /// As `next_entry`.
    #[track_caller]
    #[inline]
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            if let Some(entry) = self.read.pop_front() {
                return Poll::Ready(entry.map(|entry| Some(DirEntry(Arc::new(entry)))));
            }
            if let Some(job) = &mut self.job {
                let outcome = ready!(job.poll(cx));
                self.job = None;
                (self.read, self.rest) = outcome.map_err(no_result)?;
            } else if let Some(rest) = self.rest.take() {
                self.job = Some(FileJob::start(|| batch(rest)));
            } else {
                return Poll::Ready(Ok(None));
            }
        }
    }
}

/// An entry of a folder.
#[derive(Clone, Debug)]
pub struct DirEntry(Arc<fs::DirEntry>);

impl DirEntry {
    /// Returns the path: that of [`read_dir`](super::read_dir()) with the name.
    #[inline]
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Returns the name.
    #[inline]
    pub fn file_name(&self) -> OsString {
        self.0.file_name()
    }

    /// Returns the number of the inode.
    #[inline]
    pub fn ino(&self) -> u64 {
        self.0.ino()
    }

    /// Returns the metadata, without following a symbolic link.
    ///
    /// # Errors
    ///
    /// Those of [`symlink_metadata`](super::symlink_metadata).
    ///
    /// # Cancel safety
    ///
    /// That of [every job](crate::fs#cancel-safety).
    #[track_caller]
    #[inline]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> + use<> {
        let entry = self.0.clone();
        Site::caller().within(on_pool(move || entry.metadata()))
    }

    /// Returns the kind, without following a symbolic link. Most file systems say it with the name; it is a job
    /// nevertheless, for those that do not.
    ///
    /// # Errors
    ///
    /// Those of [`symlink_metadata`](super::symlink_metadata).
    ///
    /// # Cancel safety
    ///
    /// That of [every job](crate::fs#cancel-safety).
    #[track_caller]
    #[inline]
    pub fn file_type(&self) -> impl Future<Output = io::Result<FileType>> + use<> {
        let entry = self.0.clone();
        Site::caller().within(on_pool(move || entry.file_type()))
    }
}
