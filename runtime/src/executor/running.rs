//! [`Running`]: one loop at a time on a thread, and the timer slack of that thread while it runs.

use crate::observe::{id, site};
use crate::sys::TimerSlack;
use crate::wake::budget;
use std::cell::Cell;

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    /// The timer slack of the thread before a loop changed it.
    static SLACK: Cell<Option<TimerSlack>> = const { Cell::new(None) };
}

/// While it lives, a loop runs on this thread, and no other loop can start.
pub(crate) struct Running {
    /// Restores the job of `spawn_blocking` that runs the loop.
    _task: id::Within,
}

/// Sets the thread's timer slack to 1 ns while the loop runs; the default would delay timed waits by up to 50 us.
/// Called before the first wait with a deadline, so that a loop without timers makes no system call for it.
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

/// While it lives, the timer slack of this thread is what it was before a loop changed it: a thread or a program that
/// is started meanwhile inherits that.
pub(crate) struct Blunt {
    was_sharp: bool,
}

/// Makes two system calls where the loop has timers, and none otherwise.
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
        Running { _task: id::Within::none() }
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
        site::polls_end();
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
