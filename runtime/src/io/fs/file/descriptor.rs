//! A [`File`] from one of std, and its descriptor.

use super::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

impl From<std::fs::File> for File {
    #[inline]
    fn from(file: std::fs::File) -> File {
        File::from_std(file)
    }
}

impl AsFd for File {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for File {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}
