//! [`Script`]: a stream whose other end is a list of steps, without a kernel.
//!
//! * The steps are those of the other end, in its order: it sends what the program reads, and waits for what the program
//!   writes. `script/steps.rs` carries them out, at the polls of the stream.
//! * `script/traits.rs` gives the stream the traits of egret, and with their features those of tokio, futures-io and
//!   hyper.

mod steps;
mod traits;

pub use traits::Scripted;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;
use steps::{Step, Steps};

/// The other end of a stream as a list of steps: what the program reads and writes, errors and delays. [`stream`] makes the
/// stream, for code that takes any stream: [`Scripted`] has `AsyncRead` and `AsyncWrite` of egret, and with their features
/// those of tokio, of futures-io and of hyper.
///
/// The steps have the names of `tokio_test::io::Builder`, from the side of the program. They are what the other end does,
/// one after the other:
///
/// | step | the other end | the program |
/// |---|---|---|
/// | [`read`](Script::read) | sends the bytes and goes on | gets them, in one read if its buffer has room |
/// | [`eof`](Script::eof) | ends its direction and goes on | reads 0 from then on |
/// | [`read_error`](Script::read_error) | goes on | gets the error where the next bytes would be |
/// | [`write`](Script::write) | waits for exactly these bytes | has written no more than these: a longer write is short |
/// | [`shutdown`](Script::shutdown) | waits until the program ends its direction | |
/// | [`write_error`](Script::write_error) | waits for a write | gets the error from it |
/// | [`wait`](Script::wait) | does nothing for so long | waits where it needs the next step |
///
/// While the `Script` is alive, steps can be added: the program waits at the end of the list, and is woken. When it is
/// dropped, as a temporary is, the end of the list is the end of the stream: reads return 0, and a write is a failure.
///
/// # Panics
///
/// The stream panics when the program writes other bytes, writes after the last step, or shuts its direction while a
/// write is left. Its drop panics when steps are left or bytes unread. The message names the step, where the test
/// added it, and what came instead. (Not while the thread panics, and only once.) A stream that a task has dropped
/// panics in that task: await its handle.
///
/// ```
/// use egret_runtime::io::{AsyncRead, AsyncWrite};
/// use egret_runtime::test::Script;
/// use std::{future::poll_fn, io};
///
/// async fn upper(stream: &mut (impl AsyncRead + AsyncWrite)) -> io::Result<()> {
///     let mut word = [0; 16];
///     let n = poll_fn(|cx| stream.poll_read(cx, &mut word)).await?;
///     word.make_ascii_uppercase();
///     poll_fn(|cx| stream.poll_write(cx, &word[..n])).await?;
///     poll_fn(|cx| stream.poll_shutdown(cx)).await
/// }
///
/// let mut stream = Script::new().read(b"hello").write(b"HELLO").shutdown().stream();
/// egret_runtime::block_on(upper(&mut stream))?;
///
/// let mut broken = Script::new().read_error(io::ErrorKind::ConnectionReset).stream();
/// let error = egret_runtime::block_on(upper(&mut broken)).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
/// # io::Result::Ok(())
/// ```
///
/// [`stream`]: Script::stream
pub struct Script(Rc<RefCell<Steps>>);

impl Script {
    /// Creates a list without steps.
    #[allow(clippy::new_without_default, reason = "`Script::new()` reads as the start of a list")]
    pub fn new() -> Script {
        Script(Rc::new(RefCell::new(Steps::new())))
    }

    /// Returns the stream. It has the steps that were added before and those that are added later.
    ///
    /// # Panics
    ///
    /// When it was called before: a script has one stream.
    #[track_caller]
    pub fn stream(&mut self) -> Scripted {
        assert!(Rc::strong_count(&self.0) == 1, "stream: a script has one stream");
        Scripted::new(self.0.clone())
    }

