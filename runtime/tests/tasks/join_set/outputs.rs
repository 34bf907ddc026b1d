//! Outputs: their order, and that none is lost.

use crate::support::{Gate, Trace, bounded, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{JoinSet, yield_now};
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

#[test]
fn outputs_come_in_the_order_in_which_the_tasks_end_panics_and_aborts_among_them() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let mut set = JoinSet::new();
    let gates: [Gate; 4] = Default::default();
    for (number, gate) in gates.iter().enumerate() {
        let gate = gate.clone();
        set.spawn(async move {
            gate.wait().await;
            assert_ne!(number, 2, "the third panics");
            number
        });
    }
    let aborted = set.spawn(pending());
    turn(&rt);
    assert_eq!(set.len(), 5);
    for step in [2, 4, 0, 3, 1] {
        match gates.get(step) {
            Some(gate) => gate.open(),
            None => aborted.abort(),
        }
        turn(&rt);
    }
    assert_eq!(set.len(), 5);
    let ends = std::iter::from_fn(|| set.try_join_next()).map(|result| match result {
        Ok(number) => number.to_string(),
        Err(error) => error.to_string().split_once(' ').unwrap().1.split_once(' ').unwrap().1.to_owned(),
    });
    let ends: Vec<_> = ends.collect();
    assert!(ends[0].starts_with("panicked: ") && ends[0].contains("the third panics"), "{ends:?}");
    assert_eq!(ends[1..], ["was cancelled", "0", "3", "1"]);
    assert_eq!((set.len(), set.is_empty()), (0, true));
}

#[test]
fn a_wait_that_is_given_up_loses_no_output() {
    bounded(|| {
        Runtime::new().unwrap().block_on(async {
            let mut set = JoinSet::new();
            let gate = Gate::default();
            set.spawn(gate.clone().wait());
            {
                let mut join = pin!(set.join_next());
                poll_fn(|cx| {
                    assert!(join.as_mut().poll(cx).is_pending());
                    Poll::Ready(())
                })
                .await;
                gate.open();
                yield_now().await;
            }
            assert_eq!(set.len(), 1);
            set.join_next().await.unwrap().unwrap();
            assert!(set.join_next().await.is_none());
        });
    });
}

#[test]
fn a_task_with_many_outputs_to_take_lets_others_run() {
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let mut set = JoinSet::new();
    let tasks = 300;
    for _ in 0..tasks {
        set.spawn(async {});
    }
    while turn(&rt).2 > 0 {}
    drop(inside);
    let taken = Rc::new(Cell::new(0));
    drop(rt.spawn({
        let taken = taken.clone();
        async move {
            while set.join_next().await.is_some() {
                taken.set(taken.get() + 1);
            }
        }
    }));
    let mut turns = Vec::new();
    while turn(&rt).2 > 0 {
        turns.push(taken.get());
    }
    assert_eq!(turns, [128, 256, 300]);
}

#[test]
fn the_future_of_a_task_is_dropped_before_its_output_comes_out_of_the_set() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let trace = Trace::new();
        let guard = trace.on_drop("future");
        let mut set = JoinSet::new();
        // The guard is the future's and not its output's.
        let mut guard = Some(guard);
        set.spawn(poll_fn(move |_| {
            let _ = &mut guard;
            Poll::Ready(())
        }));
        set.join_next().await.unwrap().unwrap();
        assert_eq!(trace.take(), ["future"]);
    });
    fn is_unpin<T: Unpin>() {}
    is_unpin::<JoinSet<std::marker::PhantomPinned>>();
    let _: Pin<&mut JoinSet<()>> = Pin::new(&mut JoinSet::new());
}
