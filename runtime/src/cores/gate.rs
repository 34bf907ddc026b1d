//! [`Gate`]: the cores start together, and their ends are counted.

use crate::runtime::Handle;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Where the cores wait until all have a runtime, and where their ends are counted.
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
    count: usize,
}

#[derive(Default)]
struct GateState {
    handles: Vec<Option<Handle>>,
    /// All handles, once they are there.
    all: Option<Arc<[Handle]>>,
    refused: Option<io::Error>,
    ended: usize,
    /// Woken when all have ended.
    waiting: Option<Waker>,
}

impl Gate {
    #[inline]
    pub(super) fn new(count: usize) -> Gate {
        let state = Mutex::new(GateState { handles: vec![None; count], ..GateState::default() });
        Gate { state, changed: Condvar::new(), count }
    }

    /// No user code runs under the lock.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every core has a runtime. `None` when one could not be started.
    #[inline]
    pub(super) fn pass(&self, index: usize, handle: Handle) -> Option<Arc<[Handle]>> {
        let mut state = self.lock();
        state.handles[index] = Some(handle);
        if state.handles.iter().all(Option::is_some) {
            state.all = Some(state.handles.drain(..).flatten().collect());
            self.changed.notify_all();
        }
        let undecided = |state: &mut GateState| state.all.is_none() && state.refused.is_none();
        let state = self.changed.wait_while(state, undecided).unwrap_or_else(PoisonError::into_inner);
        if state.refused.is_some() { None } else { state.all.clone() }
    }

    /// Lets no core pass.
    #[inline]
    pub(super) fn refuse(&self, error: io::Error) {
        let mut state = self.lock();
        state.refused.get_or_insert(error);
        // Threads that were never started have ended too.
        state.ended = self.count;
        let waiting = state.waiting.take();
        drop(state);
        self.changed.notify_all();
        waiting.into_iter().for_each(Waker::wake);
    }

    #[inline]
    pub(super) fn refused(self) -> Option<io::Error> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).refused
    }

    /// Counts the end of a core when it is dropped.
    #[inline]
    pub(super) fn ends(&self) -> CoreEnd<'_> {
        CoreEnd(self)
    }

    /// Returns whether all have ended; if not, wakes `waker` then.
    #[inline]
    pub(super) fn all_ended(&self, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = self.lock();
        if state.ended >= self.count {
            return true;
        }
        let before = state.waiting.replace(waker);
        drop(state);
        drop(before);
        false
    }
}

pub(super) struct CoreEnd<'a>(&'a Gate);

impl Drop for CoreEnd<'_> {
    #[inline]
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended += 1;
        let waiting = if state.ended >= self.0.count { state.waiting.take() } else { None };
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}