    /// Sends these bytes. A read returns them up to the length of its buffer, and no byte of a later step; so several steps
    /// are a stream in pieces.
    ///
    /// ```
    /// use egret_runtime::io::AsyncRead;
    /// use egret_runtime::test::{self, assert_pending, assert_ready_ok, assert_wakes, Script};
    ///
    /// let mut script = Script::new();
    /// let mut buffer = [0; 4];
    /// let mut stream = test::spawn(script.stream());
    /// assert_pending!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    /// script.read(b"abcdef");
    /// assert_wakes!(stream, 1);
    /// assert_eq!(assert_ready_ok!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer))), 4);
    /// assert_eq!(assert_ready_ok!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer))), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// When there are none, or after [`eof`](Script::eof).
    #[track_caller]
    pub fn read(&mut self, bytes: impl AsRef<[u8]>) -> &mut Script {
        let bytes = bytes.as_ref();
        assert!(!bytes.is_empty(), "read: no bytes, which would be the end of the stream: use eof");
        self.push(Step::Read(bytes.into()))
    }

    /// Ends the direction that the program reads. Later steps are those of the other direction.
    ///
    /// Without this step, the end of the list is the end of the stream, and the program need not read it.
    ///
    /// # Panics
    ///
    /// When it was called before.
    #[track_caller]
    pub fn eof(&mut self) -> &mut Script {
        self.push(Step::Eof)
    }

    /// Lets a read fail with this error, or an error of this [`ErrorKind`](io::ErrorKind).
    ///
    /// # Panics
    ///
    /// After [`eof`](Script::eof).
    #[track_caller]
    pub fn read_error(&mut self, error: impl Into<io::Error>) -> &mut Script {
        self.push(Step::ReadError(error.into()))
    }

    /// Waits for these bytes from the program, in one write or several. A write takes none of a later step: two steps
    /// are a first write that is short.
    ///
    /// # Panics
    ///
    /// When there are none, or after [`shutdown`](Script::shutdown).
    #[track_caller]
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> &mut Script {
        let bytes = bytes.as_ref();
        assert!(!bytes.is_empty(), "write: no bytes");
        self.push(Step::Write(bytes.into()))
    }

    /// Waits until the program ends its direction (`poll_shutdown`, `poll_close`). Without this step the program may do so
    /// once no write is left, and need not.
    ///
    /// # Panics
    ///
    /// When it was called before.
    #[track_caller]
    pub fn shutdown(&mut self) -> &mut Script {
        self.push(Step::Shutdown)
    }

    /// Lets the next write, or the end of this direction, fail with this error, or an error of this
    /// [`ErrorKind`](io::ErrorKind).
    ///
    /// # Panics
    ///
    /// After [`shutdown`](Script::shutdown).
    #[track_caller]
    pub fn write_error(&mut self, error: impl Into<io::Error>) -> &mut Script {
        self.push(Step::WriteError(error.into()))
    }

    /// Does nothing for `duration`, by the clock of the runtime ([`time::pause`](crate::time::pause) makes that no time).
    /// It starts at the first poll of the stream that finds it next. The stream then needs a runtime.
    ///
    /// ```
    /// use egret_runtime::io::AsyncRead;
    /// use egret_runtime::test::Script;
    /// use egret_runtime::time::{self, Duration, Instant};
    /// use std::future::poll_fn;
    ///
    /// egret_runtime::block_on(async {
    ///     time::pause();
    ///     let start = Instant::now();
    ///     let mut late = Script::new().wait(Duration::from_secs(60)).read(b"x").stream();
    ///     assert_eq!(poll_fn(|cx| late.poll_read(cx, &mut [0])).await?, 1);
    ///     assert_eq!(start.elapsed(), Duration::from_secs(60));
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn wait(&mut self, duration: Duration) -> &mut Script {
        self.push(Step::Wait(duration))
    }

    #[track_caller]
    fn push(&mut self, step: Step) -> &mut Script {
        let wakers = self.0.borrow_mut().push(step, Location::caller());
        wakers.into_iter().flatten().for_each(std::task::Waker::wake);
        self
    }
}

impl Drop for Script {
    /// The end of the list is now the end of the stream.
    fn drop(&mut self) {
        let wakers = self.0.borrow_mut().close();
        wakers.into_iter().flatten().for_each(std::task::Waker::wake);
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("left", &self.0.borrow().left()).finish()
    }
}
