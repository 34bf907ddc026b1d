//! The next turn of a loop in which something happens.

use egret_runtime::runtime::{Runtime, Turn};
use std::time::{Duration, Instant};

/// How long nothing may happen before a test calls it a hang.
pub const HANG: Duration = Duration::from_secs(5);

/// Turns the loop, asleep in between, until something happens. Panics when nothing does: a wake-up was lost.
///
/// One wait does not say that: a stop of the process, or a handled signal, ends it with nothing ([`signal(7)`]), and a stop
/// may have taken its time.
///
/// [`signal(7)`]: https://man7.org/linux/man-pages/man7/signal.7.html
#[track_caller]
pub fn next_turn(rt: &Runtime) -> Turn {
    for _ in 0..3 {
        let start = Instant::now();
        while start.elapsed() < HANG {
            let turn = rt.turn(Some(HANG));
            if turn != Turn::default() {
                return turn;
            }
        }
    }
    panic!("nothing happened for {HANG:?}, three times: a lost wake-up");
}
