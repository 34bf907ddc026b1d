//! [`task_local!`](crate::task_local): a value that a future takes with it, which code in it finds without a parameter.
//!
//! - A key is a slot of the thread. While a scope is polled or dropped, or while its closure runs, the slot has the
//!   scope's value, and the scope has what was in the slot: the two are swapped, and [`EnteredScope`] swaps them back, also by
//!   a panic.
//! - A read borrows the slot while user code runs. A scope that is entered meanwhile would swap the value away from under
//!   it, and is refused.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

/// Declares a value that belongs to a future, as a static of type [`LocalKey`](crate::task::LocalKey).
///
/// [`scope`](crate::task::LocalKey::scope) gives a future its value. Code in that future reads it, in every poll and in
/// the destructors of the future. A task that the future spawns does not inherit it.
///
/// ```
/// egret_runtime::task_local! {
///     /// The number of the request that is served.
///     static REQUEST: u64;
/// }
///
/// fn log(text: &str) -> String {
///     format!("request {}: {text}", REQUEST.get())
/// }
///
/// egret_runtime::block_on(async {
///     let requests = [7, 8].map(|number| egret_runtime::spawn(REQUEST.scope(number, async { log("begins") })));
///     for (task, expected) in requests.into_iter().zip(["request 7: begins", "request 8: begins"]) {
///         assert_eq!(task.await.unwrap(), expected);
///     }
/// });
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $value:ty $(; $($rest:tt)*)?) => {
        $(#[$attribute])*
        $visibility static $name: $crate::task::LocalKey<$value> = {
            ::std::thread_local! {
                static SLOT: ::std::cell::RefCell<::std::option::Option<$value>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey::new(SLOT)
        };
        $($crate::task_local! { $($rest)* })?
    };
}

/// A value of a future, declared by [`task_local!`](crate::task_local).
pub struct LocalKey<T: 'static> {
    slot: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    /// Creates a key; the macro calls it.
    #[doc(hidden)]
    #[inline]
    pub const fn new(slot: thread::LocalKey<RefCell<Option<T>>>) -> LocalKey<T> {
        LocalKey { slot }
    }

    /// Makes `value` the value of this key in `future`: in its polls and in its drop, whether it has completed, has
    /// panicked or is dropped before. Scopes of one key nest; the innermost counts.
    ///
    /// # Panics
    ///
    /// The poll of the returned future panics within [`with`](LocalKey::with) of the same key.
    ///
    /// ```
    /// egret_runtime::task_local!(static DEPTH: u32);
    ///
    /// egret_runtime::block_on(DEPTH.scope(1, async {
    ///     DEPTH.scope(2, async { assert_eq!(DEPTH.get(), 2) }).await;
    ///     assert_eq!(DEPTH.get(), 1);
    /// }));
    /// ```
    #[inline]
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture { key: self, value: Some(value), future: Some(future), _pinned: PhantomPinned }
    }

    /// Makes `value` the value of this key while `f` runs.
    ///
    /// # Panics
    ///
    /// Within [`with`](LocalKey::with) of the same key; and when `f` panics, after the outer value is back.
    ///
    /// ```
    /// egret_runtime::task_local!(static DEPTH: u32);
    ///
    /// assert_eq!(DEPTH.sync_scope(1, || DEPTH.get() + 1), 2);
    /// assert!(DEPTH.try_get().is_err());
    /// ```
    #[inline]
    #[track_caller]
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let mut value = Some(value);
        let entered = match self.enter(&mut value) {
            Ok(entered) => entered,
            Err(refused) => panic!("{refused}"),
        };
        let result = f();
        drop(entered);
        result
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    ///
    /// Outside of every scope of this key: see [`try_with`](LocalKey::try_with).
    #[inline]
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}: put the future in `scope` of its key"),
        }
    }

    /// [`with`](LocalKey::with) without the panic.
    ///
    /// # Errors
    ///
    /// [`AccessError`] outside of every scope of this key.
    #[inline]
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let read = self.slot.try_with(|slot| slot.borrow().as_ref().map(f));
        read.ok().flatten().ok_or(AccessError(()))
    }

    /// Puts `value` in the slot, and what is there in its place, until the guard is dropped.
    #[inline]
    fn enter<'a>(&'static self, value: &'a mut Option<T>) -> Result<EnteredScope<'a, T>, Refused> {
        self.swap(value)?;
        Ok(EnteredScope { key: self, value })
    }

    /// The same without a guard.
    #[inline]
    pub(super) fn swap(&'static self, value: &mut Option<T>) -> Result<(), Refused> {
        let swapped = self.slot.try_with(|slot| match slot.try_borrow_mut() {
            Ok(mut slot) => {
                mem::swap(value, &mut slot);
                Ok(())
            }
            Err(_) => Err(Refused::IsRead),
        });
        swapped.unwrap_or(Err(Refused::ThreadEnds))
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// Returns a clone of the value.
    ///
    /// # Panics
    ///
    /// As [`with`](LocalKey::with).
    #[inline]
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// [`get`](LocalKey::get) without the panic.
    ///
    /// # Errors
    ///
    /// As [`try_with`](LocalKey::try_with).
    #[inline]
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// While it lives, the value of a scope is in the slot of its key.
struct EnteredScope<'a, T: 'static> {
    key: &'static LocalKey<T>,
    /// The previous content of the slot.
    value: &'a mut Option<T>,
}

impl<T: 'static> Drop for EnteredScope<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // No read is left: one that began in the scope has ended in it. The slot is there as long as this frame is.
        let _ = self.key.slot.try_with(|slot| mem::swap(self.value, &mut *slot.borrow_mut()));
    }
}

