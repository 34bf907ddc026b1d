//! Graceful shutdown: one token for the accept loop of a server, its connections and its signal handler.
//!
//! The steps, each of which is one call on the shared [`Shutdown`]:
//!
//! 1. A task, such as a signal handler, [requests](Shutdown::request) it.
//! 2. The accept loop stops, and connections that wait for their peer's next request close: both wait for
//!    [`requested`](Shutdown::requested), for instance by [`run_until_requested`](Shutdown::run_until_requested).
//! 3. Connections in the middle of a request finish it, and after the last one the server is
//!    [drained](Shutdown::drained).
//! 4. When a [deadline](Shutdown::drain) comes first, the remaining [spawned](Shutdown::spawn) tasks are aborted.

mod wait_list;

use crate::executor;
use crate::observe::site::Site;
use crate::task::Id;
use crate::task::abort::AbortHandle;
use crate::task::join::JoinHandle;
use crate::time;
use crate::wake::listed::Entry;
#[cfg(feature = "inspect")]
use crate::wake::listed::{ListedKind, ListedWait, Lists};
use pin_project_lite::pin_project;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use wait_list::WaitList;

/// Whether a server is shutting down, and what is still at work.
///
/// Clones share one state. It belongs to one thread, like the tasks that it counts. A request is final: connections
/// that have seen it are gone.
///
/// ```
/// use egret_runtime::shutdown::{Drained, Shutdown};
/// use egret_runtime::task::yield_now;
/// use std::time::Duration;
///
/// egret_runtime::block_on(async {
///     let shutdown = Shutdown::new();
///     for requests in 1..=3 {
///         let theirs = shutdown.clone();
///         shutdown.spawn(async move {
///             // Checked between two requests, and not in the middle of one.
///             while !theirs.is_requested() {
///                 for _ in 0..requests {
///                     yield_now().await;
///                 }
///             }
///         });
///     }
///     yield_now().await;
///     assert_eq!(shutdown.live(), 3);
///     assert_eq!(shutdown.drain(Duration::from_secs(10)).await, Drained::Clean);
/// });
/// ```
#[derive(Clone, Default)]
pub struct Shutdown {
    inner: Rc<Inner>,
}

/// Named for the error about a `Shutdown` that is sent to another thread; the code calls it [`Inner`].
#[derive(Default)]
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
struct ShutdownsStayOnTheirThread_MakeOneForEach {
    requested: Cell<bool>,
    /// Tasks that are spawned from now on are aborted.
    aborted: Cell<bool>,
    /// Live guards, those of tasks included.
    live: Cell<usize>,
    /// The tasks that were spawned and are not over; `None` for one that is being spawned.
    tasks: RefCell<Slab<Option<AbortHandle>>>,
    awaiting_request: WaitList,
    awaiting_drain: WaitList,
    entry: Entry,
}

use ShutdownsStayOnTheirThread_MakeOneForEach as Inner;

/// How a [`Shutdown::drain`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "connections may have been cut off"]
pub enum Drained {
    /// Everything finished before the deadline.
    Clean,
    /// The deadline came first, with this many at work. The tasks among them are aborted.
    Aborted(usize),
}

impl Shutdown {
    /// Creates a shutdown that is not requested.
    #[inline]
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Requests the shutdown and wakes the tasks that wait for it. A second call is a no-op.
    #[inline]
    pub fn request(&self) {
        if self.inner.requested.replace(true) {
            return;
        }
        self.inner.awaiting_request.wake_all();
        self.inner.wake_if_drained();
    }

    /// Returns whether it has been requested.
    #[inline]
    pub fn is_requested(&self) -> bool {
        self.inner.requested.get()
    }

