//! The executor: tasks, the run queue, and the turn of the loop.
//!
//! It belongs to one thread. Other threads reach it through its [`Lease`] only. Tasks are in the table of
//! the run queue, at the index in their wakers; index 0 is the future of `block_on`.
//!
//! A turn (see `docs/loop.md`):
//!
//! 1. With nothing to run, or after [`POLLS_PER_WAIT`] polls without one: `epoll_wait`, which blocks in the first case
//!    only, until the next deadline. Wake the waiters of the events, and those of deadlines that have passed.
//! 2. Collect the wakes of other threads.
//! 3. Poll at most as many tasks as are queued now. Tasks that they wake are for the next turn.
//!
//! User code (poll, drop, wake) runs with no borrow held, so it may spawn, wake, abort and close.

use super::hooks::Hooks;
use super::views::{Origin, RootView};
use super::wait::{FOREVER, NOW, NextDeadline, nanoseconds};
use crate::executor::parking::{Park, Parking};
use crate::executor::pool::{Limits, Pool};
use crate::observe::id::Id;
use crate::observe::record::TurnRecord;
use crate::observe::spans::{self, SpanKey, TaskSpan};
use crate::observe::stats::Counter;
use crate::observe::watch::{Label, Watch, WatchSettings};
use crate::reactor::epoll::Reactor;
use crate::sys::Backend;
use crate::time::clock::Clock;
use crate::time::heap::Timers;
#[cfg(feature = "hyper")]
use crate::time::numbered::Sleeps;
use crate::wake::key::{ROOT, TaskKey};
use crate::wake::queue::RunQueue;
use crate::wake::remote::{Address, Lease};
use crate::wake::task::memory::Memory;
use crate::wake::task::{self, CellRef, Policy, Task};
use crate::wake::waker::discard;
use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

/// At most this many tasks are polled between two calls of `epoll_wait`.
///
/// An event and a deadline are noticed within this many polls, and then queue behind the queued tasks. With fewer, a
/// busy loop would spend its time in `epoll_wait`: at 64 the call, about 300 ns with nothing to report, is a few
/// nanoseconds for each poll.
pub(crate) const POLLS_PER_WAIT: usize = 64;

/// Named for the error about a runtime that is sent to another thread; the code calls it [`Executor`].
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) struct RuntimesStayOnTheirThread_UseHandle {
    pub(crate) queue: Rc<RunQueue>,
    pub(crate) reactor: Rc<Reactor>,
    pub(crate) timers: Rc<Timers>,
    pub(crate) clock: Rc<Clock>,
    #[cfg(feature = "hyper")]
    pub(super) sleeps: Rc<Sleeps>,
    pub(crate) blocking: Arc<Pool>,
    /// A task that is spawned now is dropped at once.
    closed: Cell<bool>,
    pub(super) parking: Parking,
    /// `None` when no hook is set.
    pub(super) hooks: Option<Rc<Hooks>>,
    /// So many polls more until `epoll_wait` is called.
    pub(super) polls_left: Cell<usize>,
    /// The index that was polled last. Reset to that of the future of `block_on` before code that is of no task. See
    /// [`running_task`](Executor::running_task).
    pub(super) running: Cell<u32>,
    /// Of the wait that is going on, or is just over.
    pub(super) next_deadline: Cell<NextDeadline>,
    /// How many events had been reported before that wait, where its next deadline is not far.
    pub(super) reported_before: Cell<u64>,
    /// The same where it is far; `u64::MAX` where it is not.
    pub(super) reported_before_far: Cell<u64>,
    /// Memory for what a turn collects, kept for the next one.
    pub(super) letters: RefCell<Vec<u64>>,
    pub(super) turns: Counter,
    pub(super) polls: Counter,
    pub(super) remote_wakes: Counter,
    pub(super) origin: Origin,
    /// Of tasks that have ended.
    pub(crate) memory: Rc<Memory>,
    /// Of the runtime, for new tasks.
    pub(crate) policy: Cell<Policy>,
    /// Last, so that the number is not given to another executor before the rest of this one is gone.
    pub(super) remote: Lease,
}

