//! The names in a `Turn`: the record of feature `test-util`.

use crate::support::clock::pass;
use crate::support::{Gate, fds, this_waker};
use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::{Runtime, Turn};
use egret_runtime::spawn;
use egret_runtime::task::{Id, JoinHandle, yield_now};
use egret_runtime::test::{Mask, Ready, Wake, WokenBy, settle};
use egret_runtime::time::{Duration, sleep};
use std::fs::File;
use std::future::{Future, pending, poll_fn};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// The reading end of a pipe, drained and registered, and the other.
fn pipe(rt: &Runtime) -> (AsyncFd<File>, File) {
    let (read, write) = fds::pipe();
    let _in = rt.enter();
    (AsyncFd::new(read).unwrap(), write)
}

async fn read(fd: &AsyncFd<File>) -> usize {
    fd.async_io(Interest::READABLE, fds::read).await.unwrap().len()
}

fn wakes(turn: &Turn) -> Vec<(Id, WokenBy)> {
    turn.wakes().iter().map(|Wake { task, by }| (*task, *by)).collect()
}

/// Passes wakes on, as combinators do: a waker that is not egret's.
struct Relay(Mutex<Waker>);

impl std::task::Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().wake_by_ref();
    }
}

/// Awaits `future` behind a waker of its own.
async fn relayed<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let relay = Arc::new(Relay(Mutex::new(cx.waker().clone())));
        future.as_mut().poll(&mut Context::from_waker(&relay.into()))
    })
    .await
}

#[test]
fn each_event_wakes_its_own_task_and_the_record_tells_them_apart() {
    let rt = Runtime::new().unwrap();
    let pipes: Vec<_> = (0..5).map(|_| pipe(&rt)).collect();
    let (fds, writers): (Vec<_>, Vec<_>) = pipes.into_iter().unzip();
    let numbers: Vec<_> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let tasks: Vec<_> = fds.into_iter().map(|fd| rt.spawn(async move { read(&fd).await })).collect();
    settle(&rt);

    let order = [3, 0, 4];
    order.iter().for_each(|&i| fds::write(&writers[i], b"x"));
    let turn = rt.turn(NOW);
    let expected = order.map(|i| Ready { fd: numbers[i], mask: Mask::IN, read: true, write: false });
    assert_eq!(turn.ready(), expected);
    assert_eq!(wakes(&turn), order.map(|i| (tasks[i].id(), WokenBy::Event(numbers[i]))));
    assert_eq!((turn.events, turn.woken, turn.polled), (3, 3, 3));
}

#[test]
fn a_wake_through_a_foreign_waker_is_put_down_to_the_event_that_it_came_from() {
    let rt = Runtime::new().unwrap();
    let pipes: Vec<_> = (0..4).map(|_| pipe(&rt)).collect();
    let (fds, writers): (Vec<_>, Vec<_>) = pipes.into_iter().unzip();
    let numbers: Vec<_> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let mut tasks = Vec::new();
    for (i, fd) in fds.into_iter().enumerate() {
        // Two that wait behind relays, between two that do not.
        let fd = Rc::new(fd);
        tasks.push(match i {
            1 | 2 => rt.spawn(async move { relayed(read(&fd)).await }),
            _ => rt.spawn(async move { read(&fd).await }),
        });
    }
    settle(&rt);

    writers.iter().for_each(|writer| fds::write(writer, b"x"));
    let turn = rt.turn(NOW);
    let by_task = |i: usize| turn.woken_by(tasks[i].id());
    (0..4).for_each(|i| assert_eq!(by_task(i), [WokenBy::Event(numbers[i])], "{turn:?}"));
    assert_eq!(turn.wakes().len(), 4);
}

#[test]
fn bytes_that_come_to_a_descriptor_that_is_ready_make_nothing_ready() {
    let rt = Runtime::new().unwrap();
    let (fd, writer) = pipe(&rt);
    let number = fd.as_raw_fd();
    let event = |read| [Ready { fd: number, mask: Mask::IN, read, write: false }];
    let reader = rt.spawn(async move { (read(&fd).await, fd) });
    settle(&rt);
    fds::write(&writer, b"x");
    assert_eq!(rt.turn(NOW).ready(), event(true));
    let (_, _fd) = rt.block_on(reader).unwrap(); // a pipe: the short read has cleared nothing
    fds::write(&writer, b"y");
    let turn = rt.turn(NOW);
    assert_eq!(turn.ready(), event(false));
    assert_eq!(turn.wakes(), []);
}

#[test]
fn an_edge_in_both_directions_says_so() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = fds::pair();
    let ours = {
        let _in = rt.enter();
        Rc::new(AsyncFd::new(ours).unwrap())
    };
    let fd = ours.as_raw_fd();
    fds::fill(ours.get_ref());
    let (reading, writing) = (ours.clone(), ours.clone());
    let reader = rt.spawn(async move { read(&reading).await });
    let write = |file: &File| std::io::Write::write(&mut &*file, b"x");
    let writer = rt.spawn(async move { writing.async_io(Interest::WRITABLE, write).await.unwrap() });
    settle(&rt);

    drop(theirs);
    let turn = rt.turn(NOW);
    let all = Mask::IN | Mask::OUT | Mask::HUP | Mask::RDHUP;
    let [Ready { fd: number, mask, read, write }] = turn.ready() else { panic!("{turn:?}") };
    assert_eq!((*number, *read, *write), (fd, true, true));
    assert!(mask.contains(all), "{mask:?}"); // ERR as well: there was something unread
    let by = WokenBy::Event(fd);
    assert_eq!(wakes(&turn), [(reader.id(), by), (writer.id(), by)]);
}

