//! A runtime that a loop of `poll(2)` turns: no wake is missed, and no turn has nothing to do.

#[path = "support/mod.rs"]
mod support;

use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::{Runtime, Turn};
use egret_runtime::time::{Duration, Instant, sleep_until};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use support::{HANG, bounded, many};

/// Waits until the descriptor of the runtime is readable, for so many milliseconds.
fn is_readable(rt: &Runtime, milliseconds: i32) -> bool {
    let mut fd = libc::pollfd { fd: rt.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    loop {
        // SAFETY: the kernel reads and writes one `pollfd`, that of `fd`, which lives across the call.
        match unsafe { libc::poll(&raw mut fd, 1, milliseconds) } {
            -1 => assert_eq!(std::io::Error::last_os_error().kind(), std::io::ErrorKind::Interrupted),
            count => return count == 1,
        }
    }
}

/// Turns the runtime by the contract until `done`. Returns the turns; panics when a sleep without a deadline is not
/// ended by an event.
fn drive(rt: &Runtime, mut done: impl FnMut() -> bool) -> Vec<Turn> {
    let mut turns = Vec::new();
    while !done() {
        let deadline = rt.next_deadline();
        let wait = deadline.map_or(HANG, |deadline| deadline.saturating_duration_since(Instant::now()));
        let milliseconds = wait.as_nanos().div_ceil(1_000_000) as i32;
        let readable = is_readable(rt, milliseconds);
        assert!(readable || deadline.is_some(), "nothing happened for {HANG:?}: a lost wake");
        turns.push(rt.turn(Some(Duration::ZERO)));
    }
    turns
}

/// How many of the turns did nothing.
fn idle(turns: &[Turn]) -> usize {
    turns.iter().filter(|turn| **turn == Turn::default()).count()
}

#[test]
fn queued_tasks_make_the_deadline_now_and_an_idle_runtime_has_none() {
    let rt = Runtime::new().unwrap();
    assert_eq!(rt.next_deadline(), None);
    assert_eq!(rt.next_deadline(), None); // a second call changes nothing
    assert!(!is_readable(&rt, 0));
    let task = rt.spawn(async {});
    let before = Instant::now();
    let now = rt.next_deadline().unwrap();
    assert!(before <= now && now <= Instant::now());
    let turns = drive(&rt, || task.is_finished());
    assert_eq!((turns.len(), turns[0].polled), (1, 1));
    assert_eq!(rt.next_deadline(), None);
}

#[test]
fn an_event_makes_the_descriptor_readable_until_a_turn_has_taken_it() {
    let rt = Runtime::new().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let read = Rc::new(Cell::new(0));
    let count = read.clone();
    drop(rt.spawn(async move {
        let socket = AsyncFd::new(ours).unwrap();
        loop {
            let taken = socket.async_io(Interest::READABLE, |mut socket| socket.read(&mut [0; 16])).await;
            count.set(count.get() + taken.unwrap());
        }
    }));
    // Registers, and takes the event of a socket that is writable.
    while rt.next_deadline().is_some() || is_readable(&rt, 0) {
        rt.turn(Some(Duration::ZERO));
    }
    for round in 1..=100 {
        theirs.write_all(b"x").unwrap();
        let turns = drive(&rt, || read.get() == round);
        assert_eq!((turns.len(), idle(&turns)), (1, 0), "round {round}");
        assert_eq!(rt.next_deadline(), None);
        assert!(!is_readable(&rt, 0), "round {round}");
    }
}

#[test]
fn ten_thousand_timers_fire_in_their_order_and_no_turn_is_idle() {
    let mut lead = Duration::from_secs(1);
    while !ten_thousand_timers_fire_in_their_order(lead) {
        lead *= 2; // on a machine that is busy elsewhere
        assert!(lead < 2 * HANG, "a task does not wait for its timer");
    }
}

/// The first is due after `lead`. Returns `false` when one was due before its task was polled for the first time.
fn ten_thousand_timers_fire_in_their_order(lead: Duration) -> bool {
    let rt = Runtime::new().unwrap();
    let count = many(10_000, 10);
    let fired = Rc::new(RefCell::new(Vec::new()));
    let start = Instant::now() + lead;
    for number in 0..count {
        let fired = fired.clone();
        drop(rt.spawn(async move {
            sleep_until(start + Duration::from_micros(5 * number as u64)).await;
            fired.borrow_mut().push(number);
        }));
    }
    let turns = drive(&rt, || fired.borrow().len() == count);
    assert_eq!(idle(&turns), 0);
    assert_eq!(rt.next_deadline(), None);
    let all_waited = rt.metrics().timers_fired as usize == count;
    assert!(!all_waited || fired.borrow().is_sorted());
    all_waited
}

/// A task that counts the wakes of another thread, which wakes it again when it has seen the last one.
#[test]
fn no_wake_of_another_thread_is_missed() {
    bounded(|| {
        let rt = Runtime::new().unwrap();
        let most = many(20_000, 20);
        let end = Arc::new(AtomicBool::new(false));
        let ended = end.clone();
        let (waker, seen) = (Arc::new(Mutex::new(None::<Waker>)), Arc::new(AtomicUsize::new(0)));
        let (sent, counted) = (Arc::new(AtomicUsize::new(0)), seen.clone());
        let (place, posted) = (waker.clone(), sent.clone());
        let task = rt.spawn(poll_fn(move |cx| {
            *place.lock().unwrap() = Some(cx.waker().clone());
            counted.store(posted.load(Ordering::SeqCst), Ordering::SeqCst);
            if ended.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        }));
        rt.turn(Some(Duration::ZERO));
        let (begin, begun) = channel();
        let thread = thread::spawn(move || {
            begun.recv().unwrap();
            let start = Instant::now();
            let mut state = 1_u32;
            let mut number = 0;
            while !end.load(Ordering::SeqCst) {
                number += 1;
                // At a different point of the round each time.
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (0..state >> 26).for_each(|_| std::hint::spin_loop());
                // On a busy machine a round takes the time slice of each of the others.
                end.store(number == most || start.elapsed() > HANG / 3, Ordering::SeqCst);
                sent.store(number, Ordering::SeqCst);
                waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
                while seen.load(Ordering::SeqCst) < number {
                    thread::yield_now();
                }
            }
            number
        });
        begin.send(()).unwrap();
        let turns = drive(&rt, || task.is_finished());
        let wakes = thread.join().unwrap();
        // A wake is at most a write and a letter: the turn that the write wakes may find the letter taken.
        assert!(turns.len() <= 2 * wakes + 1, "{} turns", turns.len());
        let metrics = rt.metrics();
        assert!(metrics.eventfd_writes <= wakes as u64, "{}", metrics.eventfd_writes);
    });
}

#[test]
fn a_waker_that_is_called_outside_of_the_runtime_on_its_own_thread_ends_the_sleep() {
    let rt = Runtime::new().unwrap();
    let place = Rc::new(RefCell::new(None::<Waker>));
    let waker = place.clone();
    let mut polled = 0;
    let task = rt.spawn(poll_fn(move |cx| {
        *waker.borrow_mut() = Some(cx.waker().clone());
        polled += 1;
        if polled == 3 { Poll::Ready(()) } else { Poll::Pending }
    }));
    rt.turn(Some(Duration::ZERO));
    assert_eq!(rt.next_deadline(), None);
    place.borrow().as_ref().unwrap().wake_by_ref(); // by a callback of the other loop
    assert!(is_readable(&rt, 0));
    assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
    // Before the sleep is announced it is "now", without a write.
    place.borrow().as_ref().unwrap().wake_by_ref();
    assert!(rt.next_deadline().is_some());
    assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
    assert!(task.is_finished());
    assert_eq!(rt.metrics().eventfd_writes, 1);
}