pub(crate) use RuntimesStayOnTheirThread_UseHandle as Executor;

/// What one turn of the loop did, returned by [`Runtime::turn`](crate::runtime::Runtime::turn).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Events that the kernel reported for descriptors.
    pub events: usize,
    /// Tasks that were put in the run queue by events, by timers and by other threads.
    pub woken: usize,
    /// Timers that fired.
    pub timers_fired: usize,
    /// Tasks that were polled.
    pub polled: usize,
    pub(crate) record: TurnRecord,
}

/// The future of `block_on` as the turn sees it.
pub(crate) type Root<'a> = &'a mut dyn FnMut(&mut Context<'_>) -> Rooted;

/// The result of a poll of the future of `block_on`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rooted {
    /// There is none: a late wake of a `block_on` that is over, or a loop that is stepped by hand.
    Absent,
    Pending,
    Done,
}

impl Executor {
    pub(crate) fn new(
        backend: Backend,
        blocking: Limits,
        park: Park,
        watch: &WatchSettings,
        hooks: Hooks,
    ) -> io::Result<Rc<Executor>> {
        let watch = Watch::new(watch);
        let remote = Lease::take(backend)?;
        remote.publish(watch.post());
        let queue = Rc::new(RunQueue::watched(remote.number(), remote.first_generation(), watch));
        let reactor = Reactor::new(backend, queue.clone(), remote.eventfd.as_fd())?;
        let clock = Rc::new(Clock::new(backend));
        queue.claim(ROOT);
        queue.pop(|_| 0);
        Ok(Rc::new(Executor {
            queue,
            reactor,
            timers: Timers::new(clock.clone()),
            clock,
            #[cfg(feature = "hyper")]
            sleeps: Default::default(),
            blocking: Pool::new(blocking),
            closed: Cell::new(false),
            parking: Parking::new(park),
            hooks: hooks.into_kept(),
            polls_left: Cell::new(POLLS_PER_WAIT),
            running: Cell::new(ROOT),
            next_deadline: Cell::new(NextDeadline::Unknown),
            reported_before: Cell::default(),
            reported_before_far: Cell::new(u64::MAX),
            letters: RefCell::default(),
            turns: Counter::default(),
            polls: Counter::default(),
            remote_wakes: Counter::default(),
            origin: Origin::now(),
            memory: Memory::new(),
            policy: Cell::new(Policy::REPORT),
            remote,
        }))
    }

    /// Returns whether a task that is spawned now is dropped at once.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Stores a task, queues it, and returns the key that wakes it.
    #[inline]
    pub(crate) fn admit(&self, task: CellRef<dyn Task>, span: SpanKey) -> TaskKey {
        if let Some(hooks) = &self.hooks {
            hooks.spawned(&*task);
        }
        let (id, label) = (task.number(), task::label(&*task));
        let key = self.queue.admit(task);
        let index = key.index();
        self.queue.trace.spawned(index, id);
        #[cfg(feature = "sim")]
        self.drawn(index);
        self.queue.spans.spawned(index, span);
        self.queue.watch.spawned(index, Some(id), label);
        self.origin.spawned(index);
        key
    }

    /// Drops the future of the task that `key` names, if the task still has this id: at once, or when its current poll
    /// returns. Without a key it is a blocking job, which is cancelled if it has not begun.
    pub(crate) fn abort(&self, key: Option<TaskKey>, id: Id) {
        let Some(key) = key else { return self.blocking.abort(id) };
        let task = self.queue.task(key.index()).filter(|task| task.id() == id);
        if let Some(task) = task {
            Task::cancel(&*task);
            // The next turn finds it finished and frees its slot.
            self.queue.wake(key);
        }
    }

    /// Names the runtime for its handles.
    pub(crate) fn set_name(&self, name: Arc<str>) {
        self.remote.set_name(name);
    }

    /// Returns the address for errands of other threads.
    pub(crate) fn address(&self) -> Address {
        self.remote.address()
    }

