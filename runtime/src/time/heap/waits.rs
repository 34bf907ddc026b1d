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
    /// Shows the timers that are set and have not fired, in no order. `see` sets none.
    #[inline]
    pub(crate) fn each_wait(&self, mut see: impl FnMut(TimerWait)) {
        let inner = self.settled();
        for entry in &inner.entries {
            // One that is free, or has fired, has none.
            if let Some(waker) = &entry.waker {
                let waiter = Waiter::of_waker(waker, entry.note.get(), entry.task);
                see(TimerWait { deadline: entry.deadline, waiter });
            }
        }
    }
}
