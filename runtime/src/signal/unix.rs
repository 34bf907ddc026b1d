//! Streams of signals by kind; for the effects of listening see the [parent module](super).

use super::listeners::SignalListener;
use crate::io::{Clears, Direction, Registration, Start};
use crate::observe::site::Site;
use crate::reactor::label::SourceLabel;
use crate::sys::Fd;
use crate::sys::signal::{self as sys, NUMBERS, number};
use std::ffi::c_int;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// A kind of signal.
///
/// ```
/// use egret_runtime::signal::unix::SignalKind;
///
/// assert_eq!(SignalKind::interrupt().as_raw_value(), 2);
/// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

impl SignalKind {
    /// Returns the kind with this number, for those without a name here, such as real-time signals. [`signal`] reports
    /// whether it can be handled.
    #[inline]
    pub const fn from_raw(number: c_int) -> SignalKind {
        SignalKind(number)
    }

    /// Returns the number of the kind.
    #[inline]
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// `SIGALRM`: a timer of `alarm(2)` has expired. Ends the process by default.
    #[inline]
    pub const fn alarm() -> SignalKind {
        SignalKind(number::ALARM)
    }

    /// `SIGCHLD`: children have ended, stopped or continued; simultaneous changes may coalesce into one signal.
    /// Ignored by default.
    #[inline]
    pub const fn child() -> SignalKind {
        SignalKind(number::CHILD)
    }

    /// `SIGHUP`: the terminal was closed; for a daemon, by convention, reload the configuration. Ends the process by
    /// default.
    #[inline]
    pub const fn hangup() -> SignalKind {
        SignalKind(number::HANGUP)
    }

    /// `SIGINT`: Ctrl-C. Ends the process by default.
    #[inline]
    pub const fn interrupt() -> SignalKind {
        SignalKind(number::INTERRUPT)
    }

    /// `SIGIO`: a descriptor with `O_ASYNC` is ready. Ends the process by default.
    #[inline]
    pub const fn io() -> SignalKind {
        SignalKind(number::IO)
    }

    /// `SIGPIPE`: a write to a pipe without a reader. Ignored in a Rust program; egret's own writes never raise it.
    #[inline]
    pub const fn pipe() -> SignalKind {
        SignalKind(number::PIPE)
    }

    /// `SIGQUIT`: Ctrl-\\. Ends the process by default, with a core.
    #[inline]
    pub const fn quit() -> SignalKind {
        SignalKind(number::QUIT)
    }

    /// `SIGTERM`: a request to end. `kill`, systemd and container runtimes send it first. Ends the process by
    /// default.
    #[inline]
    pub const fn terminate() -> SignalKind {
        SignalKind(number::TERMINATE)
    }

    /// `SIGUSR1`: defined by the program. Ends the process by default.
    #[inline]
    pub const fn user_defined1() -> SignalKind {
        SignalKind(number::USER_1)
    }

    /// `SIGUSR2`: defined by the program. Ends the process by default.
    #[inline]
    pub const fn user_defined2() -> SignalKind {
        SignalKind(number::USER_2)
    }

    /// `SIGWINCH`: the size of the terminal has changed. Ignored by default.
    #[inline]
    pub const fn window_change() -> SignalKind {
        SignalKind(number::WINDOW)
    }

    /// Refuses signals that are known not to be handleable.
    #[inline]
    fn check(self) -> io::Result<()> {
        let invalid = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        if let Some((_, name)) = number::FORBIDDEN.iter().find(|(number, _)| *number == self.0) {
            return invalid(format!(
                "{name} cannot be listened to: the kernel does not let it be handled, or a handler that returns \
                 would repeat the instruction that is at fault for ever"
            ));
        }
        match usize::try_from(self.0) {
            Ok(1..NUMBERS) => Ok(()),
            _ => invalid(format!("{} is no signal; they are numbered from 1 to {}", self.0, NUMBERS - 1)),
        }
    }
}

