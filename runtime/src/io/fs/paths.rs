//! The functions that take paths: each is the one of `std::fs` as one job.

use super::job::{at_path, at_paths};
use super::read_dir::{ReadDir, batch};
use crate::sys::fs;
use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

/// Returns the path without symbolic links, `.` and `..`, from the root.
///
/// See [`realpath(3)`](https://man7.org/linux/man-pages/man3/realpath.3.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn canonicalize(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    at_path(path, fs::canonicalize)
}

/// Copies the content and the permissions of a file, and returns the number of bytes.
///
/// See [`copy_file_range(2)`](https://man7.org/linux/man-pages/man2/copy_file_range.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> impl Future<Output = io::Result<u64>> {
    at_paths(from, to, fs::copy)
}

/// Creates a folder, whose parent is there.
///
/// See [`mkdir(2)`](https://man7.org/linux/man-pages/man2/mkdir.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn create_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    at_path(path, fs::create_dir)
}

/// Creates a folder and its parents, unless they are there.
///
/// See the [module](crate::fs) for errors and cancel safety.
#[track_caller]
#[inline]
pub fn create_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    at_path(path, fs::create_dir_all)
}

/// Gives a file another name.
///
/// See [`link(2)`](https://man7.org/linux/man-pages/man2/link.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    at_paths(original, link, fs::hard_link)
}

/// Returns the metadata of a file: its kind, length, times and permissions. Follows symbolic links.
///
/// See [`stat(2)`](https://man7.org/linux/man-pages/man2/stat.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    at_path(path, fs::metadata)
}

/// Reads a whole file. For one that is too large for memory, [`File::read`](super::File::read).
///
/// See the [module](crate::fs) for errors and cancel safety.
#[track_caller]
#[inline]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> {
    at_path(path, fs::read)
}

/// Returns the entries of a folder: a stream of them, read 64 at a time.
///
/// See the [module](crate::fs) for errors and cancel safety.
///
/// ```
/// # egret_runtime::block_on(async {
/// let mut entries = egret_runtime::fs::read_dir("/proc/self/task").await?;
/// let mut threads = 0;
/// while let Some(entry) = entries.next_entry().await? {
///     assert!(entry.file_type().await?.is_dir());
///     threads += 1;
/// }
/// assert!(threads >= 1);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
#[inline]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<ReadDir>> {
    let open = at_path(path, |path| fs::read_dir(path).map(batch));
    async move { Ok(ReadDir::new(open.await?)) }
}

/// Returns the path in a symbolic link.
///
/// See [`readlink(2)`](https://man7.org/linux/man-pages/man2/readlink.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn read_link(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    at_path(path, fs::read_link)
}

/// Reads a whole file as UTF-8; [`InvalidData`](io::ErrorKind::InvalidData) when it is not.
///
/// See the [module](crate::fs) for errors and cancel safety.
#[track_caller]
#[inline]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> {
    at_path(path, fs::read_to_string)
}

/// Removes an empty folder.
///
/// See [`rmdir(2)`](https://man7.org/linux/man-pages/man2/rmdir.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn remove_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    at_path(path, fs::remove_dir)
}

/// Removes a folder and all that is in it, without following symbolic links.
///
/// See the [module](crate::fs) for errors and cancel safety.
#[track_caller]
#[inline]
pub fn remove_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    at_path(path, fs::remove_dir_all)
}

/// Removes a file, or a symbolic link.
///
/// See [`unlink(2)`](https://man7.org/linux/man-pages/man2/unlink.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn remove_file(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    at_path(path, fs::remove_file)
}

/// Renames a file or a folder, and replaces what has the name `to`.
///
/// See [`rename(2)`](https://man7.org/linux/man-pages/man2/rename.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    at_paths(from, to, fs::rename)
}

/// Sets the permissions of a file.
///
/// See [`chmod(2)`](https://man7.org/linux/man-pages/man2/chmod.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn set_permissions(
    path: impl AsRef<Path>,
    permissions: Permissions,
) -> impl Future<Output = io::Result<()>> {
    at_path(path, move |path| fs::set_permissions(path, permissions))
}

/// Makes a symbolic link to `original`.
///
/// See [`symlink(2)`](https://man7.org/linux/man-pages/man2/symlink.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    at_paths(original, link, fs::symlink)
}

/// [`metadata`] of a symbolic link itself.
///
/// See [`lstat(2)`](https://man7.org/linux/man-pages/man2/lstat.2.html), and the [module](crate::fs) for errors and
/// cancel safety.
#[track_caller]
#[inline]
pub fn symlink_metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    at_path(path, fs::symlink_metadata)
}

/// Returns whether there is a file. An error means that it cannot be said, for example without permission for a
/// folder above it.
///
/// See the [module](crate::fs) for errors and cancel safety.
#[track_caller]
#[inline]
pub fn try_exists(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> {
    at_path(path, fs::exists)
}

/// Writes a whole file: creates it, or replaces its content.
///
/// The content is copied, so that the job can own it; a `Vec` of one's own goes to a job without a copy by
/// [`spawn_blocking`](crate::task::spawn_blocking). A reader may see a part of it: write a file of another name, and
/// [`rename`] it.
///
/// See the [module](crate::fs) for errors and cancel safety.
#[track_caller]
#[inline]
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> impl Future<Output = io::Result<()>> {
    let contents = contents.as_ref().to_owned();
    at_path(path, move |path| fs::write(path, contents))
}
