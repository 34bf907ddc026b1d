//! The wrapper on its thread and elsewhere. Under Miri too; the rounds with threads are fewer there.

mod threads; // drops elsewhere, many times, while the loop sleeps, ends or is gone

use super::home::LEAKS;
use super::*;
use crate::runtime::Runtime;
use futures_core::Stream;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::marker::PhantomPinned;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Counts where it is dropped: on the thread that made it, or elsewhere.
#[derive(Default)]
struct Drops {
    home: AtomicUsize,
    elsewhere: AtomicUsize,
}

impl Drops {
    fn counted(self: &Arc<Drops>) -> Counted {
        Counted { drops: self.clone(), made_on: thread::current().id(), not_send: Rc::new(Cell::new(0)) }
    }

    /// At home and elsewhere.
    fn so_far(&self) -> (usize, usize) {
        (self.home.load(Ordering::Relaxed), self.elsewhere.load(Ordering::Relaxed))
    }
}

struct Counted {
    drops: Arc<Drops>,
    made_on: ThreadId,
    not_send: Rc<Cell<u32>>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let here = thread::current().id() == self.made_on;
        let count = if here { &self.drops.home } else { &self.drops.elsewhere };
        count.fetch_add(1, Ordering::Relaxed);
        if here {
            self.not_send.set(self.not_send.get() + 1);
        }
    }
}

/// Runs `f` on another thread and returns what it returned, and how many values that thread has leaked.
fn elsewhere<R: Send>(f: impl FnOnce() -> R + Send) -> (R, usize) {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("elsewhere".into());
        let thread = builder.spawn_scoped(scope, || (f(), LEAKS.get())).unwrap();
        thread.join().unwrap()
    })
}

/// The message of the panic that `f` ends in on another thread.
fn refused<R: Send>(f: impl FnOnce() -> R + Send) -> String {
    let (panic, leaks) = elsewhere(|| catch_unwind(AssertUnwindSafe(f)).err().expect("a panic"));
    assert_eq!(leaks, 0);
    *panic.downcast().expect("a message")
}

#[test]
fn it_may_be_sent_shared_and_moved_whatever_it_holds() {
    fn crosses<T: Send + Sync + Unpin + ?Sized>() {}
    crosses::<Confined<Rc<Cell<PhantomPinned>>>>();
    crosses::<Confined<*const u8>>();
    crosses::<Confined<dyn Future<Output = Rc<u8>>>>();
}

#[test]
fn at_home_it_is_what_it_holds() {
    let mut value = Confined::new(RefCell::new(String::from("a")));
    assert!(value.is_here());
    value.borrow_mut().push('b');
    value.get_mut().push('c');
    let copy = value.clone();
    value.as_pin_mut().get_mut().get_mut().push('d');
    assert_eq!(format!("{value:?}"), "Confined(RefCell { value: \"abcd\" })");
    assert_eq!(value.into_inner().into_inner(), "abcd");
    assert_eq!(copy.try_get().unwrap().borrow().as_str(), "abc");
    Confined::new(()).into_inner(); // without a byte
}

#[test]
fn each_use_on_another_thread_panics_and_names_both_threads_and_the_type() {
    let drops = Arc::new(Drops::default());
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let home = thread::current();
        let mut value = Confined::new(drops.counted());
        let message = refused(|| value.not_send.get());
        let home = format!("confined to thread {:?} ({:?}) was used", home.name().unwrap(), home.id());
        assert!(message.contains(&home), "{message}");
        assert!(message.contains("used on thread \"elsewhere\" (ThreadId("), "{message}");
        assert!(message.contains("Confined<egret_runtime::task::confined::tests::Counted>"), "{message}");
        assert!(message.contains("Handle::spawn_with"), "{message}");
        refused(|| value.not_send = Rc::default());
        refused(|| value.as_pin_mut().made_on);

        let list = Confined::new(vec![1]);
        refused(|| list.clone());
        assert_eq!(elsewhere(|| list.try_get().is_none() && !list.is_here()), (true, 0));

        let cx = || Context::from_waker(Waker::noop());
        let mut future = Confined::new(async { 1 });
        refused(|| Pin::new(&mut future).poll(&mut cx()));
        assert_eq!(future.await, 1);
        let mut stream = Confined::new(Numbers(1..3));
        refused(|| Pin::new(&mut stream).poll_next(&mut cx()));
        refused(|| stream.size_hint());
        assert_eq!(stream.size_hint(), (2, Some(2)));
        assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, Some(1));

        assert_eq!(drops.so_far(), (0, 0));
        refused(|| value.into_inner().made_on);
        while drops.so_far() == (0, 0) {
            crate::task::yield_now().await;
        }
        assert_eq!(drops.so_far(), (1, 0), "what a refused `into_inner` had has gone home");
    });
}

