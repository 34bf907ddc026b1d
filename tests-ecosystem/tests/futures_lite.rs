//! `futures-lite` on egret: the small combinators.

mod common;

use common::{echo, round_trip};
use egret::net::{TcpListener, TcpStream};
use egret::time::{self, Duration, Instant};
use futures_lite::{FutureExt, StreamExt, future, stream};
use std::future::pending;

const MS: Duration = Duration::from_millis(1);

#[egret::test]
async fn zip_waits_for_both() {
    let (mut one, mut two) = (echo().await, echo().await);
    assert_eq!(future::zip(round_trip(&mut one, 1), round_trip(&mut two, 2)).await, (1, 2));
}

#[egret::test(start_paused = true)]
async fn or_and_race_end_with_the_first() {
    let start = Instant::now();
    let slow = async {
        time::sleep(3_600_000 * MS).await;
        "slow"
    };
    let fast = async {
        time::sleep(MS).await;
        "fast"
    };
    assert_eq!(slow.or(fast).await, "fast");
    assert_eq!(pending().race(async { "ready" }).await, "ready");
    assert_eq!(start.elapsed(), MS);
}

#[egret::test(start_paused = true)]
async fn a_panic_is_caught() {
    let panics = async {
        time::sleep(MS).await;
        panic!("caught")
    };
    let caught: Result<(), _> = std::panic::AssertUnwindSafe(panics).catch_unwind().await;
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"caught"));
}

// T11: the stream never waits but by yielding.
#[egret::test]
async fn a_time_limit_ends_a_stream_that_never_waits() {
    let busy = async {
        let mut always = stream::repeat(());
        while always.next().await.is_some() {
            future::yield_now().await;
        }
    };
    assert!(time::timeout(20 * MS, busy).await.is_err());
}

#[egret::test]
async fn poll_once_of_an_accept_loses_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..20 {
        assert!(future::poll_once(listener.accept()).await.is_none());
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    }
}

#[egret::test]
async fn the_connections_of_a_listener_are_a_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = egret::spawn(TcpStream::connect(address));
    let server = listener.incoming().try_next().await.unwrap().unwrap();
    assert_eq!(server.peer_addr().unwrap(), client.await.unwrap().unwrap().local_addr().unwrap());
}

#[test]
fn block_on_of_another_crate_can_wait_for_a_task_of_another_thread() {
    let (send, handle) = std::sync::mpsc::channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = egret::runtime::Runtime::new().unwrap();
        send.send(runtime.handle()).unwrap();
        while stopped.try_recv().is_err() {
            runtime.turn(Some(MS));
        }
    });
    let task = handle.recv().unwrap().spawn(async {
        egret::task::yield_now().await;
        42
    });
    assert_eq!(future::block_on(task).unwrap(), 42);
    stop.send(()).unwrap();
    thread.join().unwrap();
}
