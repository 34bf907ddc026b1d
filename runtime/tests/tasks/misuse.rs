//! Misuse of the runtime: each is a panic whose message names the remedy and which leaves the runtime intact, or a
//! compile error.

#![allow(missing_docs)]

use crate::support::{LONG, bounded, message_of, permutations, turn};
use egret_runtime::io::{AsyncFd, AsyncFdReadyGuard};
use egret_runtime::runtime::{Builder, EnterGuard, Handle, Metrics, Runtime, Turn};
use egret_runtime::task::{Id, JoinError, JoinHandle};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Waker;

/// The message of the panic that `f` ends with.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).map(|_| ()).expect_err("this is bad use");
    message_of(&*payload).to_owned()
}

const NESTED: &str = "an egret runtime is running on this thread already: a task cannot block the loop that runs \
                      it. Inside async code await the future, or spawn it; to run a second runtime use another \
                      thread";
const NOWHERE: &str = "there is no egret runtime on this thread: call this inside `egret::block_on` or \
                       `Runtime::block_on`, or hold a `Runtime::enter` guard";

#[test]
fn a_task_that_blocks_on_a_future_is_told_to_await_it() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let other = Runtime::new().unwrap();
        let both = (&rt, &other);
        rt.block_on(async {
            assert_eq!(panic_of(|| egret_runtime::block_on(async {})), NESTED);
            assert_eq!(panic_of(|| both.0.block_on(async {})), NESTED);
            assert_eq!(panic_of(|| both.1.block_on(async {})), NESTED);
            let spawned = egret_runtime::spawn(async { egret_runtime::block_on(async {}) });
            assert_eq!(message_of(&*spawned.await.unwrap_err().into_panic()), NESTED);
        });
        // None of it has left anything behind.
        assert_eq!(rt.block_on(async { 1 }) + other.block_on(async { 2 }), 3);
    });
}

#[test]
fn a_task_that_turns_the_loop_is_told_to_await() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let other = Runtime::new().unwrap();
        rt.block_on(async {
            assert_eq!(panic_of(|| rt.turn(LONG)), NESTED);
            assert_eq!(panic_of(|| other.turn(LONG)), NESTED);
        });
        let before = rt.metrics().turns;
        turn(&rt);
        assert_eq!(rt.metrics().turns, before + 1);
    });
}

#[test]
fn what_needs_a_runtime_says_how_to_get_into_one() {
    assert_eq!(panic_of(|| egret_runtime::spawn(async {})), NOWHERE);
    assert_eq!(panic_of(|| AsyncFd::new(crate::support::fds::pipe().0)), NOWHERE);
    assert_eq!(panic_of(|| AsyncFd::try_new(crate::support::fds::pipe().0)), NOWHERE);
    let rt = Runtime::new().unwrap();
    {
        let _inside = rt.enter();
        drop(egret_runtime::spawn(async {}));
    }
    assert_eq!(panic_of(|| egret_runtime::spawn(async {})), NOWHERE);
    assert_eq!(turn(&rt), (0, 0, 1));
    // The same on a thread that is not the runtime's.
    let elsewhere = std::thread::spawn(|| panic_of(|| egret_runtime::spawn(async {})));
    assert_eq!(elsewhere.join().unwrap(), NOWHERE);
}

#[test]
fn the_panic_of_a_misused_function_names_the_line_that_called_it() {
    bounded(|| {
        use std::sync::{Arc, Mutex};
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = lines.clone();
        let (here, hook) = (std::thread::current().id(), std::panic::take_hook());
        // The hook is the whole process's: what other threads panic with goes to the one that was there.
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == here {
                let location = info.location().unwrap();
                seen.lock().unwrap().push((location.file().ends_with("misuse.rs"), location.line()));
            } else {
                hook(info);
            }
        }));
        let rt = Runtime::new().unwrap();
        let first = line!() + 1;
        let _ = catch_unwind(|| egret_runtime::spawn(async {}));
        let _ = catch_unwind(|| AsyncFd::new(crate::support::fds::pipe().0));
        rt.block_on(async {
            let _ = catch_unwind(AssertUnwindSafe(|| egret_runtime::block_on(async {})));
            let _ = catch_unwind(AssertUnwindSafe(|| rt.block_on(async {})));
            let _ = catch_unwind(AssertUnwindSafe(|| rt.turn(LONG)));
        });
        let expected = [0, 1, 3, 4, 5].map(|line| (true, first + line));
        assert_eq!(*lines.lock().unwrap(), expected);
    });
}

