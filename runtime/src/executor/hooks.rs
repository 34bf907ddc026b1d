//! Callbacks of the program at the stages of a task, and around the sleep of the loop.
//!
//! - An executor asks once for each spawn, poll and end of a task, and before its first turn, whether it has any.
//! - A hook is user code, called with nothing borrowed. Its panic goes no further: the loop is in order whatever it does.

use super::Executor;
use super::turn::Root;
use super::wait::NOW;
use crate::observe::id::{Id, Within};
use crate::wake::key::ROOT;
use crate::wake::task::{Polled, Task};
use crate::wake::waker::contain;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::task::Context;

/// The task that a hook is about: see [`Builder::on_task_spawn`](crate::runtime::Builder::on_task_spawn).
pub struct TaskMeta<'a> {
    id: Id,
    spawned_at: &'static Location<'static>,
    _call: PhantomData<&'a ()>,
}

impl TaskMeta<'_> {
    #[inline]
    fn of(task: &dyn Task) -> TaskMeta<'static> {
        TaskMeta { id: task.id(), spawned_at: task.spawned_at(), _call: PhantomData }
    }

    /// The number of the task.
    #[inline]
    pub fn id(&self) -> Id {
        self.id
    }

    /// The line that spawned the task.
    #[inline]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }
}

impl fmt::Debug for TaskMeta<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut meta = f.debug_struct("TaskMeta");
        meta.field("id", &self.id).field("spawned_at", &format_args!("{}", self.spawned_at)).finish()
    }
}

/// A hook about a task.
pub(crate) type OnTask = Box<dyn Fn(&TaskMeta<'_>) + Send + Sync>;
/// A hook about the thread of the loop.
pub(crate) type OnThread = Box<dyn Fn() + Send + Sync>;

/// The hooks of a runtime.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) spawn: Option<OnTask>,
    pub(crate) before_poll: Option<OnTask>,
    pub(crate) after_poll: Option<OnTask>,
    pub(crate) terminate: Option<OnTask>,
    pub(crate) park: Option<OnThread>,
    pub(crate) unpark: Option<OnThread>,
}

impl Hooks {
    #[inline]
    fn is_empty(&self) -> bool {
        let Hooks { spawn, before_poll, after_poll, terminate, park, unpark } = self;
        let tasks = [spawn, before_poll, after_poll, terminate];
        tasks.iter().all(|hook| hook.is_none()) && park.is_none() && unpark.is_none()
    }

    /// What an executor keeps: nothing when none is set.
    #[inline]
    pub(crate) fn into_kept(self) -> Option<Rc<Hooks>> {
        (!self.is_empty()).then(|| Rc::new(self))
    }

    /// A task is about to be queued for the first time.
    #[cold]
    #[inline(never)]
    pub(super) fn spawned(&self, task: &dyn Task) {
        call(&self.spawn, &TaskMeta::of(task));
    }

    /// Polls a task between its hooks.
    #[cold]
    #[inline(never)]
    pub(super) fn poll(&self, task: &dyn Task, cx: &mut Context<'_>) -> Polled {
        if task.is_over() {
            return Polled::WasOver;
        }
        let meta = TaskMeta::of(task);
        call(&self.before_poll, &meta);
        let polled = task.poll(cx);
        call(&self.after_poll, &meta);
        polled
    }

    /// A task has left its slot, however it ended.
    #[cold]
    #[inline(never)]
    pub(super) fn ended(&self, task: &dyn Task) {
        let meta = TaskMeta::of(task);
        let _within = Within::task(meta.id);
        call(&self.terminate, &meta);
    }
}

impl fmt::Debug for Hooks {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}

#[inline]
fn call(hook: &Option<OnTask>, meta: &TaskMeta<'_>) {
    if let Some(hook) = hook {
        contain(|| hook(meta));
    }
}

impl Executor {
    /// [`run`](Executor::run) in a function of its own, for a loop with hooks and for one that is stepped by hand.
    #[inline(never)]
    pub(super) fn run_apart(&self, root: Root<'_>) -> bool {
        self.run(root, self.hooks.as_deref())
    }

    /// A wait of a loop with hooks, which are called when it is idle. A hook that makes work does not let the loop sleep on it, and the loop still
    /// takes events and fires timers.
    #[cold]
    #[inline(never)]
    pub(super) fn wait_hooked(&self, hooks: &Hooks, timeout: u64) {
        if timeout == NOW {
            return self.wait_apart(timeout);
        }
        self.running.set(ROOT);
        if let Some(park) = &hooks.park {
            contain(park);
        }
        let has_work = self.queue.len() > 0;
        self.wait_apart(if has_work { NOW } else { timeout });
        if let Some(unpark) = &hooks.unpark {
            contain(unpark);
        }
    }
}
