//! The cases of timers, armed and dropped.

use crate::cases::{LIMIT, TIMERS};
use crate::runtimes::Runtime;
use crate::tasks::YieldNow;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

/// Polls a sleep once, with the waker of this task, and drops it.
pub async fn arm_and_cancel<R: Runtime>(rt: &R, n: u64) {
    for _ in 0..n {
        let mut sleep = pin!(rt.sleep(LIMIT));
        let pending = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await;
        assert!(pending);
    }
}

/// What a request with a time limit costs: two polls of the task and of the timeout, one timer.
pub async fn timeouts<R: Runtime>(rt: &R, n: u64) {
    for _ in 0..n {
        black_box(rt.timeout(LIMIT, YieldNow::default()).await);
    }
}

/// Arms [`TIMERS`], then drops them, in the order in which they were armed; again until it was `n`.
pub async fn live_timers<R: Runtime>(rt: R, warm_up: u64, n: u64) -> Duration {
    let mut slots = Slots::new(|| rt.sleep(LIMIT));
    let mut start = Instant::now();
    for round in 0..(warm_up + n) / TIMERS {
        if round == warm_up / TIMERS {
            start = Instant::now();
        }
        slots.arm(|index| rt.sleep(spread(index))).await;
        slots.clear();
    }
    start.elapsed()
}

/// Arms [`TIMERS`], then again and again drops one at random and arms it anew.
pub async fn random_timers<R: Runtime>(rt: R, warm_up: u64, n: u64) -> Duration {
    let mut slots = Slots::new(|| rt.sleep(LIMIT));
    slots.arm(|index| rt.sleep(spread(index))).await;
    let mut start = Instant::now();
    for round in 0..(warm_up + n) / TIMERS {
        if round == warm_up / TIMERS {
            start = Instant::now();
        }
        slots.rearm(round * TIMERS, |index| rt.sleep(spread(index))).await;
    }
    let elapsed = start.elapsed();
    slots.clear();
    elapsed
}

/// The duration of the timer number `index`: between 1 and 60 s, and in no order.
pub fn spread(index: u64) -> Duration {
    let scattered = index.wrapping_mul(0x9e37_79b9_7f4a_7c15); // by the golden ratio: Fibonacci hashing
    Duration::from_secs(1) + Duration::from_nanos(scattered % 59_000_000_000)
}

/// Places for [`TIMERS`] futures that stay where they are. Made once, so that the memory of the futures themselves is not
/// part of what is measured.
pub struct Slots<S>(Vec<Pin<Box<Option<S>>>>);

impl<S: Future> Slots<S> {
    /// `_kind` says of which type the futures will be, which may have no name.
    pub fn new(_kind: impl Fn() -> S) -> Slots<S> {
        Slots((0..TIMERS).map(|_| Box::pin(None)).collect())
    }

    /// Fills each with what `make` returns for its index, and polls that once, with the waker of this task.
    pub async fn arm(&mut self, make: impl Fn(u64) -> S) {
        poll_fn(|cx| {
            for (slot, index) in self.0.iter_mut().zip(0..) {
                slot.set(Some(make(index)));
                let armed = slot.as_mut().as_pin_mut().map(|sleep| sleep.poll(cx).is_pending());
                assert_eq!(armed, Some(true));
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Replaces [`TIMERS`] times what is in one at random: `make` gets the numbers from `first` on.
    pub async fn rearm(&mut self, first: u64, make: impl Fn(u64) -> S) {
        poll_fn(|cx| {
            let mut random = first | 1;
            for index in first..first + TIMERS {
                random ^= random << 13; // xorshift
                random ^= random >> 7;
                random ^= random << 17;
                let slot = &mut self.0[(random % TIMERS) as usize];
                slot.set(None);
                slot.set(Some(make(index)));
                let armed = slot.as_mut().as_pin_mut().map(|sleep| sleep.poll(cx).is_pending());
                assert_eq!(armed, Some(true));
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Drops what is in them, in place.
    pub fn clear(&mut self) {
        for slot in &mut self.0 {
            slot.set(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_spread_over_a_minute_and_in_no_order() {
        let durations: Vec<_> = (0..TIMERS).map(spread).collect();
        let ascents = durations.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((TIMERS as usize / 3..TIMERS as usize * 2 / 3).contains(&ascents), "{ascents}");
        let (least, most) = (durations.iter().min().unwrap(), durations.iter().max().unwrap());
        assert!((1.0..1.1).contains(&least.as_secs_f64()) && (59.9..60.0).contains(&most.as_secs_f64()));
    }
}
