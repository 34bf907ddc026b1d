//! The examples of `docs/testing.md`, block for block. `tests/pages/readme.rs` compares the two.
#[path = "../runtime/tests/support/descriptors_at_exit.rs"]
mod descriptors_at_exit;

use egret::net::{TcpListener, TcpStream};
use egret::runtime::{Runtime, Turn};
use egret::test::{self, LeakGuard, Mask, Peer, Ready, Wake, WokenBy, settle, within};
use egret::test::{assert_pending, assert_ready, assert_ready_ok, assert_wakes};
use egret::time::{self, Duration, Instant, sleep};
use std::future::{pending, poll_fn};
use std::os::fd::AsRawFd;
use std::task::Poll;

/// Looks, and does not wait.
const NOW: Option<Duration> = Some(Duration::ZERO);
/// Never passes in a test that works, and ends one that does not.
const LONG: Option<Duration> = Some(Duration::from_secs(10));

/// One of ours, and the peer that plays the other end.
fn connection(rt: &Runtime) -> (Peer, TcpStream) {
    let (peer, stream) = Peer::pair().unwrap();
    (peer, within(rt, || TcpStream::from_std(stream)).unwrap())
}

#[test]
fn one_byte_is_one_event_and_one_wake_of_the_task_that_reads() {
    let rt = Runtime::new().unwrap();
    let (mut peer, mut stream) = connection(&rt);
    let fd = stream.as_raw_fd();
    let reader = rt.spawn(async move { stream.read(&mut [0; 16]).await.unwrap() });
    let bystander = rt.spawn(pending::<()>());
    settle(&rt); // both wait

    peer.send(b"x");
    let turn = rt.turn(NOW);
    assert_eq!(turn.ready(), [Ready { fd, mask: Mask::IN | Mask::OUT, read: true, write: false }]);
    assert_eq!(turn.wakes(), [Wake { task: reader.id(), by: WokenBy::Event(fd) }]);
    assert_eq!((turn.events, turn.woken, turn.polled), (1, 1, 1));
    assert_eq!(turn.woken_by(bystander.id()), []);
    assert!(reader.is_finished());
}

#[test]
fn what_a_partial_read_leaves_needs_no_event_and_wakes_nobody() {
    let rt = Runtime::new().unwrap();
    let (mut peer, stream) = connection(&rt);
    let mut buffer = [0; 2];
    let mut reader = test::spawn(stream);
    assert_pending!(reader.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    settle(&rt);

    peer.send(b"abc");
    assert_eq!(rt.turn(NOW).events, 1);
    assert_wakes!(reader, 1);
    assert_eq!(assert_ready_ok!(reader.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer))), 2);

    assert_eq!(rt.turn(NOW), Turn::default()); // "c" is there, and the kernel says nothing of it
    assert_wakes!(reader, 0);
    assert_eq!(assert_ready_ok!(reader.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer))), 1);
    assert_pending!(reader.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    assert_eq!((&buffer, reader.polls()), (b"cb", 4));
}

#[test]
fn a_future_that_is_dropped_leaves_no_waker() {
    let rt = Runtime::new().unwrap();
    let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let mut accept = test::spawn(listener.accept());
    assert_pending!(accept.poll());
    assert_eq!(accept.waker_ref_count(), 2); // its own, and the one that the listener keeps

    accept.cancel();
    assert_eq!(accept.waker_ref_count(), 1);
    let _peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
    let turn = rt.turn(NOW);
    assert_eq!((turn.events, turn.wakes()), (1, &[][..]));
    assert_wakes!(accept, 0);
}

#[test]
fn a_timer_fires_at_its_nanosecond_and_wakes_whoever_set_it() {
    let rt = Runtime::new().unwrap();
    let _in = rt.enter();
    time::pause();
    let start = Instant::now();
    let hour = rt.spawn(sleep(Duration::from_secs(3600)));
    let day = rt.spawn(sleep(Duration::from_secs(86_400)));
    assert_eq!(rt.turn(NOW).polled, 2);

    let turn = rt.turn(LONG); // nothing to do, so the clock goes to the next deadline
    assert_eq!(turn.wakes(), [Wake { task: hour.id(), by: WokenBy::Timer }]);
    assert_eq!((turn.timers_fired, turn.polled), (1, 1));
    assert_eq!(start.elapsed(), Duration::from_secs(3600));
    assert!(hour.is_finished() && !day.is_finished());
}

