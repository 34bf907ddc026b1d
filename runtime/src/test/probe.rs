//! [`Probe`]: a future that a test polls directly, and that counts its polls and wakes.
//!
//! Its waker is foreign to the runtime: an `Arc`, not a number. So any reactor, timer or thread may wake it, and its
//! reference count tells a test whether a copy is kept.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    /// The counts of the probe that this thread polled last.
    static LAST: Cell<Option<ProbeCounts>> = const { Cell::new(None) };
}

/// Polls and wakes of a probe so far.
#[derive(Clone, Copy)]
pub(super) struct ProbeCounts {
    polls: usize,
    wakes: usize,
}

/// Wraps `future` to be polled directly. It may be any value: [`Probe::enter`] passes it to a function that takes a
/// [`Context`].
///
/// ```
/// use egret_runtime::test::{self, assert_pending, assert_ready, assert_wakes};
///
/// let mut probe = test::spawn(egret_runtime::task::yield_now());
/// assert_pending!(probe.poll());
/// assert_wakes!(probe, 1);
/// assert_ready!(probe.poll());
/// assert_wakes!(probe, 0);
/// ```
pub fn spawn<T>(future: T) -> Probe<T> {
    let count = Arc::new(ProbeCount::default());
    Probe { future: Box::pin(Some(future)), waker: count.clone().into(), count, polls: 0 }
}

/// A future, or any value with poll functions, under observation: made by [`spawn`].
///
/// It is not a task: only the test polls it. It works without a runtime, and within
/// [`Runtime::enter`](crate::runtime::Runtime::enter), where [`Runtime::turn`](crate::runtime::Runtime::turn)
/// delivers its wakes.
///
/// ```
/// use egret_runtime::io::AsyncFd;
/// use egret_runtime::runtime::Runtime;
/// use egret_runtime::test::{self, assert_pending, assert_ready_ok, assert_wakes};
/// use std::{io::Write, os::unix::net::UnixStream, time::Duration};
///
/// let rt = Runtime::new()?;
/// let _in = rt.enter();
/// let (ours, mut theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let fd = AsyncFd::new(ours)?;
/// fd.try_io(egret_runtime::io::Interest::READABLE, |fd| std::io::Read::read(&mut &*fd, &mut [0])).unwrap_err();
///
/// let mut readable = test::spawn(fd.readable());
/// assert_pending!(readable.poll());
/// theirs.write_all(b"x")?;
/// assert_wakes!(readable, 0); // the kernel knows, the loop does not
/// rt.turn(Some(Duration::from_secs(5)));
/// assert_wakes!(readable, 1);
/// assert_ready_ok!(readable.poll());
/// # std::io::Result::Ok(())
/// ```
pub struct Probe<T> {
    /// `None` after a cancel.
    future: Pin<Box<Option<T>>>,
    waker: Waker,
    count: Arc<ProbeCount>,
    polls: usize,
}

#[derive(Default)]
struct ProbeCount {
    wakes: AtomicUsize,
    /// The wakes already reported to the test.
    taken: AtomicUsize,
    /// Since the last poll.
    woken: AtomicBool,
}

impl Wake for ProbeCount {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Released by the store of `woken`: a thread that sees it sees the count.
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.woken.store(true, Ordering::Release);
    }
}

