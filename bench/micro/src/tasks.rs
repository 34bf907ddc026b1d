//! The cases of tasks: spawned, yielding, and handing a value over.

use crate::cases::TASKS;
use crate::runtimes::Runtime;
use std::cell::Cell;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub async fn spawn<R: Runtime>(rt: &R, n: u64) {
    for _ in 0..n {
        black_box(rt.spawn(async {}).await);
    }
}

pub async fn spawn_many<R: Runtime>(rt: &R, alive: u64, n: u64) {
    let mut handles = Vec::with_capacity(alive as usize);
    for _ in 0..n / alive {
        for _ in 0..alive {
            handles.push(rt.spawn(async {}));
        }
        for handle in handles.drain(..) {
            black_box(handle.await);
        }
    }
}

/// A future that keeps an array until it is polled: 512 bytes and its state.
async fn large(bytes: [u8; 512]) {
    poll_fn(|_| Poll::Ready(black_box(&bytes)[0])).await;
}

pub async fn spawn_large<R: Runtime>(rt: &R, n: u64) {
    let mut handles = Vec::with_capacity(TASKS as usize);
    for _ in 0..n / TASKS {
        for _ in 0..TASKS {
            handles.push(rt.spawn(large([1; 512])));
        }
        for handle in handles.drain(..) {
            black_box(handle.await);
        }
    }
}

pub async fn yields<R: Runtime>(rt: &R, n: u64) {
    for _ in 0..n {
        rt.yield_now().await;
    }
}

/// `n` yields, half of them by each task.
pub async fn yield_two<R: Runtime>(rt: &R, n: u64) {
    let theirs = rt.clone();
    let other = rt.spawn(async move { yields(&theirs, n / 2).await });
    yields(rt, n / 2).await;
    other.await;
}

pub async fn self_wake(n: u64) {
    for _ in 0..n {
        YieldNow::default().await;
    }
}

/// Pending once, having woken its task.
#[derive(Default)]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// `n` values from one task to the other and back: each of them is one handover.
pub async fn handover<R: Runtime>(rt: &R, n: u64) {
    let (there, back) = (Rc::new(Channel::default()), Rc::new(Channel::default()));
    let (incoming, outgoing) = (there.clone(), back.clone());
    let other = rt.spawn(async move {
        for _ in 0..n / 2 {
            outgoing.send(incoming.receive().await + 1);
        }
    });
    let mut value = 0;
    for _ in 0..n / 2 {
        there.send(value);
        value = back.receive().await;
    }
    assert_eq!(value, n / 2);
    other.await;
}

/// The least that hands a value to another task: a place for the value, and one for the waker of who waits.
#[derive(Default)]
struct Channel {
    value: Cell<Option<u64>>,
    receiver: Cell<Option<Waker>>,
}

impl Channel {
    fn send(&self, value: u64) {
        self.value.set(Some(value));
        if let Some(receiver) = self.receiver.take() {
            receiver.wake();
        }
    }

    async fn receive(&self) -> u64 {
        poll_fn(|cx| match self.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                self.receiver.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}
