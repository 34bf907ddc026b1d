//! The module `cores`, as a program of its own: it sends itself signals.

#[path = "../support/mod.rs"]
mod support;

mod ends;
mod failures;
mod starts;

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

/// Where futures were dropped: each entry is the thread that a core ran on and the thread of the drop.
#[derive(Default)]
struct Drops(Mutex<Vec<(ThreadId, ThreadId)>>);

/// Adds an entry to [`Drops`] when it is dropped.
struct Dropped<'a> {
    drops: &'a Drops,
    made_on: ThreadId,
}

impl Drops {
    fn guard(&self) -> Dropped<'_> {
        Dropped { drops: self, made_on: thread::current().id() }
    }

    /// How many were dropped; panics when one was dropped on another thread than its own.
    #[track_caller]
    fn count(&self) -> usize {
        let drops = self.0.lock().unwrap();
        assert!(drops.iter().all(|(made, dropped)| made == dropped), "{drops:?}");
        drops.len()
    }
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.drops.0.lock().unwrap().push((self.made_on, thread::current().id()));
    }
}

thread_local! {
    static AT_END: RefCell<Option<Ends>> = const { RefCell::new(None) };
}

/// Is set when it is dropped.
struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Sets `ended` when this thread ends, which is after its core has.
fn at_end_of_thread(ended: &Arc<AtomicBool>) {
    AT_END.set(Some(Ends(ended.clone())));
}
