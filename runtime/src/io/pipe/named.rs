//! [`OpenOptions`]: named pipes, made by `mkfifo(3)`.

use super::{PipeEnd, Receiver, Sender, check};
use crate::io::Start;
use crate::sys::{Access, Backend, Fd};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// How to open a FIFO: see [`fifo(7)`](https://man7.org/linux/man-pages/man7/fifo.7.html).
///
/// ```no_run
/// use egret_runtime::io::pipe::OpenOptions;
///
/// # egret_runtime::block_on(async {
/// let mut receiver = OpenOptions::new().open_receiver("/run/service.fifo")?;
/// let mut sender = OpenOptions::new().open_sender("/run/service.fifo")?;
/// sender.write_all(b"reload\n").await?;
/// let mut line = [0; 64];
/// let n = receiver.read(&mut line).await?;
/// assert_eq!(&line[..n], b"reload\n");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// Opens for reading or for writing, and only a FIFO.
    #[inline]
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Opens the FIFO for both directions, whichever end it becomes; false by default.
    ///
    /// A sender can then be opened without a reader. A receiver never sees the end, because it is a writer itself;
    /// without this, a FIFO whose writers are all gone is at its end until the next one opens it.
    #[inline]
    pub fn read_write(&mut self, value: bool) -> &mut OpenOptions {
        self.read_write = value;
        self
    }

    /// Skips the check that the file is a FIFO; false by default. A file that cannot be polled is refused all the
    /// same.
    #[inline]
    pub fn unchecked(&mut self, value: bool) -> &mut OpenOptions {
        self.unchecked = value;
        self
    }

    /// Opens the read end. This does not wait for a writer; reading does.
    ///
    /// The receiver is at its end when the first writer, and each that came meanwhile, is gone. To read from the next
    /// writer, open it again: the new receiver waits for one.
    ///
    /// ```no_run
    /// use egret_runtime::io::pipe::OpenOptions;
    ///
    /// # egret_runtime::block_on(async {
    /// loop {
    ///     let mut receiver = OpenOptions::new().open_receiver("/run/service.fifo")?;
    ///     let mut message = Vec::new();
    ///     receiver.read_to_end(&mut message).await?; // until all writers have closed it
    ///     println!("{} bytes", message.len());
    /// }
    /// # #[allow(unreachable_code)]
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when `path` is no FIFO; those of
    /// [`open(2)`](https://man7.org/linux/man-pages/man2/open.2.html).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn open_receiver(&self, path: impl AsRef<Path>) -> io::Result<Receiver> {
        let access = Access { read: true, write: self.read_write };
        Receiver::registered(self.open(path.as_ref(), access, PipeEnd::Reading)?, Start::Empty)
    }

    /// Opens the write end.
    ///
    /// # Errors
    ///
    /// `ENXIO` when the FIFO has no reader, which a sender cannot wait for: try again later, or see
    /// [`read_write`](OpenOptions::read_write); [`InvalidInput`](io::ErrorKind::InvalidInput) when `path` is no FIFO;
    /// those of [`open(2)`](https://man7.org/linux/man-pages/man2/open.2.html).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn open_sender(&self, path: impl AsRef<Path>) -> io::Result<Sender> {
        let access = Access { read: self.read_write, write: true };
        Sender::registered(self.open(path.as_ref(), access, PipeEnd::Writing)?)
    }

    #[inline]
    fn open(&self, path: &Path, access: Access, end: PipeEnd) -> io::Result<Fd> {
        let fd = Backend::current().open(path, access)?;
        if self.unchecked { Ok(fd) } else { check(OwnedFd::from(fd), end) }
    }
}
