//! The view of an executor in a dump: when it was made, its tasks, and the future of `block_on`. With feature `inspect`;
//! without it, nothing is kept.

#[cfg(feature = "inspect")]
use super::Executor;
#[cfg(feature = "inspect")]
use crate::observe::site::Moment;
#[cfg(feature = "inspect")]
use crate::wake::key::TaskKey;
#[cfg(feature = "inspect")]
use crate::wake::task::TaskView;
#[cfg(feature = "inspect")]
use std::cell::{Cell, RefCell};
use std::panic::Location;

/// When an executor was made, and the future of `block_on`.
pub(super) struct Origin {
    #[cfg(feature = "inspect")]
    made: Moment,
    #[cfg(feature = "inspect")]
    root: Cell<Option<RootView>>,
    /// When the last task at each index was made.
    #[cfg(feature = "inspect")]
    spawns: RefCell<Vec<u64>>,
}

/// The future of `block_on`.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "inspect"), expect(dead_code, reason = "there is no dump"))]
pub(crate) struct RootView {
    /// The line that called `block_on`.
    pub(crate) at: &'static Location<'static>,
    /// The size of the future.
    pub(crate) size: usize,
}

impl Origin {
    #[inline(always)]
    pub(super) fn now() -> Origin {
        Origin {
            #[cfg(feature = "inspect")]
            made: Moment::now(),
            #[cfg(feature = "inspect")]
            root: Cell::new(None),
            #[cfg(feature = "inspect")]
            spawns: RefCell::default(),
        }
    }

    /// Notes that a task is made at this index.
    #[inline(always)]
    pub(super) fn spawned(&self, index: u32) {
        #[cfg(feature = "inspect")]
        {
            let (spawns, at) = (&mut *self.spawns.borrow_mut(), index as usize);
            if spawns.len() <= at {
                spawns.resize(at + 1, 0);
            }
            spawns[at] = Moment::now().nanoseconds();
        }
        #[cfg(not(feature = "inspect"))]
        let _ = index;
    }

    /// Sets the future of `block_on`, or that there is none.
    #[inline(always)]
    pub(super) fn set_root(&self, root: Option<RootView>) {
        #[cfg(feature = "inspect")]
        self.root.set(root);
        #[cfg(not(feature = "inspect"))]
        let _ = root;
    }
}

#[cfg(feature = "inspect")]
impl Executor {
    /// Returns when the executor was made.
    pub(crate) fn made(&self) -> Moment {
        self.origin.made
    }

    /// Returns when the task at this index was made.
    pub(crate) fn spawned_at(&self, index: u32) -> u64 {
        self.origin.spawns.borrow().get(index as usize).copied().unwrap_or(0)
    }

    /// Returns the future of `block_on`, if there is one.
    pub(crate) fn root(&self) -> Option<RootView> {
        self.origin.root.get()
    }

    /// Shows the tasks in their table, each with its key. Some may have ended: their slots are freed in the next turn.
    /// `see` spawns and ends nothing.
    pub(crate) fn each_task(&self, mut see: impl FnMut(TaskKey, TaskView)) {
        for index in self.queue.indices() {
            if let (Some(key), Some(task)) = (self.queue.key_at(index), self.queue.task(index)) {
                see(key, task.view());
            }
        }
    }

    /// Returns the wakes and the errands of other threads that were not collected yet.
    pub(crate) fn mail(&self) -> (usize, usize) {
        (self.remote.mailbox.len(), self.remote.errands())
    }
}

#[cfg(not(feature = "inspect"))]
const _: () = assert!(size_of::<Origin>() == 0);
