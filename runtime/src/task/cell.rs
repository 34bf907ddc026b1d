//! The task cell: one allocation that holds a future, then its output.
//!
//! Two owners share a cell, both on the executor's thread: the executor, until the task is over, and the
//! [`JoinHandle`], until it is dropped. Each has a [`CellRef`]. No waker points here. `Phase` determines which code may
//! touch the stage:
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
//! * Taken: the stage is empty. The stage is a union, so no code looks at it without knowing the phase.
//!
//! User code (poll, drop of the future, drop of the output, wake of the joiner) may do anything with any cell, its own
//! included: it only runs in a phase that refuses, or after the last touch of the stage.

#![allow(unsafe_code)]

mod joined; // the cell, as its handle sees it

use crate::observe::id::{Id, Within};
use crate::observe::site::Site;
use crate::task::join::JoinError;
use crate::wake::remote::Address;
use crate::wake::task::memory::Memory;
use crate::wake::task::{CellRef, Header, Phase, Polled, Task};
#[cfg(feature = "inspect")]
use crate::wake::task::{TaskPhase, TaskView};
#[cfg(feature = "inspect")]
use crate::wake::waiter::Waiter;
use crate::wake::waker::discard;
use std::any::Any;
use std::cell::UnsafeCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// A spawned future, as its handle sees it.
///
/// Named for the error about a handle that is sent to another thread; the code calls it [`Join`].
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) trait JoinHandlesStayOnTheirThread_UseSpawnWith<T> {
    /// Polls for the output; `None` once the output has been taken.
    fn poll_join(&self, cx: &mut Context<'_>, at: Site) -> Poll<Option<Result<T, JoinError>>>;
    fn cancel(&self);
    fn is_finished(&self) -> bool;
    fn detach(&self);
    fn id(&self) -> Id;

    /// Returns the address of its runtime, for what has no key there.
    #[inline]
    fn address(&self) -> Option<Address> {
        None
    }
}

pub(crate) use JoinHandlesStayOnTheirThread_UseSpawnWith as Join;

/// The header comes first: see [`CellRef`].
#[repr(C)]
pub(crate) struct TaskCell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

/// The phase says which of the two is there: Idle and Running the future, Done the output. In Dropping and Taken neither
/// is, but for the future that `drop_future` drops. `repr(C)`: both are at the address of the stage.
#[repr(C)]
union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

/// The facts about a task that is about to be spawned, apart from its future.
pub(crate) struct NewTask {
    pub(crate) id: Id,
    pub(crate) at: &'static Location<'static>,
    /// For reports.
    pub(crate) name: Option<Box<str>>,
}

/// Makes a cell in `memory`, in phase Idle; its header counts both of its references. Returns that of the executor, and that of
/// the handle.
///
/// The future is moved once, to its place: a large one is not copied to the stack before. `header` makes the header in its
/// place, for the same reason; it must not panic.
#[inline]
pub(crate) fn share<F>(
    header: impl FnOnce() -> Header,
    future: F,
    memory: &Memory,
) -> (CellRef<dyn Task>, CellRef<dyn Join<F::Output>>)
where
    F: Future + 'static,
{
    let place = memory.place::<TaskCell<F>>();
    let cell = place.as_ptr();
    // SAFETY: the place is new memory of the size and the alignment of a cell, so its fields are within it.
    let first = unsafe { &raw mut (*cell).header };
    // SAFETY: as above.
    let stage = unsafe { &raw mut (*cell).stage };
    // SAFETY: the field is the new cell's, and nothing was there. Were `header` to panic, the memory would be lost.
    unsafe { first.write(header()) };
    // SAFETY: as above. A `Stage` is `repr(C)`, as an `UnsafeCell` is transparent: the future is at its address.
    unsafe { stage.cast::<F>().write(future) };
    // SAFETY: the memory is of `place`, and the cell in it is complete. `TaskCell` is `repr(C)` and begins with its header,
    // which counts two references: this one and the next. It is not `Send`, so the thread is this one.
    let task = unsafe { CellRef::new(place as NonNull<dyn Task>) };
    // SAFETY: as above.
    (task, unsafe { CellRef::new(place as NonNull<dyn Join<F::Output>>) })
}

impl<F: Future> TaskCell<F> {
    #[inline]
    fn future(&self) -> *mut F {
        self.stage.get().cast()
    }

    #[inline]
    fn output(&self) -> *mut Result<F::Output, JoinError> {
        self.stage.get().cast()
    }

    /// # Safety
    ///
    /// The phase is Running and the caller is the `poll` that set it. The cell is not moved any more.
    #[inline(always)] // into its one caller, the path of every poll
    unsafe fn poll_future(&self, cx: &mut Context<'_>) -> Poll<F::Output> {
        debug_assert!(self.header.is_in(Phase::Running));
        // SAFETY: in phase Running the stage has a future, and belongs to the `poll` that set it, which is the caller, so
        // there is no other reference to it: another `poll` and `cancel` refuse this phase, and so does `take_output`.
        let future = unsafe { &mut *self.future() };
        // SAFETY: the cell is not moved, as the caller promises, and `drop_future` drops the future in place before
        // anything else is stored here: the future stays where it is until it is dropped.
        let future = unsafe { Pin::new_unchecked(future) };
        future.poll(cx)
    }

    /// Drops the future. Leaves phase Dropping, which is then the caller's. (2, 3)
    ///
    /// # Safety
    ///
    /// The stage is the caller's and has a future: the phase is `from`, which is Idle, or Running and set by the caller in its
    /// `poll`, whose call of the future is over.
    #[inline]
    unsafe fn drop_future(&self, from: Phase) -> std::thread::Result<()> {
        self.header.pass(from, Phase::Dropping);
        catch_unwind(AssertUnwindSafe(|| {
            self.header.span.end(|| {
                // SAFETY: the stage was the caller's and had a future; in phase Dropping it belongs to the one that set
                // it, which is this function. A reference that `poll_future` had is gone, for its frame has returned or
                // been unwound. What the destructor runs finds a phase in which nothing touches the stage.
                unsafe { self.future().drop_in_place() }
            })
        }))
    }

    /// Drops the future and keeps `result` for the handle, if there is one. (2, 3)
    ///
    /// # Safety
    ///
    /// As for [`drop_future`](TaskCell::drop_future).
    #[inline(always)] // see `keep`
    unsafe fn finish(&self, from: Phase, result: Result<F::Output, JoinError>) {
        // SAFETY: that is what the caller promises.
        match unsafe { self.drop_future(from) } {
            // SAFETY: `drop_future` has left the phase to us, without a future.
            Ok(()) => unsafe { self.keep(result) },
            Err(payload) => {
                discard(result);
                // SAFETY: as above.
                unsafe { self.keep_panic(payload) };
            }
        }
    }

    /// Drops the future of a task that was cancelled. (2, 3)
    ///
    /// # Safety
    ///
    /// As for [`drop_future`](TaskCell::drop_future).
    #[inline(never)]
    unsafe fn give_up(&self, from: Phase) {
        // SAFETY: that is what the caller promises.
        unsafe { self.finish(from, Err(JoinError::cancelled(self.header.id()))) };
    }

    /// Keeps the panic of the future for the handle, if there is one.
    ///
    /// # Safety
    ///
    /// As for [`keep`](TaskCell::keep).
    #[cold]
    unsafe fn keep_panic(&self, payload: Box<dyn Any + Send>) {
        // SAFETY: that is what the caller promises.
        unsafe { self.keep(Err(JoinError::panic(self.header.id(), payload))) };
    }

    /// Keeps `result` for the handle, if there is one.
    ///
    /// # Safety
    ///
    /// The phase is Dropping, which the caller has set, and the future has been dropped.
    // Inlined so that an output is written to its place once: a result that is passed by its address is stored in parts and
    // loaded as a whole, for which the processor waits until the stores are done.
    #[inline(always)]
    unsafe fn keep(&self, result: Result<F::Output, JoinError>) {
        if self.header.is_detached() {
            self.header.pass(Phase::Dropping, Phase::Taken); // (4)
            self.discard_output(result);
            return;
        }
        // SAFETY: in phase Dropping the stage belongs to the caller, and there is nothing in it. The memory is that of the
        // cell, so it is large and aligned enough.
        unsafe { self.output().write(result) };
        self.header.pass(Phase::Dropping, Phase::Done); // (5)
        self.header.wake_joiner();
    }

    /// Takes the output out, if it is there. (6)
    #[inline]
    fn take_output(&self) -> Option<Result<F::Output, JoinError>> {
        if !self.header.is_in(Phase::Done) {
            return None;
        }
        self.header.pass(Phase::Done, Phase::Taken);
        // SAFETY: in phase Done there was an output and no code had the stage, and with Taken none will: it is read once.
        Some(unsafe { self.output().read() })
    }

    /// Drops an unwanted output and applies the runtime's policy to a panic.
    #[inline]
    fn discard_output(&self, result: Result<F::Output, JoinError>) {
        match &result {
            Err(error) if error.is_panic() => {
                let name = self.header.if_rare(|rare| rare.name.take());
                self.header.policy().apply(|| error.report(name.as_deref(), self.header.spawned_at));
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
        let dropped = unsafe { self.0.drop_future(Phase::Running) };
        let _ = dropped.map_err(discard);
    }
}

impl<F: Future> Drop for TaskCell<F> {
    /// Of the last reference, or of a cell that was never shared.
    #[inline]
    fn drop(&mut self) {
        match self.header.phase() {
            // SAFETY: in phase Idle the stage has the future.
            Phase::Idle => unsafe { self.future().drop_in_place() },
            // SAFETY: in phase Done the stage has the output.
            Phase::Done => unsafe { self.output().drop_in_place() },
            // The code that set Running or Dropping has a reference. In Taken there is nothing.
            Phase::Running | Phase::Dropping | Phase::Taken => {}
        }
    }
}

impl<F: Future> Task for TaskCell<F> {
    #[inline]
    fn poll(&self, cx: &mut Context<'_>) -> Polled {
        if !self.header.is_in(Phase::Idle) {
            return Polled::WasOver;
        }
        self.header.pass(Phase::Idle, Phase::Running);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let guard = DropOnPanic(self);
            // SAFETY: this `poll` has just set the phase. The cell is polled in the memory that its
            // `CellRef` has for it, and stays there until it is dropped.
            let polled = self.header.span.poll(|| unsafe { self.poll_future(cx) });
            std::mem::forget(guard);
            polled
        }));
        match polled {
            Ok(Poll::Pending) if !self.header.is_aborted() => {
                self.header.pass(Phase::Running, Phase::Idle);
                return Polled::Pending;
            }
            // SAFETY: this `poll` has set phase Running, and the call of the future is over.
            Ok(Poll::Pending) => unsafe { self.give_up(Phase::Running) },
            // SAFETY: as above.
            Ok(Poll::Ready(output)) => unsafe { self.finish(Phase::Running, Ok(output)) },
            // SAFETY: the guard of this `poll` has set phase Dropping and dropped the future.
            Err(payload) => unsafe { self.keep_panic(payload) },
        }
        Polled::Over
    }

    #[inline]
    fn cancel(&self) {
        match self.header.phase() {
            Phase::Idle => {
                let _within = Within::task(self.header.id());
                // SAFETY: in phase Idle no other code has the stage.
                unsafe { self.give_up(Phase::Idle) }
            }
            Phase::Running => self.header.set_aborted(),
            Phase::Dropping | Phase::Done | Phase::Taken => {}
        }
    }

    #[inline]
    fn id(&self) -> Id {
        self.header.id()
    }

    #[inline]
    fn spawned_at(&self) -> &'static Location<'static> {
        self.header.spawned_at
    }

    #[inline]
    fn is_over(&self) -> bool {
        matches!(self.header.phase(), Phase::Dropping | Phase::Done | Phase::Taken)
    }

    #[cfg(any(feature = "inspect", feature = "test-util"))]
    #[inline]
    fn label(&self) -> Option<(Option<Box<str>>, &'static Location<'static>)> {
        let name = self.header.if_rare(|rare| rare.name.clone());
        matches!(self.header.phase(), Phase::Idle | Phase::Running).then_some((name, self.header.spawned_at))
    }

    #[cfg(feature = "inspect")]
    #[inline]
    fn view(&self) -> TaskView {
        let header = &self.header;
        let foreign = header.if_rare(|rare| {
            let joiner = rare.joiner.as_ref()?;
            Some(Waiter::of_waker(joiner, rare.note, rare.joining))
        });
        let joiner = header.joiner().map(|key| Waiter::of_key(key, header.joiner_note.get()));
        TaskView {
            id: header.id(),
            name: header.if_rare(|rare| rare.name.clone()),
            spawned_at: header.spawned_at,
            size: size_of::<F>(),
            phase: match header.phase() {
                Phase::Idle => TaskPhase::Idle,
                Phase::Running => TaskPhase::Running,
                Phase::Dropping => TaskPhase::Dropping,
                Phase::Done | Phase::Taken => TaskPhase::Over,
            },
            joined_by: joiner.or(foreign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::site::Note;
    use crate::observe::spans::TaskSpan;

    #[test]
    fn a_cell_takes_24_bytes_besides_its_future() {
        type Future = std::future::Ready<[u64; 8]>;
        // Whose sizes are nothing without the features `trace` and `inspect`.
        let features = size_of::<TaskSpan>() + size_of::<Note>();
        assert_eq!(size_of::<Header>(), 24 + features);
        assert_eq!(size_of::<TaskCell<Future>>(), size_of::<Header>() + size_of::<Future>());
    }
}
