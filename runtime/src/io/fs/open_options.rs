//! [`OpenOptions`]: how a file is opened.

use super::File;
use super::file::opened;
use super::job::at_path;
use crate::sys::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How a file is opened, as [`std::fs::OpenOptions`] has it.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_runtime::fs::OpenOptions;
///
/// let path = std::env::temp_dir().join(format!("egret-log-{}", std::process::id()));
/// let mut log = OpenOptions::new().append(true).create(true).mode(0o600).open(&path).await?;
/// log.write_all(b"started\n").await?;
/// assert_eq!(egret_runtime::fs::read(&path).await?, b"started\n");
/// # egret_runtime::fs::remove_file(path).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    std: fs::OpenOptions,
    is_append: bool,
}

impl OpenOptions {
    /// Creates options with nothing switched on: call [`read`](Self::read), [`write`](Self::write) or
    /// [`append`](Self::append).
    #[inline]
    #[expect(clippy::new_without_default, reason = "neither std's nor tokio's has one")]
    pub fn new() -> OpenOptions {
        OpenOptions { std: fs::OpenOptions::new(), is_append: false }
    }

    /// Sets whether the file is opened to be read.
    #[inline]
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.std.read(read);
        self
    }

    /// Sets whether the file is opened to be written, from the start; earlier content is overwritten.
    #[inline]
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.std.write(write);
        self
    }

    /// Sets whether each write goes to the end of the file (`O_APPEND`). Several processes may append to one file.
    #[inline]
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.std.append(append);
        self.is_append = append;
        self
    }

    /// Empties the file, which is opened to write.
    #[inline]
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.std.truncate(truncate);
        self
    }

    /// Creates the file, unless it is there.
    #[inline]
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.std.create(create);
        self
    }

    /// Creates the file, and fails with [`AlreadyExists`](io::ErrorKind::AlreadyExists) if it is there.
    #[inline]
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.std.create_new(create_new);
        self
    }

    /// Sets the permissions of a file that is created, less those of the process's `umask`. 0o666 if it is not called.
    #[inline]
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        self.std.mode(mode);
        self
    }

    /// Sets further flags for [`open(2)`](https://man7.org/linux/man-pages/man2/open.2.html), such as `O_NOFOLLOW`.
    /// For `O_APPEND` call [`append`](Self::append).
    #[inline]
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        self.std.custom_flags(flags);
        self
    }

    /// Opens a file. See the [module](crate::fs) for errors and cancel safety.
    #[track_caller]
    #[inline]
    pub fn open(&self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        let (options, is_append) = (self.std.clone(), self.is_append);
        opened(at_path(path, move |path| options.open(path)), 0, is_append)
    }
}
