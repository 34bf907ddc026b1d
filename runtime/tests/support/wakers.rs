//! Foreign wakers: one that counts, and one that runs code on each call.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

/// Counts how often it was woken; `Arc::strong_count` tells how many wakers of it there are.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Count {
    pub fn new() -> Arc<Count> {
        Arc::default()
    }

    /// How often it was woken since the last call.
    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A call of a hooked waker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    Clone,
    Wake,
    Drop,
}

type Hook = Rc<dyn Fn(Call)>;

thread_local! {
    /// The hooks of this thread's wakers, which name them by position.
    static HOOKS: RefCell<Vec<Hook>> = const { RefCell::new(Vec::new()) };
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        call(data, Call::Clone);
        RawWaker::new(data, &VTABLE)
    },
    |data| call(data, Call::Wake),
    |data| call(data, Call::Wake),
    |data| call(data, Call::Drop),
);

fn call(data: *const (), what: Call) {
    // On another thread, and at the end of this one, there is no such hook and nothing happens.
    let hook = HOOKS.try_with(|hooks| hooks.borrow().get(data.addr()).cloned());
    if let Ok(Some(hook)) = hook {
        hook(what);
    }
}

/// A waker that calls `hook` each time it is cloned, woken or dropped on this thread.
///
/// `std::task::Wake` has no hook for clone and wants `Send`; what is tested with this one is code of a user
/// that comes back into the runtime from where the runtime least expects it.
pub fn hooked(hook: impl Fn(Call) + 'static) -> Waker {
    let index = HOOKS.with_borrow_mut(|hooks| {
        hooks.push(Rc::new(hook));
        hooks.len() - 1
    });
    let data = std::ptr::without_provenance(index);
    // SAFETY: the functions of the vtable take `data` as a number and never dereference it. They may be called
    // on any thread: each looks the number up in a table of its own thread, and ignores what is not there.
    unsafe { Waker::new(data, &VTABLE) }
}
