//! The polls of a turn.
//!
//! User code runs here with nothing borrowed. The task that is polled is kept alive by a reference of the loop.

use super::Executor;
use super::hooks::Hooks;
use super::turn::{Root, Rooted};
use crate::observe::site;
use crate::observe::spans;
use crate::observe::watch::Polls;
use crate::wake::budget;
use crate::wake::key::{ROOT, TaskKey};
use crate::wake::queue::Popped;
use crate::wake::task::Polled;
use crate::wake::waker;
use std::mem::ManuallyDrop;
use std::task::Context;

impl Executor {
    /// Polls the tasks that are queued now, within the bound. Returns whether the future of `block_on` is done.
    #[inline(always)] // into the loop
    pub(super) fn run(&self, root: Root<'_>, hooks: Option<&Hooks>) -> bool {
        spans::tell();
        let left = self.polls_left.get();
        let batch = self.queue.len().min(left);
        if batch == 0 {
            return false;
        }
        self.polls_left.set(left - batch);
        let watch = &self.queue.watch;
        if watch.records() {
            return self.poll_each(root, hooks, watch.recorded(batch));
        }
        self.poll_each(root, hooks, watch.unrecorded(batch))
    }

    /// Polls a task for each slot.
    #[inline(always)]
    fn poll_each<P: Polls>(
        &self,
        root: Root<'_>,
        hooks: Option<&Hooks>,
        (polls, slots): (P, impl Iterator<Item = P::Slot>),
    ) -> bool {
        for slot in slots {
            let Popped { key, task, woke } = self.queue.pop_woken(pick);
            let begin = || {
                if !cfg!(feature = "inspect") {
                    self.running.set(key.index()); // else the watch knows it
                }
                polls.begin(slot, key.index(), woke);
            };
            let Some(task) = task else {
                begin();
                if self.poll_root(key, root) == Rooted::Done {
                    polls.end(|index| self.queue.note(index).woken_at());
                    return true;
                }
                continue;
            };
            begin();
            let waker = ManuallyDrop::new(waker::new(key)); // Dropping is a no-op; skip the vtable call.
            let cx = &mut Context::from_waker(&waker);
            budget::refill();
            self.polls.bump();
            let polled = match hooks {
                None => task.poll(cx),
                Some(hooks) => hooks.poll(&*task, cx),
            };
            if polled != Polled::Pending {
                self.end_task(key.index(), polled);
            }
        }
        site::polls_end();
        polls.end(|index| self.queue.note(index).woken_at());
        budget::lift(); // foreign wakers and errands are not charged to the last task
        false
    }

    /// Polls the future of `block_on`, unless `key` is that of a task that ended while it was queued.
    #[inline]
    fn poll_root(&self, key: TaskKey, root: Root<'_>) -> Rooted {
        let polled = if key.index() == ROOT {
            let waker = ManuallyDrop::new(waker::new(key));
            budget::refill();
            root(&mut Context::from_waker(&waker))
        } else {
            Rooted::Absent
        };
        match polled {
            Rooted::Absent => self.queue.watch.not_polled(),
            Rooted::Pending | Rooted::Done => self.polls.bump(),
        }
        polled
    }

    #[inline(never)]
    fn end_task(&self, index: u32, polled: Polled) {
        if polled == Polled::WasOver {
            self.polls.take_back();
            self.queue.watch.not_polled();
        }
        self.queue.watch.ended(index);
        let gone = self.queue.remove(index);
        if let (Some(hooks), Some(gone)) = (&self.hooks, &gone) {
            hooks.ended(&**gone);
        }
    }
}

/// Returns the order of the run queue in production: first in, first out.
#[cfg(not(feature = "sim"))]
#[inline]
fn pick(_len: usize) -> usize {
    0
}

/// Returns the order of the run queue in a simulation, which varies it.
#[cfg(feature = "sim")]
fn pick(len: usize) -> usize {
    crate::sys::sim::program().map_or(0, |world| world.pick(len))
}
