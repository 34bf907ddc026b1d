//! What becomes of a panic that nobody will hear of: the policy of the runtime, and how a task gets at it.
//!
//! A runtime has one [`Unhandled`]; the thread that is in the runtime finds it in a slot. A task cannot keep a
//! reference to it, for every task would pay eight bytes for what hardly one ever needs, and a handle may be
//! dropped when its runtime is not entered, or gone. So a task carries a [`Policy`], which is a number and fits
//! where the cell would have padding: two of them say what to do, the others name the runtime to shut down.
//!
//! [`Unhandled`] is touched by the runtime's thread alone; a job that panics on another one sends what is to be
//! done. Nothing in here runs user code.

use crate::wake::context::{self, Entered, Slot};
use crate::wake::remote::{self, Address};
use std::cell::{Cell, OnceCell};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a runtime does about the panic of a task that nobody will hear of, by
/// [`Builder::unhandled_panic`](crate::runtime::Builder::unhandled_panic).
///
/// A panic is unhandled when it happens in a task whose [`JoinHandle`](crate::task::JoinHandle) is gone, or when
/// the handle is dropped later without having given the panic to anyone. The panic of a destructor counts as
/// well, also of one that runs because the task was aborted. Blocking jobs are tasks in all of this. Whatever the policy, the
/// [panic hook](std::panic::set_hook) has been called by then.
///
/// The panic of the future that [`block_on`](crate::runtime::Runtime::block_on) runs is none of this: it comes
/// out of `block_on`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// Say on standard error which task it was and where it was spawned, and go on: the default.
    #[default]
    Report,
    /// Go on. The panic hook is the only one to speak of it.
    Ignore,
    /// Drop all tasks and panic out of [`block_on`](crate::runtime::Runtime::block_on) or
    /// [`turn`](crate::runtime::Runtime::turn) with what `Report` would have said. So does every call of
    /// them after that, and what is spawned after that is dropped at once.
    ///
    /// For tests, and for programs to which a dead task is worse than a restart. Where there is no call to panic
    /// out of (the runtime is being dropped, or a handle is dropped outside of it), the panic is reported.
    Shutdown,
}

/// What a task keeps of the policy of its runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy(u32);

impl Policy {
    const REPORT: Policy = Policy(0);
    const IGNORE: Policy = Policy(1);

    /// One that names a runtime to shut down, and no other until 2^32 have been made.
    fn shutdown() -> Policy {
        static NEXT: AtomicU32 = AtomicU32::new(2);
        // Once around, the two that mean something else are stepped over, by two runtimes that share a number.
        Policy(NEXT.fetch_add(1, Ordering::Relaxed).max(2))
    }

    /// That of the runtime that this thread is in.
    #[inline]
    pub(crate) fn current() -> Policy {
        context::with(&CURRENT, |unhandled| unhandled.map_or(Policy::REPORT, |unhandled| unhandled.policy))
    }

    /// Does what the policy says about a panic that `report` tells of.
    pub(crate) fn apply(self, report: impl FnOnce() -> String) {
        match self {
            Policy::IGNORE => {}
            Policy::REPORT => say(&report()),
            runtime => {
                let current = context::get(&CURRENT).filter(|current| current.policy == runtime);
                match current {
                    Some(current) => current.fail(report()),
                    None => say(&report()),
                }
            }
        }
    }

    /// [`apply`](Policy::apply) from any thread: what is to be done in the runtime at `address`, which is the one
    /// that the policy was taken from, is sent there.
    pub(crate) fn apply_at(self, address: Address, report: String) {
        /// Does it when it is dropped: by the loop, or, when there is none, by who would have sent it there.
        struct Apply(Policy, String);

        impl Drop for Apply {
            fn drop(&mut self) {
                self.0.apply(|| std::mem::take(&mut self.1));
            }
        }

        let apply = Apply(self, report);
        match self {
            Policy::IGNORE | Policy::REPORT => drop(apply),
            _ => remote::send(address, Box::new(move || drop(apply))),
        }
    }
}

thread_local! {
    /// That of the runtime that this thread is in.
    static CURRENT: Slot<Unhandled> = const { Cell::new(None) };
}

/// The policy of a runtime, and whether it has been shut down by it.
///
/// Named as [`Executor`](crate::executor::Executor) is; the code calls it [`Unhandled`].
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) struct RuntimesStayOnTheirThread_UseHandle {
    policy: Policy,
    /// Of the first panic under [`UnhandledPanic::Shutdown`].
    failure: OnceCell<String>,
    /// Whether a call of the user has panicked with it.
    raised: Cell<bool>,
}

pub(crate) use RuntimesStayOnTheirThread_UseHandle as Unhandled;

impl Unhandled {
    pub(crate) fn new(policy: UnhandledPanic) -> Rc<Unhandled> {
        let policy = match policy {
            UnhandledPanic::Report => Policy::REPORT,
            UnhandledPanic::Ignore => Policy::IGNORE,
            UnhandledPanic::Shutdown => Policy::shutdown(),
        };
        Rc::new(Unhandled { policy, failure: OnceCell::new(), raised: Cell::new(false) })
    }

    /// Makes this what the tasks of the thread find until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Unhandled>) -> Entered<Unhandled> {
        context::enter(&CURRENT, self.clone())
    }

    fn fail(&self, report: String) {
        if let Err(another) = self.failure.set(report) {
            say(&another);
        }
    }

    /// Whether the runtime has to be shut down.
    #[inline]
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// Why, for the caller to panic with.
    pub(crate) fn raise(&self) -> Option<&str> {
        self.raised.set(true);
        self.failure.get().map(String::as_str)
    }

    /// Says it on standard error, if nobody has panicked with it. The runtime ends here.
    pub(crate) fn report_unraised(&self) {
        if !self.raised.get() {
            self.failure.get().into_iter().for_each(|report| say(report));
        }
    }
}

/// Standard error may be a pipe that nobody reads any more: `eprintln!` panics then, which must not end the loop.
fn say(report: &str) {
    let _ = catch_unwind(|| eprintln!("{report}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_names_a_runtime_is_none_of_the_two_others() {
        for _ in 0..5 {
            let named = Policy::shutdown();
            assert!(named != Policy::REPORT && named != Policy::IGNORE);
        }
    }

    #[test]
    fn the_first_failure_is_kept_and_only_in_the_runtime_that_it_names() {
        let (ours, other) =
            (Unhandled::new(UnhandledPanic::Shutdown), Unhandled::new(UnhandledPanic::Shutdown));
        {
            let _inside = other.enter();
            ours.policy.apply(|| "to standard error".to_owned());
        }
        ours.policy.apply(|| "to standard error, outside".to_owned());
        assert!(!ours.has_failed() && !other.has_failed());
        let _inside = ours.enter();
        ours.policy.apply(|| "first".to_owned());
        ours.policy.apply(|| "to standard error, second".to_owned());
        assert_eq!((ours.raise(), other.raise()), (Some("first"), None));
    }
}
