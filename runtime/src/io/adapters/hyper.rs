//! hyper's runtime traits ([hyper](https://docs.rs/hyper)): an [`Executor`] and a [`Timer`]. With feature `hyper`.
//!
//! The sockets implement hyper's `Read` and `Write` themselves, without a wrapper. Neither a connection served here
//! nor its service need be `Send`: it may hold an `Rc`.
//!
//! ```
//! use egret_runtime::hyper::{Executor, Timer};
//!
//! # egret_runtime::block_on(async {
//! use hyper::rt::{Executor as _, Timer as _};
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! let (not_send, theirs) = (Rc::new(()), Rc::new(()));
//! Executor.execute(async move { drop(theirs) });
//! Timer.sleep(Duration::from_micros(100)).await;
//! drop(not_send);
//! # });
//! ```

use crate::executor;
use crate::time::clock::Instant;
use crate::time::numbered::NumberedSleep;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::time::Duration;

/// Spawns the background tasks of a connection: the streams of HTTP/2.
///
/// It takes any future, so a service may hold `Rc` and `RefCell`. The tasks are detached: they end with their
/// connection.
///
/// # Panics
///
/// `execute` does, when this thread is not in a runtime.
///
/// ```
/// use hyper::rt::Executor as _;
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// egret_runtime::block_on(async {
///     let ran = Rc::new(Cell::new(false));
///     let theirs = ran.clone();
///     egret_runtime::hyper::Executor.execute(async move { theirs.set(true) });
///     egret_runtime::task::yield_now().await;
///     assert!(ran.get());
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F: Future + 'static> hyper::rt::Executor<F> for Executor {
    #[track_caller]
    #[inline]
    fn execute(&self, future: F) {
        executor::current().spawn(future, crate::task::Id::next(), Location::caller());
    }
}

/// The timers of the runtime, for hyper's time limits: reading a header, and the pings of HTTP/2.
///
/// hyper applies no time limit to a connection without a timer. With one it limits how long a client may take for a
/// header, 30 s by default. It follows the clock of the runtime if a test has paused it.
///
/// # Panics
///
/// Its sleeps do, when polled to wait on a thread that is not in a runtime. They are `Send`, as hyper requires: a
/// sleep polled on another thread waits in that thread's runtime.
///
/// ```
/// use hyper::rt::Timer as _;
/// use std::time::{Duration, Instant};
///
/// egret_runtime::block_on(async {
///     let timer = egret_runtime::hyper::Timer;
///     let deadline = Instant::now() + Duration::from_micros(200);
///     let mut sleep = timer.sleep(Duration::from_secs(3600));
///     timer.reset(&mut sleep, deadline);
///     sleep.await;
///     assert!(Instant::now() >= deadline);
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl hyper::rt::Timer for Timer {
    #[inline]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(NumberedSleep::until(Instant::now().checked_add(duration)))
    }

    #[inline]
    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(NumberedSleep::until(Some(deadline.into())))
    }

    #[inline]
    fn now(&self) -> std::time::Instant {
        // The same clock, unless a test controls it, without a conversion.
        if cfg!(feature = "test-util") { Instant::now().into() } else { std::time::Instant::now() }
    }

    #[inline]
    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: std::time::Instant) {
        match sleep.as_mut().downcast_mut_pin::<NumberedSleep>() {
            Some(ours) => ours.get_mut().reset(deadline.into()),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

impl hyper::rt::Sleep for NumberedSleep {}
