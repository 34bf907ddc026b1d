//! The loop's calls of `epoll_wait`, and its sleep there.
//!
//! A sleep ends by an event, a deadline, or a wake or an errand from another thread. Each is collected here and
//! becomes an index in the run queue; user code (foreign wakers, errands) runs when nothing is borrowed.

use super::Executor;
use super::turn::POLLS_PER_WAIT;
use crate::executor::running;
use crate::observe::woken::Woken;
#[cfg(feature = "test-util")]
use crate::time::pause::Turns;
use crate::wake::key::{ROOT, TaskKey};
use crate::wake::mailbox::{Mail, Sleep};
use crate::wake::waker;
use std::time::Duration;

/// A timeout in nanoseconds, as all are here, of a wait that does not sleep.
pub(crate) const NOW: u64 = 0;
/// Of a wait without a limit.
pub(crate) const FOREVER: u64 = u64::MAX;

/// The next deadline, as it was when a wait began, where it was not far.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NextDeadline {
    /// The loop has something else to do, no timer, or only far ones.
    Unknown,
    /// Near, by the precise clock, or it may be: without an event it may be what has ended the wait.
    Near,
    /// Had passed, by the precise clock.
    Passed,
}

impl Executor {
    /// Returns how long an idle loop may sleep. While much memory of ended tasks is kept, it frees some of it instead.
    #[inline]
    pub(super) fn rest(&self) -> u64 {
        if !self.memory.has_excess() {
            return FOREVER;
        }
        self.memory.shrink();
        NOW
    }

    /// Calls `epoll_wait`. It sleeps, if `timeout` allows it and no other thread has left a wake, until an event, a
    /// deadline or the end of `timeout`.
    #[inline(always)] // into the loop
    pub(super) fn wait(&self, timeout: u64) {
        if timeout != NOW && self.clock.source.jumps_when_idle() {
            if let Some(deadline) = self.timers.next() {
                self.polls_left.set(POLLS_PER_WAIT);
                return self.look_or_jump(deadline);
            }
        }
        let timeout = self.prepare(timeout);
        self.look(timeout);
    }

    /// [`wait`](Executor::wait) as the builder has set it, in a function of its own: for all but a plain loop.
    #[inline(never)]
    pub(super) fn wait_as_set(&self, timeout: u64) {
        match &self.hooks {
            None => self.wait_apart(timeout),
            Some(hooks) => self.wait_hooked(hooks, timeout),
        }
    }

    /// A sleep or a spin.
    #[inline(never)]
    pub(super) fn wait_apart(&self, timeout: u64) {
        if self.parking.spins() && timeout != NOW && !self.clock.source.is_virtual() {
            return self.spin(timeout);
        }
        self.wait(timeout);
    }

    /// Waits without sleeping: polls until an event, a deadline or the end of `timeout`.
    #[inline(never)]
    fn spin(&self, timeout: u64) {
        self.parking.spins.bump();
        self.polls_left.set(POLLS_PER_WAIT);
        let before = self.reactor.reported.get();
        // The clock is read from the second poll on: often the first one finds an event.
        let mut over = None;
        loop {
            self.wait_apart(NOW);
            if self.reactor.reported.get() > before || self.remote.mailbox.has_mail() {
                return;
            }
            let now = self.clock.now();
            let over = *over.get_or_insert_with(|| {
                let over = now.saturating_add(timeout);
                self.timers.not_after_next().map_or(over, |deadline| deadline.min(over))
            });
            if now >= over {
                self.next_deadline.set(NextDeadline::Passed);
                return;
            }
        }
    }

    /// Prepares to sleep, and returns for how long: at most `timeout`, at most until the next deadline, and zero when
    /// another thread has left a wake. From here on the first wake writes the eventfd, until
    /// [`collect_letters`](Executor::collect_letters).
    #[inline]
    pub(crate) fn prepare(&self, timeout: u64) -> u64 {
        self.polls_left.set(POLLS_PER_WAIT);
        if timeout == NOW {
            return timeout;
        }
        let timeout = if self.timers.is_empty() { timeout } else { self.until_deadline().min(timeout) };
        match self.remote.mailbox.prepare_sleep() {
            Sleep::May => timeout,
            Sleep::MustNot => NOW,
        }
    }

