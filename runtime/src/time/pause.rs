//! A clock that a test controls, with feature `test-util`.

use crate::sys::Backend;
use crate::time::clock::Instant;
use crate::time::current;
use crate::wake::context::{self, Entered, Slot};
use crate::wake::yield_now::yield_now;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How many rounds `advance` gives the other tasks at one deadline, as some never stop.
const PATIENCE: usize = 1_000;

/// The part of the loop that [`advance`] needs.
pub(crate) trait Turns {
    /// Wakes the waiters whose deadline has passed.
    fn fire_timers(&self);

    /// Returns whether no task is queued.
    fn is_quiet(&self) -> bool;

    /// Returns how many polls there were.
    fn polls(&self) -> u64;
}

thread_local! {
    /// The loop of this thread.
    static TURNS: Slot<dyn Turns> = const { Cell::new(None) };
}

/// Makes `turns` the loop of this thread until the guard is dropped.
#[inline]
pub(crate) fn enter(turns: Rc<dyn Turns>) -> Entered<dyn Turns> {
    context::enter(&TURNS, turns)
}

/// Stops the clock of this thread's runtime.
///
/// From now on time passes when [`advance`] is called and, unless [`set_auto_advance`] turns it off, when the loop has
/// nothing to do: it then goes to the next deadline at once instead of waiting for it. An hour of timeouts takes no
/// time and ends at the same nanosecond on every run.
///
/// # Panics
///
/// When the clock is paused already, when this thread is not in a runtime, and in a simulated host, whose clock is that of
/// the simulation.
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
#[inline]
pub fn pause() {
    if let Err(error) = Backend::current().needs_linux("time::pause") {
        panic!("{error}. The clock of a simulated host is that of the simulation, and needs no pause");
    }
    let ran = current().clock().source.pause();
    assert!(ran, "the clock is paused already");
}

/// Starts the clock of this thread's runtime again, from where it stands.
///
/// # Panics
///
/// When the clock is not paused, and when this thread is not in a runtime.
#[track_caller]
#[inline]
pub fn resume() {
    let stood = current().clock().source.resume();
    assert!(stood, "the clock is not paused: call time::pause first");
}

/// Sets whether a paused clock goes to the next deadline when the loop has nothing to do. The default is `true`.
///
/// When it is off, a test that waits for a timer hangs until a task calls [`advance`]: the mode is for tests that
/// check the state between two deadlines.
///
/// # Panics
///
/// When the clock is not paused, and when this thread is not in a runtime.
#[track_caller]
#[inline]
pub fn set_auto_advance(auto_advance: bool) {
    let stands = current().clock().source.set_jumps_when_idle(auto_advance);
    assert!(stands, "the clock is not paused: call time::pause first");
}

/// Moves a paused clock ahead by `duration`.
///
/// Every timer up to then fires before this returns, in order, each at its own deadline. The tasks that it wakes run
/// before the next timer fires, and timers that they set are included.
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
///
/// # Cancel safety
///
/// None: the clock stays where it had come to, before the end of `duration`.
#[inline]
pub async fn advance(duration: Duration) {
    let turns = context::require(&TURNS);
    let target = ahead(duration);
    // Tasks that are queued now may set timers within `duration`.
    settle(&*turns).await;
    while step_to(target) {
        turns.fire_timers();
        settle(&*turns).await;
    }
}

/// Returns the time after `duration`, in nanoseconds, on a clock that is paused.
#[track_caller]
#[inline]
pub(crate) fn ahead(duration: Duration) -> u64 {
    let stands = current().clock().source.stands_still();
    assert!(stands, "the clock is not paused: call time::pause first");
    let target = Instant::now().checked_add(duration);
    target.unwrap_or(Instant::from_nanoseconds(u64::MAX)).nanoseconds()
}

/// Moves the clock to the next deadline up to `target`, whose timers are then due; `false` when there is none and it has
/// moved to `target`.
#[inline]
pub(crate) fn step_to(target: u64) -> bool {
    let timers = current();
    let next = timers.next().filter(|next| *next <= target);
    timers.clock().source.jump(next.unwrap_or(target));
    next.is_some()
}

/// Returns how many polls there were in this thread's loop.
#[inline]
pub(crate) fn polls() -> u64 {
    context::require(&TURNS).polls()
}

/// Lets other tasks run until none is queued.
#[inline]
async fn settle(turns: &dyn Turns) {
    for _ in 0..PATIENCE {
        yield_now().await;
        if turns.is_quiet() {
            return;
        }
    }
}
