//! [`LocalSet`] and [`spawn_local`]: tokio's names for tasks that are not `Send`, which every task here may be.
//!
//! - A set keeps a handle of each of its tasks, for its drop. A task leaves the set when its future is dropped.
//! - The set is the value of a task-local in `run_until`, in its tasks and under a guard, where `spawn_local` finds it.

use crate::executor;
use crate::observe::id::Id;
use crate::task::abort::AbortHandle;
use crate::task::join::JoinHandle;
use crate::wake::waker;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

crate::task_local! {
    /// The set that the running code belongs to.
    static CURRENT: Rc<LocalTasks>;
}

/// A group of tasks, for code that is ported from tokio: there a future that is not `Send` needs one.
///
/// Here every task may be so, and the runtime drives it, whether the set is polled or not:
/// [`spawn`](crate::task::spawn) is enough, and [`JoinSet`](crate::task::JoinSet) collects outputs. A set adds two
/// things: awaiting it waits for its tasks, and its drop aborts them.
///
/// ```
/// use egret_runtime::task::{LocalSet, spawn_local};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// egret_runtime::block_on(async {
///     let (set, count) = (LocalSet::new(), Rc::new(Cell::new(0)));
///     let theirs = count.clone();
///     set.run_until(async move {
///         spawn_local(async move { theirs.set(theirs.get() + 1) }); // a task of the set
///     })
///     .await;
///     set.await;
///     assert_eq!(count.get(), 1);
/// });
/// ```
#[derive(Default)]
pub struct LocalSet {
    tasks: Rc<LocalTasks>,
}

/// The tasks of a set.
#[derive(Default)]
struct LocalTasks {
    /// `None` while the task is being spawned.
    alive: RefCell<Slab<Option<AbortHandle>>>,
    waiter: Cell<Option<Waker>>,
}

// No user code runs while a task is added or taken out.
impl RefUnwindSafe for LocalTasks {}

impl LocalSet {
    /// Creates a set without tasks.
    #[inline]
    pub fn new() -> LocalSet {
        LocalSet::default()
    }

    /// Spawns a task of the set on this thread's runtime: see [`spawn`](crate::task::spawn).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime. On tokio it may be outside of one: here hold a guard of
    /// [`Runtime::enter`](crate::runtime::Runtime::enter).
    #[track_caller]
    #[inline]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.tasks.spawn(future, Location::caller())
    }

    /// Awaits `future`, in which [`spawn_local`] makes tasks of this set. It does not wait for them.
    ///
    /// # Cancel safety
    ///
    /// As `future`. The tasks go on.
    #[inline]
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        CURRENT.scope(self.tasks.clone(), future).await
    }
}

impl LocalSet {
    /// Makes this the set in which [`spawn_local`] makes tasks on this thread, until the guard is dropped. Drop several in
    /// the opposite order: each restores what was there before it.
    ///
    /// # Panics
    ///
    /// While the thread-locals of the thread are destroyed.
    ///
    /// ```
    /// use egret_runtime::task::{LocalSet, spawn_local};
    ///
    /// egret_runtime::block_on(async {
    ///     let set = LocalSet::new();
    ///     let task = {
    ///         let _guard = set.enter();
    ///         spawn_local(async { 42 }) // a task of the set
    ///     };
    ///     set.await;
    ///     assert!(task.is_finished());
    /// });
    /// ```
    #[track_caller]
    #[inline]
    pub fn enter(&self) -> LocalEnterGuard {
        let mut set = Some(self.tasks.clone());
        match CURRENT.swap(&mut set) {
            Ok(()) => LocalEnterGuard { before: set },
            Err(refused) => panic!("{refused}"),
        }
    }

    /// `future` as that of a task of the set, and the place where the set keeps the handle of that task.
    #[inline]
    pub(super) fn admit<F>(&self, future: F) -> (impl Future<Output = F::Output> + use<F>, Admitted)
    where
        F: Future + 'static,
    {
        self.tasks.admit(future)
    }
}