    /// Queues the future of `block_on` for its first poll.
    pub(crate) fn start_root(&self, span: &TaskSpan, root: RootView) {
        self.origin.set_root(Some(root));
        self.origin.spawned(ROOT);
        self.queue.claim(ROOT);
        self.queue.spans.spawned(ROOT, span.key());
        self.queue.watch.spawned(ROOT, None, Label::root(root.at));
    }

    /// Makes the wakers of the future of `block_on` stale.
    pub(crate) fn end_root(&self) {
        self.running.set(ROOT);
        self.origin.set_root(None);
        self.queue.retire(ROOT);
    }

    /// Turns the loop until the future of `block_on` is done, or there is a `failure`.
    pub(crate) fn run_until_done(&self, root: Root<'_>, failure: &OnceCell<String>) {
        let is_plain = self.hooks.is_none() && !self.parking.spins();
        if is_plain {
            self.turn_until_done(root, failure, true);
        } else {
            self.turn_until_done(root, failure, false);
        }
    }

    #[inline(always)] // twice: the plain loop, which sleeps and has no hooks, has its whole turn in one function
    fn turn_until_done(&self, root: Root<'_>, failure: &OnceCell<String>, is_plain: bool) {
        while failure.get().is_none() {
            self.turns.bump();
            let idle = self.queue.len() == 0;
            if idle || self.polls_left.get() == 0 {
                let timeout = if idle { self.rest() } else { NOW };
                if is_plain {
                    self.wait(timeout)
                } else {
                    self.wait_as_set(timeout)
                }
                self.fire_timers_after_wait();
            }
            self.collect_letters();
            let is_done = if is_plain { self.run(root, None) } else { self.run_apart(root) };
            if is_done {
                return;
            }
        }
    }

    /// Runs one turn of the loop: always calls `epoll_wait`, and returns what happened.
    ///
    /// With nothing to run it sleeps for `timeout` at most. There is no future of `block_on`.
    pub(crate) fn turn(&self, timeout: Option<Duration>) -> Turn {
        self.turns.bump();
        let (queued_before, polls_before) = (self.queue.queued.get(), self.polls.get());
        let idle = self.queue.len() == 0;
        let trace = &self.queue.trace;
        trace.begin();
        let timeout = if idle { timeout.map_or(FOREVER, nanoseconds) } else { NOW };
        let reported_before = self.reactor.reported.get();
        if idle {
            self.rest();
            self.expect(NextDeadline::Near); // Somebody else may have slept until it.
        }
        self.wait_as_set(timeout);
        let events = (self.reactor.reported.get() - reported_before) as usize;
        trace.timers_begin();
        let timers_fired = self.fire_timers_after_wait();
        trace.letters_begin();
        self.collect_letters();
        let woken = (self.queue.queued.get() - queued_before) as usize;
        self.run_apart(&mut |_| Rooted::Absent);
        self.running.set(ROOT);
        let polled = (self.polls.get() - polls_before) as usize;
        Turn { events, woken, timers_fired, polled, record: trace.end() }
    }

    /// Drops all tasks, one at a time, then releases the descriptors that outlive them.
    ///
    /// The destructors run inside the runtime and may do what tasks may. Tasks that they spawn are dropped at once.
    pub(crate) fn shut_down(self: &Rc<Executor>) {
        let _entered = self.enter();
        self.closed.set(true);
        self.remote.refuse_errands().into_iter().for_each(discard);
        // Before the tasks: a destructor that waits for a job that has not begun must not wait for ever.
        self.blocking.shut_down();
        for index in self.queue.indices() {
            if let Some(task) = self.queue.remove(index) {
                task.cancel();
                if let Some(hooks) = &self.hooks {
                    hooks.ended(&*task);
                }
            }
        }
        // The tasks may have let go of values that other threads had, and those are sockets and timers too.
        self.remote.refuse_values().into_iter().for_each(discard);
        self.timers.close();
        self.reactor.close();
        spans::tell();
    }
}

#[cfg(test)]
mod tests;
