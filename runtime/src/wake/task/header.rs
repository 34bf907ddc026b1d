//! The part of a cell that does not depend on its future: 24 bytes without features.
//!
//! - `refs` counts the [`CellRef`](super::shared::CellRef)s: that of the executor, that of the handle, and one for each
//!   poll or abort on the stack.
//! - `state` holds the [`Phase`] in its lower three bits and four flags. A flag is set once and never cleared, but for
//!   [`RARE`], which says that `waiting` points at a [`Rare`].
//! - `waiting` is the key of the task that awaits the handle, or 0, while [`RARE`] is clear.
//!
//! No function here runs user code, unless its comment says so.

use crate::observe::id::Id;
use crate::observe::site::{self, Note};
use crate::observe::spans::TaskSpan;
use crate::wake::key::TaskKey;
use crate::wake::waker;
use std::cell::Cell;
use std::panic::Location;
use std::ptr;
use std::task::Waker;

/// What is done about a panic that no handle receives, as a task keeps it. What it means is in `task/unhandled.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy(pub(crate) u32);

impl Policy {
    pub(crate) const REPORT: Policy = Policy(0);
    pub(crate) const IGNORE: Policy = Policy(1);

    /// Returns whether it names one runtime, which it shuts down.
    #[inline]
    pub(crate) fn names_a_runtime(self) -> bool {
        self != Policy::REPORT && self != Policy::IGNORE
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Phase {
    Idle,
    Running,
    Dropping,
    Done,
    Taken,
}

/// The bits of the phase.
const PHASE: u8 = 7;
/// An abort came while the task was being polled.
const ABORTED: u8 = 8;
/// The handle is gone: no task will take the output.
const DETACHED: u8 = 16;
/// `waiting` points at a [`Rare`].
const RARE: u8 = 32;
/// No report of a panic that no handle receives.
const IGNORES: u8 = 64;

pub(crate) struct Header {
    /// The number of the task, in two parts.
    id_low: u32,
    id_high: u16,
    state: Cell<u8>,
    refs: Cell<u8>,
    pub(crate) spawned_at: &'static Location<'static>,
    waiting: Cell<*mut Rare>,
    /// Of the key in `waiting`.
    pub(crate) joiner_note: Cell<Note>,
    pub(crate) span: TaskSpan,
}

/// What few tasks need, allocated separately.
#[derive(Default)]
pub(crate) struct Rare {
    pub(crate) name: Option<Box<str>>,
    /// The task that awaits the handle.
    task: Option<TaskKey>,
    /// The waker that awaits the handle and is not a task of egret.
    pub(crate) joiner: Option<Waker>,
    pub(crate) note: Note,
    /// The task that polled with it.
    pub(crate) joining: site::Task,
    /// The policy for a panic that no handle receives, where it names a runtime.
    policy: Option<Policy>,
}

impl Header {
    /// Creates the header of a new task of this thread's runtime, with the references of its two owners. A policy
    /// that names a runtime is for [`keep`](Header::keep).
    ///
    /// To be called where it is written to its cell, and its address is not taken before: otherwise each field is stored to the
    /// stack and loaded from there as a whole, for which the processor waits until all are stored.
    #[inline]
    pub(crate) fn new(
        id: Id,
        spawned_at: &'static Location<'static>,
        policy: Policy,
        span: TaskSpan,
    ) -> Header {
        let (id_low, id_high) = id.parts();
        let ignores = if policy == Policy::IGNORE { IGNORES } else { 0 };
        Header {
            id_low,
            id_high,
            state: Cell::new(Phase::Idle as u8 | ignores),
            refs: Cell::new(2),
            spawned_at,
            waiting: Cell::new(ptr::null_mut()),
            joiner_note: Cell::default(),
            span,
        }
    }

    /// Keeps what few tasks have: a name, and a policy that names a runtime.
    #[cold]
    pub(crate) fn keep(&self, name: Option<Box<str>>, policy: Policy) {
        self.with_rare(|rare| {
            rare.name = name;
            rare.policy = policy.names_a_runtime().then_some(policy);
        });
    }

    #[inline]
    pub(crate) fn id(&self) -> Id {
        Id::from_parts(self.id_low, self.id_high)
    }

    #[inline]
    pub(crate) fn is_in(&self, phase: Phase) -> bool {
        self.state.get() & PHASE == phase as u8
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        match self.state.get() & PHASE {
            0 => Phase::Idle,
            1 => Phase::Running,
            2 => Phase::Dropping,
            3 => Phase::Done,
            _ => Phase::Taken,
        }
    }

    /// Leaves one phase for another: one addition, as the flags are in the same byte.
    #[inline]
    pub(crate) fn pass(&self, from: Phase, to: Phase) {
        debug_assert!(self.is_in(from));
        self.state.set(self.state.get().wrapping_add((to as u8).wrapping_sub(from as u8)));
    }

    /// Returns whether a cell in this state has nothing to drop: its stage is empty and there are no rare fields.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !std::mem::needs_drop::<TaskSpan>() && self.state.get() & (PHASE | RARE) == Phase::Taken as u8
    }

    #[inline]
    fn has(&self, flag: u8) -> bool {
        self.state.get() & flag != 0
    }

    #[inline]
    fn set(&self, flag: u8) {
        self.state.set(self.state.get() | flag);
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.has(ABORTED)
    }

    #[inline]
    pub(crate) fn set_aborted(&self) {
        self.set(ABORTED);
    }

    #[inline]
    pub(crate) fn is_detached(&self) -> bool {
        self.has(DETACHED)
    }

    #[inline]
    pub(crate) fn set_detached(&self) {
        self.set(DETACHED);
    }

    /// Counts another reference.
    #[inline]
    pub(crate) fn retain(&self) {
        let refs = self.refs.get().wrapping_add(1);
        self.refs.set(refs);
        if refs == 0 {
            too_many();
        }
    }

    /// Counts a reference less. Returns whether it was the last one.
    #[must_use = "the last reference frees the cell"]
    #[inline]
    pub(crate) fn release(&self) -> bool {
        let refs = self.refs.get() - 1;
        self.refs.set(refs);
        refs == 0
    }

    /// Returns the task that awaits the handle.
    #[inline]
    pub(crate) fn joiner(&self) -> Option<TaskKey> {
        if self.has(RARE) {
            return self.with_rare(|rare| rare.task);
        }
        TaskKey::from_bits(self.waiting.get().addr() as u64)
    }

    /// Sets the task that awaits the handle.
    #[inline]
    pub(crate) fn set_joiner(&self, joiner: Option<TaskKey>) {
        if self.has(RARE) {
            return self.with_rare(|rare| rare.task = joiner);
        }
        let bits = joiner.map_or(0, TaskKey::bits);
        self.waiting.set(ptr::without_provenance_mut(bits as usize));
    }

    /// `f` must not run user code: the rare fields are out of the header while it runs.
    #[inline(never)]
    pub(crate) fn with_rare<R>(&self, f: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.take_rare().unwrap_or_else(|| {
            let task = TaskKey::from_bits(self.waiting.get().addr() as u64);
            Box::new(Rare { task, ..Rare::default() })
        });
        let result = f(&mut rare);
        self.waiting.set(Box::into_raw(rare));
        self.set(RARE);
        result
    }

    /// Takes the rare fields out, if there are any.
    #[inline]
    fn take_rare(&self) -> Option<Box<Rare>> {
        if !self.has(RARE) {
            return None;
        }
        self.state.set(self.state.get() & !RARE);
        let rare = self.waiting.replace(ptr::null_mut());
        // SAFETY: with the flag set, `waiting` is what `with_rare` got of `Box::into_raw`; both have been cleared, so it
        // is not made a box a second time.
        Some(unsafe { Box::from_raw(rare) })
    }

    /// Changes the rare fields where there are any. `f` is as for [`with_rare`](Header::with_rare).
    #[inline]
    pub(crate) fn if_rare<R>(&self, f: impl FnOnce(&mut Rare) -> Option<R>) -> Option<R> {
        if self.has(RARE) { self.with_rare(f) } else { None }
    }

    /// Wakes what awaits the handle: user code, if that is a foreign waker.
    #[inline]
    pub(crate) fn wake_joiner(&self) {
        if !self.waiting.get().is_null() {
            self.wake_waiting();
        }
    }

    /// The same where there is a joiner, or there are rare fields.
    #[inline(never)] // so that a poll needs few registers
    fn wake_waiting(&self) {
        let foreign = self.if_rare(|rare| rare.joiner.take());
        if let Some(key) = self.joiner() {
            self.set_joiner(None);
            waker::new(key).wake();
        }
        foreign.into_iter().for_each(waker::wake_contained);
    }

    /// Returns the policy for a panic that no handle receives.
    #[inline]
    pub(crate) fn policy(&self) -> Policy {
        let named = self.if_rare(|rare| rare.policy);
        named.unwrap_or(if self.has(IGNORES) { Policy::IGNORE } else { Policy::REPORT })
    }
}

/// Unreachable: a cell has two owners, one poll, and an abort in that poll.
#[cold]
fn too_many() -> ! {
    eprintln!("egret: a task has too many references");
    std::process::abort();
}

impl Drop for Header {
    #[inline]
    fn drop(&mut self) {
        drop(self.take_rare());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Phase::{Done, Dropping, Idle, Running, Taken};

    fn header() -> Header {
        Header::new(Id::next(), Location::caller(), Policy::REPORT, TaskSpan::none())
    }

    #[test]
    fn a_phase_is_told_from_the_others_and_a_flag_that_is_set_again_stays_set() {
        let header = header();
        assert_eq!(header.phase(), Idle);
        for (from, to) in [(Idle, Running), (Running, Dropping), (Dropping, Done), (Done, Taken)] {
            header.pass(from, to);
            header.set_aborted();
            assert_eq!((header.phase(), header.is_in(to), header.is_in(from)), (to, true, false));
            assert!(header.is_aborted());
        }
    }

    #[test]
    fn the_task_that_awaits_the_handle_does_so_with_rare_fields_too() {
        let (header, task) = (header(), Some(TaskKey::new(50_000, 0, 7)));
        header.set_joiner(task);
        header.with_rare(|rare| rare.name = Some("name".into()));
        assert_eq!(header.joiner(), task);
    }
}
