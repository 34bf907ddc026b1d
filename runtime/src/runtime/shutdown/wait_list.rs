//! [`WaitList`]: futures that wait for one condition, any number of them.
//!
//! - For the loop's thread alone.
//! - A future has a place in the list from its first wait until it is dropped, so a cancelled wait leaves nothing
//!   behind, and a woken future keeps its place, which no other future can take before the drop.
//! - Wakers are user code: none is cloned, woken or dropped while the list is borrowed.

use crate::observe::site::{self, Note, Site};
#[cfg(feature = "inspect")]
use crate::wake::waiter::Waiter;
use crate::wake::waker;
use slab::Slab;
use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

#[derive(Default)]
pub(crate) struct WaitList {
    /// `None` for a future that has been woken.
    places: RefCell<Slab<Option<ShutdownWaiter>>>,
}

struct ShutdownWaiter {
    waker: Waker,
    note: Note,
    /// The task that waits.
    #[cfg_attr(not(feature = "inspect"), expect(dead_code, reason = "there is no dump"))]
    task: site::Task,
}

/// A place in the list, taken by the first [`wait`](ShutdownWait::wait) and released on drop.
pub(crate) struct ShutdownWait<'a> {
    list: &'a WaitList,
    place: Option<usize>,
}

impl WaitList {
    #[inline]
    pub(crate) fn enter(&self) -> ShutdownWait<'_> {
        ShutdownWait { list: self, place: None }
    }

    /// Waits until `happened` returns true. The code that makes it true calls `wake_all`.
    #[inline]
    pub(crate) async fn until(&self, at: Site, happened: impl Fn() -> bool) {
        let mut wait = self.enter();
        poll_fn(|cx| {
            if happened() {
                return Poll::Ready(());
            }
            wait.wait(cx.waker(), at);
            if happened() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await
    }

    /// Wakes every waiter, each once.
    #[inline]
    pub(crate) fn wake_all(&self) {
        let wakers: Vec<_> = {
            let places = &mut *self.places.borrow_mut();
            places.iter_mut().filter_map(|(_, noted)| noted.take()).collect()
        };
        wakers.into_iter().for_each(|noted| waker::wake_contained(noted.waker));
    }

    /// Lists the waits for a dump.
    #[cfg(feature = "inspect")]
    #[inline]
    pub(crate) fn waits(&self) -> Vec<Waiter> {
        let places = self.places.borrow();
        let noted = places.iter().filter_map(|(_, noted)| noted.as_ref());
        noted.map(|noted| Waiter::of_waker(&noted.waker, noted.note, noted.task)).collect()
    }
}

impl ShutdownWait<'_> {
    /// Registers `waker` for the next `wake_all`. The caller then checks the condition: cloning the waker may have
    /// made it true before the waker was in the list.
    #[inline]
    pub(crate) fn wait(&mut self, waker: &Waker, at: Site) {
        let place = *self.place.get_or_insert_with(|| self.list.places.borrow_mut().insert(None));
        let known = {
            let noted = &mut self.list.places.borrow_mut()[place];
            let known = noted.as_mut().filter(|noted| noted.waker.will_wake(waker));
            known.map(|known| known.note = known.note.again(at)).is_some()
        };
        if !known {
            let noted =
                ShutdownWaiter { waker: waker.clone(), note: Note::now(at), task: site::Task::current() };
            let before = self.list.places.borrow_mut()[place].replace(noted);
            drop(before);
        }
    }
}

impl Drop for ShutdownWait<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = self.list.places.borrow_mut().remove(place);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;

    #[test]
    fn a_million_waits_that_are_given_up_leave_nothing_behind() {
        let list = WaitList::default();
        for _ in 0..if cfg!(miri) { 100 } else { 1_000_000 } {
            let wait = pin!(list.until(Site::caller(), || false));
            assert!(wait.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let places = list.places.borrow();
        assert_eq!(places.len(), 0);
        assert!(places.capacity() <= 4, "{}", places.capacity());
    }
}
