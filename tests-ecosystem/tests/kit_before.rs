//! Ten tests with `tokio-test` and `futures-test`, which `docs/testing.md` moves to egret's kit: see `kit_after.rs`.

use futures_test::io::AsyncReadTestExt;
use futures_test::task::new_count_waker;
use futures_util::io::AsyncReadExt as _;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::sync::{Notify, oneshot};
use tokio_test::io::Builder;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};

#[test]
fn a_notification_wakes_the_task_that_waits() {
    let notify = Notify::new();
    let mut waiting = task::spawn(notify.notified());
    assert_pending!(waiting.poll());
    notify.notify_one();
    assert!(waiting.is_woken());
    assert_ready!(waiting.poll());
}

#[test]
fn a_sender_that_is_dropped_is_an_error() {
    let (sender, receiver) = oneshot::channel::<u8>();
    let mut receiver = task::spawn(receiver);
    assert_pending!(receiver.poll());
    drop(sender);
    assert!(receiver.is_woken());
    assert_ready_err!(receiver.poll());
}

#[test]
fn a_poll_function_has_the_context_of_the_task() {
    let mut reader = task::spawn(Builder::new().read(b"x").build());
    let mut memory = [0; 4];
    let mut buffer = ReadBuf::new(&mut memory);
    assert_ready_ok!(reader.enter(|cx, stream| tokio::io::AsyncRead::poll_read(stream, cx, &mut buffer)));
    assert_eq!(buffer.filled(), b"x");
}

#[tokio::test]
async fn a_dialogue_is_a_list_of_reads_and_writes() {
    let mut stream = Builder::new().read(b"hello\n").write(b"HELLO\n").build();
    let mut line = [0; 6];
    stream.read_exact(&mut line).await.unwrap();
    line.make_ascii_uppercase();
    stream.write_all(&line).await.unwrap();
}

#[tokio::test]
async fn a_connection_is_reset_in_the_middle() {
    let reset = ErrorKind::ConnectionReset;
    let mut stream = Builder::new().read(b"hel").read_error(reset.into()).build();
    let error = stream.read_exact(&mut [0; 6]).await.unwrap_err();
    assert_eq!(error.kind(), reset);
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_runs_into_the_time_limit() {
    let minute = Duration::from_secs(60);
    let mut stream = Builder::new().wait(minute).read(b"late").build();
    let limit = tokio::time::timeout(minute / 2, stream.read(&mut [0; 4])).await;
    assert!(limit.is_err());
    assert_eq!(stream.read(&mut [0; 4]).await.unwrap(), 4);
}

#[tokio::test]
async fn a_step_is_added_while_the_program_waits() {
    let (stream, mut handle) = Builder::new().build_with_handle();
    let mut stream = task::spawn(stream);
    let mut memory = [0; 4];
    let mut buffer = ReadBuf::new(&mut memory);
    let read = |cx: &mut Context<'_>, stream: Pin<&mut tokio_test::io::Mock>, buffer: &mut ReadBuf<'_>| {
        tokio::io::AsyncRead::poll_read(stream, cx, buffer)
    };
    assert_pending!(stream.enter(|cx, stream| read(cx, stream, &mut buffer)));
    handle.read(b"x");
    assert!(stream.is_woken());
    assert_ready_ok!(stream.enter(|cx, stream| read(cx, stream, &mut buffer)));
}

#[tokio::test(start_paused = true)]
async fn a_clock_is_moved_to_just_before_a_deadline_and_to_it() {
    let second = Duration::from_secs(1);
    let mut sleep = task::spawn(tokio::time::sleep(second));
    assert_pending!(sleep.poll());
    tokio::time::advance(second - Duration::from_millis(1)).await;
    assert_pending!(sleep.poll());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_ready!(sleep.poll());
}

#[test]
fn each_wake_is_counted() {
    let (waker, count) = new_count_waker();
    let mut cx = Context::from_waker(&waker);
    let mut twice = pin!(std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    assert!(twice.as_mut().poll(&mut cx).is_pending());
    assert_eq!(count, 2);
}

#[tokio::test]
async fn a_message_in_small_pieces_with_pauses_is_put_together() {
    let mut pieces = (&b"abcdef"[..]).limited(2).interleave_pending();
    let mut message = Vec::new();
    pieces.read_to_end(&mut message).await.unwrap();
    assert_eq!(message, b"abcdef");
}