struct Numbers(std::ops::Range<u32>);

impl Stream for Numbers {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
        Poll::Ready(self.0.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

#[test]
fn debug_elsewhere_names_the_thread_and_does_not_look_at_the_value() {
    let value =
        thread::Builder::new().name("maker".into()).spawn(|| Confined::new(Rc::new(1))).unwrap().join();
    let value = value.unwrap();
    let text = format!("{value:?}");
    assert!(text.starts_with("Confined(of thread \"maker\" (ThreadId("), "{text}");
    drop(value); // it has no way home
    assert_eq!(LEAKS.get(), 1);
}

#[test]
fn a_drop_elsewhere_is_carried_out_by_the_next_turn_and_polls_no_task() {
    let drops = Arc::new(Drops::default());
    let rt = Runtime::new().unwrap();
    let values = rt.block_on(async { [(); 3].map(|()| Confined::new(drops.counted())) });
    let before = rt.metrics();
    assert_eq!(elsewhere(|| drop(values)), ((), 0));
    assert_eq!(drops.so_far(), (0, 0), "no turn has been made");
    rt.turn(Some(Duration::ZERO));
    assert_eq!(drops.so_far(), (3, 0));
    assert_eq!(rt.metrics().polls, before.polls);
}

#[test]
fn values_that_are_on_their_way_when_the_runtime_ends_are_dropped_by_its_end() {
    let drops = Arc::new(Drops::default());
    let rt = Runtime::new().unwrap();
    let value = rt.block_on(async { Confined::new(drops.counted()) });
    assert_eq!(elsewhere(|| drop(value)), ((), 0));
    drop(rt);
    assert_eq!(drops.so_far(), (1, 0));
}

#[test]
fn a_value_that_comes_while_the_runtime_drops_its_tasks_is_dropped_with_them() {
    /// Has another thread drop what it holds.
    struct DropsElsewhere(Option<Confined<Counted>>);

    impl Drop for DropsElsewhere {
        fn drop(&mut self) {
            let value = self.0.take();
            assert_eq!(elsewhere(|| drop(value)), ((), 0));
        }
    }

    let drops = Arc::new(Drops::default());
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let holder = DropsElsewhere(Some(Confined::new(drops.counted())));
        drop(crate::spawn(async move {
            let _holder = holder;
            std::future::pending::<()>().await;
        }));
        crate::task::yield_now().await;
    });
    drop(rt);
    assert_eq!(drops.so_far(), (1, 0));
}

#[test]
fn a_value_whose_runtime_is_gone_or_never_was_is_leaked_elsewhere_and_dropped_at_home() {
    let drops = Arc::new(Drops::default());
    let made = || crate::block_on(async { Confined::new(drops.counted()) });
    let (orphan, at_home) = (made(), made());
    let outside = Confined::new(drops.counted());
    assert_eq!(elsewhere(|| drop(orphan)), ((), 1));
    assert_eq!(elsewhere(|| drop(outside)), ((), 1));
    assert_eq!(drops.so_far(), (0, 0));
    drop(at_home);
    assert_eq!(drops.so_far(), (1, 0));
    assert_eq!(LEAKS.get(), 0);
}

