//! The loop as a guest of another loop: until when its host may sleep.

use super::Executor;
use crate::wake::mailbox::Sleep;
use std::os::fd::{AsFd, BorrowedFd};

/// Until when a loop that turns this one may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Until {
    /// There is something to do.
    Now,
    /// A deadline on the clock of the executor.
    Deadline(u64),
    /// An event of the descriptor.
    Event,
}

impl Executor {
    /// Announces a sleep, which the next turn ends: from here on a wake of another thread is an event of
    /// [`descriptor`](Executor::descriptor).
    pub(crate) fn announce_sleep(&self) -> Until {
        if self.queue.len() > 0 {
            return Until::Now;
        }
        // Refused when there is mail, and also when a sleep was announced and no turn has come since.
        if self.remote.mailbox.prepare_sleep() == Sleep::MustNot && self.remote.mailbox.has_mail() {
            return Until::Now;
        }
        self.timers.next().map_or(Until::Event, Until::Deadline)
    }

    /// Readable when `epoll_wait` would report an event.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.reactor.as_fd()
    }
}
