//! The cell, as its [`JoinHandle`](crate::task::join::JoinHandle) sees it.

#![forbid(unsafe_code)]

use super::{Join, TaskCell};
use crate::observe::id::{Id, Within};
use crate::observe::site::{self, Note, Site};
use crate::task::join::JoinError;
use crate::wake::task::{Phase, Task};
use crate::wake::waker;
use std::future::Future;
use std::task::{Context, Poll};

impl<F: Future> Join<F::Output> for TaskCell<F> {
    #[inline]
    fn poll_join(&self, cx: &mut Context<'_>, at: Site) -> Poll<Option<Result<F::Output, JoinError>>> {
        let header = &self.header;
        if header.is_in(Phase::Done) {
            return Poll::Ready(self.take_output());
        }
        if header.is_in(Phase::Taken) {
            return Poll::Ready(None);
        }
        if let Some(key) = waker::key_of(cx.waker()) {
            let is_same = header.joiner() == Some(key);
            header.set_joiner(Some(key));
            header.joiner_note.set(Note::next(is_same.then(|| header.joiner_note.get()), at));
            return Poll::Pending;
        }
        // Cloning and dropping a waker are user code, which may have ended the task meanwhile.
        let waker = cx.waker().clone();
        let before = header.with_rare(|rare| {
            let same = rare.joiner.as_ref().is_some_and(|before| before.will_wake(&waker));
            rare.note = Note::next(same.then_some(rare.note), at);
            rare.joining = site::Task::current();
            rare.joiner.replace(waker)
        });
        drop(before);
        self.take_output().map_or(Poll::Pending, |result| Poll::Ready(Some(result)))
    }

    #[inline]
    fn cancel(&self) {
        Task::cancel(self);
    }

    #[inline]
    fn is_finished(&self) -> bool {
        matches!(self.header.phase(), Phase::Done | Phase::Taken)
    }

    #[inline]
    fn detach(&self) {
        self.header.set_detached();
        self.header.set_joiner(None);
        let foreign = self.header.if_rare(|rare| rare.joiner.take());
        if let Some(output) = self.take_output() {
            let _within = Within::task(self.header.id());
            self.discard_output(output);
        }
        drop(foreign);
    }

    #[inline]
    fn id(&self) -> Id {
        self.header.id()
    }
}
