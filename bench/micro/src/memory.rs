//! What a parked task and a live timer take of the heap.

use crate::args::Settings;
use crate::cases::TIMERS;
use crate::counting::{self, Counts};
use crate::measure::progress;
use crate::runtimes::{Egret, Monoio, Name, Runtime, Smol, Tokio};
use crate::timers::{Slots, spread};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How many tasks are parked.
const TASKS: usize = 100_000;

/// How many are spawned before they are waited for: a server does not accept all of its connections in one
/// turn, and what a run queue of that length takes is not a cost of a parked task.
const BATCH: usize = 1_000;

/// What each of many things takes, on one runtime.
#[derive(Clone, Copy, Debug)]
pub struct Each {
    pub runtime: Name,
    /// The size of the future: the one that was spawned, or the timer itself.
    pub future: usize,
    /// Whether the future is among what was allocated.
    future_is_counted: bool,
    counts: Counts,
    number: usize,
}

impl Each {
    pub fn allocations(&self) -> f64 {
        self.counts.allocations as f64 / self.number as f64
    }

    /// Bytes asked for, besides the future itself.
    pub fn requested(&self) -> f64 {
        self.besides(self.counts.requested)
    }

    /// Bytes with the allocator's own, besides the future itself.
    pub fn taken(&self) -> f64 {
        self.besides(self.counts.taken)
    }

    fn besides(&self, bytes: i64) -> f64 {
        let future = if self.future_is_counted { self.future } else { 0 };
        bytes as f64 / self.number as f64 - future as f64
    }
}

/// What parked tasks take, and what live timers do, on each runtime.
pub fn measure(settings: &Settings) -> Vec<(Each, Each)> {
    let mut results = Vec::new();
    for &runtime in &settings.runtimes {
        progress(&format!("memory: {}", runtime.as_str()));
        results.push(match runtime {
            Name::Egret => (tasks::<Egret>(runtime), timers::<Egret>(runtime)),
            Name::Tokio => (tasks::<Tokio>(runtime), timers::<Tokio>(runtime)),
            Name::Smol => (tasks::<Smol>(runtime), timers::<Smol>(runtime)),
            Name::Monoio => (tasks::<Monoio>(runtime), timers::<Monoio>(runtime)),
        });
    }
    progress("");
    results
}

/// Never ready. It leaves its waker in a list, as a task that waits for a socket does. On monoio a task without a
/// waker that is kept is gone.
struct Parked {
    wakers: Rc<RefCell<Vec<Waker>>>,
    _state: [u64; 7],
}

impl Future for Parked {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.wakers.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }
}

fn tasks<R: Runtime>(runtime: Name) -> Each {
    let counts = R::run(|rt| async move {
        let wakers = Rc::new(RefCell::new(Vec::with_capacity(TASKS + BATCH)));
        let park = async || {
            let parked = wakers.borrow().len() + BATCH;
            for _ in 0..BATCH {
                rt.spawn_detached(Parked { wakers: wakers.clone(), _state: [1; 7] });
            }
            while wakers.borrow().len() < parked {
                rt.sleep(Duration::from_millis(1)).await;
            }
        };
        park().await; // what there is once in any case
        counting::start();
        for _ in 0..TASKS / BATCH {
            park().await;
        }
        let counts = counting::stop();
        wakers.take();
        counts
    });
    Each { runtime, future: size_of::<Parked>(), future_is_counted: true, counts, number: TASKS }
}

/// The places for the timers are there before; what is counted is what the runtime puts elsewhere.
fn timers<R: Runtime>(runtime: Name) -> Each {
    let (future, counts) = R::run(|rt| async move {
        drop(Box::pin(rt.sleep(Duration::from_secs(1)))); // what there is once in any case
        let make = |index| rt.sleep(spread(index));
        let future = size_of_val(&make(0));
        let mut slots = Slots::new(|| make(0));
        counting::start();
        slots.arm(make).await;
        rt.sleep(Duration::from_millis(1)).await; // for a runtime that keeps operations for later
        (future, counting::stop())
    });
    Each { runtime, future, future_is_counted: false, counts, number: TIMERS as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_takes_besides_its_future_does_not_depend_on_the_future() {
        let counts = Counts { allocations: 100, requested: 16_000, taken: 17_600 };
        let each = Each { runtime: Name::Egret, future: 64, future_is_counted: true, counts, number: 100 };
        assert_eq!((each.allocations(), each.requested(), each.taken()), (1.0, 96.0, 112.0));
    }
}
