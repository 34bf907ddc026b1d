//! The lists, with feature `inspect`. See also `none.rs`.

use crate::observe::id::Id;
use crate::observe::site::{Note, Site, Task};
use crate::wake::waiter::Waiter;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::{self, Arc, Mutex, PoisonError};
use std::task::Waker;

/// A wait in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedWait {
    pub(crate) what: ListedKind,
    pub(crate) waiter: Waiter,
}

/// What a listed waiter waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListedKind {
    /// That a shutdown is requested.
    Request,
    /// That a shutdown is drained.
    Drain {
        /// How many tasks and guards are at work.
        live: usize,
    },
    /// The next task of a set that ends.
    Set,
    /// The end of a task of another runtime, or of a blocking job, by a handle for other threads.
    Remote(Id),
}

/// A list of waiters.
pub(crate) trait Lists {
    /// Adds the waiters. Runs no user code.
    fn waits(&self, found: &mut Vec<ListedWait>);
}

/// The entry of a list with its thread.
#[derive(Default)]
pub(crate) struct Entry(Cell<bool>);

/// The wait of a handle for other threads, which may be sent to another thread.
#[derive(Default)]
pub(crate) struct RemoteWait(Option<Arc<AwaitedTask>>);

struct AwaitedTask {
    task: Id,
    state: Mutex<(Note, Option<Waiter>)>,
}

/// What of a thread is still alive. The dead are removed when the list would grow.
struct Known<W>(Vec<W>);

thread_local! {
    static LISTS: RefCell<Known<Weak<dyn Lists>>> = const { RefCell::new(Known(Vec::new())) };
    static REMOTE: RefCell<Known<sync::Weak<AwaitedTask>>> = const { RefCell::new(Known(Vec::new())) };
}

impl<W> Known<W> {
    fn add(&mut self, new: W, is_alive: impl FnMut(&W) -> bool) {
        if self.0.len() == self.0.capacity() {
            self.0.retain(is_alive);
            // Half of it is free then, so that each entry pays for a bounded share of the searches.
            self.0.reserve(self.0.len().max(8));
        }
        self.0.push(new);
    }
}

/// Returns the waits in the lists of this thread.
pub(crate) fn waits() -> Vec<ListedWait> {
    let mut found = Vec::new();
    let lists: Vec<_> = LISTS.with_borrow(|lists| lists.0.iter().filter_map(Weak::upgrade).collect());
    lists.iter().for_each(|list| list.waits(&mut found));
    REMOTE.with_borrow(|remote| {
        for remote in remote.0.iter().filter_map(sync::Weak::upgrade) {
            let (_, waiter) = *remote.state.lock().unwrap_or_else(PoisonError::into_inner);
            found.extend(waiter.map(|waiter| ListedWait { what: ListedKind::Remote(remote.task), waiter }));
        }
    });
    found
}

impl Entry {
    /// Enters `list`, once.
    #[inline]
    pub(crate) fn enter<L: Lists + 'static>(&self, list: &Rc<L>) {
        if !self.0.replace(true) {
            let list: Rc<dyn Lists> = list.clone();
            // While the values of the thread are destroyed there is no dump.
            let _ = LISTS.try_with(|lists| {
                lists.borrow_mut().add(Rc::downgrade(&list), |list| list.strong_count() > 0);
            });
        }
    }
}

impl RemoteWait {
    /// Notes that the task that is polled waits for `task`.
    pub(crate) fn wait(&mut self, task: Id, waker: &Waker, at: Site) {
        let is_new = self.0.is_none();
        let wait = self.0.get_or_insert_with(|| Arc::new(AwaitedTask { task, state: Mutex::default() }));
        {
            let mut state = wait.state.lock().unwrap_or_else(PoisonError::into_inner);
            let note = Note::next(state.1.map(|_| state.0), at);
            *state = (note, Some(Waiter::of_waker(waker, note, Task::current())));
        }
        if is_new {
            let new = Arc::downgrade(wait);
            let _ = REMOTE.try_with(|remote| {
                remote.borrow_mut().add(new, |wait| wait.strong_count() > 0);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Lists for Nothing {
        fn waits(&self, _: &mut Vec<ListedWait>) {}
    }

    #[test]
    fn lists_that_are_gone_are_forgotten() {
        let kept = Rc::new(Nothing);
        Entry::default().enter(&kept);
        for _ in 0..10_000 {
            Entry::default().enter(&Rc::new(Nothing));
        }
        LISTS.with_borrow(|lists| {
            assert!(lists.0.capacity() <= 32, "{}", lists.0.capacity());
            assert_eq!(lists.0.iter().filter(|list| list.strong_count() > 0).count(), 1);
        });
    }
}
