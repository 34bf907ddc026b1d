//! The task cell: one allocation that holds a future, then its output.
//!
//! Two owners share a cell, both on the executor's thread: the executor, until the task is over, and the
//! [`JoinHandle`], until it is dropped. No waker points here. `Phase` determines which code may touch the stage:
//!
//! ```text
//!   spawn        poll (1)            Ready, panic, or Pending after an abort (2)
//!     +--> Idle ----------> Running ------------------------------------------> Dropping
//!           | ^                |                                                 |     |
//!           | +--- Pending ----+                                     detached (4)|     | (5)
//!           +----------------- cancel (3) ------------------------------> (same) |     v
//!                                                                                |    Done
//!                                                                                v     | take, detach (6)
//!                                                                              Taken <-+
//! ```
//!
//! * Running: the one `poll` on the stack has the stage. An abort now only sets a flag (2).
//! * Dropping: the one `finish` on the stack has it; it drops the future and then stores the output. After a panic the
//!   guard of the poll drops the future while the stack unwinds, and `finish` follows.
//! * Idle, Done: no code has it. `cancel` (3) may start from the first, the handle (6) from the second.
//! * Taken: the stage is empty.
//!
//! User code (poll, drop of the future, drop of the output, wake of the joiner) may do anything with any cell, its own
//! included: it only runs in a phase that refuses, or after the last touch of the stage.

#![allow(unsafe_code)]

mod joined; // the cell, as its handle sees it

use crate::executor::task::{Polled, Task};
#[cfg(feature = "inspect")]
use crate::executor::task::{TaskPhase, TaskView};
use crate::observe::id::{Id, Within};
use crate::observe::site::{self, Note, Site};
use crate::observe::spans::{Kind, SpanKey, Spawned, TaskSpan};
use crate::task::join::JoinError;
use crate::task::unhandled::Policy;
use crate::wake::key::TaskKey;
#[cfg(feature = "inspect")]
use crate::wake::waiter::Waiter;
use crate::wake::waker::{self, discard};
use std::cell::{Cell, UnsafeCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A spawned future, as its handle sees it.
///
/// Named for the error about a handle that is sent to another thread; the code calls it [`Join`].
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) trait JoinHandlesStayOnTheirThread_UseSpawnWith<T> {
    /// `None` once the output has been taken.
    fn poll_join(&self, cx: &mut Context<'_>, at: Site) -> Poll<Option<Result<T, JoinError>>>;
    fn cancel(&self);
    fn is_finished(&self) -> bool;
    fn detach(&self);
    fn id(&self) -> Id;
}

pub(crate) use JoinHandlesStayOnTheirThread_UseSpawnWith as Join;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Idle,
    Running,
    Dropping,
    Done,
    Taken,
}

pub(crate) struct TaskCell<F: Future> {
    phase: Cell<Phase>,
    /// An abort came while the task was being polled.
    aborted: Cell<bool>,
    /// The handle is gone: no task will take the output.
    detached: Cell<bool>,
    /// What to do when the output is a panic and the handle is gone.
    unhandled: Policy,
    id: Id,
    spawned_at: &'static Location<'static>,
    /// The task that awaits the handle.
    joiner: Cell<Option<TaskKey>>,
    joiner_note: Cell<Note>,
    /// Fields that few tasks need.
    rare: Cell<Option<Box<Rare>>>,
    span: TaskSpan,
    stage: UnsafeCell<Stage<F>>,
}

/// Allocated separately, so that a task without it does not pay for it.
#[derive(Default)]
struct Rare {
    name: Option<Box<str>>,
    /// The waker that awaits the handle and is not a task of egret.
    joiner: Option<Waker>,
    note: Note,
    /// The task that polled with it.
    joining: site::Task,
}

enum Stage<F: Future> {
    Future(F),
    Output(Result<F::Output, JoinError>),
    Empty,
}

impl<F: Future> TaskCell<F> {
    /// A task of this thread's runtime.
    #[inline]
    pub(crate) fn new(future: F, id: Id, spawned_at: &'static Location<'static>) -> TaskCell<F> {
        TaskCell {
            phase: Cell::new(Phase::Idle),
            aborted: Cell::new(false),
            detached: Cell::new(false),
            unhandled: Policy::current(),
            id,
            spawned_at,
            joiner: Cell::new(None),
            joiner_note: Cell::default(),
            rare: Cell::new(None),
            span: TaskSpan::none(),
            stage: UnsafeCell::new(Stage::Future(future)),
        }
    }

    /// The same, with a name for reports, if there is one.
    #[inline]
    pub(crate) fn maybe_named(self, name: Option<Box<str>>) -> TaskCell<F> {
        if name.is_some() {
            self.with_rare(|rare| rare.name = name);
        }
        self
    }

