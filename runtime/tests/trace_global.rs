//! A subscriber that re-enters the runtime: it wakes a task for each event, like a layer that forwards events.
//! It is the global one, because `tracing` itself prevents re-entry under `with_default`.

mod support;

use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::{Runtime, Turn};
use std::cell::Cell;
use std::future::poll_fn;
use std::io::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use support::{bounded, fds};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const NOW: Option<Duration> = Some(Duration::ZERO);

#[derive(Clone, Default)]
struct Handover {
    events: Arc<Mutex<usize>>,
    collector: Arc<Mutex<Option<Waker>>>,
}

impl Subscriber for Handover {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        *self.events.lock().unwrap() += 1;
        if let Some(waker) = &*self.collector.lock().unwrap() {
            waker.wake_by_ref(); // under the lock: a report of this wake would deadlock
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn settle(rt: &Runtime) {
    let mut turns = 0;
    while rt.turn(NOW) != Turn::default() {
        turns += 1;
        assert!(turns < 20, "a wake is told, which wakes the collector, which is told");
    }
}

#[test]
fn a_subscriber_that_wakes_a_task_for_each_event_is_not_told_of_that_and_finds_nothing_borrowed() {
    bounded(hand_over_every_event);
}

fn hand_over_every_event() {
    let handover = Handover::default();
    tracing::subscriber::set_global_default(handover.clone()).unwrap();
    let rt = Runtime::new().unwrap();
    let (polls, place) = (Rc::new(Cell::new(0)), handover.collector.clone());
    let counted = polls.clone();
    let collector = rt.spawn(poll_fn(move |cx| {
        counted.set(counted.get() + 1);
        *place.lock().unwrap() = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    settle(&rt);
    assert_eq!((polls.take(), std::mem::take(&mut *handover.events.lock().unwrap())), (1, 1)); // the clone

    let (read, mut write) = fds::pipe();
    let fd = {
        let _in = rt.enter();
        AsyncFd::new(read).unwrap()
    };
    let reader = rt.spawn(async move { fd.async_io(Interest::READABLE, fds::read).await.unwrap().len() });
    settle(&rt);
    assert_eq!((polls.take(), std::mem::take(&mut *handover.events.lock().unwrap())), (1, 1)); // the clone

    write.write_all(b"x").unwrap();
    settle(&rt);
    assert!(reader.is_finished() && !collector.is_finished());
    // An event of the descriptor and a wake of the reader, reported together: one wake of the collector.
    assert_eq!((polls.take(), *handover.events.lock().unwrap()), (1, 2));
}
