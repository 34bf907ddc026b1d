//! The kit's own tests: a probe, a guard or a peer that reports wrongly is worse than none.

mod peers;
mod script;
mod settle;

use crate::support::{child, fds, many, message_of};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::unix::{SignalKind, signal};
use egret_runtime::sys::Fd;
use egret_runtime::task::{spawn_blocking, yield_now};
use egret_runtime::test::{
    self, LeakGuard, Peer, assert_pending, assert_ready, assert_ready_err, assert_ready_ok, assert_wakes,
};
use egret_runtime::time::{Duration, sleep};
use std::future::{pending, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

/// The message of the panic of `f`.
fn failure<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it does not fail"),
        Err(payload) => message_of(&*payload).to_owned(),
    }
}

#[test]
fn a_probe_counts_polls_and_wakes_and_wakes_are_taken_once() {
    let mut probe = test::spawn(pending::<()>());
    assert_eq!((probe.polls(), probe.wakes(), probe.is_woken()), (0, 0, false));
    let mut waker = None;
    assert_pending!(probe.enter(|cx, _| {
        waker = Some(cx.waker().clone());
        Poll::<()>::Pending
    }));
    let waker: Waker = waker.unwrap();
    waker.wake_by_ref();
    waker.wake_by_ref();
    assert_eq!((probe.polls(), probe.wakes(), probe.is_woken()), (1, 2, true));
    assert_eq!((probe.take_wakes(), probe.take_wakes(), probe.is_woken()), (2, 0, true));
    assert_pending!(probe.poll());
    assert!(!probe.is_woken());
    waker.wake();
    assert_eq!((probe.polls(), probe.wakes(), probe.is_woken()), (2, 1, true));
}

#[test]
fn a_wake_during_the_poll_counts_after_it() {
    let mut probe = test::spawn(yield_now());
    assert_pending!(probe.poll());
    assert!(probe.is_woken());
    assert_wakes!(probe, 1);
}

#[test]
fn a_probe_is_woken_from_another_thread() {
    let mut probe = test::spawn(());
    let waker = probe.enter(|cx, _| cx.waker().clone());
    assert_eq!(probe.waker_ref_count(), 2);
    let wakes = many(1000, 10);
    std::thread::spawn(move || (0..wakes).for_each(|_| waker.wake_by_ref())).join().unwrap();
    assert_wakes!(probe, wakes);
    assert_eq!(probe.waker_ref_count(), 1);
}

#[test]
fn a_cancelled_probe_has_dropped_its_future_and_is_not_polled() {
    let trace = crate::support::Trace::new();
    let mut probe = test::spawn(crate::support::hold(trace.on_drop("dropped")));
    assert_pending!(probe.poll());
    probe.cancel();
    assert_eq!(trace.take(), ["dropped"]);
    assert!(failure(|| probe.poll()).contains("after it was cancelled"));
    let mut probe = test::spawn(vec![1]);
    probe.cancel();
    assert!(failure(|| probe.len()).contains("Probe::cancel"));
    assert!(failure(|| probe.into_inner()).contains("Probe::cancel"));
}

#[test]
fn what_is_probed_can_be_reached_and_comes_back() {
    let mut probe = test::spawn(vec![1]);
    probe.push(2);
    assert_eq!(probe.len(), 2);
    assert_eq!(probe.into_inner(), [1, 2]);
}

#[test]
fn a_probe_of_a_sleep_is_woken_by_the_loop() {
    let rt = Runtime::new().unwrap();
    let _in = rt.enter();
    egret_runtime::time::pause();
    let mut probe = test::spawn(sleep(Duration::from_secs(1)));
    assert_pending!(probe.poll());
    assert_wakes!(probe, 0);
    assert_eq!(rt.turn(None).timers_fired, 1);
    assert_wakes!(probe, 1);
    assert_ready!(probe.poll());
}