#[test]
fn entered_runtimes_are_left_in_the_opposite_order() {
    let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let spawn_goes_to = || {
        drop(egret_runtime::spawn(async {}));
        (turn(&a).2, turn(&b).2)
    };
    let in_a = a.enter();
    assert_eq!(spawn_goes_to(), (1, 0));
    {
        let _in_b = b.enter();
        assert_eq!(spawn_goes_to(), (0, 1));
        // A spawn on a runtime by name, and a turn of it, do not move the thread there for good.
        drop(a.spawn(async {}));
        assert_eq!(spawn_goes_to(), (1, 1));
    }
    assert_eq!(spawn_goes_to(), (1, 0));
    drop(in_a);
    assert_eq!(panic_of(|| egret_runtime::spawn(async {})), NOWHERE);
}

const OUT_OF_ORDER: &str = "EnterGuards were dropped out of order: drop the one that was made last first, inside of the \
                            `block_on` in which it was made, and hold none across an await";

#[test]
fn guards_that_are_dropped_out_of_order_panic_and_leave_the_thread_in_no_runtime() {
    let runtimes = [(); 3].map(|()| Runtime::new().unwrap());
    let spawn_goes_to = || {
        drop(egret_runtime::spawn(async {}));
        runtimes.iter().position(|rt| turn(rt).2 == 1).unwrap()
    };
    permutations(3, &mut |order| {
        let mut guards = runtimes.each_ref().map(|rt| Some(rt.enter()));
        for (dropped, &next) in order.iter().enumerate() {
            let guard = guards[next].take();
            let is_innermost = guards[next..].iter().all(Option::is_none);
            let result = catch_unwind(AssertUnwindSafe(|| drop(guard)));
            match result {
                Ok(()) => assert!(is_innermost, "{order:?}"),
                Err(payload) => {
                    assert!(!is_innermost, "{order:?}");
                    assert_eq!(message_of(&*payload), OUT_OF_ORDER);
                }
            }
            // The thread is in the innermost runtime whose guard lives.
            match guards.iter().rposition(Option::is_some) {
                Some(innermost) => assert_eq!(spawn_goes_to(), innermost, "{order:?}"),
                None => assert_eq!(dropped, 2),
            }
        }
        assert!(Handle::try_current().is_err(), "{order:?}");
        assert_eq!(panic_of(|| egret_runtime::spawn(async {})), NOWHERE);
    });
}

#[test]
fn a_guard_that_outlives_the_block_on_in_which_it_was_made_does_not_keep_the_thread() {
    let [outer, inner] = [(); 2].map(|()| Runtime::new().unwrap());
    let guard = outer.block_on(async { inner.enter() });
    assert!(Handle::try_current().is_err());
    // Not in the way of what comes after it either.
    let later = inner.enter();
    assert_eq!(panic_of(|| drop(guard)), OUT_OF_ORDER);
    assert!(Handle::try_current().is_ok());
    drop(later);
    assert!(Handle::try_current().is_err());
}

#[test]
fn a_guard_that_is_dropped_out_of_order_by_a_panic_does_not_panic_again() {
    bounded(|| {
        let [a, b] = [(); 2].map(|()| Runtime::new().unwrap());
        let panic = panic_of(|| {
            let (in_a, in_b) = (a.enter(), b.enter());
            let (_in_b, _in_a) = (in_b, in_a); // locals are dropped in the opposite order: `a` first
            panic!("the first panic");
        });
        assert_eq!(panic, "the first panic");
        assert!(Handle::try_current().is_err());
    });
}

// W7: that wakers go everywhere, and nothing that belongs to a loop does, is decided by the compiler.
macro_rules! assert_not {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait Ambiguous<A> {
                fn one() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Implements;
            impl<T: ?Sized + $trait> Ambiguous<Implements> for T {}
            // Two candidates, and an error, if the type has the trait.
            let _ = <$type as Ambiguous<_>>::one;
        };
    };
}
macro_rules! assert_has {
    ($type:ty: $($bound:tt)*) => {
        const _: fn() = || {
            fn has<T: ?Sized + $($bound)*>() {}
            has::<$type>();
        };
    };
}
assert_has!(Waker: Send + Sync + Unpin + 'static);
assert_has!(Builder: Send + Sync);
assert_has!(Metrics: Send + Sync);
assert_has!(Turn: Send + Sync);
assert_has!(Id: Send + Sync);
assert_has!(JoinError: std::error::Error + Send + Sync + 'static);
assert_has!(JoinHandle<Rc<()>>: Unpin);
assert_not!(Runtime: Send);
assert_not!(Runtime: Sync);
assert_not!(EnterGuard<'static>: Send);
assert_not!(EnterGuard<'static>: Sync);
assert_not!(JoinHandle<()>: Send);
assert_not!(JoinHandle<()>: Sync);
assert_not!(AsyncFd<std::fs::File>: Send);
assert_not!(AsyncFd<std::fs::File>: Sync);
assert_not!(AsyncFdReadyGuard<'static, std::fs::File>: Send);
assert_not!(AsyncFdReadyGuard<'static, std::fs::File>: Sync);