impl<T> Probe<T> {
    /// Calls `f` with a context whose waker is this probe's, and with the probed value: for poll functions. Counts as
    /// a poll.
    ///
    /// # Panics
    ///
    /// After [`cancel`](Probe::cancel).
    ///
    /// ```
    /// use egret_runtime::test::{self, assert_pending};
    /// use std::task::Poll;
    ///
    /// let mut probe = test::spawn("anything");
    /// assert_pending!(probe.enter(|cx, text| {
    ///     assert_eq!(*text, "anything");
    ///     cx.waker().wake_by_ref();
    ///     Poll::<()>::Pending
    /// }));
    /// assert_eq!((probe.polls(), probe.wakes()), (1, 1));
    /// ```
    #[track_caller]
    pub fn enter<R>(&mut self, f: impl FnOnce(&mut Context<'_>, Pin<&mut T>) -> R) -> R {
        self.polls += 1;
        self.count.woken.swap(false, Ordering::Acquire); // the poll sees what the waker wrote
        let future = self.future.as_mut().as_pin_mut().expect("a probe is polled after it was cancelled");
        let result = f(&mut Context::from_waker(&self.waker), future);
        LAST.set(Some(self.counts()));
        result
    }

    /// Returns whether it has been woken since the last poll.
    pub fn is_woken(&self) -> bool {
        self.count.woken.load(Ordering::Acquire)
    }

    /// Returns how often it has been woken since [`take_wakes`](Probe::take_wakes) was last called.
    pub fn wakes(&self) -> usize {
        self.counts().wakes - self.count.taken.load(Ordering::Relaxed)
    }

    /// Returns how often it has been woken since this was last called, or [`assert_wakes!`](crate::assert_wakes).
    pub fn take_wakes(&self) -> usize {
        let wakes = self.counts().wakes;
        wakes - self.count.taken.swap(wakes, Ordering::Relaxed)
    }

    /// Returns how often it has been polled.
    pub fn polls(&self) -> usize {
        self.polls
    }

    /// Returns how many wakers of this probe exist, including its own. 1 means that no other is kept.
    pub fn waker_ref_count(&self) -> usize {
        // One count is the field's.
        Arc::strong_count(&self.count) - 1
    }

    /// Drops the probed value, as a cancelled future is dropped. The probe stays and reports whether a waker was left
    /// behind, and whether it is used.
    pub fn cancel(&mut self) {
        self.future.set(None);
    }

    /// Ends the probe and returns the probed value.
    ///
    /// # Panics
    ///
    /// After [`cancel`](Probe::cancel).
    #[track_caller]
    pub fn into_inner(self) -> T
    where
        T: Unpin,
    {
        Pin::into_inner(self.future).expect("the future was dropped by Probe::cancel")
    }

    fn counts(&self) -> ProbeCounts {
        let _ = self.is_woken(); // acquires
        ProbeCounts { polls: self.polls, wakes: self.count.wakes.load(Ordering::Relaxed) }
    }

    /// [`assert_wakes!`](crate::assert_wakes).
    #[doc(hidden)]
    #[track_caller]
    pub fn assert_wakes(&self, expected: usize, message: fmt::Arguments<'_>) {
        let found = self.take_wakes();
        assert!(
            found == expected,
            "the probe was woken {}, not {expected}; {}{message}",
            times(found),
            self.counts()
        );
    }
}

impl<T: Future> Probe<T> {
    /// Polls the future once.
    ///
    /// # Panics
    ///
    /// After [`cancel`](Probe::cancel); where the future does.
    #[track_caller]
    pub fn poll(&mut self) -> Poll<T::Output> {
        self.enter(|cx, future| future.poll(cx))
    }

    /// Polls the future once with the waker of `other`, as another task does that the future was moved to. Counts as a
    /// poll of both.
    ///
    /// A future must wake the task that polled it last, and need not wake those before. For poll functions of a stream,
    /// `other.enter(|cx, _| probe.poll_read(cx, ..))` is the same.
    ///
    /// # Panics
    ///
    /// After [`cancel`](Probe::cancel) of either; where the future does.
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    /// use egret_runtime::test::{self, assert_pending, assert_ready, assert_wakes};
    /// use egret_runtime::time::{self, Duration};
    ///
    /// let rt = Runtime::new()?;
    /// let sleep = test::within(&rt, || {
    ///     time::pause();
    ///     time::sleep(Duration::from_secs(1))
    /// });
    /// let (mut sleep, mut other) = (test::spawn(sleep), test::spawn(()));
    /// test::within(&rt, || {
    ///     assert_pending!(sleep.poll());
    ///     assert_pending!(sleep.poll_by(&mut other)); // the task that it wakes from now on
    /// });
    /// test::advance(&rt, Duration::from_secs(1));
    /// assert_wakes!(sleep, 0);
    /// assert_wakes!(other, 1);
    /// test::within(&rt, || assert_ready!(sleep.poll_by(&mut other)));
    /// assert_eq!((sleep.polls(), other.polls()), (3, 2));
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    pub fn poll_by<U>(&mut self, other: &mut Probe<U>) -> Poll<T::Output> {
        self.polls += 1;
        let future = self.future.as_mut().as_pin_mut().expect("a probe is polled after it was cancelled");
        other.enter(|cx, _| future.poll(cx))
    }
}

impl<T> Deref for Probe<T> {
    type Target = T;

    /// # Panics
    ///
    /// After [`cancel`](Probe::cancel).
    #[track_caller]
    fn deref(&self) -> &T {
        self.future.as_ref().get_ref().as_ref().expect("the future was dropped by Probe::cancel")
    }
}

impl<T: Unpin> DerefMut for Probe<T> {
    /// # Panics
    ///
    /// After [`cancel`](Probe::cancel).
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.future.as_mut().get_mut().as_mut().expect("the future was dropped by Probe::cancel")
    }
}

impl<T> fmt::Debug for Probe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("polls", &self.polls)
            .field("wakes", &self.wakes())
            .field("is_woken", &self.is_woken())
            .finish()
    }
}

impl fmt::Display for ProbeCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (polls, wakes) = (times(self.polls), times(self.wakes));
        write!(f, "it was polled {polls} and woken {wakes} in all")
    }
}

fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

/// Returns the counts of the probe that this thread polled last, for a message.
pub(super) fn last_counts() -> String {
    let counts = LAST.get();
    counts.map(|counts| format!("; {counts} (the last probe that this thread polled)")).unwrap_or_default()
}