    /// Waits for the request. Any number of tasks may wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it resolves loses nothing.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn requested(&self) -> impl Future<Output = ()> {
        let at = Site::current();
        async move {
            self.inner.entry.enter(&self.inner);
            self.inner.awaiting_request.until(at, || self.is_requested()).await
        }
    }

    /// Returns the output of `future`; `None` when the shutdown is requested before it has one.
    ///
    /// The request is checked before the first poll of the future, so one that is always ready, such as `accept` under
    /// a flood of connections, does not hide it. After that the future is polled first: what it has received before
    /// the request, such as bytes of a peer, is its output and not lost.
    ///
    /// # Cancel safety
    ///
    /// The same as that of `future`, which is dropped when the shutdown is requested.
    ///
    /// ```
    /// # use egret_runtime::shutdown::Shutdown;
    /// # egret_runtime::block_on(async {
    /// let shutdown = Shutdown::new();
    /// assert_eq!(shutdown.run_until_requested(async { 1 }).await, Some(1));
    /// shutdown.request();
    /// assert_eq!(shutdown.run_until_requested(async { 2 }).await, None);
    /// # });
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn run_until_requested<F: Future>(&self, future: F) -> impl Future<Output = Option<F::Output>> {
        let at = Site::current();
        async move {
            let mut wait = self.inner.awaiting_request.enter();
            if self.is_requested() {
                return None;
            }
            self.inner.entry.enter(&self.inner);
            let mut future = pin!(future);
            poll_fn(|cx| {
                if let Poll::Ready(output) = future.as_mut().poll(cx) {
                    return Poll::Ready(Some(output));
                }
                wait.wait(cx.waker(), at);
                // The future or the waker may have requested it.
                if self.is_requested() { Poll::Ready(None) } else { Poll::Pending }
            })
            .await
        }
    }

    /// Counts as at work until the guard is dropped.
    ///
    /// For work that is not a task of its own: a drain waits for it, but cannot abort it.
    #[inline]
    pub fn guard(&self) -> ShutdownGuard {
        self.inner.live.set(self.inner.live.get() + 1);
        ShutdownGuard { inner: self.inner.clone() }
    }

    /// Spawns a task that counts as at work until it is over, and is aborted at the deadline.
    ///
    /// After the deadline it is aborted at once. The handle is like that of [`spawn`](crate::task::spawn).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.spawn_at(future, Site::caller())
    }

    /// [`spawn`](Shutdown::spawn) for a loop of egret's, whose tasks have the line of the program that runs the loop.
    #[doc(hidden)]
    #[track_caller]
    #[inline]
    pub fn spawn_at<F>(&self, future: F, at: Site) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let executor = executor::current(); // before there is a place, as this may panic
        let place = AbortPlace { number: self.inner.tasks.borrow_mut().insert(None), guard: self.guard() };
        let number = place.number;
        let task = executor.spawn(Counted { future, place }, Id::next(), at.location_or(Location::caller()));
        if self.inner.aborted.get() {
            task.abort();
        } else if !task.is_finished() {
            self.inner.tasks.borrow_mut()[number] = Some(task.abort_handle());
        }
        task
    }

    /// Returns how many are at work: tasks that are not over, and guards.
    #[inline]
    pub fn live(&self) -> usize {
        self.inner.live.get()
    }

    /// Returns how many of [`live`](Shutdown::live) are tasks: an abort ends these, and its destructors may take guards.
    #[inline]
    pub(crate) fn tasks(&self) -> usize {
        self.inner.tasks.borrow().len()
    }

    /// Waits until the shutdown is requested and nothing is at work. Any number of tasks may wait.
    ///
    /// A task that itself counts as at work waits for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it resolves loses nothing.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn drained(&self) -> impl Future<Output = ()> {
        let at = Site::current();
        async move {
            self.inner.entry.enter(&self.inner);
            self.inner.awaiting_drain.until(at, || self.inner.is_drained()).await
        }
    }

    /// Requests the shutdown, waits until nothing is at work, for `deadline` at most, and then
    /// [aborts](Shutdown::abort) the tasks that are left.
    ///
    /// When it returns, the futures of those tasks have been dropped and their resources, such as sockets, released.
    /// Guards that are still held stay [live](Shutdown::live).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it resolves, the shutdown is still requested and no task is aborted.
    ///
    /// ```
    /// # use egret_runtime::shutdown::{Drained, Shutdown};
    /// # use std::time::Duration;
    /// # egret_runtime::block_on(async {
    /// let shutdown = Shutdown::new();
    /// shutdown.spawn(std::future::pending::<()>());
    /// assert_eq!(shutdown.drain(Duration::from_millis(1)).await, Drained::Aborted(1));
    /// assert_eq!(shutdown.live(), 0);
    /// # });
    /// ```
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn drain(&self, deadline: Duration) -> impl Future<Output = Drained> {
        Site::caller().within(async move {
            self.request();
            if time::timeout(deadline, self.drained()).await.is_ok() {
                return Drained::Clean;
            }
            let left = self.live();
            self.abort();
            Drained::Aborted(left)
        })
    }

    /// Requests the shutdown and aborts every task that was [spawned](Shutdown::spawn) through it, now and from now
    /// on, for instance on a second signal.
    ///
    /// Inside the runtime their futures are dropped before this returns, except that of a task that calls this itself,
    /// which is dropped when its poll returns.
    #[inline]
    pub fn abort(&self) {
        self.request();
        self.inner.aborted.set(true);
        // Each abort runs destructors, which may end other tasks of the list.
        let tasks: Vec<_> = self.inner.tasks.borrow().iter().filter_map(|(_, task)| task.clone()).collect();
        for task in tasks {
            task.abort();
        }
    }
}

#[cfg(feature = "inspect")]
impl Lists for Inner {
    #[inline]
    fn waits(&self, found: &mut Vec<ListedWait>) {
        let listed = |what| move |waiter| ListedWait { what, waiter };
        found.extend(self.awaiting_request.waits().into_iter().map(listed(ListedKind::Request)));
        let drain = ListedKind::Drain { live: self.live.get() };
        found.extend(self.awaiting_drain.waits().into_iter().map(listed(drain)));
    }
}

impl Inner {
    #[inline]
    fn is_drained(&self) -> bool {
        self.requested.get() && self.live.get() == 0
    }

    #[inline]
    fn wake_if_drained(&self) {
        if self.is_drained() {
            self.awaiting_drain.wake_all();
        }
    }
}

impl fmt::Debug for Shutdown {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Shutdown");
        debug.field("requested", &self.is_requested()).field("live", &self.live()).finish()
    }
}

/// Counts as at work until it is dropped: see [`Shutdown::guard`].
#[must_use = "it counts until it is dropped"]
pub struct ShutdownGuard {
    inner: Rc<Inner>,
}

impl Drop for ShutdownGuard {
    #[inline]
    fn drop(&mut self) {
        self.inner.live.set(self.inner.live.get() - 1);
        self.inner.wake_if_drained();
    }
}

impl fmt::Debug for ShutdownGuard {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShutdownGuard")
    }
}

/// A task's place in the list of those to abort.
struct AbortPlace {
    number: usize,
    guard: ShutdownGuard,
}

impl Drop for AbortPlace {
    #[inline]
    fn drop(&mut self) {
        self.guard.inner.tasks.borrow_mut().remove(self.number);
    }
}

pin_project! {
    /// A spawned future, with its place.
    struct Counted<F> {
        #[pin]
        future: F,
        // After the future, to be dropped after it: a task counts until it has released everything.
        place: AbortPlace,
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