#[test]
fn a_later_runtime_of_the_thread_uses_the_value_and_gets_none_back() {
    let drops = Arc::new(Drops::default());
    let value = crate::block_on(async { Confined::new(drops.counted()) });
    crate::block_on(async {
        assert_eq!(value.not_send.get(), 0);
        assert_eq!(elsewhere(|| drop(value)), ((), 1));
        crate::task::yield_now().await;
    });
    assert_eq!(drops.so_far(), (0, 0));
}

#[test]
fn a_value_that_panics_when_it_is_dropped_does_not_take_the_others_with_it() {
    struct Panics(Counted);

    impl Drop for Panics {
        fn drop(&mut self) {
            let drops = &self.0.drops;
            panic!("dropped after {:?}", drops.so_far());
        }
    }

    let drops = Arc::new(Drops::default());
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let values =
            [(); 3].map(|()| (Confined::new(drops.counted()), Confined::new(Panics(drops.counted()))));
        assert_eq!(elsewhere(|| drop(values)), ((), 0));
        while drops.so_far() != (6, 0) {
            crate::task::yield_now().await;
        }
        // At home the panic is that of the drop, and the memory is freed.
        let here = Confined::new(Panics(drops.counted()));
        let panic = catch_unwind(AssertUnwindSafe(|| drop(here))).unwrap_err();
        assert_eq!(*panic.downcast::<String>().unwrap(), "dropped after (6, 0)");
    });
    assert_eq!(drops.so_far(), (7, 0));
}

#[test]
fn a_future_that_was_polled_is_dropped_where_it_was_polled() {
    /// Asserts that it does not move from its first poll to its drop.
    struct Stays(Rc<Cell<usize>>, usize, PhantomPinned);

    impl Future for Stays {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            let address = &raw const *self as usize;
            // SAFETY: a number is written; nothing is moved.
            unsafe { self.get_unchecked_mut() }.1 = address;
            Poll::Pending
        }
    }

    impl Drop for Stays {
        fn drop(&mut self) {
            assert_eq!(self.1, &raw const *self as usize);
            self.0.set(self.0.get() + 1);
        }
    }

    let dropped = Rc::new(Cell::new(0));
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let mut future = Confined::new(Stays(dropped.clone(), 0, PhantomPinned));
        poll_fn(|cx| Poll::Ready(Pin::new(&mut future).poll(cx).is_pending())).await;
        let moved: Box<Confined<Stays>> = Box::new(future);
        assert_eq!(elsewhere(move || drop([*moved])), ((), 0));
        while dropped.get() == 0 {
            crate::task::yield_now().await;
        }
    });
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_boxed_future_without_a_size_is_polled_at_home_and_sent_there() {
    let drops = Arc::new(Drops::default());
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let [first, second] = [drops.counted(), drops.counted()].map(|counted| {
            let future: Box<dyn Future<Output = u32>> = Box::new(async move { counted.not_send.get() + 1 });
            Confined::from(future)
        });
        assert_eq!(first.await, 1);
        assert_eq!(elsewhere(|| drop(second)), ((), 0));
    });
    drop(rt);
    assert_eq!(drops.so_far(), (2, 0));
}

#[test]
fn no_later_thread_has_the_number_of_one_that_has_ended() {
    let value = thread::spawn(|| Confined::new(Rc::new(1))).join().unwrap();
    for _ in 0..10 {
        let (same, _) = elsewhere(|| Confined::new(()).home.is_here() && value.is_here());
        assert!(!same);
    }
    drop(value);
    assert_eq!(LEAKS.get(), 1);
}

#[test]
fn thread_locals_that_hold_one_drop_it_at_home_or_send_it_there() {
    thread_local! {
        static HELD: RefCell<Vec<Confined<Counted>>> = const { RefCell::new(Vec::new()) };
    }

    let drops = Arc::new(Drops::default());
    let rt = Runtime::new().unwrap();
    let value = rt.block_on(async { Confined::new(drops.counted()) });
    thread::scope(|scope| {
        scope
            .spawn(|| HELD.with_borrow_mut(|held| held.extend([value, Confined::new(drops.counted())])))
            .join()
    })
    .unwrap();
    // A scope does not wait for the destructors of thread-locals.
    while drops.so_far() != (2, 0) {
        rt.turn(Some(Duration::from_millis(1)));
    }
}
