//! How the loop looks at the kernel, and sleeps there.
//!
//! What ends a sleep: an event, a deadline, a wake or an errand from another thread. Each is collected here and ends
//! as an index in the run queue; user code (foreign wakers, errands) runs when nothing is borrowed.

use super::Executor;
use crate::executor::running;
use crate::observe::woken::Woken;
#[cfg(feature = "test-util")]
use crate::time::pause::Turns;
use crate::wake::key::{ROOT, TaskKey};
use crate::wake::mailbox::Sleep;
use crate::wake::waker;
use std::time::Duration;

impl Executor {
    /// Looks at the kernel, and sleeps there when `timeout` lets it and no other thread has woken anyone: until
    /// something happens, or a deadline comes, or `timeout` is over.
    #[inline]
    pub(super) fn wait(&self, timeout: Option<Duration>) -> usize {
        if timeout != Some(Duration::ZERO) && self.clock.source.jumps_when_idle() {
            if let Some(deadline) = self.timers.next() {
                self.polls_since_wait.set(0);
                return self.look_or_jump(deadline);
            }
        }
        if self.parking.spins() && timeout != Some(Duration::ZERO) && !self.clock.source.is_virtual() {
            return self.spin(timeout);
        }
        let timeout = self.prepare(timeout);
        self.look(timeout)
    }

    /// A wait that does not sleep: looks until something happens, a deadline comes, or `timeout` is over.
    #[inline(never)]
    fn spin(&self, timeout: Option<Duration>) -> usize {
        self.parking.spins.bump();
        self.polls_since_wait.set(0);
        // The clock is read from the second look on: often the first one finds something.
        let mut over = None;
        loop {
            let events = self.look(Some(Duration::ZERO));
            if events > 0 || self.remote.mailbox.has_mail() {
                return events;
            }
            let now = self.clock.now();
            let over = *over.get_or_insert_with(|| {
                let over = timeout.map_or(u64::MAX, |timeout| now.saturating_add(nanoseconds(timeout)));
                self.timers.next().map_or(over, |deadline| deadline.min(over))
            });
            if now >= over {
                return 0;
            }
        }
    }

    /// Gets ready to sleep, and says for how long: `timeout` at most, until the next deadline at most, and not at all
    /// when another thread has woken someone. From here on whoever does rings the bell, until
    /// [`collect_letters`](Executor::collect_letters).
    #[inline]
    pub(crate) fn prepare(&self, timeout: Option<Duration>) -> Option<Duration> {
        self.polls_since_wait.set(0);
        if timeout == Some(Duration::ZERO) {
            return timeout;
        }
        let timeout = if self.timers.is_empty() { timeout } else { self.until_deadline(timeout) };
        match self.remote.mailbox.prepare_sleep() {
            Sleep::May => timeout,
            Sleep::MustNot => Some(Duration::ZERO),
        }
    }

    /// How long until the next deadline, if that is before `timeout` is over.
    #[inline(never)]
    fn until_deadline(&self, timeout: Option<Duration>) -> Option<Duration> {
        if self.clock.source.stands_still() {
            return timeout;
        }
        let virtual_time = self.clock.source.is_virtual();
        let Some(deadline) = (if virtual_time { self.timers.next() } else { self.timers.not_after_next() })
        else {
            return timeout;
        };
        running::sharpen_waits();
        let left = Duration::from_nanos(deadline.saturating_sub(self.clock.now()));
        Some(timeout.map_or(left, |timeout| timeout.min(left)))
    }

    /// Where an idle loop goes on a clock that a test has paused: to the next deadline, if the kernel has nothing
    /// to report now and no other thread has woken anyone.
    pub(super) fn look_or_jump(&self, deadline: u64) -> usize {
        // Asked before the mailbox is looked at: a job is counted until its wake is in there. With one out, time
        // stands still, and the end of the last ends the sleep.
        let jobs = self.blocking.outstanding(&waker::new(TaskKey::new(self.queue.executor, 0, ROOT)));
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
        let mut foreign = self.foreign.borrow_mut();
        let events = self.reactor.wait(timeout, &mut foreign);
        let is_empty = foreign.is_empty();
        drop(foreign);
        if !is_empty {
            self.wake_foreign();
        }
        events.expect("epoll_wait on egret's own epoll descriptor; was it closed behind egret's back?")
    }

    /// Wakes whoever waited for a deadline that has passed. Without timers it does not read the clock.
    #[inline]
    pub(crate) fn fire_timers(&self) -> usize {
        if self.timers.is_empty() { 0 } else { self.fire_due() }
    }

    #[inline(never)]
    fn fire_due(&self) -> usize {
        let fired = self.timers.fire(self.clock.now(), &self.queue, &mut self.foreign.borrow_mut());
        self.wake_foreign();
        fired
    }

    /// Wakes those who were collected because they are not tasks of this executor.
    #[cold]
    pub(super) fn wake_foreign(&self) {
        for (position, waker) in self.foreign.take().into_iter().enumerate() {
            self.queue.trace.foreign(position);
            waker::wake_contained(waker);
        }
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
            if self.queue.wake(key) == Woken::Queued {
                self.remote_wakes.bump();
            }
        }
    }
}

#[cfg(feature = "test-util")]
impl Turns for Executor {
    fn fire_timers(&self) {
        Executor::fire_timers(self);
    }

    fn is_quiet(&self) -> bool {
        self.queue.len() == 0
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