/// Keeps a thread in a [`LocalSet`]: see [`LocalSet::enter`].
#[must_use = "the thread leaves the set when the guard is dropped"]
pub struct LocalEnterGuard {
    /// The set that the thread was in.
    before: Option<Rc<LocalTasks>>,
}

impl Drop for LocalEnterGuard {
    #[inline]
    fn drop(&mut self) {
        let _ = CURRENT.swap(&mut self.before); // refused when the thread ends
    }
}

impl fmt::Debug for LocalEnterGuard {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalEnterGuard")
    }
}

/// The place of a task that is being spawned.
pub(super) struct Admitted {
    tasks: Rc<LocalTasks>,
    index: usize,
}

impl Admitted {
    /// Keeps the handle of the task, unless a runtime that ends has dropped it already.
    #[inline]
    pub(super) fn fill(self, task: AbortHandle) {
        if let Some(place) = self.tasks.alive.borrow_mut().get_mut(self.index) {
            *place = Some(task);
        }
    }
}

impl Future for LocalSet {
    type Output = ();

    /// Ready when no task of the set is left. The waker of the last call is woken.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.tasks.alive.borrow().is_empty() {
            let waker = cx.waker().clone(); // user code, like the drop of the old one: it may end the last task
            drop(self.tasks.waiter.replace(Some(waker)));
        }
        if self.tasks.alive.borrow().is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for LocalSet {
    /// Aborts the tasks that are left.
    #[inline]
    fn drop(&mut self) {
        let left: Vec<_> = self.tasks.alive.borrow().iter().filter_map(|(_, task)| task.clone()).collect();
        left.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for LocalSet {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").field("len", &self.tasks.alive.borrow().len()).finish()
    }
}

impl LocalTasks {
    #[inline]
    fn spawn<F>(self: &Rc<LocalTasks>, future: F, at: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let executor = executor::current();
        let (future, place) = self.admit(future);
        let handle = executor.spawn(future, Id::next(), at);
        place.fill(handle.abort_handle());
        handle
    }

    #[inline]
    fn admit<F>(self: &Rc<LocalTasks>, future: F) -> (impl Future<Output = F::Output> + use<F>, Admitted)
    where
        F: Future + 'static,
    {
        let index = self.alive.borrow_mut().insert(None);
        let member = LocalMember { tasks: self.clone(), place: index };
        let future = CURRENT.scope(self.clone(), async move {
            let _member = member;
            future.await
        });
        (future, Admitted { tasks: self.clone(), index })
    }
}

/// Takes a task out of its set, when its future is dropped.
struct LocalMember {
    tasks: Rc<LocalTasks>,
    place: usize,
}

impl Drop for LocalMember {
    #[inline]
    fn drop(&mut self) {
        let mut alive = self.tasks.alive.borrow_mut();
        drop(alive.try_remove(self.place));
        let is_last = alive.is_empty();
        drop(alive);
        if is_last {
            self.tasks.waiter.take().into_iter().for_each(waker::wake_contained);
        }
    }
}

/// The same as [`spawn`](crate::task::spawn), under the name that it has for futures that are not `Send` on tokio. Within
/// [`LocalSet::run_until`] and in a task of a [`LocalSet`], the new task is one of that set.
///
/// # Panics
///
/// When this thread is not in a runtime.
///
/// ```
/// use std::rc::Rc;
///
/// egret_runtime::block_on(async {
///     let shared = Rc::new(42);
///     assert_eq!(egret_runtime::task::spawn_local(async move { *shared }).await.unwrap(), 42);
/// });
/// ```
#[track_caller]
#[inline]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
{
    let at = Location::caller();
    match CURRENT.try_get() {
        Ok(tasks) => tasks.spawn(future, at),
        Err(_) => executor::current().spawn(future, Id::next(), at),
    }
}