#[test]
fn assertions_that_hold_give_the_value_and_those_that_do_not_say_what_was_there() {
    let ok = || Poll::Ready(Result::<u8, &str>::Ok(1));
    let err = || Poll::Ready(Result::<u8, &str>::Err("no"));
    assert_eq!(assert_ready!(Poll::Ready(1)), 1);
    assert_eq!(assert_ready_ok!(ok()), 1);
    assert_eq!(assert_ready_err!(err()), "no");
    assert_pending!(Poll::<u8>::Pending,);

    let mut probe = test::spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<u8>::Pending
    }));
    assert_pending!(probe.poll());
    let pending = failure(|| assert_ready!(probe.poll(), "in round {}", 7));
    let expected = "is pending and not ready; it was polled 2 times and woken 2 times in all \
                    (the last probe that this thread polled): in round 7";
    assert_eq!(pending, expected);
    assert!(failure(|| assert_pending!(Poll::Ready(5))).starts_with("is ready and not pending: 5; it was"));
    assert!(failure(|| assert_ready_ok!(err())).starts_with("is an error and not Ok: \"no\""));
    assert!(failure(|| assert_ready_err!(ok())).starts_with("is Ok and not an error: 1"));
    assert!(failure(|| assert_ready_ok!(Poll::<Result<u8, u8>>::Pending)).starts_with("is pending"));
    let wakes = failure(|| assert_wakes!(probe, 3, "after {}", "that"));
    assert_eq!(
        wakes,
        "the probe was woken 2 times, not 3; it was polled 2 times and woken 2 times in all: after that"
    );
    assert_wakes!(probe, 0); // the failure has taken them
}

#[test]
fn the_guard_of_a_runtime_names_each_kind_of_thing_and_lets_what_was_there_be() {
    let rt = Runtime::new().unwrap();
    let _before = rt.spawn(pending::<()>());
    let (old, _old_end) = fds::pipe();
    let _in = rt.enter();
    let _old = AsyncFd::new(old).unwrap();
    let guard = LeakGuard::runtime(&rt);
    guard.check().unwrap();

    let task = rt.spawn(pending::<()>());
    let line = line!() - 1;
    let named = egret_runtime::task::Builder::new().name("second").spawn(pending::<()>()).unwrap();
    let (new, _new_end) = fds::pipe();
    let new = AsyncFd::new(new).unwrap();
    let mut timer = test::spawn(sleep(Duration::from_secs(1000)));
    assert_pending!(timer.poll());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let job = spawn_blocking(move || stopped.recv());

    let leaks = guard.check().unwrap_err();
    let lines: Vec<_> = leaks.iter().collect();
    let [first, second, descriptor, timers, jobs] = lines[..] else { panic!("{leaks}") };
    assert!(first.starts_with(&format!("task {} spawned at ", task.id())), "{first}");
    assert!(first.contains(&format!("test_kit.rs:{line}:")), "{first}");
    assert!(second.starts_with(&format!("task {} \"second\" spawned at ", named.id())), "{second}");
    let number = new.as_raw_fd();
    assert!(descriptor.starts_with(&format!("registered descriptor {number}: pipe:[")), "{descriptor}");
    assert_eq!(timers, "1 more timers than before, 1 in all");
    assert_eq!(jobs, "1 more blocking jobs than before, 1 in all");

    // What was aborted is over, also before the next turn frees its slot.
    task.abort();
    named.abort();
    drop((new, timer));
    assert_eq!(guard.check().unwrap_err().iter().collect::<Vec<_>>(), [jobs]);
    stop.send(()).unwrap();
    rt.block_on(job).unwrap().unwrap();
    guard.finish();
}

#[test]
fn a_guard_panics_when_it_is_dropped_and_not_while_its_test_panics() {
    let rt = Runtime::new().unwrap();
    let leak = || rt.spawn(pending::<()>());
    let dropped = failure(|| {
        let _guard = LeakGuard::runtime(&rt);
        let _leak = leak();
    });
    assert!(dropped.starts_with("left behind:\n  task "), "{dropped}");
    let finished = failure(|| {
        let guard = LeakGuard::runtime(&rt);
        let _leak = leak();
        guard.finish();
    });
    assert!(finished.starts_with("left behind:\n  task "), "{finished}");
    let first = failure(|| {
        let _guard = LeakGuard::runtime(&rt);
        let _leak = leak();
        panic!("the first failure");
    });
    assert_eq!(first, "the first failure");
}

#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn the_guard_of_the_process_sees_a_descriptor_and_not_what_egret_keeps() {
    child::alone(|| {
        let guard = LeakGuard::process();
        {
            // Two at once, so that an eventfd is made and kept for each; and the one for signals.
            let (a, b) = (Runtime::new().unwrap(), Runtime::new().unwrap());
            let _in = a.enter();
            let _signal = signal(SignalKind::hangup());
            b.block_on(async {});
            let lines = guard.check().unwrap_err();
            let epolls = lines.iter().filter(|line| line.ends_with("anon_inode:[eventpoll]")).count();
            assert_eq!(epolls, 2, "{lines}");
        }
        guard.check().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let leak = format!("left behind:\n  descriptor {}: /dev/null", file.as_raw_fd());
        assert_eq!(guard.check().unwrap_err().to_string(), leak);
        drop(file);
        guard.finish();
    });
}

