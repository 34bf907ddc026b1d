//! The functions that the attributes of `egret-macros` call. Not for other callers: it may change in any release.

use crate::runtime::{Builder, Runtime, UnhandledPanic};
use std::future::Future;
use std::panic::resume_unwind;
use std::process::{ExitCode, Termination};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The settings of the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether its clock is paused when it starts.
    pub start_paused: bool,
    /// The policy for a panic that no handle receives.
    pub unhandled_panic: UnhandledPanic,
    /// Its name.
    pub name: Option<&'static str>,
}

impl Settings {
    #[track_caller]
    #[inline]
    fn build(self) -> Runtime {
        let mut builder = Builder::new().unhandled_panic(self.unhandled_panic);
        if let Some(name) = self.name {
            builder = builder.name(name);
        }
        if self.start_paused {
            builder = paused(builder);
        }
        builder.build().unwrap_or_else(|error| panic!("cannot make an egret runtime: {error}"))
    }
}

#[cfg(feature = "test-util")]
#[inline]
fn paused(builder: Builder) -> Builder {
    builder.start_paused(true)
}

#[cfg(not(feature = "test-util"))]
#[inline]
fn paused(_: Builder) -> Builder {
    unreachable!("the attributes refuse `start_paused` without feature `test-util`");
}

/// Runs an `#[egret::main]` that sets something.
///
/// # Panics
///
/// As [`block_on`](crate::runtime::block_on).
#[track_caller]
#[inline]
pub fn main<F: Future>(settings: Settings, body: impl FnOnce() -> F) -> F::Output {
    settings.build().block_on(body())
}

/// An `#[egret::test]`.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// The name with its path.
    pub name: &'static str,
    /// The time limit.
    pub timeout_ms: u64,
    /// The settings of its runtime.
    pub settings: Settings,
}

/// Runs a test on a thread and a runtime of its own, and panics when it fails.
///
/// The calling thread waits for that thread, so that the time limit holds whatever the test does: a timer of its
/// runtime would not fire while a task blocks the loop. A thread that does not end in time is left running, as it
/// cannot be stopped from outside; the test runner ends the process after the other tests.
///
/// # Panics
///
/// When the test panics; when it returns an error; when a detached task of its runtime panics; when it exceeds its
/// time limit.
#[track_caller]
#[inline]
pub fn test<F>(test: Test, body: impl FnOnce() -> F + Send + 'static)
where
    F: Future<Output: Termination>,
{
    let Test { name, timeout_ms, .. } = test;
    let (done, finished) = channel::<Never>();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _done = done; // dropped at the end, also by a panic
        run(test, body);
    });
    let thread = thread.unwrap_or_else(|error| panic!("cannot start a thread for test {name}: {error}"));
    let timeout = Duration::from_millis(timeout_ms);
    match finished.recv_timeout(timeout) {
        Err(RecvTimeoutError::Timeout) => panic!(
            "test {name} is not done after {timeout:?}: it waits for what does not come, or blocks its thread, or \
             polls without an end. Where it only needs longer write #[egret::test(timeout = \"..\")]"
        ),
        Err(RecvTimeoutError::Disconnected) => {
            thread.join().unwrap_or_else(|payload| resume_unwind(payload)); // the hook has reported it there
        }
        Ok(never) => match never {},
    }
}

/// Never sent: the end of the thread is the message.
enum Never {}

#[inline]
fn run<F>(test: Test, body: impl FnOnce() -> F)
where
    F: Future<Output: Termination>,
{
    let runtime = test.settings.build();
    let code = runtime.block_on(async { body().await.report() }); // inside, as its output need not be `Send`
    runtime.close(); // panics when a destructor of a remaining task does
    if code != ExitCode::SUCCESS {
        panic!("test {} returned an error", test.name);
    }
}
