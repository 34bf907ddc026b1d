//! What a runtime does as the guest of another loop: timers, bytes, wakes of another thread, many events at once. The other
//! loop is given as a [`Host`]; a package of its own runs the same in GLib.

use egret::net::UnixStream as Stream;
use egret::runtime::{Runtime, Turn};
use egret::time::{Duration, Instant, sleep_until};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

/// No wait takes as long as this, unless a wake is lost.
pub const HANG: Duration = Duration::from_secs(30);

/// The most events of one turn. A loop that waits by edges turns again after so many.
#[allow(dead_code, reason = "not each loop waits by edges")]
pub const MOST_EVENTS: usize = 256;

/// Turns the runtime by the contract of its docs until the closure says that all is done, and returns the turns. When it
/// is given a socket, sends back what comes from it, by the means of the loop. Panics when it has waited for [`HANG`].
pub type Host = fn(Rc<Runtime>, Rc<dyn Fn() -> bool>, Option<UnixStream>) -> Vec<Turn>;

/// How many of the turns did nothing.
fn idle(turns: &[Turn]) -> usize {
    turns.iter().filter(|turn| **turn == Turn::default()).count()
}

pub fn ten_thousand_timers_fire_in_their_order(host: Host) {
    // After every task has been polled; a busy machine gets more time for that.
    let leads = [500, 2_000, 8_000].map(Duration::from_millis);
    assert!(
        leads.into_iter().any(|lead| timers_fire_in_their_order(&host, lead)),
        "a poll takes a millisecond"
    );
}

/// Whether the tasks were polled before the first deadline. If so, all is in order.
fn timers_fire_in_their_order(host: &Host, lead: Duration) -> bool {
    const TIMERS: usize = 10_000;
    let rt = Rc::new(Runtime::new().unwrap());
    let (fired, last_poll) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(None)));
    let start = Instant::now() + lead;
    for number in 0..TIMERS {
        let (fired, last_poll) = (fired.clone(), last_poll.clone());
        drop(rt.spawn(async move {
            last_poll.set(Some(Instant::now()));
            sleep_until(start + Duration::from_micros(5 * number as u64)).await;
            fired.borrow_mut().push(number);
        }));
    }
    let order = fired.clone();
    let turns = host(rt.clone(), Rc::new(move || order.borrow().len() == TIMERS), None);
    if last_poll.get().unwrap() >= start {
        return false;
    }
    assert!(fired.borrow().is_sorted());
    assert_eq!(rt.metrics().timers_fired, TIMERS as u64);
    assert_eq!(turns.iter().map(|turn| turn.timers_fired).sum::<usize>(), TIMERS);
    assert_eq!(idle(&turns), 0, "of {} turns", turns.len());
    assert_eq!(rt.next_deadline(), None);
    true
}

pub fn a_thousand_bytes_go_to_the_other_loop_and_back(host: Host) {
    const BYTES: usize = 1000;
    let rt = Rc::new(Runtime::new().unwrap());
    let (ours, theirs) = UnixStream::pair().unwrap();
    let done = Rc::new(Cell::new(0));
    let count = done.clone();
    drop(rt.spawn(async move {
        ours.set_nonblocking(true).unwrap();
        let mut ours = Stream::from_std(ours).unwrap();
        for number in 0..BYTES {
            ours.write_all(&[number as u8]).await.unwrap();
            let mut answer = [0];
            ours.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, [number as u8]);
            count.set(number + 1);
        }
    }));
    let turns = host(rt.clone(), Rc::new(move || done.get() == BYTES), Some(theirs));
    // Each byte is an answer that comes, and room for the next one that the other loop has made.
    assert!((BYTES..=2 * BYTES + 10).contains(&turns.len()), "{} turns", turns.len());
    assert_eq!(rt.next_deadline(), None);
}

pub fn no_wake_of_another_thread_is_missed(host: Host) {
    const WAKES: usize = 5000;
    let rt = Rc::new(Runtime::new().unwrap());
    let (waker, sent) = (Arc::new(Mutex::new(None::<Waker>)), Arc::new(AtomicUsize::new(0)));
    let (seen, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (polled, poll_again) = sync_channel(WAKES + 1);
    let (place, posted, counted) = (waker.clone(), sent.clone(), seen.clone());
    let task = rt.spawn(poll_fn(move |cx| {
        *place.lock().unwrap() = Some(cx.waker().clone());
        let number = posted.load(Ordering::SeqCst);
        if counted.swap(number, Ordering::SeqCst) < number || number == 0 {
            polled.send(()).unwrap();
        }
        if number == WAKES { Poll::Ready(()) } else { Poll::Pending }
    }));
    let (ended, seen_by_thread) = (end.clone(), seen.clone());
    let thread = thread::spawn(move || {
        poll_again.recv().unwrap(); // the first poll, which leaves the waker
        for number in 1..=WAKES {
            sent.store(number, Ordering::SeqCst);
            waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
            // Often the next wake comes while the loop is on its way to its sleep, sometimes when it sleeps.
            let spins = if number % 10 == 0 { 0 } else { 20 * (number % 100) };
            for _ in 0..spins {
                std::hint::spin_loop();
            }
            while seen_by_thread.load(Ordering::SeqCst) < number {
                poll_again.recv().unwrap();
            }
        }
        end.store(true, Ordering::SeqCst);
    });
    let turns = host(rt.clone(), Rc::new(move || task.is_finished()), None);
    thread.join().unwrap();
    assert!(ended.load(Ordering::SeqCst));
    assert_eq!(seen.load(Ordering::SeqCst), WAKES);
    // A wake is at most a write and a letter: the turn that the write wakes may find the letter taken.
    assert!((WAKES..=2 * WAKES + 1).contains(&turns.len()), "{} turns", turns.len());
    assert!(rt.metrics().eventfd_writes <= WAKES as u64, "{}", rt.metrics().eventfd_writes);
}

/// All wake one task, so that nothing else is queued which would turn the loop again.
pub fn more_events_at_once_than_a_turn_takes_are_all_served(host: Host) {
    const SOCKETS: usize = 300;
    let rt = Rc::new(Runtime::new().unwrap());
    let (polls, read) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..SOCKETS {
        let (one, other) = UnixStream::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        ours.push(one);
        theirs.push(other);
    }
    let (counted, count) = (polls.clone(), read.clone());
    drop(rt.spawn(async move {
        let mut streams: Vec<_> = ours.into_iter().map(|one| Stream::from_std(one).unwrap()).collect();
        let read_all = poll_fn(|cx| {
            counted.set(counted.get() + 1);
            streams.retain_mut(|stream| stream.poll_read(cx, &mut [0]).is_pending());
            count.set(SOCKETS - streams.len());
            if streams.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        egret::task::unconstrained(read_all).await;
    }));
    // It waits for all of them, and none has an event.
    while polls.get() == 0 || rt.turn(Some(Duration::ZERO)) != Turn::default() {
        rt.turn(Some(Duration::ZERO));
    }
    // All at once, from a task: the loop has slept before.
    drop(rt.spawn(async move {
        sleep_until(Instant::now() + Duration::from_millis(20)).await;
        theirs.iter_mut().for_each(|other| other.write_all(b"x").unwrap());
        std::future::pending::<()>().await; // with the sockets
    }));
    let done = read.clone();
    let turns = host(rt.clone(), Rc::new(move || done.get() == SOCKETS), None);
    assert_eq!(read.get(), SOCKETS);
    assert!(turns.len() <= 10, "{} turns", turns.len());
}
