//! The frames, with feature `inspect`. See also `none.rs`.

use crate::observe::site::{Note, Site, Task, swap_frame};
use crate::observe::ticks;
use slab::Slab;
use std::borrow::Cow;
use std::cell::RefCell;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};

/// A named part of a task.
pub(crate) struct Frame {
    name: Cow<'static, str>,
    at: Site,
    node: Option<FramePlace>,
}

/// Restores the frame around a frame.
#[must_use = "it ends with its scope"]
pub(crate) struct Outer(u32);

/// The node of a frame.
struct FramePlace {
    /// The number of the thread that has it.
    thread: u32,
    /// Counted from 1.
    number: u32,
}

/// A named frame that has been polled and not dropped.
#[derive(Clone, Debug)]
pub(crate) struct FrameNode {
    /// The number by which a [`Note`] names it.
    pub(crate) number: u32,
    pub(crate) name: Cow<'static, str>,
    /// The line that named it.
    pub(crate) at: &'static Location<'static>,
    /// The bits of the key of its task; 0 outside of tasks.
    pub(crate) task: u64,
    /// The frame around it.
    pub(crate) parent: Option<u32>,
    /// When it was entered first, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) since: u64,
}

struct KeptFrame {
    name: Cow<'static, str>,
    /// Of the first poll; its frame is the parent.
    note: Note,
    task: Task,
}

thread_local! {
    static NODES: RefCell<Slab<KeptFrame>> = const { RefCell::new(Slab::new()) };
    /// The number of this thread, counted from 1.
    static THREAD: u32 = {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

/// Returns the frames of this thread.
pub(crate) fn frames() -> Vec<FrameNode> {
    let view = |(index, node): (usize, &KeptFrame)| {
        let (at, since, parent) = (node.note.at()?, ticks::monotonic(node.note.ticks()), node.note.frame());
        let (name, task) = (node.name.clone(), node.task.bits());
        Some(FrameNode { number: index as u32 + 1, name, at, task, parent, since })
    };
    NODES.with_borrow(|nodes| nodes.iter().filter_map(view).collect())
}

impl Frame {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>, at: Site) -> Frame {
        Frame { name: name.into(), at, node: None }
    }

    /// Enters the frame until the guard is dropped.
    pub(crate) fn enter(&mut self) -> Outer {
        Outer(swap_frame(self.number()))
    }

    /// Returns the number of its node, which is made for the first poll on this thread.
    fn number(&mut self) -> u32 {
        let thread = THREAD.with(|thread| *thread);
        if let Some(place) = self.node.as_ref().filter(|place| place.thread == thread) {
            return place.number;
        }
        let node = KeptFrame { name: self.name.clone(), note: Note::now(self.at), task: Task::current() };
        let index = NODES.with_borrow_mut(|nodes| nodes.insert(node));
        let number = u32::try_from(index + 1).expect("memory for 2^32 frames");
        self.node = Some(FramePlace { thread, number });
        number
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        swap_frame(self.0);
    }
}

impl Drop for FramePlace {
    fn drop(&mut self) {
        // On another thread, and while the thread's values are destroyed, there is nothing to remove.
        let is_here = THREAD.try_with(|thread| *thread == self.thread).unwrap_or(false);
        if is_here {
            let _ = NODES.try_with(|nodes| nodes.borrow_mut().try_remove(self.number as usize - 1));
        }
    }
}
