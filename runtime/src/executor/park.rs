//! How the loop looks at the kernel, and sleeps there.
//!
//! What ends a sleep: an event, a deadline, a wake or an errand from another thread. Each is collected here and ends
//! as an index in the run queue; user code (foreign wakers, errands) runs when nothing is borrowed.

use super::Executor;
use crate::context;
use crate::key::{ROOT, TaskKey};
use crate::mailbox::Sleep;
use crate::queue::Woken;
use crate::reactor::wake_all;
use crate::waker;
use std::time::Duration;

impl Executor {
    /// Looks at the kernel, and sleeps there when `timeout` lets it and no other thread has woken anyone: until
    /// something happens, or a deadline comes, or `timeout` is over.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> usize {
        if timeout != Some(Duration::ZERO) && self.clock.source.jumps_when_idle() {
            if let Some(deadline) = self.timers.next() {
                self.polls_since_wait.set(0);
                return self.look_or_jump(deadline);
            }
        }
        let timeout = self.prepare(timeout);
        self.look(timeout)
    }

    /// Gets ready to sleep, and says for how long: `timeout` at most, until the next deadline at most, and not at all
    /// when another thread has woken someone. From here on whoever does rings the bell, until
    /// [`collect_letters`](Executor::collect_letters).
    pub(crate) fn prepare(&self, timeout: Option<Duration>) -> Option<Duration> {
        self.polls_since_wait.set(0);
        if timeout == Some(Duration::ZERO) {
            return timeout;
        }
        let until_deadline = match self.timers.next() {
            Some(deadline) if !self.clock.source.stands_still() => {
                context::sharpen_waits();
                Some(Duration::from_nanos(deadline.saturating_sub(self.clock.now())))
            }
            _ => None,
        };
        match self.remote.mailbox.prepare_sleep() {
            Sleep::May => timeout.into_iter().chain(until_deadline).min(),
            Sleep::MustNot => Some(Duration::ZERO),
        }
    }

    /// Where an idle loop goes on a clock that a test has paused: to the next deadline, if the kernel has nothing
    /// to report now and no other thread has woken anyone.
    pub(super) fn look_or_jump(&self, deadline: u64) -> usize {
        // Asked before the mailbox is looked at: a job is counted until its wake is in there. With one out, time
        // stands still, and the end of the last ends the sleep.
        let jobs = self.blocking.outstanding(&waker::new(self.key(0, ROOT)));
        let may_jump = self.remote.mailbox.prepare_sleep() == Sleep::May;
        if jobs > 0 {
            return self.look(if may_jump { None } else { Some(Duration::ZERO) });
        }
        let events = self.look(Some(Duration::ZERO));
        if may_jump && events == 0 {
            self.clock.source.jump(deadline);
        }
        events
    }

    /// Calls `epoll_wait` and wakes whoever waited for what it reports.
    #[inline]
    pub(super) fn look(&self, timeout: Option<Duration>) -> usize {
        let events = self.reactor.wait(timeout, &mut self.foreign.borrow_mut());
        self.wake_foreign();
        events.expect("epoll_wait on egret's own epoll descriptor; was it closed behind egret's back?")
    }

    /// Wakes whoever waited for a deadline that has passed. Without timers it does not read the clock.
    pub(crate) fn fire_timers(&self) -> usize {
        if self.timers.is_empty() {
            return 0;
        }
        let fired = self.timers.fire(self.clock.now(), &self.queue, &mut self.foreign.borrow_mut());
        self.wake_foreign();
        fired
    }

    /// Wakes those who were collected because they are not tasks of this executor.
    #[inline]
    pub(super) fn wake_foreign(&self) {
        if !self.foreign.borrow().is_empty() {
            wake_all(&mut self.foreign.take());
        }
    }

    /// Whether no task is queued.
    #[cfg(feature = "test-util")]
    pub(crate) fn is_quiet(&self) -> bool {
        self.queue.len() == 0
    }

    /// Takes the wakes of other threads. Ends the sleep that `wait` announced.
    #[inline]
    pub(super) fn collect_letters(&self) {
        let mail = self.remote.mailbox.collect();
        if mail.letters {
            self.wake_by_letters();
        }
        if mail.flag {
            // One that panics must not lose those behind it.
            self.remote.take_errands().into_iter().for_each(waker::contain);
        }
    }

    #[cold]
    pub(super) fn wake_by_letters(&self) {
        let letters = &mut *self.letters.borrow_mut();
        self.remote.mailbox.take_letters(letters);
        for key in letters.drain(..).filter_map(TaskKey::from_bits) {
            if self.queue.wake(key.index(), key.generation()) == Woken::Queued {
                self.remote_wakes.bump();
            }
        }
    }
}
