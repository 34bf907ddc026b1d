//! What a dump says of the past of a task: its state, its polls, and what woke it.

use crate::support::{PATIENCE, forgotten, named, settle};
use egret::inspect::{HintKind, TaskState, WokenBy};
use egret::net::UnixStream;
use egret::runtime::{Handle, Runtime};
use egret::task::{self, yield_now};
use egret::time::{Instant, sleep};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// The place of a waker.
type Place = Rc<RefCell<Option<Waker>>>;

/// Never done, and leaves its waker in the place.
async fn park(place: Place) {
    poll_fn(|cx| {
        *place.borrow_mut() = Some(cx.waker().clone());
        Poll::<()>::Pending
    })
    .await
}

#[test]
fn a_task_is_queued_then_waits_and_is_running_only_in_its_poll() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let line = line!() + 1;
    let task = task::Builder::new().name("task").spawn(async {
        let dump = Handle::current().dump().unwrap();
        let task = named(&dump, "task");
        assert!(matches!(task.state, TaskState::Running { .. }), "{task:?}");
        assert!(task.waits.is_empty());
        forgotten().await
    });
    let task = task.unwrap();
    let dump = rt.dump();
    let queued = named(&dump, "task");
    assert!(matches!(queued.state, TaskState::Queued { .. }), "{queued:?}");
    assert_eq!((queued.polls, queued.wakes, queued.id.to_string()), (0, 0, task.id().to_string()));
    assert_eq!((queued.spawned_at.file, queued.spawned_at.line), (file!(), line));
    assert_eq!(dump.queue.tasks, [queued.id]);
    settle(&rt);
    let dump = rt.dump();
    let waiting = named(&dump, "task");
    assert!(matches!(waiting.state, TaskState::Waiting { .. }), "{waiting:?}");
    assert_eq!((waiting.polls, waiting.wakes, waiting.waits.len()), (1, 0, 1));
    assert!(waiting.poll_total_ns > 0 && waiting.poll_longest_ns > 0 && waiting.poll_last_ns > 0);
    assert!(waiting.size > 0 && waiting.age_ns > 0);
    assert!(dump.queue.tasks.is_empty());
    assert!(task.is_finished() == (rt.dump().tasks.is_empty()));
}

#[test]
fn the_last_wake_has_its_cause() {
    let rt = Runtime::new().unwrap();
    let (other, mut stream) = rt.block_on(async { UnixStream::pair().unwrap() });
    let fd = stream.as_raw_fd();
    let _entered = rt.enter();
    let spawn = |name: &str, future: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        drop(task::Builder::new().name(name).spawn(future));
    };
    let (by_task, by_thread) = (Place::default(), Place::default());
    spawn("never", Box::pin(forgotten()));
    spawn(
        "event",
        Box::pin(async move {
            let mut buf = [0; 1];
            loop {
                stream.read(&mut buf).await.unwrap();
            }
        }),
    );
    spawn(
        "timer",
        Box::pin(async {
            let mut nap = pin!(sleep(Duration::from_millis(1)));
            while poll_fn(|cx| Poll::Ready(nap.as_mut().poll(cx).is_ready())).await {
                nap.as_mut().reset(Instant::now() + Duration::from_millis(1)); // it was due before the poll
            }
            nap.await;
            forgotten().await
        }),
    );
    spawn("task", Box::pin(park(by_task.clone())));
    spawn("thread", Box::pin(park(by_thread.clone())));
    spawn(
        "itself",
        Box::pin(async {
            yield_now().await;
            forgotten().await
        }),
    );
    rt.turn(Some(Duration::ZERO));
    spawn(
        "waker",
        Box::pin(async move {
            by_task.take().unwrap().wake();
            forgotten().await
        }),
    );
    let mut other = other.into_std().unwrap();
    other.write_all(b"x").unwrap();
    let waker = by_thread.take().unwrap();
    std::thread::spawn(move || waker.wake()).join().unwrap();
    let start = std::time::Instant::now();
    while rt.metrics().timers_fired == 0 {
        rt.turn(Some(Duration::from_millis(1)));
        assert!(start.elapsed() < PATIENCE);
    }
    settle(&rt);
    let dump = rt.dump();
    let cause = |name| {
        let task = named(&dump, name);
        (task.wakes, task.woken_by.unwrap())
    };
    assert_eq!(cause("never"), (0, WokenBy::Spawn));
    assert_eq!(cause("event"), (1, WokenBy::Event { fd }));
    assert_eq!(cause("timer"), (1, WokenBy::Timer));
    assert_eq!(cause("task"), (1, WokenBy::Task { id: named(&dump, "waker").id }));
    assert_eq!(cause("thread"), (1, WokenBy::Thread));
    assert_eq!(cause("itself"), (1, WokenBy::Task { id: named(&dump, "itself").id }));
}

#[test]
fn a_long_poll_and_a_circle_of_joins_are_hints() {
    let [first, second, slow] = ["first", "second", "slow"].map(str::to_owned);
    let expected = [
        (HintKind::JoinCycle, vec![first.clone(), second.clone()]),
        (HintKind::Deadlock, vec![first, second, slow.clone()]),
        (HintKind::LongPoll, vec![slow]),
    ];
    // The polls of the others are long, too, when this thread is not run meanwhile.
    assert!((0..50).any(|_| hints() == expected), "{:?}", hints());
}

/// The hints of a dump with a circle of joins and a task whose poll takes 30 ms, and the names of their tasks.
fn hints() -> Vec<(HintKind, Vec<String>)> {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    type Handles = Rc<RefCell<Vec<egret::task::JoinHandle<()>>>>;
    let (mine, theirs) = (Handles::default(), Handles::default());
    let join = |handles: Handles| async move {
        yield_now().await;
        let handle = handles.borrow_mut().pop();
        if let Some(handle) = handle {
            let _ = handle.await;
        }
    };
    let first = task::Builder::new().name("first").spawn(join(theirs.clone())).unwrap();
    let second = task::Builder::new().name("second").spawn(join(mine.clone())).unwrap();
    mine.borrow_mut().push(first);
    theirs.borrow_mut().push(second);
    drop(task::Builder::new().name("slow").spawn(async {
        std::thread::sleep(Duration::from_millis(30));
        forgotten().await
    }));
    settle(&rt);
    let dump = rt.dump();
    let name = |id: &u64| dump.tasks.iter().find(|task| task.id == *id).unwrap().name.clone().unwrap();
    dump.hints.iter().map(|hint| (hint.kind, hint.tasks.iter().map(name).collect())).collect()
}
