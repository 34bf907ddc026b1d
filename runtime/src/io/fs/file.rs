//! [`File`]: an open file, its position, and the call in progress.
//!
//! A [`File`] keeps its own position and uses `pread` and `pwrite`, so a read that is given up moves nothing. With
//! `O_APPEND` a write moves the kernel's position to the end of the file, and the `File` takes it over.

mod descriptor; // that of the file, borrowed, and that of a file of std
mod polls; // the chunks

use super::OpenOptions;
use super::job::{at_path, on_pool};
use crate::io::traits::{self, AsyncRead, AsyncWrite};
use crate::observe::site::Site;
use crate::sys::fs;
use polls::{FileCall, GivenUp, MOST};
use std::fs::{Metadata, Permissions};
use std::future::poll_fn;
use std::io::{self, IoSlice, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// An open file, with a position of its own.
///
/// Each `read` and `write` is a job on the pool: see the [module](crate::fs). Small pieces are better read through a `BufReader` of
/// tokio or futures-lite, with the features `tokio-io` and `futures-io`, which have `AsyncSeek` too. It has egret's traits, for
/// [`io::copy`](crate::io::copy).
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_runtime::fs::{self, File};
/// use std::io::SeekFrom;
///
/// let path = std::env::temp_dir().join(format!("egret-file-{}", std::process::id()));
/// let mut file = File::create_new(&path).await?;
/// file.write_all(b"one two three").await?;
/// file.sync_all().await?; // on the disk
/// file.seek(SeekFrom::Start(4)).await?;
/// let mut word = [0; 3];
/// file.read_exact(&mut word).await?;
/// assert_eq!(&word, b"two");
/// fs::remove_file(path).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # The position
///
/// It starts at 0, or where [`from_std`](File::from_std) found it. The kernel's own position is not moved, but for appends: what
/// shares the descriptor, such as a [`try_clone`](File::try_clone) or a child process, has its own. Files without positions, such as
/// pipes and terminals, fail with `ESPIPE`.
#[derive(Debug)]
pub struct File {
    file: Arc<fs::File>,
    position: u64,
    is_append: bool,
    call: Option<FileCall>,
}

impl File {
    #[inline]
    fn new(file: fs::File, position: u64, is_append: bool) -> File {
        File { file: Arc::new(file), position, is_append, call: None }
    }

    /// Opens a file to read.
    ///
    /// See the [module](crate::fs) for errors and cancel safety.
    #[track_caller]
    #[inline]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        opened(at_path(path, fs::File::open), 0, false)
    }

    /// Opens a file to write: creates it, or empties it.
    ///
    /// See the [module](crate::fs) for errors and cancel safety.
    #[track_caller]
    #[inline]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        opened(at_path(path, fs::File::create), 0, false)
    }

    /// Creates a file, to read and write; [`AlreadyExists`](io::ErrorKind::AlreadyExists) if it is there.
    ///
    /// See the [module](crate::fs) for errors and cancel safety.
    #[track_caller]
    #[inline]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<File>> {
        opened(at_path(path, fs::File::create_new), 0, false)
    }

    /// [`OpenOptions::new`].
    #[inline]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes a file that is open already, from its position on. One with `O_APPEND` is to be opened by
    /// [`OpenOptions`]: a write to it goes to its end, but moves the position only by its length.
    #[inline]
    pub fn from_std(mut file: std::fs::File) -> File {
        let position = file.stream_position().unwrap_or(0); // a file without positions fails at its first use
        File::new(fs::adopt(file), position, false)
    }

    /// Returns the file for calls that do not wait, and for `sendfile` of a stream.
    #[inline]
    pub fn as_std(&self) -> &std::fs::File {
        fs::as_std(&self.file)
    }

    /// Returns the file, at its position.
    ///
    /// # Errors
    ///
    /// The file itself, while an operation whose future was dropped is in progress.
    #[inline]
    pub fn try_into_std(self) -> Result<std::fs::File, File> {
        let File { file, position, is_append, call } = self;
        match Arc::try_unwrap(file) {
            Ok(file) => {
                let mut file = fs::into_std(file);
                let _ = file.seek(SeekFrom::Start(position)); // or it has none
                Ok(file)
            }
            Err(file) => Err(File { file, position, is_append, call }),
        }
    }

    /// Creates another `File` for the same open file, with a position of its own, which starts here.
    ///
    /// See the [module](crate::fs) for errors and cancel safety.
    #[track_caller]
    #[inline]
    pub fn try_clone(&self) -> impl Future<Output = io::Result<File>> + use<> {
        let (file, position, is_append) = (self.file.clone(), self.position, self.is_append);
        opened(Site::caller().within(on_pool(move || file.try_clone())), position, is_append)
    }

    /// Reads up to 256 KiB, and returns the number of bytes; 0 at the end of the file.
    ///
    /// # Errors
    ///
    /// Those of [`pread(2)`](https://man7.org/linux/man-pages/man2/pread.2.html).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the position is where it was: no byte is lost.
    #[track_caller]
    #[inline]
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let file = GivenUp(self);
            poll_fn(|cx| file.0.poll_read(cx, buf)).await
        })
    }

    /// Fills `buf`, and returns its length.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read); [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the file ends before.
    ///
    /// # Cancel safety
    ///
    /// None: the position is after the bytes that were read.
    #[track_caller]
    #[inline]
    pub fn read_exact(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let file = GivenUp(self);
            traits::read_exact(file.0, buf).await
        })
    }

    /// Appends what is left of the file to `buf`, and returns the number of bytes.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read). `buf` has what was read before.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, `buf` has what was read, and the position is after it: call it again to go on.
    #[track_caller]
    #[inline]
    pub fn read_to_end(&mut self, buf: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let (file, before) = (GivenUp(self), buf.len());
            loop {
                let chunk = poll_fn(|cx| file.0.poll_chunk(cx, MOST)).await?;
                if chunk.is_empty() {
                    return Ok(buf.len() - before);
                }
                buf.extend_from_slice(&chunk);
            }
        })
    }

    /// Appends what is left of the file to `text`, and returns the number of bytes.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read); [`InvalidData`](io::ErrorKind::InvalidData) when it is not UTF-8. `text` is then as it was.
    ///
    /// # Cancel safety
    ///
    /// None: what was read is lost, and the position is after it.
    #[track_caller]
    #[inline]
    pub fn read_to_string(&mut self, text: &mut String) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            let mut bytes = Vec::new();
            self.read_to_end(&mut bytes).await?;
            let read = std::str::from_utf8(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            text.push_str(read);
            Ok(read.len())
        })
    }

    /// Writes up to 256 KiB, and returns the number of bytes, which are then with the kernel; for the disk see
    /// [`sync_all`](Self::sync_all).
    ///
    /// # Errors
    ///
    /// Those of [`pwrite(2)`](https://man7.org/linux/man-pages/man2/pwrite.2.html).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the position is where it was, and the bytes may be in the file nevertheless. The next operation
    /// waits until they are or are not, so the same write may be made again, except to a file that is open to append.
    #[track_caller]
    #[inline]
    pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(poll_fn(move |cx| self.poll_write(cx, buf)))
    }

    /// [`write`](Self::write) of several slices, as if they were one.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    ///
    /// # Cancel safety
    ///
    /// That of `write`.
    #[track_caller]
    #[inline]
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(poll_fn(move |cx| self.poll_write_slices(cx, bufs)))
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// None: how much was written cannot be told.
    #[track_caller]
    #[inline]
    pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(traits::write_all(self, buf))
    }

    /// Waits for the write of a dropped future, if one is in progress. There is nothing else to flush.
    ///
    /// # Errors
    ///
    /// None.
    ///
    /// # Cancel safety
    ///
    /// Safe: the write goes on.
    #[track_caller]
    #[inline]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(poll_fn(|cx| self.poll_settled(cx).map(Ok)))
    }

    /// Moves the position, also beyond the end of the file, and returns it. Only [`SeekFrom::End`] is a job.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a position below 0 or above 2^63 - 1.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the position is where it was.
    #[track_caller]
    #[inline]
    pub fn seek(&mut self, position: SeekFrom) -> impl Future<Output = io::Result<u64>> {
        Site::caller().within(async move {
            let file = GivenUp(self);
            poll_fn(|cx| file.0.poll_seek(cx, position)).await
        })
    }

    /// Writes what the kernel has of the file to the disk, and the file's length and times.
    ///
    /// # Errors
    ///
    /// Those of [`fsync(2)`](https://man7.org/linux/man-pages/man2/fsync.2.html), also for a write that had completed.
    ///
    /// # Cancel safety
    ///
    /// That of [every job](crate::fs#cancel-safety).
    #[track_caller]
    #[inline]
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> + use<> {
        self.with(|file| file.sync_all())
    }

    /// [`sync_all`](Self::sync_all) without what is not needed to read the bytes again, such as the times.
    ///
    /// # Errors
    ///
    /// As `sync_all`.
    ///
    /// # Cancel safety
    ///
    /// That of [every job](crate::fs#cancel-safety).
    #[track_caller]
    #[inline]
    pub fn sync_data(&self) -> impl Future<Output = io::Result<()>> + use<> {
        self.with(|file| file.sync_data())
    }

    /// Cuts the file, or lengthens it by zeros. The position stays.
    ///
    /// # Errors
    ///
    /// Those of [`ftruncate(2)`](https://man7.org/linux/man-pages/man2/ftruncate.2.html).
    ///
    /// # Cancel safety
    ///
    /// That of [every job](crate::fs#cancel-safety).
    #[track_caller]
    #[inline]
    pub fn set_len(&self, len: u64) -> impl Future<Output = io::Result<()>> + use<> {
        self.with(move |file| file.set_len(len))
    }

    /// Returns the metadata of the file: its kind, length, times and permissions.
    ///
    /// # Errors
    ///
    /// Those of [`fstat(2)`](https://man7.org/linux/man-pages/man2/fstat.2.html).
    ///
    /// # Cancel safety
    ///
    /// That of [every job](crate::fs#cancel-safety).
    #[track_caller]
    #[inline]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> + use<> {
        self.with(|file| file.metadata())
    }

    /// Sets the permissions.
    ///
    /// # Errors
    ///
    /// Those of [`fchmod(2)`](https://man7.org/linux/man-pages/man2/fchmod.2.html).
    ///
    /// # Cancel safety
    ///
    /// That of [every job](crate::fs#cancel-safety).
    #[track_caller]
    #[inline]
    pub fn set_permissions(&self, permissions: Permissions) -> impl Future<Output = io::Result<()>> + use<> {
        self.with(move |file| file.set_permissions(permissions))
    }

    #[track_caller]
    #[inline]
    fn with<T, F>(&self, call: F) -> impl Future<Output = io::Result<T>> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&fs::File) -> io::Result<T> + Send + 'static,
    {
        let file = self.file.clone();
        Site::caller().within(on_pool(move || call(&file)))
    }
}

#[inline]
pub(super) async fn opened(
    open: impl Future<Output = io::Result<fs::File>>,
    position: u64,
    is_append: bool,
) -> io::Result<File> {
    Ok(File::new(open.await?, position, is_append))
}
