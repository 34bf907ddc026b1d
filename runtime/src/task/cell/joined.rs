//! The cell, as its [`JoinHandle`](crate::task::join::JoinHandle) sees it.

#![forbid(unsafe_code)]

use super::{Join, Phase, TaskCell};
use crate::executor::task::Task;
use crate::observe::id::{Id, Within};
use crate::observe::site::{self, Note, Site};
use crate::task::join::JoinError;
use crate::wake::waker;
use std::future::Future;
use std::task::{Context, Poll};

impl<F: Future> Join<F::Output> for TaskCell<F> {
    #[inline]
    fn poll_join(&self, cx: &mut Context<'_>, at: Site) -> Poll<Option<Result<F::Output, JoinError>>> {
        match self.phase.get() {
            Phase::Done => Poll::Ready(self.take_output()),
            Phase::Taken => Poll::Ready(None),
            Phase::Idle | Phase::Running | Phase::Dropping => {
                if let Some(key) = waker::key_of(cx.waker()) {
                    let before = self.joiner.replace(Some(key)).filter(|before| *before == key);
                    self.joiner_note.set(Note::next(before.map(|_| self.joiner_note.get()), at));
                    return Poll::Pending;
                }
                // Cloning and dropping a waker are user code, which may have ended the task meanwhile.
                let waker = cx.waker().clone();
                let before = self.with_rare(|rare| {
                    let same = rare.joiner.as_ref().is_some_and(|before| before.will_wake(&waker));
                    rare.note = Note::next(same.then_some(rare.note), at);
                    rare.joining = site::Task::current();
                    rare.joiner.replace(waker)
                });
                drop(before);
                self.take_output().map_or(Poll::Pending, |result| Poll::Ready(Some(result)))
            }
        }
    }

    #[inline]
    fn cancel(&self) {
        Task::cancel(self);
    }

    #[inline]
    fn is_finished(&self) -> bool {
        matches!(self.phase.get(), Phase::Done | Phase::Taken)
    }

    #[inline]
    fn detach(&self) {
        self.detached.set(true);
        self.joiner.set(None);
        let foreign = match self.rare.take() {
            None => None,
            Some(mut rare) => {
                let foreign = rare.joiner.take();
                self.rare.set(Some(rare));
                foreign
            }
        };
        if let Some(output) = self.take_output() {
            let _within = Within::task(self.id);
            self.discard_output(output);
        }
        drop(foreign);
    }

    #[inline]
    fn id(&self) -> Id {
        self.id
    }
}