/// Why a scope cannot be entered.
pub(super) enum Refused {
    IsRead,
    ThreadEnds,
}

impl fmt::Display for Refused {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::IsRead => {
                "a scope of a task-local was entered within `with` of the same key: leave `with` first"
            }
            Refused::ThreadEnds => {
                "a scope of a task-local was entered while the thread-locals of its thread are destroyed"
            }
        })
    }
}

pin_project_lite::pin_project! {
    /// The future of [`LocalKey::scope`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        // That of the scope; while it is entered, that outside of it.
        value: Option<T>,
        // `None` once it has completed.
        #[pin]
        future: Option<F>,
        #[pin]
        _pinned: PhantomPinned,
    }

    impl<T, F> PinnedDrop for TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                // Refused within `with` of the same key: the future is then dropped outside of its scope.
                let entered = this.key.enter(this.value);
                this.future.set(None);
                drop(entered);
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out: the future has none from now on.
    ///
    /// ```
    /// use std::pin::pin;
    ///
    /// egret_runtime::task_local!(static KEY: String);
    ///
    /// egret_runtime::block_on(async {
    ///     let mut future = pin!(KEY.scope("given".to_owned(), async {}));
    ///     future.as_mut().await;
    ///     assert_eq!(future.as_mut().take_value().as_deref(), Some("given"));
    /// });
    /// ```
    #[inline]
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[inline]
    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a TaskLocalFuture was polled after it had given its output")
        };
        let entered = match this.key.enter(this.value) {
            Ok(entered) => entered,
            Err(refused) => panic!("{refused}"),
        };
        let polled = future.poll(cx);
        if polled.is_ready() {
            this.future.set(None); // in its scope
        }
        drop(entered);
        polled
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("value", &self.value).finish_non_exhaustive()
    }
}

/// The error of [`LocalKey::try_with`]: no scope of the key is around the caller.
///
/// ```
/// egret_runtime::task_local! {
///     static REQUEST: u32;
/// }
///
/// let error = REQUEST.try_with(|id| *id).unwrap_err();
/// assert_eq!(error.to_string(), "this task-local has no value here");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Debug for AccessError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessError")
    }
}

impl fmt::Display for AccessError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this task-local has no value here")
    }
}

impl Error for AccessError {}
