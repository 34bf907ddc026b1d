//! The policy for a panic that no handle receives, and how a task finds it.
//!
//! - A runtime has one [`Unhandled`], in a slot of its thread. Only that thread touches it; a job that panics on
//!   another thread sends an errand.
//! - A task keeps no reference to it: every task would pay eight bytes for a rare case, and a handle may be dropped
//!   when its runtime is not entered, or gone. A task has a [`Policy`], a number: two values say what to do, and cost a
//!   task one bit; the others name the runtime to shut down.
//! - Nothing in here runs user code.

use crate::wake::context::{self, Entered, Slot};
use crate::wake::remote::{self, Address};
use crate::wake::task::Policy;
use std::cell::{Cell, OnceCell};
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The policy of a runtime for the panic of a task that no handle receives, set by
/// [`Builder::unhandled_panic`](crate::runtime::Builder::unhandled_panic).
///
/// A panic is unhandled when it happens in a task whose [`JoinHandle`](crate::task::JoinHandle) is gone, or when the
/// handle is dropped later without having returned the panic. The panic of a destructor counts as well, also of one
/// that runs because the task was aborted. Blocking jobs are tasks in all of this. With every policy, the
/// [panic hook](std::panic::set_hook) has been called before.
///
/// The panic of the future of [`block_on`](crate::runtime::Runtime::block_on) is not unhandled: it comes out of
/// `block_on`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// Report the task and where it was spawned on standard error, and go on: the default.
    #[default]
    Report,
    /// Go on. Only the panic hook reports the panic.
    Ignore,
    /// Drop all tasks and panic out of [`block_on`](crate::runtime::Runtime::block_on) or
    /// [`turn`](crate::runtime::Runtime::turn) with the message of `Report`. Every later call of them panics too, and
    /// a task that is spawned later is dropped at once.
    ///
    /// For tests, and for programs in which a dead task is worse than a restart. Where there is no call to panic out
    /// of (the runtime is being dropped, or a handle is dropped outside it), the panic is reported.
    Shutdown,
}

impl UnhandledPanic {
    /// [`Shutdown`](UnhandledPanic::Shutdown), by tokio's name.
    ///
    /// ```
    /// use egret_runtime::runtime::{Builder, UnhandledPanic};
    ///
    /// let rt = Builder::new().unhandled_panic(UnhandledPanic::ShutdownRuntime).build()?;
    /// assert_eq!(UnhandledPanic::ShutdownRuntime, UnhandledPanic::Shutdown);
    /// # drop(rt);
    /// # std::io::Result::Ok(())
    /// ```
    #[allow(non_upper_case_globals, reason = "tokio has a variant of this name")]
    pub const ShutdownRuntime: UnhandledPanic = UnhandledPanic::Shutdown;
}

impl Policy {
    /// Creates a policy that names one runtime to shut down; numbers repeat after 2^32 of them.
    #[inline]
    fn shutdown() -> Policy {
        static NEXT: AtomicU32 = AtomicU32::new(2);
        // On overflow, the two values with another meaning are skipped; two runtimes then share a number.
        Policy(NEXT.fetch_add(1, Ordering::Relaxed).max(2))
    }

    /// Returns the policy of this thread's runtime.
    #[inline]
    pub(crate) fn current() -> Policy {
        context::with(&CURRENT, |unhandled| unhandled.map_or(Policy::REPORT, |unhandled| unhandled.policy))
    }

    /// Applies the policy to a panic, whose message `report` makes.
    #[inline]
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

    /// [`apply`](Policy::apply) from any thread: sends it to the runtime at `address`, which is the one that the
    /// policy was taken from.
    #[inline]
    pub(crate) fn apply_at(self, address: Address, report: String) {
        /// Applies the policy when it is dropped: by the loop, or, when there is none, by the sender.
        struct Apply(Policy, String);

        impl Drop for Apply {
            #[inline]
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
    /// The policy of this thread's runtime.
    static CURRENT: Slot<Unhandled> = const { Cell::new(None) };
}

/// The policy of a runtime, and whether it has been shut down by it.
///
/// Named like [`Executor`](crate::executor::Executor); the code calls it [`Unhandled`].
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "the compiler says the name to people")]
pub(crate) struct RuntimesStayOnTheirThread_UseHandle {
    policy: Policy,
    /// The message of the first panic under [`UnhandledPanic::Shutdown`].
    failure: OnceCell<String>,
    /// Whether a call of the user has panicked with it.
    raised: Cell<bool>,
}

pub(crate) use RuntimesStayOnTheirThread_UseHandle as Unhandled;

impl Unhandled {
    #[inline]
    pub(crate) fn new(policy: UnhandledPanic) -> Rc<Unhandled> {
        let policy = match policy {
            UnhandledPanic::Report => Policy::REPORT,
            UnhandledPanic::Ignore => Policy::IGNORE,
            UnhandledPanic::Shutdown => Policy::shutdown(),
        };
        Rc::new(Unhandled { policy, failure: OnceCell::new(), raised: Cell::new(false) })
    }

    #[inline]
    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// Makes this the policy of the thread's tasks until the guard is dropped.
    #[inline]
    pub(crate) fn enter(self: &Rc<Unhandled>) -> Entered<Unhandled> {
        context::enter(&CURRENT, self.clone())
    }

    #[inline]
    fn fail(&self, report: String) {
        if let Err(another) = self.failure.set(report) {
            say(&another);
        }
    }

    /// Returns the message of a failure for which the runtime has to be shut down; empty without one.
    #[inline]
    pub(crate) fn failure(&self) -> &OnceCell<String> {
        &self.failure
    }

    /// Returns the message for the caller to panic with.
    #[inline]
    pub(crate) fn raise(&self) -> Option<&str> {
        self.raised.set(true);
        self.failure.get().map(String::as_str)
    }

    /// Reports the failure on standard error, if no call has panicked with it. The runtime ends here.
    #[inline]
    pub(crate) fn report_unraised(&self) {
        if !self.raised.get() {
            self.failure.get().into_iter().for_each(|report| say(report));
        }
    }
}

/// Standard error may be a pipe without a reader: `eprintln!` panics then, which must not end the loop.
#[inline]
fn say(report: &str) {
    let _ = catch_unwind(|| eprintln!("{report}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_names_a_runtime_is_none_of_the_two_others() {
        for _ in 0..5 {
            assert!(Policy::shutdown().names_a_runtime());
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
        assert!(ours.failure.get().is_none() && other.failure.get().is_none());
        let _inside = ours.enter();
        ours.policy.apply(|| "first".to_owned());
        ours.policy.apply(|| "to standard error, second".to_owned());
        assert_eq!((ours.raise(), other.raise()), (Some("first"), None));
    }
}