#[test]
fn a_task_that_wakes_another_and_itself_is_named_and_a_second_wake_is_coalesced() {
    let rt = Runtime::new().unwrap();
    let gate = Gate::default();
    let waiting = rt.spawn(gate.clone().wait());
    settle(&rt);
    let busy = rt.spawn(async move {
        gate.open();
        let me = this_waker().await;
        me.wake_by_ref();
        me.wake();
        yield_now().await; // a third
    });
    let by = WokenBy::Task(busy.id());
    let turn = rt.turn(NOW);
    assert_eq!((turn.woken, turn.polled), (0, 1));
    assert_eq!(wakes(&turn), [(waiting.id(), by), (busy.id(), by)]);
    assert_eq!(turn.coalesced(), [Wake { task: busy.id(), by }, Wake { task: busy.id(), by }]);
    assert_eq!(turn.woken_by(busy.id()), [by; 3]);
    let turn = rt.turn(NOW);
    assert_eq!((turn.polled, turn.wakes()), (2, &[][..]));
}

#[test]
fn a_task_that_wakes_itself_and_ends_is_named_although_its_slot_is_free() {
    let rt = Runtime::new().unwrap();
    let first = rt.spawn(async { this_waker().await.wake() });
    let id = first.id();
    assert_eq!(wakes(&rt.turn(NOW)), [(id, WokenBy::Task(id))]);
    settle(&rt);
    // The next task has its slot, and is not taken for it.
    let second = rt.spawn(yield_now());
    assert_eq!(wakes(&rt.turn(NOW)), [(second.id(), WokenBy::Task(second.id()))]);
}

#[test]
fn the_end_of_a_task_wakes_whoever_awaits_it() {
    let rt = Runtime::new().unwrap();
    let inner = rt.spawn(yield_now());
    let id = inner.id();
    let outer = rt.spawn(inner);
    assert_eq!(wakes(&rt.turn(NOW)), [(id, WokenBy::Task(id))]);
    assert_eq!(wakes(&rt.turn(NOW)), [(outer.id(), WokenBy::Task(id))]);
}

#[test]
fn an_event_and_timers_in_one_turn_are_told_apart_also_behind_foreign_wakers() {
    let rt = Runtime::new().unwrap();
    let _in = rt.enter();
    let short = Duration::from_millis(5);
    // On the clock that runs: a paused one does not go on while there are events. Again, if this thread was not
    // run for so long that the deadlines passed before they were set.
    let (writer, number, tasks) = loop {
        let (fd, writer) = pipe(&rt);
        let number = fd.as_raw_fd();
        let reader = spawn(async move { assert_eq!(relayed(read(&fd)).await, 1) });
        let tasks = [reader, spawn(relayed(sleep(short))), spawn(sleep(short))];
        rt.turn(NOW);
        if rt.metrics().timers_alive == 2 {
            break (writer, number, tasks);
        }
        settle(&rt);
        tasks.iter().for_each(JoinHandle::abort);
    };
    fds::write(&writer, b"x");
    pass(2 * short);
    let turn = rt.turn(NOW);
    let [reader, relayed, plain] = tasks.map(|task| task.id());
    let (event, timer) = (WokenBy::Event(number), WokenBy::Timer);
    assert_eq!(wakes(&turn), [(reader, event), (plain, timer), (relayed, timer)]);
    assert_eq!((turn.events, turn.timers_fired, turn.polled), (1, 2, 3));
}

#[test]
fn a_wake_from_outside_of_the_runtime_is_that_of_a_thread() {
    let rt = Runtime::new().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let task = rt.spawn(async move {
        send.send(this_waker().await).unwrap();
        pending::<()>().await
    });
    settle(&rt);
    let waker = receive.recv().unwrap();
    let theirs = waker.clone();
    std::thread::spawn(move || theirs.wake()).join().unwrap();
    assert_eq!(wakes(&rt.turn(NOW)), [(task.id(), WokenBy::Thread)]);
    waker.wake(); // not entered
    assert_eq!(wakes(&rt.turn(NOW)), [(task.id(), WokenBy::Thread)]);
}

#[test]
fn a_turn_that_did_nothing_lists_nothing_and_the_lists_are_not_compared() {
    let rt = Runtime::new().unwrap();
    let turn = rt.turn(NOW);
    assert_eq!(turn, Turn::default());
    assert!(turn.ready().is_empty() && turn.wakes().is_empty() && turn.coalesced().is_empty());
    let (a, b) = (rt.spawn(yield_now()), rt.spawn(yield_now()));
    let both = rt.turn(NOW);
    drop((a, b));
    settle(&rt);
    let (_c, _d) = (rt.spawn(yield_now()), rt.spawn(yield_now()));
    let others = rt.turn(NOW);
    assert_ne!(both.wakes(), others.wakes());
    assert_eq!(both, others);
    assert_eq!(both.clone().wakes(), both.wakes());
}
