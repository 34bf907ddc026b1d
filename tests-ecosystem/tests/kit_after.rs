//! The ten tests of `kit_before.rs` with egret's kit. `docs/testing.md` has both.

use egret::io::AsyncRead;
use egret::runtime::Runtime;
use egret::test::{Script, advance, spawn, within};
use egret::test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, assert_wakes};
use egret::time::{self, Duration};
use std::io::ErrorKind;
use std::task::Poll;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};

#[test]
fn a_notification_wakes_the_task_that_waits() {
    let notify = Notify::new();
    let mut waiting = spawn(notify.notified());
    assert_pending!(waiting.poll());
    notify.notify_one();
    assert_wakes!(waiting, 1);
    assert_ready!(waiting.poll());
}

#[test]
fn a_sender_that_is_dropped_is_an_error() {
    let (sender, receiver) = oneshot::channel::<u8>();
    let mut receiver = spawn(receiver);
    assert_pending!(receiver.poll());
    drop(sender);
    assert_wakes!(receiver, 1);
    assert_ready_err!(receiver.poll());
}

#[test]
fn a_poll_function_has_the_context_of_the_task() {
    let mut reader = spawn(Script::new().read(b"x").stream());
    let mut buffer = [0; 4];
    let n = assert_ready_ok!(reader.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    assert_eq!(&buffer[..n], b"x");
}

#[egret::test]
async fn a_dialogue_is_a_list_of_reads_and_writes() {
    let mut stream = Script::new().read(b"hello\n").write(b"HELLO\n").stream();
    let mut line = [0; 6];
    stream.read_exact(&mut line).await.unwrap();
    line.make_ascii_uppercase();
    stream.write_all(&line).await.unwrap();
}

#[egret::test]
async fn a_connection_is_reset_in_the_middle() {
    let reset = ErrorKind::ConnectionReset;
    let mut stream = Script::new().read(b"hel").read_error(reset).stream();
    let error = stream.read_exact(&mut [0; 6]).await.unwrap_err();
    assert_eq!(error.kind(), reset);
}

#[egret::test(start_paused = true)]
async fn a_slow_peer_runs_into_the_time_limit() {
    let minute = Duration::from_secs(60);
    let mut stream = Script::new().wait(minute).read(b"late").stream();
    let limit = time::timeout(minute / 2, stream.read(&mut [0; 4])).await;
    assert!(limit.is_err());
    assert_eq!(stream.read(&mut [0; 4]).await.unwrap(), 4);
}

#[test]
fn a_step_is_added_while_the_program_waits() {
    let mut script = Script::new();
    let mut stream = spawn(script.stream());
    let mut buffer = [0; 4];
    assert_pending!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
    script.read(b"x");
    assert_wakes!(stream, 1);
    assert_ready_ok!(stream.enter(|cx, mut stream| stream.poll_read(cx, &mut buffer)));
}

#[test]
fn a_clock_is_moved_to_just_before_a_deadline_and_to_it() {
    let rt = Runtime::new().unwrap();
    within(&rt, time::pause);
    let second = Duration::from_secs(1);
    let mut sleep = within(&rt, || spawn(time::sleep(second)));
    assert_pending!(within(&rt, || sleep.poll()));
    advance(&rt, second - Duration::from_nanos(1));
    assert_wakes!(sleep, 0);
    advance(&rt, Duration::from_nanos(1));
    assert_wakes!(sleep, 1);
    assert_ready!(within(&rt, || sleep.poll()));
}

#[test]
fn each_wake_is_counted() {
    let mut twice = spawn(std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    assert_pending!(twice.poll());
    assert_wakes!(twice, 2);
}

#[egret::test(start_paused = true)]
async fn a_message_in_small_pieces_with_pauses_is_put_together() {
    let pause = Duration::from_millis(1);
    let mut script = Script::new();
    for piece in [b"ab", b"cd", b"ef"] {
        script.wait(pause).read(piece);
    }
    let mut pieces = script.eof().stream();
    let mut message = Vec::new();
    futures_util::io::AsyncReadExt::read_to_end(&mut pieces, &mut message).await.unwrap();
    assert_eq!(message, b"abcdef");
}
