//! The members of a [`JoinSet`](super::JoinSet) that have ended, and the waker that waits for them.
//!
//! - A task reports its end on the thread of the set, when its [`Notice`] is dropped.
//! - A blocking job reports on the thread that it ends on, when the handle has the output. It shares [`Jobs`] with the
//!   set, behind a mutex under which no user code runs; a set without jobs has none.
//! - A task that waits for the set leaves a waker with both.

use crate::observe::site::{self, Note, Site};
use crate::wake::listed::Entry;
#[cfg(feature = "inspect")]
use crate::wake::listed::{ListedKind, ListedWait, Lists};
#[cfg(feature = "inspect")]
use crate::wake::waiter::Waiter;
use crate::wake::waker;
use pin_project_lite::pin_project;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::panic::RefUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// The state that the set shares with its tasks.
///
/// Named for the error about a set that is sent to another thread; the code calls it [`Ended`].
#[derive(Default)]
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(super) struct JoinSetsStayOnTheirThread_UseSpawnWith {
    /// The places in the slab of the members that have ended, the earliest first.
    places: RefCell<VecDeque<usize>>,
    waiter: Cell<Option<Waker>>,
    /// Of the waiter, and the task that waits.
    note: Cell<(Note, site::Task)>,
    pub(super) entry: Entry,
    jobs: OnceCell<Arc<Jobs>>,
}

/// The state that the set shares with its blocking jobs.
struct Jobs(Mutex<EndedJobs>);

struct EndedJobs {
    places: Vec<usize>,
    waiter: Option<Waker>,
}

pub(super) use JoinSetsStayOnTheirThread_UseSpawnWith as Ended;

// No user code runs while a place is added or taken.
impl RefUnwindSafe for Ended {}

#[cfg(feature = "inspect")]
impl Lists for Ended {
    #[inline]
    fn waits(&self, found: &mut Vec<ListedWait>) {
        let waiter = self.waiter.take();
        let (note, task) = self.note.get();
        let view = waiter.as_ref().map(|waiter| Waiter::of_waker(waiter, note, task));
        found.extend(view.map(|waiter| ListedWait { what: ListedKind::Set, waiter }));
        self.waiter.set(waiter);
    }
}

impl Ended {
    /// Returns the place of the member that ended first, among those still in the set.
    #[inline]
    pub(super) fn first(&self) -> Option<usize> {
        let mut places = self.places.borrow_mut();
        if let Some(jobs) = self.jobs.get() {
            places.extend(mem::take(&mut jobs.lock().places));
        }
        places.front().copied()
    }

    /// Removes the first place.
    #[inline]
    pub(super) fn pop(&self) {
        self.places.borrow_mut().pop_front();
    }

    /// Wakes `waker` when the next member ends. A member may have ended already when this returns.
    #[inline]
    pub(super) fn wait(&self, waker: &Waker, at: Site) {
        let before = self.waiter.replace(Some(waker.clone()));
        let same = before.as_ref().is_some_and(|before| before.will_wake(waker));
        let note = Note::next(same.then_some(self.note.get().0), at);
        self.note.set((note, site::Task::current()));
        drop(before);
        if let Some(jobs) = self.jobs.get() {
            let waker = waker.clone();
            let before = jobs.lock().waiter.replace(waker);
            drop(before);
        }
    }

    #[inline]
    pub(super) fn wake(&self) {
        if let Some(waiter) = self.waiter.take() {
            waker::wake_contained(waiter);
        }
    }

    /// Returns the waker that a job at `place` wakes when it is over.
    #[inline]
    pub(super) fn notice_of_job(&self, place: usize) -> Waker {
        let jobs = self.jobs.get().cloned().unwrap_or_else(|| self.first_job());
        Waker::from(Arc::new(JobNotice { place, jobs }))
    }

    /// Returns what is shared with jobs. A task that waits for the set already waits for them too.
    #[cold]
    fn first_job(&self) -> Arc<Jobs> {
        let waiter = self.waiter.take();
        let ended = EndedJobs { places: Vec::new(), waiter: waiter.clone() };
        self.waiter.set(waiter);
        if self.first().is_some() {
            self.wake(); // cloning the waker was user code, which has ended a member
        }
        self.jobs.get_or_init(|| Arc::new(Jobs(Mutex::new(ended)))).clone()
    }

    #[inline]
    fn end(&self, place: usize) {
        self.places.borrow_mut().push_back(place);
        self.wake();
    }
}

impl Jobs {
    #[inline]
    fn lock(&self) -> MutexGuard<'_, EndedJobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waker that is woken once, when a job has ended.
struct JobNotice {
    place: usize,
    jobs: Arc<Jobs>,
}

impl Wake for JobNotice {
    #[inline]
    fn wake(self: Arc<JobNotice>) {
        let waiter = {
            let ended = &mut *self.jobs.lock();
            ended.places.push(self.place);
            ended.waiter.take()
        };
        if let Some(waiter) = waiter {
            waker::wake_contained(waiter);
        }
    }
}

/// Reports, when it is dropped, that a task has ended.
struct Notice {
    place: usize,
    ended: Rc<Ended>,
}

impl Drop for Notice {
    #[inline]
    fn drop(&mut self) {
        self.ended.end(self.place);
    }
}

pin_project! {
    /// The task that a future of the set becomes.
    pub(super) struct SetMember<F> {
        #[pin]
        future: F,
        // After the future, to be dropped after it, also when the drop of the future panics.
        notice: Notice,
    }
}

impl<F> SetMember<F> {
    #[inline]
    pub(super) fn new(future: F, place: usize, ended: Rc<Ended>) -> SetMember<F> {
        SetMember { future, notice: Notice { place, ended } }
    }
}

impl<F: Future> Future for SetMember<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
