use super::*;
use crate::executor::current;
use crate::runtime::Runtime;
use crate::time::sleep;
use std::future::poll_fn;
use std::task::{Poll, Waker};

#[test]
fn the_wakers_of_the_tasks_that_a_shutdown_drops_are_stale() {
    let rt = Runtime::new().unwrap();
    let wakers = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..3 {
        let wakers = wakers.clone();
        drop(rt.spawn(poll_fn(move |cx| {
            wakers.borrow_mut().push(cx.waker().clone());
            Poll::<()>::Pending
        })));
    }
    assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 3);
    let executor = rt.block_on(async { current() });
    drop(rt);
    let _entered = executor.enter();
    let before = executor.metrics();
    wakers.take().into_iter().for_each(Waker::wake);
    let after = executor.metrics();
    assert_eq!(after.stale_generations - before.stale_generations, 3);
    assert_eq!(after.local_wakes - before.local_wakes, 0);
}

/// Ends so many tasks of two kilobytes each at once.
#[cfg(not(miri))] // under which no memory of tasks is kept
fn end_many(rt: &Runtime, count: usize) {
    rt.block_on(async {
        let tasks: Vec<_> = (0..count).map(|_| rt.spawn(Sized([0_u8; 1900]))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// A future of this size, which is ready at once.
#[cfg(not(miri))]
struct Sized([u8; 1900]);

#[cfg(not(miri))]
impl Future for Sized {
    type Output = u8;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
        Poll::Ready(self.0[0])
    }
}

#[test]
#[cfg(not(miri))]
fn each_idle_turn_frees_some_of_the_memory_of_a_wave_of_tasks_until_a_mebibyte_is_left() {
    let rt = Runtime::new().unwrap();
    end_many(&rt, 500);
    assert!(!rt.executor().memory.has_excess());
    end_many(&rt, 1500);
    // Some 540 blocks of this size are a mebibyte; each turn frees 256.
    let left = [(); 4].map(|()| {
        rt.turn(Some(Duration::ZERO));
        rt.executor().memory.has_excess()
    });
    assert_eq!(left, [true, true, true, false]);
}

#[test]
#[cfg(not(miri))]
fn an_idle_loop_frees_the_memory_of_a_wave_of_tasks() {
    let rt = Runtime::new().unwrap();
    end_many(&rt, 1500);
    rt.block_on(async {
        for _ in 0..1000 {
            sleep(Duration::from_millis(1)).await; // the loop is idle, unless the thread was stopped for so long
            if !rt.executor().memory.has_excess() {
                return;
            }
        }
    });
    assert!(!rt.executor().memory.has_excess());
}