    /// Returns how long until the next deadline. A far deadline is read off the coarse clock: the wait ends a little before
    /// it, and the next one is exact.
    #[inline(never)]
    fn until_deadline(&self) -> u64 {
        if self.clock.source.stands_still() {
            return FOREVER;
        }
        let virtual_time = self.clock.source.is_virtual();
        let Some(deadline) = (if virtual_time { self.timers.next() } else { self.timers.not_after_next() })
        else {
            return FOREVER;
        };
        match self.clock.until_far(deadline) {
            Some(left) => {
                self.reported_before_far.set(self.reactor.reported.get());
                left
            }
            None => self.until_near(deadline),
        }
    }

    /// Returns how long until a deadline that may be near, by the precise clock.
    #[inline(never)]
    fn until_near(&self, deadline: u64) -> u64 {
        running::sharpen_waits();
        let left = deadline.saturating_sub(self.clock.now());
        self.expect(if left == 0 { NextDeadline::Passed } else { NextDeadline::Near });
        left
    }

    /// Goes, on a clock that a test has paused, to the next deadline, if the kernel has no event
    /// now and no other thread has left a wake.
    pub(super) fn look_or_jump(&self, deadline: u64) {
        // Read before the mailbox: a job is counted until its wake is in there. While one is outstanding, time stands
        // still, and the end of the last one ends the sleep.
        let jobs = self.blocking.outstanding(&waker::new(TaskKey::new(self.queue.executor, 0, ROOT)));
        let may_jump = self.remote.mailbox.prepare_sleep() == Sleep::May;
        if jobs > 0 {
            return self.look(if may_jump { FOREVER } else { NOW });
        }
        let before = self.reactor.reported.get();
        self.look(NOW);
        if may_jump && self.reactor.reported.get() == before {
            self.clock.source.jump(deadline);
        }
    }

    /// Calls `epoll_wait` and wakes the waiters of the reported events.
    #[inline(always)] // into the loop
    pub(super) fn look(&self, timeout: u64) {
        if self.reactor.wait(timeout) {
            self.wake_foreign();
        }
    }

    /// Wakes the waiters whose deadline has passed, after a wait. What was far when it began is looked at when the loop
    /// would wait again, if it has reported an event: for nearly every request that is in vain.
    #[inline]
    pub(super) fn fire_timers_after_wait(&self) -> usize {
        if self.timers.is_empty() {
            return 0;
        }
        let is_far_with_events = self.reported_before_far.replace(u64::MAX) < self.reactor.reported.get();
        if is_far_with_events { 0 } else { self.fire_due_after() }
    }

    /// Notes that a wait begins before which the next deadline is known, and is not far.
    pub(super) fn expect(&self, next: NextDeadline) {
        self.next_deadline.set(next);
        self.reported_before.set(self.reactor.reported.get());
    }

    /// Wakes the waiters whose deadline has passed. Without timers it does not read the clock.
    #[cfg(feature = "test-util")]
    pub(crate) fn fire_timers(&self) -> usize {
        if self.timers.is_empty() { 0 } else { self.fire_due() }
    }

    #[inline(never)]
    fn fire_due_after(&self) -> usize {
        let next = self.next_deadline.replace(NextDeadline::Unknown);
        let has_events = self.reactor.reported.get() != self.reported_before.get();
        // The coarse clock may be late by more than is allowed for. If it were asked here, a loop with nothing else to do
        // would not sleep until the next tick.
        let is_over = next == NextDeadline::Passed || (!has_events && next == NextDeadline::Near);
        if is_over { self.fire_passed() } else { self.fire_due() }
    }

    #[inline(never)]
    fn fire_due(&self) -> usize {
        // Most turns have only distant deadlines, which the coarse clock tells apart.
        if self.clock.has_passed(self.timers.work_is_due_at()) { self.fire_passed() } else { 0 }
    }

    /// The same by the precise clock alone.
    #[inline(never)]
    fn fire_passed(&self) -> usize {
        let mut foreign = self.reactor.foreign();
        let fired = self.timers.fire(self.clock.now(), &self.queue, &mut foreign);
        let is_empty = foreign.is_empty();
        drop(foreign);
        if !is_empty {
            self.wake_foreign();
        }
        fired
    }