#[test]
fn a_wake_from_another_thread_ends_the_sleep_with_one_write() {
    let rt = Runtime::new().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let task = rt.spawn(poll_fn(move |cx| {
        send.send(cx.waker().clone()).unwrap();
        Poll::<()>::Pending
    }));
    settle(&rt);
    let waker = receive.recv().unwrap();

    let before = rt.metrics();
    let thread = test::when_asleep(move || (0..3).for_each(|_| waker.wake_by_ref()));
    let mut turn = rt.turn(LONG);
    while turn == Turn::default() {
        turn = rt.turn(LONG); // a stop of the process has ended the sleep
    }
    thread.join().unwrap();
    assert_eq!(turn.wakes(), [Wake { task: task.id(), by: WokenBy::Thread }]);
    assert_eq!(turn.events, 0); // the runtime's own descriptor is not counted
    assert_eq!(rt.metrics().eventfd_writes - before.eventfd_writes, 1);
}

#[test]
fn bytes_before_and_behind_urgent_data_and_the_end_are_all_read() {
    let rt = Runtime::new().unwrap();
    let (mut peer, mut stream) = connection(&rt);
    let fd = stream.as_raw_fd();
    let reader = rt.spawn(async move {
        let (mut parts, mut buffer) = (Vec::new(), [0; 64]);
        while let n @ 1.. = stream.read(&mut buffer).await.unwrap() {
            parts.push(buffer[..n].to_vec());
        }
        stream.write_all(b"bye").await.unwrap();
        parts
    });
    settle(&rt);

    peer.send(b"AAA").oob(b'!').send(b"BBB").fin();
    let turn = rt.turn(NOW); // all of it in one event, and no other will come
    let mask = Mask::IN | Mask::PRI | Mask::OUT | Mask::RDHUP;
    assert_eq!(turn.ready(), [Ready { fd, mask, read: true, write: false }]);
    assert_eq!((turn.events, turn.woken, turn.polled), (1, 1, 1));
    peer.expect(b"bye").expect_eof();
    assert_eq!(rt.block_on(reader).unwrap(), [b"AAA", b"BBB"]); // recv stopped at the mark
}

#[test]
fn what_a_connection_leaves_behind_is_named() {
    let rt = Runtime::new().unwrap();
    let guard = LeakGuard::runtime(&rt);
    let (peer, mut stream) = connection(&rt);
    let fd = stream.as_raw_fd();
    let name = egret::task::Builder::new().name("reader");
    let reader = {
        let _in = rt.enter();
        name.spawn(async move { stream.read(&mut [0; 16]).await.map_err(|error| error.kind()) }).unwrap()
    };
    settle(&rt);
    let leaks = guard.check().unwrap_err().to_string();
    let task = format!("task {} \"reader\" spawned at tests/testing.rs:", reader.id());
    let descriptor = format!("registered descriptor {fd}: socket:[");
    assert!(leaks.contains(&task) && leaks.contains(&descriptor), "{leaks}");

    peer.rst();
    settle(&rt);
    assert_eq!(rt.block_on(reader).unwrap(), Err(std::io::ErrorKind::ConnectionReset));
    guard.finish(); // panics with the list if anything is left
}

#[test]
fn the_first_poll_of_a_future_needs_no_runtime() {
    let mut ready = test::spawn(async { "at once" });
    assert_eq!(assert_ready!(ready.poll()), "at once");
    assert_wakes!(ready, 0);

    let mut again = test::spawn(egret::task::yield_now());
    assert_pending!(again.poll());
    assert!(again.is_woken());
    assert_wakes!(again, 1, "a future that yields asks to be polled again");
    assert_ready!(again.poll());
}
