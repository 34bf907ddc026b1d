//! `std::fs`, as `io/fs` needs it. The simulated kernel has the same names in `sys/switch/fs.rs`.

pub(crate) use std::fs::*;
pub(crate) use std::os::unix::fs::symlink;

/// A file that is open already.
#[inline]
pub(crate) fn adopt(file: File) -> File {
    file
}

#[inline]
pub(crate) fn as_std(file: &File) -> &File {
    file
}

#[inline]
pub(crate) fn into_std(file: File) -> File {
    file
}
