//! [`WaitList`]: any number of futures that wait for one thing to happen.
//!
//! For the loop's thread alone. A future has a place in the list from its first wait until it is dropped, so one that
//! is given up leaves nothing behind, and one that has been woken keeps its place, which therefore nobody else
//! can have when it gives it up. Wakers are user code: none is cloned, woken or dropped while the list is borrowed.

use crate::wake::waker;
use slab::Slab;
use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

#[derive(Default)]
pub(crate) struct WaitList {
    /// Empty are the places of those who have been woken.
    places: RefCell<Slab<Option<Waker>>>,
}

/// A place in the list, taken by the first [`wait`](ListedWait::wait) and given up on drop.
pub(crate) struct ListedWait<'a> {
    list: &'a WaitList,
    place: Option<usize>,
}

impl WaitList {
    pub(crate) fn enter(&self) -> ListedWait<'_> {
        ListedWait { list: self, place: None }
    }

    /// Waits until `happened`. Whoever makes it happen wakes the list.
    pub(crate) async fn until(&self, happened: impl Fn() -> bool) {
        let mut wait = self.enter();
        poll_fn(|cx| {
            if happened() {
                return Poll::Ready(());
            }
            wait.wait(cx.waker());
            if happened() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await
    }

    /// Wakes everyone who waits, each once.
    pub(crate) fn wake_all(&self) {
        let wakers: Vec<_> = {
            let places = &mut *self.places.borrow_mut();
            places.iter_mut().filter_map(|(_, waker)| waker.take()).collect()
        };
        wakers.into_iter().for_each(waker::wake_contained);
    }
}

impl ListedWait<'_> {
    /// Has `waker` woken when the thing happens. The caller then looks whether it has: the waker may have made it
    /// happen when it was cloned, before it was in the list.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        let place = *self.place.get_or_insert_with(|| self.list.places.borrow_mut().insert(None));
        let known = self.list.places.borrow()[place].as_ref().is_some_and(|known| known.will_wake(waker));
        if !known {
            let waker = waker.clone();
            let before = self.list.places.borrow_mut()[place].replace(waker);
            drop(before);
        }
    }
}

impl Drop for ListedWait<'_> {
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
            let wait = pin!(list.until(|| false));
            assert!(wait.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let places = list.places.borrow();
        assert_eq!(places.len(), 0);
        assert!(places.capacity() <= 4, "{}", places.capacity());
    }
}
