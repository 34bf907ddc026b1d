//! [`OpenOptions`]: pipes that have a name, which `mkfifo(3)` makes.

use super::{End, Receiver, Sender, check};
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
    /// For reading or for writing, and only what is a FIFO.
    #[inline]
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Opens the FIFO for both, whichever end it is to be; false by default.
    ///
    /// A sender is then opened also where nobody reads yet. A receiver never sees the end, as it may write itself:
    /// without this, a FIFO whose writers are all gone is at its end until the next one opens it.
    #[inline]
    pub fn read_write(&mut self, value: bool) -> &mut OpenOptions {
        self.read_write = value;
        self
    }

    /// Opens what is there without a look at whether it is a FIFO; false by default. What cannot be polled is
    /// refused all the same.
    #[inline]
    pub fn unchecked(&mut self, value: bool) -> &mut OpenOptions {
        self.unchecked = value;
        self
    }

    /// Opens the end to read from. This does not wait for a writer; reading does.
    ///
    /// When the first writer is gone, and every other that came in between, the receiver is at its end. To read from the
    /// next writer, open it again: the new receiver waits for one.
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
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when `path` names no FIFO; those of
    /// [`open(2)`](https://man7.org/linux/man-pages/man2/open.2.html).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn open_receiver(&self, path: impl AsRef<Path>) -> io::Result<Receiver> {
        let access = Access { read: true, write: self.read_write };
        Receiver::registered(self.open(path.as_ref(), access, End::Reading)?, Start::Empty)
    }

    /// Opens the end to write to.
    ///
    /// # Errors
    ///
    /// `ENXIO` when nobody has the FIFO open for reading, which a sender cannot wait for: try again later, or see
    /// [`read_write`](OpenOptions::read_write); [`InvalidInput`](io::ErrorKind::InvalidInput) when `path` names no
    /// FIFO; those of [`open(2)`](https://man7.org/linux/man-pages/man2/open.2.html).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn open_sender(&self, path: impl AsRef<Path>) -> io::Result<Sender> {
        let access = Access { read: self.read_write, write: true };
        Sender::registered(self.open(path.as_ref(), access, End::Writing)?)
    }

    #[inline]
    fn open(&self, path: &Path, access: Access, end: End) -> io::Result<Fd> {
        let fd = Backend::current().open(path, access)?;
        if self.unchecked { Ok(fd) } else { check(OwnedFd::from(fd), end) }
    }
}