    /// Wakes the collected wakers that are not tasks of this executor.
    #[cold]
    pub(super) fn wake_foreign(&self) {
        self.running.set(ROOT);
        let mut foreign = std::mem::take(&mut *self.reactor.foreign());
        for (position, waker) in foreign.drain(..).enumerate() {
            self.queue.trace.foreign(position);
            waker::wake_contained(waker);
        }
        let place = &mut *self.reactor.foreign();
        if place.is_empty() {
            *place = foreign; // to reuse its memory
        }
    }

    /// Collects the wakes of other threads. Ends the sleep that `prepare` announced.
    #[inline(always)] // into the turn, the path of every request
    pub(super) fn collect_letters(&self) {
        let mail = self.remote.mailbox.collect();
        if mail != Mail::NONE {
            self.open_mail(mail);
        }
    }

    #[cold]
    fn open_mail(&self, mail: Mail) {
        if mail.letters {
            self.wake_by_letters();
        }
        if mail.flag {
            self.running.set(ROOT);
            // An errand that panics must not lose those behind it.
            self.remote.take_errands().into_iter().for_each(waker::contain);
        }
    }

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

    fn polls(&self) -> u64 {
        self.polls.get()
    }
}

/// Of a wait with a limit.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(FOREVER)
}

#[cfg(not(miri))] // which has no coarse clock
#[cfg(test)]
mod tests {
    use crate::io::{Registration, Start};
    use crate::runtime::{Builder, Park, Runtime};
    use crate::task::JoinHandle;
    use crate::time::{Instant, sleep};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    /// The last tick of the kernel is half a second old, and stays the last.
    fn stop_ticks(rt: &Runtime) {
        let clock = &rt.executor().clock;
        clock.last_tick.set(Some(clock.now() - 500_000_000));
    }

    /// A task that sleeps for so long, polled once, on a kernel that has stopped to tick.
    fn sleeping(rt: &Runtime) -> (JoinHandle<()>, Duration) {
        let mut near = Duration::from_millis(2);
        loop {
            stop_ticks(rt);
            let task = rt.spawn(sleep(near));
            assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
            if !task.is_finished() {
                stop_ticks(rt);
                return (task, near);
            }
            near *= 2; // The deadline had passed before the first poll.
        }
    }

    #[test]
    fn a_deadline_ends_the_sleep_for_it_though_the_tick_of_the_kernel_is_late() {
        for park in [Park::Sleep, Park::Spin] {
            let is_seen = || {
                let rt = Builder::new().park(park).build().unwrap();
                let (task, _) = sleeping(&rt);
                rt.turn(None).timers_fired == 1 && task.is_finished()
            };
            // Again when a stop of the process has ended the sleep.
            assert!((0..5).any(|_| is_seen()), "{park:?}");
        }
    }

    #[test]
    fn a_deadline_that_passed_before_the_sleep_is_seen_though_the_tick_of_the_kernel_is_late() {
        let rt = Runtime::new().unwrap();
        let (task, near) = sleeping(&rt);
        let passed = Instant::now() + near;
        while Instant::now() < passed {}
        stop_ticks(&rt);
        assert_eq!(rt.turn(None).timers_fired, 1);
        assert!(task.is_finished());
    }

    /// With an event the coarse clock says what is due, but for a deadline that is known to have passed.
    #[test]
    fn a_deadline_that_passed_before_a_wait_that_finds_an_event_is_seen_though_the_tick_is_late() {
        let rt = Runtime::new().unwrap();
        let (task, near) = sleeping(&rt);
        let passed = Instant::now() + near;
        while Instant::now() < passed {}
        let (socket, _peer) = UnixStream::pair().unwrap();
        socket.set_nonblocking(true).unwrap();
        let _inside = rt.enter();
        let _writable = Registration::new(socket, Start::Empty).unwrap();
        stop_ticks(&rt);
        let turn = rt.turn(None);
        assert_eq!((turn.events, turn.timers_fired), (1, 1));
        assert!(task.is_finished());
    }

    #[test]
    fn a_loop_around_this_one_turns_once_for_a_deadline_though_the_tick_of_the_kernel_is_late() {
        let rt = Runtime::new().unwrap();
        let (task, _) = sleeping(&rt);
        let deadline = rt.next_deadline().unwrap();
        while Instant::now() < deadline {}
        stop_ticks(&rt);
        assert_eq!(rt.turn(Some(Duration::ZERO)).timers_fired, 1);
        assert!(task.is_finished());
    }
}
