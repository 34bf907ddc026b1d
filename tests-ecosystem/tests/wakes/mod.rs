//! A task that awaits a foreign future, and how often it is polled and woken.

use egret::runtime::Runtime;
use egret::task::yield_now;
use std::pin::pin;
use std::task::Poll;

/// Where what a task waits for is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum On {
    TheSameThread,
    AnotherThread,
}

pub const BOTH: [On; 2] = [On::TheSameThread, On::AnotherThread];

/// The output of a future, and how often it was polled for it.
pub async fn counted<F: Future>(future: F) -> (F::Output, u32) {
    let (mut future, mut polls) = (pin!(future), 0);
    let output = std::future::poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    });
    (output.await, polls)
}

/// Spawns the tasks, has them wait, does `wake` on one thread or the other, and asserts that each was polled
/// once to wait and once to go on. Wakes that come from this thread do not go through the mailbox of the runtime;
/// from another each task has one letter in it, if the loop looks before it is done.
pub fn each_is_woken_once<F>(on: On, tasks: Vec<F>, wake: impl FnOnce() + Send + 'static) -> Vec<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let runtime = Runtime::new().unwrap();
    let count = tasks.len() as u64;
    runtime.block_on(async {
        let tasks: Vec<_> = tasks.into_iter().map(|task| egret::spawn(counted(task))).collect();
        yield_now().await;
        assert_eq!(runtime.metrics().tasks_alive as u64, count, "none has ended before its time");
        let before = runtime.metrics();
        let thread = match on {
            On::TheSameThread => {
                wake();
                None
            }
            On::AnotherThread => Some(std::thread::spawn(wake)),
        };
        let mut outputs = Vec::new();
        for task in tasks {
            let (output, polls) = task.await.unwrap();
            assert_eq!(polls, 2, "{on:?}");
            outputs.push(output);
        }
        let after = runtime.metrics();
        let remote = if on == On::AnotherThread { count } else { 0 };
        assert_eq!(after.remote_wakes - before.remote_wakes, remote, "{on:?}");
        if let Some(thread) = thread {
            thread.join().unwrap();
        }
        outputs
    })
}

/// Polls a future once, to see that it waits.
#[allow(dead_code)] // not every crate's test needs it
pub async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())).await
}
