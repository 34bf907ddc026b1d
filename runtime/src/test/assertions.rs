//! The assertions on polls: macros, so that a failure reports the line of the test.
//!
//! Their work is in functions here; `macro_rules!` exports them from the root of the crate, and `egret::test`
//! re-exports them.

use super::probe::last_counts;
use std::fmt::{Arguments, Debug};
use std::task::Poll;

/// Asserts that a [`Poll`] is ready, and returns its value.
///
/// The failure reports how often the last [`Probe`](crate::test::Probe) of this thread was polled and woken. A
/// message with arguments may follow, as with [`assert!`].
///
/// ```
/// use egret_runtime::test::{self, assert_ready};
///
/// let mut probe = test::spawn(async { 42 });
/// assert_eq!(assert_ready!(probe.poll()), 42);
/// ```
///
/// ```should_panic
/// use egret_runtime::test::{self, assert_ready};
///
/// assert_ready!(test::spawn(std::future::pending::<()>()).poll()); // "is pending; it was polled once and ..."
/// ```
#[macro_export]
macro_rules! assert_ready {
    ($poll:expr $(,)?) => {
        $crate::test::is_ready($poll, ::core::format_args!(""))
    };
    ($poll:expr, $($message:tt)+) => {
        $crate::test::is_ready($poll, ::core::format_args!($($message)+))
    };
}

/// Asserts that a [`Poll`] of a [`Result`] is ready with `Ok`, and returns the value.
///
/// ```
/// use egret_runtime::test::{self, assert_ready_ok};
///
/// let mut probe = test::spawn(async { std::io::Result::Ok(42) });
/// assert_eq!(assert_ready_ok!(probe.poll()), 42);
/// ```
#[macro_export]
macro_rules! assert_ready_ok {
    ($poll:expr $(,)?) => {
        $crate::test::is_ok($poll, ::core::format_args!(""))
    };
    ($poll:expr, $($message:tt)+) => {
        $crate::test::is_ok($poll, ::core::format_args!($($message)+))
    };
}

/// Asserts that a [`Poll`] of a [`Result`] is ready with `Err`, and returns the error.
///
/// ```
/// use egret_runtime::test::{self, assert_ready_err};
///
/// let mut probe = test::spawn(async { Err::<(), _>("no") });
/// assert_eq!(assert_ready_err!(probe.poll()), "no");
/// ```
#[macro_export]
macro_rules! assert_ready_err {
    ($poll:expr $(,)?) => {
        $crate::test::is_error($poll, ::core::format_args!(""))
    };
    ($poll:expr, $($message:tt)+) => {
        $crate::test::is_error($poll, ::core::format_args!($($message)+))
    };
}

/// Asserts that a [`Poll`] is pending.
///
/// The failure shows the value, and how often the last [`Probe`](crate::test::Probe) of this thread was polled and
/// woken.
///
/// ```
/// use egret_runtime::test::{self, assert_pending};
///
/// assert_pending!(test::spawn(std::future::pending::<()>()).poll());
/// ```
#[macro_export]
macro_rules! assert_pending {
    ($poll:expr $(,)?) => {
        $crate::test::is_pending($poll, ::core::format_args!(""))
    };
    ($poll:expr, $($message:tt)+) => {
        $crate::test::is_pending($poll, ::core::format_args!($($message)+))
    };
}

/// Asserts the exact number of wakes of a [`Probe`](crate::test::Probe) since the last such assertion or call of
/// [`take_wakes`](crate::test::Probe::take_wakes).
///
/// ```
/// use egret_runtime::test::{self, assert_wakes};
///
/// let mut probe = test::spawn(());
/// probe.enter(|cx, _| cx.waker().wake_by_ref());
/// assert_wakes!(probe, 1);
/// assert_wakes!(probe, 0, "after {} polls", probe.polls());
/// ```
#[macro_export]
macro_rules! assert_wakes {
    ($probe:expr, $wakes:expr $(,)?) => {
        $probe.assert_wakes($wakes, ::core::format_args!(""))
    };
    ($probe:expr, $wakes:expr, $($message:tt)+) => {
        $probe.assert_wakes($wakes, ::core::format_args!(": {}", ::core::format_args!($($message)+)))
    };
}

/// The body of [`assert_ready!`](crate::assert_ready).
#[track_caller]
pub fn is_ready<T>(poll: Poll<T>, message: Arguments<'_>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => fail(format_args!("is pending and not ready"), message),
    }
}

/// The body of [`assert_ready_ok!`](crate::assert_ready_ok).
#[track_caller]
pub fn is_ok<T, E: Debug>(poll: Poll<Result<T, E>>, message: Arguments<'_>) -> T {
    match is_ready(poll, message) {
        Ok(value) => value,
        Err(error) => fail(format_args!("is an error and not Ok: {error:?}"), message),
    }
}

/// The body of [`assert_ready_err!`](crate::assert_ready_err).
#[track_caller]
pub fn is_error<T: Debug, E>(poll: Poll<Result<T, E>>, message: Arguments<'_>) -> E {
    match is_ready(poll, message) {
        Err(error) => error,
        Ok(value) => fail(format_args!("is Ok and not an error: {value:?}"), message),
    }
}

/// The body of [`assert_pending!`](crate::assert_pending).
#[track_caller]
pub fn is_pending<T: Debug>(poll: Poll<T>, message: Arguments<'_>) {
    if let Poll::Ready(value) = poll {
        fail(format_args!("is ready and not pending: {value:?}"), message)
    }
}

#[track_caller]
fn fail(what: Arguments<'_>, message: Arguments<'_>) -> ! {
    let message = message.to_string();
    let between = if message.is_empty() { "" } else { ": " };
    panic!("{what}{}{between}{message}", last_counts())
}
