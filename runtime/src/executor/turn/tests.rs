use super::*;
use crate::executor::current;
use crate::runtime::Runtime;
use std::future::poll_fn;
use std::task::Poll;

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
