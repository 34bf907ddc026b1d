//! A clock that a test controls. Only with feature `test-util`.

use crate::time::clock::Instant;
use crate::time::current;
use crate::wake::context::{self, Entered, Slot};
use crate::wake::yield_now::yield_now;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How often `advance` lets the others run at one deadline, for those who never stop.
const PATIENCE: usize = 1_000;

/// What [`advance`] asks of the loop.
pub(crate) trait Turns {
    /// Wakes whoever waits for a deadline that has passed.
    fn fire_timers(&self);

    /// Whether no task is queued.
    fn is_quiet(&self) -> bool;
}

thread_local! {
    /// The loop that this thread is in.
    static TURNS: Slot<dyn Turns> = const { Cell::new(None) };
}

/// Makes a loop the one that this thread is in until the guard is dropped.
pub(crate) fn enter(turns: Rc<dyn Turns>) -> Entered<dyn Turns> {
    context::enter(&TURNS, turns)
}

/// Stops the clock of the runtime that this thread is in.
///
/// From now on time passes when [`advance`] is called and, unless [`set_auto_advance`] says otherwise, when the loop
/// has nothing to do: then it goes to the next deadline at once, in place of waiting for it. An hour of timeouts
/// takes no time and ends at the same nanosecond on every run.
///
/// # Panics
///
/// When the clock is paused already, and when this thread is not in a runtime.
///
/// ```
/// use egret_runtime::time::{self, Duration, Instant};
///
/// egret_runtime::block_on(async {
///     time::pause();
///     let start = Instant::now();
///     time::sleep(Duration::from_secs(3600)).await; // at once
///     assert_eq!(start.elapsed(), Duration::from_secs(3600)); // exactly
/// });
/// ```
#[track_caller]
pub fn pause() {
    let ran = current().clock().source.pause();
    assert!(ran, "the clock is paused already");
}

/// Lets the clock of the runtime that this thread is in run again, from where it stands.
///
/// # Panics
///
/// When the clock is not paused, and when this thread is not in a runtime.
#[track_caller]
pub fn resume() {
    let stood = current().clock().source.resume();
    assert!(stood, "the clock is not paused: call time::pause first");
}

/// Says whether a paused clock goes to the next deadline when the loop has nothing to do, as it does at first.
///
/// Without it a test that waits for a timer nobody advances to hangs, as it would on a clock that runs: the
/// mode is for tests that look at the state between two deadlines.
///
/// # Panics
///
/// When the clock is not paused, and when this thread is not in a runtime.
#[track_caller]
pub fn set_auto_advance(auto_advance: bool) {
    let stands = current().clock().source.set_jumps_when_idle(auto_advance);
    assert!(stands, "the clock is not paused: call time::pause first");
}

/// Moves a paused clock ahead by `duration`.
///
/// Every timer up to then fires before this returns, in order, each at its own deadline and with the tasks that it
/// wakes run before the next, those that they arm in turn included.
///
/// # Panics
///
/// When the clock is not paused, and when this thread is not in a runtime.
///
/// ```
/// use egret_runtime::time::{self, Duration};
///
/// egret_runtime::block_on(async {
///     time::pause();
///     let task = egret_runtime::spawn(time::sleep(Duration::from_secs(5)));
///     time::advance(Duration::from_secs(4)).await;
///     assert!(!task.is_finished());
///     time::advance(Duration::from_secs(1)).await;
///     assert!(task.is_finished());
/// });
/// ```
pub async fn advance(duration: Duration) {
    let (timers, turns) = (current(), context::require(&TURNS));
    let clock = timers.clock();
    assert!(clock.source.stands_still(), "the clock is not paused: call time::pause first");
    let now = Instant::now();
    let target = now.checked_add(duration).unwrap_or(Instant::from_nanoseconds(u64::MAX)).nanoseconds();
    // What is queued now may set timers that this is to run.
    settle(&*turns).await;
    while let Some(next) = timers.next() {
        if next > target {
            break;
        }
        clock.source.jump(next);
        turns.fire_timers();
        settle(&*turns).await;
    }
    clock.source.jump(target);
}

/// Lets the others run until none is queued.
async fn settle(turns: &dyn Turns) {
    for _ in 0..PATIENCE {
        yield_now().await;
        if turns.is_quiet() {
            return;
        }
    }
}