    /// Opens the span of the task, which is about to be queued for the first time.
    #[inline]
    pub(crate) fn open_span(&mut self) -> SpanKey {
        let name = self.rare.get_mut().as_ref().and_then(|rare| rare.name.as_deref());
        let (size, id, at) = (size_of::<F>(), Some(self.id), self.spawned_at);
        self.span = TaskSpan::open(Spawned { kind: Kind::Local, name, id, size, at });
        self.span.key()
    }

    /// `f` must not run user code: `rare` is taken out of its cell while `f` runs.
    #[inline]
    fn with_rare<R>(&self, f: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.rare.take().unwrap_or_default();
        let result = f(&mut rare);
        self.rare.set(Some(rare));
        result
    }

    /// Wakes the task that awaits the handle.
    #[inline]
    fn wake_joiner(&self) {
        if let Some(key) = self.joiner.take() {
            waker::new(key).wake();
        }
        if let Some(mut rare) = self.rare.take() {
            let foreign = rare.joiner.take();
            self.rare.set(Some(rare));
            foreign.into_iter().for_each(waker::wake_contained);
        }
    }

    /// # Safety
    ///
    /// The phase is Running and the caller is the `poll` that set it. The cell is not moved any more.
    #[inline(always)] // into its one caller, the path of every poll
    unsafe fn poll_future(&self, cx: &mut Context<'_>) -> Poll<F::Output> {
        debug_assert_eq!(self.phase.get(), Phase::Running);
        // SAFETY: in phase Running the stage belongs to the `poll` that set it, which is the caller, so there is no
        // other reference to it: another `poll` and `cancel` refuse this phase, and so does `take_output`.
        let stage = unsafe { &mut *self.stage.get() };
        let Stage::Future(future) = stage else { unreachable!("a task that runs has a future") };
        // SAFETY: the cell is not moved, as the caller promises, and `drop_future` drops the future in place before
        // anything else is stored here: the future stays where it is until it is dropped.
        let future = unsafe { Pin::new_unchecked(future) };
        future.poll(cx)
    }

    /// Replaces the stage, and drops the old value in place.
    ///
    /// # Safety
    ///
    /// The phase is Dropping and the caller is the one that set it.
    #[inline]
    unsafe fn set_stage(&self, stage: Stage<F>) {
        debug_assert_eq!(self.phase.get(), Phase::Dropping);
        // SAFETY: in phase Dropping the stage belongs to the one that set it, which is the caller; a reference that
        // `poll_future` had is gone, for its frame has returned or been unwound. The old value is dropped while we hold
        // the reference: what its destructor runs finds a phase in which nothing touches the stage.
        unsafe { *self.stage.get() = stage };
    }

    /// Drops the future, once: later calls find none. Leaves phase Dropping, which is then the caller's. (2, 3)
    ///
    /// # Safety
    ///
    /// The stage is the caller's: the phase is Idle, or one that the caller has set itself, in its `poll` that is over
    /// or by an earlier call.
    #[inline]
    unsafe fn drop_future(&self) -> std::thread::Result<()> {
        self.phase.set(Phase::Dropping);
        catch_unwind(AssertUnwindSafe(|| {
            self.span.end(|| {
                // SAFETY: the phase has been set above, and the stage was the caller's.
                unsafe { self.set_stage(Stage::Empty) }
            })
        }))
    }

    /// Drops the future and keeps `result` for the handle, if there is one. (2, 3)
    ///
    /// # Safety
    ///
    /// As for [`drop_future`](TaskCell::drop_future).
    #[inline]
    unsafe fn finish(&self, result: Result<F::Output, JoinError>) {
        // SAFETY: that is what the caller promises.
        let result = match unsafe { self.drop_future() } {
            Ok(()) => result,
            Err(payload) => {
                discard(result);
                Err(JoinError::panic(self.id, payload))
            }
        };
        if self.detached.get() {
            self.phase.set(Phase::Taken); // (4)
            self.discard_output(result);
            return;
        }
        // SAFETY: `drop_future` has left the phase to us, and nothing leaves Dropping but this function.
        unsafe { self.set_stage(Stage::Output(result)) };
        self.phase.set(Phase::Done); // (5)
        self.wake_joiner();
    }

    /// Takes the output out, if it is there. (6)
    #[inline]
    fn take_output(&self) -> Option<Result<F::Output, JoinError>> {
        if self.phase.get() != Phase::Done {
            return None;
        }
        self.phase.set(Phase::Taken);
        // SAFETY: in phase Done no code had the stage, and with Taken none will; moving the value out runs no user
        // code.
        let stage = unsafe { std::mem::replace(&mut *self.stage.get(), Stage::Empty) };
        let Stage::Output(result) = stage else { unreachable!("a task that is done has an output") };
        Some(result)
    }

