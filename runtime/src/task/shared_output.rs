//! [`SharedOutput`]: the output of a task or a job, between the thread that makes it and the one that has the handle.
//!
//! ```text
//!                 fill (1)              poll, detach (2)
//!      Empty ----------------> Filled -------------------> Over
//!        |                                                  ^
//!        +------------- fill after detach (3) --------------+
//! ```
//!
//! * `joiner`: the waker of the handle's last poll; `fill` wakes it once.
//! * `detached`: the handle is dropped and will not take the output.
//! * `policy`: what the runtime does about a panic in an output that is discarded.
//!
//! The side that finds an output unwanted discards it: `detach` (2) on the handle's thread, `fill` (3) on the other,
//! so the output has to be `Send`. All user code (drops of outputs, clones, drops and wakes of wakers) runs with the
//! lock released, so the lock is held for a few instructions and never poisoned.

use crate::observe::id::{Id, Within};
use crate::observe::site::{self, Note, Site};
use crate::task::join::JoinError;
use crate::wake::remote::Address;
use crate::wake::task::Policy;
#[cfg(feature = "inspect")]
use crate::wake::waiter::Waiter;
use crate::wake::waker::{self, discard};
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

pub(crate) struct SharedOutput<T> {
    pub(crate) id: Id,
    pub(crate) spawned_at: &'static Location<'static>,
    /// The runtime of the task or the job.
    pub(crate) runtime: Address,
    state: Mutex<OutputState<T>>,
}

struct OutputState<T> {
    stage: OutputStage<T>,
    joiner: Option<Waker>,
    note: Note,
    /// The task that polled with the joiner.
    joining: site::Task,
    detached: bool,
    policy: Policy,
}

enum OutputStage<T> {
    Empty,
    Filled(Result<T, JoinError>),
    Over,
}

impl<T> SharedOutput<T> {
    /// Creates an empty one, with the policy of this thread's runtime.
    #[inline]
    pub(crate) fn new(
        id: Id,
        spawned_at: &'static Location<'static>,
        runtime: Address,
        joiner: Option<Waker>,
    ) -> SharedOutput<T> {
        let (note, joining, policy) = (Note::default(), site::Task::default(), Policy::current());
        let state = OutputState { stage: OutputStage::Empty, joiner, note, joining, detached: false, policy };
        SharedOutput { id, spawned_at, runtime, state: Mutex::new(state) }
    }

    #[inline]
    pub(crate) fn set_policy(&self, policy: Policy) {
        self.lock().policy = policy;
    }

    /// Polls for the output. `Ready(None)` when an earlier poll has returned it. (2)
    #[inline]
    pub(crate) fn poll(&self, cx: &Context<'_>, at: Site) -> Poll<Option<Result<T, JoinError>>> {
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if let Some(result) = state.stage.take() {
            return Poll::Ready(Some(result));
        }
        let same = state.joiner.as_ref().is_some_and(|before| before.will_wake(&waker));
        state.note = Note::next(same.then_some(state.note), at);
        state.joining = site::Task::current();
        let is_over = matches!(state.stage, OutputStage::Over);
        let before = state.joiner.replace(waker);
        drop(state);
        drop(before);
        if is_over { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Returns the waiter that awaits the handle.
    #[cfg(feature = "inspect")]
    #[inline]
    pub(crate) fn waiter(&self) -> Option<Waiter> {
        let state = self.lock();
        let joiner = state.joiner.as_ref()?;
        Some(Waiter::of_waker(joiner, state.note, state.joining))
    }

    #[inline]
    pub(crate) fn is_finished(&self) -> bool {
        !matches!(self.lock().stage, OutputStage::Empty)
    }

    /// Keeps `result` for the handle and wakes it (1), or discards it (3). A second result is discarded.
    ///
    /// Calls `free` before the output can be seen, unless there is user code left to run.
    #[inline]
    pub(crate) fn fill(&self, result: Result<T, JoinError>, free: impl FnOnce()) {
        let mut state = self.lock();
        if state.detached {
            state.stage = OutputStage::Over;
        }
        if !matches!(state.stage, OutputStage::Empty) {
            drop(state);
            return self.discard(result);
        }
        state.stage = OutputStage::Filled(result);
        let joiner = state.joiner.take();
        // A foreign waker is user code, which may take long.
        if joiner.as_ref().is_none_or(|joiner| waker::key_of(joiner).is_some()) {
            free();
        }
        drop(state);
        if let Some(joiner) = joiner {
            waker::wake_contained(joiner);
        }
    }

    /// Called by the drop of the handle: discards the output, now or when it comes. (2)
    #[inline]
    pub(crate) fn detach(&self) {
        let mut state = self.lock();
        state.detached = true;
        let (joiner, output) = (state.joiner.take(), state.stage.take());
        drop(state);
        if let Some(result) = output {
            self.discard(result);
        }
        drop(joiner);
    }

    /// Drops an unwanted output and applies the runtime's policy to a panic.
    #[inline]
    fn discard(&self, result: Result<T, JoinError>) {
        if let Some(error) = result.as_ref().err().filter(|error| error.is_panic()) {
            let policy = self.lock().policy;
            policy.apply_at(self.runtime, error.report(None, self.spawned_at));
        }
        let _within = Within::task(self.id);
        discard(result);
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, OutputState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> OutputStage<T> {
    /// Takes the output out. (2)
    #[inline]
    fn take(&mut self) -> Option<Result<T, JoinError>> {
        match std::mem::replace(self, OutputStage::Over) {
            OutputStage::Filled(result) => Some(result),
            other => {
                *self = other;
                None
            }
        }
    }
}