#[test]
#[cfg_attr(miri, ignore = "no /proc of sockets")]
fn a_step_of_a_peer_has_arrived_when_it_returns() {
    let (mut peer, stream) = Peer::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    // More than the kernel acknowledges at once: from about the sixteenth on it waits 40 ms with it.
    for round in 0..40_u8 {
        peer.send(&[round]);
        let mut byte = [0];
        assert_eq!((&stream).read(&mut byte).unwrap(), 1);
        assert_eq!(byte, [round]);
    }
    peer.fin();
    assert_eq!((&stream).read(&mut [0]).unwrap(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "no /proc of sockets")]
fn a_reset_comes_after_what_was_sent() {
    let (mut peer, stream) = Peer::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    peer.send(b"last");
    peer.rst();
    let mut buffer = [0; 8];
    let mut read = || (&stream).read(&mut buffer).map_err(|error| error.kind());
    assert_eq!((read(), read(), read()), (Ok(4), Err(ErrorKind::ConnectionReset), Ok(0)));
}

#[test]
#[cfg_attr(miri, ignore = "no /proc of sockets")]
fn urgent_data_is_at_its_place_in_the_stream() {
    let (mut peer, stream) = Peer::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    peer.send(b"one").oob(b'!').send(b"two").fin();
    let mut buffer = [0; 16];
    let mut parts = Vec::new();
    while let n @ 1.. = (&stream).read(&mut buffer).unwrap() {
        parts.push(buffer[..n].to_vec());
    }
    assert_eq!(parts, [b"one", b"two"]);
}

#[test]
#[cfg_attr(miri, ignore = "no /proc of sockets")]
fn a_stalled_peer_blocks_the_writer_and_gets_every_byte_when_it_goes_on() {
    let (mut peer, stream) = Peer::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    peer.stall();
    let buffer = Fd::from(peer.as_fd().try_clone_to_owned().unwrap()).recv_buffer_size().unwrap();
    assert_eq!(buffer, 64 << 10);
    let pattern = |at: usize| (at % 251) as u8;
    let mut written = 0;
    let blocked = loop {
        let chunk: Vec<u8> = (written..written + 4096).map(pattern).collect();
        match (&stream).write(&chunk) {
            Ok(n) => written += n,
            Err(error) => break error.kind(),
        }
        assert!(written < 64 << 20, "the writer is never blocked");
    };
    assert_eq!(blocked, ErrorKind::WouldBlock);
    let all: Vec<u8> = (0..written).map(pattern).collect();
    peer.expect(&all).expect_nothing();
    assert_eq!((&stream).write(b"x").unwrap(), 1);
    drop(stream);
    peer.expect(b"x").expect_eof();
}

#[test]
#[cfg_attr(miri, ignore = "no /proc of sockets")]
fn an_expectation_that_is_not_met_says_what_came() {
    let pair = |bytes: &[u8]| {
        let (peer, mut stream) = Peer::pair().unwrap();
        stream.write_all(bytes).unwrap();
        (peer, stream)
    };
    let (mut peer, _stream) = pair(b"hello\n");
    let other = failure(|| peer.expect(b"help!\n"));
    assert_eq!(other, "expect: byte 3 of 6 is another\n expected \"help!\\n\"\n      got \"hello\\n\"");

    let (mut peer, stream) = pair(b"he");
    drop(stream);
    let short = failure(|| peer.expect(b"hello"));
    assert_eq!(short, "expect: the stream has ended, after 2 of 5 bytes\n      got \"he\"");
    assert_eq!(failure(|| peer.expect_nothing()), "expect_nothing: the stream has ended");
    assert_eq!(failure(|| peer.expect_reset()), "expect_reset: the stream has ended without a reset");

    let (mut peer, _stream) = pair(b"x");
    assert_eq!(failure(|| peer.expect_nothing()), "expect_nothing: there are bytes");
    assert_eq!(failure(|| peer.expect_reset()), "expect_reset: there are bytes before the reset");
    let (mut peer, stream) = pair(b"x");
    assert!(failure(|| peer.expect_eof()).contains("there are bytes before the end"));
    peer.expect_nothing().send(b"unread");
    drop(stream); // with bytes unread, which resets
    peer.expect_reset();
}

#[test]
fn a_peer_is_at_the_other_end_of_the_loopback_device() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, from) = listener.accept().unwrap();
    assert_eq!((from, accepted.local_addr().unwrap()), (peer.local_addr(), peer.peer_addr()));
    let mut other = Peer::from_std(accepted).unwrap();
    drop(peer);
    other.expect_eof();
}