impl From<c_int> for SignalKind {
    #[inline]
    fn from(number: c_int) -> SignalKind {
        SignalKind::from_raw(number)
    }
}

impl From<SignalKind> for c_int {
    #[inline]
    fn from(kind: SignalKind) -> c_int {
        kind.as_raw_value()
    }
}

/// Listens to the signals of a kind, from now until the [`Signal`] is dropped.
///
/// A kind may have any number of listeners, in any runtimes on any threads, and each gets each signal.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for an invalid number, and for signals that cannot be handled:
/// `SIGKILL` and `SIGSTOP`, which the kernel refuses; `SIGILL`, `SIGFPE`, `SIGSEGV` and `SIGBUS`, after which a
/// program cannot go on; and 32 and 33, which the C library reserves (`EINVAL`). No descriptors left (`EMFILE`,
/// `ENFILE`): each listener has one. Others by
/// [`epoll_ctl(2)`](https://man7.org/linux/man-pages/man2/epoll_ctl.2.html).
///
/// # Panics
///
/// When this thread is not in a runtime.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_runtime::signal::unix::{SignalKind, signal};
///
/// let mut window = signal(SignalKind::window_change())?;
/// let resized = egret_runtime::spawn(async move { window.recv().await });
/// # resized.abort();
///
/// let refused = signal(SignalKind::from_raw(9)).unwrap_err();
/// assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[track_caller]
#[inline]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    kind.check()?;
    let eventfd = Registration::new(sys::eventfd()?, Start::Unknown).map_err(|(_, error)| error)?;
    eventfd.set_label(SourceLabel::Signal(kind.0));
    // Before the handler is installed: the listener reports each signal from now on.
    let seen = sys::delivered(kind.0);
    let _listener = SignalListener::add(kind.0)?;
    Ok(Signal { eventfd, kind, seen, _listener })
}

/// The signals of one kind, by [`signal`].
///
/// Signals that arrive before [`recv`](Signal::recv) takes the last one coalesce, as in the kernel: it reports that
/// there was one, not how many.
///
/// It belongs to its runtime and that runtime's thread, and may be dropped after it.
pub struct Signal {
    /// A duplicate of the handler's eventfd, never read: each signal, of any kind, is an edge.
    eventfd: Registration<Fd>,
    kind: SignalKind,
    /// The handler's count when it was last read.
    seen: u64,
    _listener: SignalListener,
}

impl Signal {
    /// Waits for a signal. Returns at once when one arrived since the last was taken, or since this was made.
    ///
    /// `None` when its runtime is gone and no signal can be reported any more.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, no signal is lost.
    ///
    /// ```no_run
    /// # egret_runtime::block_on(async {
    /// use egret_runtime::signal::unix::{SignalKind, signal};
    ///
    /// let mut hangup = signal(SignalKind::hangup())?;
    /// while hangup.recv().await.is_some() {
    ///     println!("reading the configuration again");
    /// }
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv(&mut self) -> impl Future<Output = Option<()>> {
        Site::caller().within(async move { poll_fn(|cx| self.poll_recv(cx)).await })
    }

    /// [`recv`](Signal::recv) as a poll function. Wakes every task of this runtime that polls it; of other wakers,
    /// such as those of `FuturesUnordered`, only the last.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let Signal { eventfd, kind, seen, .. } = self;
        // A transfer, because transfers have one waiter, as `&mut self` has. A signal between the load and the clear
        // after `WouldBlock` is an edge that `epoll_wait` has yet to report.
        let told = eventfd.poll_transfer(cx, Direction::Read, Clears::WouldBlock, |_| {
            let delivered = sys::delivered(kind.0);
            if delivered == *seen {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            *seen = delivered;
            Ok(1)
        });
        Poll::Ready(ready!(told).ok().map(drop))
    }
}

impl fmt::Debug for Signal {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("kind", &self.kind).finish_non_exhaustive()
    }
}
