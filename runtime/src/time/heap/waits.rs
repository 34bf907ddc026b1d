//! The timers that are set, for a dump. With feature `inspect`.

use super::Timers;
use crate::wake::waiter::Waiter;

/// A timer that is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerWait {
    /// In nanoseconds on the clock of the runtime.
    pub(crate) deadline: u64,
    pub(crate) waiter: Waiter,
}

impl Timers {
    /// The timers that are set and have not fired, in no order.
    pub(crate) fn waits(&self) -> Vec<TimerWait> {
        let inner = self.inner.borrow();
        let set = inner.heap.iter().map(|node| &inner.entries[node.entry as usize]);
        let view = set.filter_map(|entry| {
            let waiter = Waiter::of_waker(entry.waker.as_ref()?, entry.note.get(), entry.task);
            Some(TimerWait { deadline: entry.deadline, waiter })
        });
        view.collect()
    }
}
