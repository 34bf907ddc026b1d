//! [`ReadDir`]: the entries of a directory, on either disk; [`DirEntry`]: one of them.

use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::PathBuf;
use std::vec;

/// The entries of a directory; on a simulated disk by name.
#[derive(Debug)]
pub(crate) enum ReadDir {
    Real(fs::ReadDir),
    Simulated(PathBuf, vec::IntoIter<fs::DirEntry>),
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        match self {
            ReadDir::Real(entries) => {
                let entry = entries.next()?;
                Some(entry.map(|std| DirEntry { path: std.path(), std }))
            }
            ReadDir::Simulated(folder, entries) => {
                let std = entries.next()?;
                Some(Ok(DirEntry { path: folder.join(std.file_name()), std }))
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct DirEntry {
    std: fs::DirEntry,
    path: PathBuf,
}

impl DirEntry {
    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    pub(crate) fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    pub(crate) fn ino(&self) -> u64 {
        self.std.ino()
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.std.metadata()
    }

    pub(crate) fn file_type(&self) -> io::Result<FileType> {
        self.std.file_type()
    }
}