    /// Drops an unwanted output and applies the runtime's policy to a panic.
    #[inline]
    fn discard_output(&self, result: Result<F::Output, JoinError>) {
        match &result {
            Err(error) if error.is_panic() => {
                let name = self.rare.take().and_then(|rare| rare.name);
                self.unhandled.apply(|| error.report(name.as_deref(), self.spawned_at));
            }
            _ => {}
        }
        discard(result);
    }
}

/// Drops the future of a poll that panics while the stack unwinds, so that its destructors see
/// [`std::thread::panicking`] and the locks that they hold are poisoned. Forgotten when the poll returns.
///
/// A destructor that panics in turn is caught before it leaves this destructor, and its panic is discarded: the first
/// panic is the task's.
///
/// It exists in `poll` only, and only while the phase is the one that the poll has set.
struct DropOnPanic<'a, F: Future>(&'a TaskCell<F>);

impl<F: Future> Drop for DropOnPanic<'_, F> {
    #[cold]
    fn drop(&mut self) {
        // SAFETY: dropped by the unwinding of the `poll` that has set the phase, and whose call of the future is over.
        let dropped = unsafe { self.0.drop_future() };
        let _ = dropped.map_err(discard);
    }
}

impl<F: Future> Task for TaskCell<F> {
    #[inline]
    fn poll(self: Rc<Self>, cx: &mut Context<'_>) -> Polled {
        if self.phase.get() != Phase::Idle {
            return Polled::WasOver;
        }
        self.phase.set(Phase::Running);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let guard = DropOnPanic(&*self);
            // SAFETY: this `poll` has just set the phase. The cell is in an `Rc`, and those of cells become `dyn Task` and
            // `dyn Join`, which move nothing out.
            let polled = self.span.poll(|| unsafe { self.poll_future(cx) });
            std::mem::forget(guard);
            polled
        }));
        let result = match polled {
            Ok(Poll::Pending) if !self.aborted.get() => {
                self.phase.set(Phase::Idle);
                return Polled::Pending;
            }
            Ok(Poll::Pending) => Err(JoinError::cancelled(self.id)),
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(JoinError::panic(self.id, payload)),
        };
        // SAFETY: this `poll` has set the phase, or the guard of it has, and the call of the future is over.
        unsafe { self.finish(result) };
        Polled::Over
    }

    #[inline]
    fn cancel(&self) {
        match self.phase.get() {
            Phase::Idle => {
                let _within = Within::task(self.id);
                // SAFETY: in phase Idle no other code has the stage.
                unsafe { self.finish(Err(JoinError::cancelled(self.id))) }
            }
            Phase::Running => self.aborted.set(true),
            Phase::Dropping | Phase::Done | Phase::Taken => {}
        }
    }

    #[inline]
    fn id(&self) -> Id {
        self.id
    }

    #[inline]
    fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    #[inline]
    fn is_over(&self) -> bool {
        matches!(self.phase.get(), Phase::Dropping | Phase::Done | Phase::Taken)
    }

    #[cfg(any(feature = "inspect", feature = "test-util"))]
    #[inline]
    fn label(&self) -> Option<(Option<Box<str>>, &'static Location<'static>)> {
        let rare = self.rare.take();
        let name = rare.as_ref().and_then(|rare| rare.name.clone());
        self.rare.set(rare);
        matches!(self.phase.get(), Phase::Idle | Phase::Running).then_some((name, self.spawned_at))
    }

    #[cfg(feature = "inspect")]
    #[inline]
    fn view(&self) -> TaskView {
        let rare = self.rare.take();
        let name = rare.as_ref().and_then(|rare| rare.name.clone());
        let foreign = rare.as_ref().and_then(|rare| {
            let joiner = rare.joiner.as_ref()?;
            Some(Waiter::of_waker(joiner, rare.note, rare.joining))
        });
        self.rare.set(rare);
        let joiner = self.joiner.get().map(|key| Waiter::of_key(key, self.joiner_note.get()));
        TaskView {
            id: self.id,
            name,
            spawned_at: self.spawned_at,
            size: size_of::<F>(),
            phase: match self.phase.get() {
                Phase::Idle => TaskPhase::Idle,
                Phase::Running => TaskPhase::Running,
                Phase::Dropping => TaskPhase::Dropping,
                Phase::Done | Phase::Taken => TaskPhase::Over,
            },
            is_detached: self.detached.get(),
            joined_by: joiner.or(foreign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_task_costs_at_most_96_bytes_besides_its_future() {
        // Two counts of the Rc, the cell, the allocator's header; the slot of the slab and the queue's mark.
        type Future = std::future::Ready<[u64; 8]>;
        let cell = size_of::<TaskCell<Future>>() - size_of::<Future>();
        let total = 2 * size_of::<usize>() + cell + size_of::<usize>() + size_of::<Rc<dyn Task>>() + 4;
        // Whose sizes are nothing without the features `trace` and `inspect`.
        let features = size_of::<TaskSpan>() + size_of::<Note>();
        assert!(total <= 96 + features, "{total}");
    }
}
