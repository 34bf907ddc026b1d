//! What is kept of dumps, with a feed that no loop made.

use super::super::feed::Pending;
use super::*;
use egret_runtime::inspect::{Histograms, LoopView, PollView, Recording, TaskView};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A first look at a dump.
pub(in super::super) fn look_at(dump: Dump) -> Look {
    Look::new(1, Some(dump), None, None)
}

/// Has as many tasks as dumps were made, is stuck in the third, and has ended after four.
struct Script(Arc<AtomicU64>);

impl Feed for Script {
    fn dump(&self) -> Pending<Dump> {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        if number > 4 {
            return Box::new(|| None);
        }
        let mut dump = Dump::default();
        dump.tasks = vec![TaskView::default(); number as usize];
        if number % 3 == 0 {
            dump.runtime.state = LoopState::InPoll(PollView::default());
        }
        Box::new(|| Some(dump))
    }

    fn dump_loop(&self) -> Pending<LoopView> {
        let dump = self.dump();
        Box::new(|| dump().map(|dump| dump.runtime))
    }

    fn histograms(&self) -> Option<Histograms> {
        None
    }

    fn recording(&self) -> Option<Recording> {
        None
    }
}

fn watched() -> (ShownLoop, Arc<AtomicU64>) {
    let dumps = Arc::new(AtomicU64::new(0));
    (ShownLoop::new(Box::new(Script(dumps.clone()))), dumps)
}

/// Changes the time of the last look.
fn change(watched: &ShownLoop, change: impl Fn(Instant) -> Instant) {
    let last = watched.last.borrow_mut().take().unwrap();
    let mut last = Rc::into_inner(last).expect("no other keeps it");
    (last.at, last.answered_at) = (change(last.at), change(last.answered_at));
    *watched.last.borrow_mut() = Some(Rc::new(last));
}

#[test]
fn viewers_share_a_dump_until_the_next_is_due() {
    let (watched, dumps) = watched();
    assert_eq!(watched.look(true).number, 1); // held: the first is made all the same
    change(&watched, |at| at + Duration::from_secs(3600)); // not due, however slow the test is
    assert_eq!(watched.look(false).number, 1);
    change(&watched, |at| at - Duration::from_secs(7200));
    assert_eq!(watched.look(true).number, 1);
    assert_eq!(watched.look(false).number, 2);
    assert_eq!(dumps.load(Ordering::Relaxed), 2);
}

#[test]
fn a_dump_that_holds_the_loop_for_long_is_made_seldom() {
    let mut dump = Dump::default();
    assert_eq!(look_at(dump.clone()).every(), LEAST);
    dump.held_loop_ns = 20_000_000;
    assert_eq!(look_at(dump).every(), Duration::from_secs(1));
}

#[test]
fn the_tasks_of_a_loop_that_is_stuck_or_has_ended_are_those_of_its_last_answer() {
    let (watched, _) = watched();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let look = watched.look(false);
        assert_eq!(look.has_answered(), look.answered_at == look.at, "the age is that of the tasks");
        seen.push((look.has_answered(), look.dump.tasks.len(), look.answered.tasks.len()));
        drop(look);
        change(&watched, |at| at - LEAST);
    }
    assert_eq!(seen, [(true, 1, 1), (true, 2, 2), (false, 3, 2), (true, 4, 4), (false, 4, 4)]);
    assert!(watched.look(false).has_ended);
}

#[test]
fn rates_are_counts_by_seconds() {
    let at = |polls, polled| {
        let mut dump = Dump::default();
        let mut metrics = Metrics::default();
        (metrics.polls, metrics.local_wakes, metrics.remote_wakes) = (polls, polls / 2, 5);
        dump.runtime.metrics = Some(metrics);
        Look::new(1, Some(dump), Some(Duration::from_millis(polled)), None)
    };
    let (mut before, mut now) = (at(1000, 100), at(4000, 600));
    before.at = now.at - Duration::from_secs(2);
    let rates = Rates::between(&before, &now).unwrap();
    assert_eq!((rates.polls, rates.wakes, rates.turns), (1500.0, 750.0, 0.0));
    assert_eq!(rates.busy, Some(0.25));
    now.dump = Rc::new(Dump::default()); // one that the loop did not answer has no counts
    assert_eq!(Rates::between(&before, &now), None);
}
