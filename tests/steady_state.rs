//! The cost of a request once everything is warm: no allocation, no `epoll_ctl`, and exact counts of the rest (M2).
//!
//! Each thread counts its own allocations, which leaves out the test harness.

#[cfg(feature = "test-util")]
#[path = "../runtime/tests/support/descriptors_at_exit.rs"]
mod descriptors_at_exit;

use egret::net::{TcpListener, TcpStream};
use egret::runtime::Runtime;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

struct Counting;

thread_local! {
    /// Allocations of this thread.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// What of them has not been freed by this thread.
    static ALIVE: Cell<i64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call goes to the system's allocator unchanged, which keeps the contract; counting touches no memory
// but a cell of the thread's, which has no destructor and allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        ALIVE.set(ALIVE.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALIVE.set(ALIVE.get() - 1);
        // SAFETY: the memory came from `System`, by the functions above and below.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the memory came from `System`, and the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 100;
const MESSAGE: [u8; 100] = [7; 100];

async fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(n) => stream.write_all(&buffer[..n]).await.unwrap(),
        }
    }
}

/// One request on each connection, all of them there before the loop is turned.
fn round(rt: &Runtime, clients: &mut [std::net::TcpStream]) {
    for client in &mut *clients {
        client.write_all(&MESSAGE).unwrap();
    }
    let turn = rt.turn(Some(Duration::from_secs(5)));
    assert_eq!((turn.events, turn.woken, turn.polled), (CONNECTIONS, CONNECTIONS, CONNECTIONS));
    for client in clients {
        let mut answer = [0; MESSAGE.len()];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, MESSAGE);
    }
}

#[test]
fn a_request_allocates_nothing_and_is_one_event_and_one_poll() {
    let rt = Runtime::new().unwrap();
    let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients: Vec<_> =
        (0..CONNECTIONS).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    rt.block_on(async {
        for _ in 0..CONNECTIONS {
            egret::spawn(echo(listener.accept().await.unwrap().0));
        }
    });
    while rt.metrics().local_wakes < CONNECTIONS as u64 && rt.turn(Some(Duration::ZERO)).polled > 0 {}
    for _ in 0..3 {
        round(&rt, &mut clients);
    }

    let (before, allocations) = (rt.metrics(), ALLOCATIONS.get());
    for _ in 0..ROUNDS {
        round(&rt, &mut clients);
    }
    let (after, allocated) = (rt.metrics(), ALLOCATIONS.get() - allocations);

    let requests = (ROUNDS * CONNECTIONS) as u64;
    assert_eq!(allocated, 0, "allocations in {requests} requests");
    assert_eq!(after.epoll_ctls - before.epoll_ctls, 0);
    assert_eq!(after.epoll_waits - before.epoll_waits, ROUNDS as u64);
    assert_eq!(after.events - before.events, requests);
    assert_eq!(after.local_wakes - before.local_wakes, requests);
    assert_eq!(after.polls - before.polls, requests);
    assert_eq!(after.eventfd_writes - before.eventfd_writes, 0);
}

/// Spawns tasks of two sizes, more than one of each at a time, and joins them.
async fn come_and_go() {
    let small = [(); 64].map(|()| egret::spawn(async {}));
    let large = [7; 64].map(|n| egret::spawn(async move { std::hint::black_box([n; 400]).len() }));
    for task in small {
        task.await.unwrap();
    }
    for task in large {
        assert_eq!(task.await.unwrap(), 400);
    }
}

#[test]
fn a_task_is_spawned_into_the_memory_of_one_that_has_ended_and_the_runtime_frees_it() {
    drop(Runtime::new().unwrap()); // What is kept for the next runtime is there from now on.
    let alive = ALIVE.get();
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        come_and_go().await;
        let allocations = ALLOCATIONS.get();
        for _ in 0..ROUNDS {
            come_and_go().await;
        }
        assert_eq!(ALLOCATIONS.get() - allocations, 0, "allocations for {} tasks", 128 * ROUNDS);
        let named = egret::task::Builder::new().name("with rare fields").spawn(async {}).unwrap();
        named.await.unwrap();
        drop(egret::spawn(async { vec![1] })); // whose output no task takes
    });
    drop(rt);
    assert_eq!(ALIVE.get() - alive, 0, "allocations that are left");
}

/// Wakes the task of the last poll: what combinators of other crates put in place of a task's waker.
#[derive(Default)]
struct Relay(Mutex<Option<Waker>>);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        if let Some(task) = &*self.0.lock().unwrap() {
            task.wake_by_ref();
        }
    }
}

#[test]
fn a_request_through_a_foreign_waker_allocates_nothing_either() {
    let rt = Runtime::new().unwrap();
    let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = std::net::TcpStream::connect(address).unwrap();
    rt.block_on(async {
        let stream = listener.accept().await.unwrap().0;
        egret::spawn(async move {
            let relay = Arc::new(Relay::default());
            let waker = Waker::from(relay.clone());
            let mut echo = std::pin::pin!(echo(stream));
            std::future::poll_fn(move |cx| {
                relay.0.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
                echo.as_mut().poll(&mut Context::from_waker(&waker))
            })
            .await;
        });
    });
    let mut request = || {
        client.write_all(&MESSAGE).unwrap();
        let turn = rt.turn(Some(Duration::from_secs(5)));
        assert_eq!((turn.events, turn.woken, turn.polled), (1, 1, 1));
        let mut answer = [0; MESSAGE.len()];
        client.read_exact(&mut answer).unwrap();
    };
    while rt.turn(Some(Duration::ZERO)).polled > 0 {}
    (0..3).for_each(|_| request());
    let allocations = ALLOCATIONS.get();
    (0..ROUNDS).for_each(|_| request());
    assert_eq!(ALLOCATIONS.get() - allocations, 0);
}

#[test]
fn the_counter_counts() {
    // The other test asserts that a difference is zero, which it would be with a counter that never moves.
    let before = ALLOCATIONS.get();
    std::hint::black_box(Box::new(1));
    assert!(ALLOCATIONS.get() > before);
}
