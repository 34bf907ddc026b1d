//! [`Running`]: one loop at a time on a thread, and the timer slack of that thread while it runs.

use crate::sys::TimerSlack;
use crate::wake::budget;
use std::cell::Cell;

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    /// What the timer slack of the thread was before a loop changed it.
    static SLACK: Cell<Option<TimerSlack>> = const { Cell::new(None) };
}

/// While it lives, a loop runs on this thread, and no other may.
pub(crate) struct Running(());

/// Has the kernel end the waits of this thread when they are to end, and not up to 50 us later, for as long as the
/// loop runs: as it does for a timerfd. Called before the first wait that has an end, so that a loop without timers
/// makes no system call for it.
#[inline]
pub(crate) fn sharpen_waits() {
    if SLACK.get().is_none() {
        sharpen_now();
    }
}

#[cold]
fn sharpen_now() {
    if let Some(before) = TimerSlack::get() {
        SLACK.set(Some(before));
        TimerSlack::LEAST.set();
    }
}

/// While it lives, the timer slack of this thread is what it was before a loop changed it: what is started meanwhile, a
/// thread or a program, begins with that.
pub(crate) struct Blunt {
    was_sharp: bool,
}

/// Two system calls, where the loop has timers, and none where it has not.
pub(crate) fn blunt_waits() -> Blunt {
    let before = SLACK.get();
    before.into_iter().for_each(TimerSlack::set);
    Blunt { was_sharp: before.is_some() }
}

impl Drop for Blunt {
    fn drop(&mut self) {
        if self.was_sharp {
            TimerSlack::LEAST.set();
        }
    }
}

impl Running {
    /// # Panics
    ///
    /// When a loop runs on this thread already.
    #[track_caller]
    pub(crate) fn start() -> Running {
        Running::check();
        RUNNING.set(true);
        Running(())
    }

    #[track_caller]
    pub(crate) fn check() {
        assert!(
            !RUNNING.get(),
            "an egret runtime is running on this thread already: a task cannot block the loop that runs it. \
             Inside async code await the future, or spawn it; to run a second runtime use another thread"
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(false);
        if let Some(before) = SLACK.take() {
            before.set();
        }
        budget::lift();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_loop_lifts_the_budget_of_the_last_poll() {
        let running = Running::start();
        budget::refill();
        while budget::charge() {}
        drop(running);
        assert!(budget::charge());
    }
}
