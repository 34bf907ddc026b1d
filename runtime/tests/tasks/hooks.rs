//! The hooks of `runtime::Builder`: which are called when, with which task, and that the loop is in order whatever they do.
//!
//! Rows L14 and P8.

use crate::support::bounded;
use egret_runtime::runtime::{Builder, Handle, Runtime, TaskMeta};
use egret_runtime::task::{self, Id, JoinSet, spawn_blocking, yield_now};
use egret_runtime::time::sleep;
use std::future::{Future, pending};
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

/// What happened, and the task that it is about.
type Noted = (&'static str, Option<Id>);

/// What hooks and tasks note, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Noted>>>);

impl Log {
    fn note(&self, what: &'static str, id: Option<Id>) {
        self.0.lock().unwrap().push((what, id));
    }

    fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// A hook that notes the task that it is about.
    fn hook(&self, what: &'static str) -> impl Fn(&TaskMeta<'_>) + Send + Sync + 'static {
        let log = self.clone();
        move |meta| log.note(what, Some(meta.id()))
    }
}

/// A runtime with all hooks about tasks, and what they note.
fn hooked() -> (Runtime, Log) {
    let log = Log::default();
    let rt = Builder::new()
        .on_task_spawn(log.hook("spawn"))
        .on_before_task_poll(log.hook("before"))
        .on_after_task_poll(log.hook("after"))
        .on_task_terminate(log.hook("terminate"))
        .build()
        .unwrap();
    (rt, log)
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn turn(rt: &Runtime) -> usize {
    rt.turn(Some(Duration::ZERO)).polled
}

/// Notes its drop.
struct Notes(Log, &'static str);

impl Drop for Notes {
    fn drop(&mut self) {
        self.0.note(self.1, task::try_id());
    }
}

#[test]
fn a_task_that_completes_calls_each_hook_in_its_place() {
    let (rt, log) = hooked();
    let note = Notes(log.clone(), "future dropped");
    let inside = log.clone();
    let task = rt.spawn(async move {
        let _note = note;
        inside.note("polled", task::try_id());
        yield_now().await;
    });
    let id = Some(task.id());
    assert_eq!(log.take(), [("spawn", id)]);
    assert_eq!(turn(&rt), 1);
    assert_eq!(log.take(), [("before", id), ("polled", id), ("after", id)]);
    assert_eq!(turn(&rt), 1);
    assert_eq!(log.take(), [("before", id), ("future dropped", id), ("after", id), ("terminate", id)]);
    drop((task, rt));
    assert_eq!(log.take(), []);
}

#[test]
fn a_task_that_panics_calls_the_hooks_after_the_poll_and_of_its_end() {
    let (rt, log) = hooked();
    let task = rt.spawn(async { panic!("the task") });
    let id = Some(task.id());
    assert!(rt.block_on(task).unwrap_err().is_panic());
    assert_eq!(log.take(), [("spawn", id), ("before", id), ("after", id), ("terminate", id)]);
}

#[test]
fn an_aborted_task_is_not_polled_and_its_end_is_told_once_in_the_next_turn() {
    let (rt, log) = hooked();
    let task = rt.spawn(pending::<()>());
    let id = Some(task.id());
    assert_eq!(turn(&rt), 1);
    assert_eq!(log.take(), [("spawn", id), ("before", id), ("after", id)]);
    task.abort();
    assert_eq!(log.take(), []);
    assert_eq!(turn(&rt), 0);
    assert_eq!(log.take(), [("terminate", id)]);
    drop((task, rt));
    assert_eq!(log.take(), []);
}

#[test]
fn a_task_that_aborts_itself_ends_after_its_poll() {
    let (rt, log) = hooked();
    let id = rt.block_on(async {
        let mut set = JoinSet::new();
        let (send, receive) = std::sync::mpsc::channel::<task::AbortHandle>();
        let abort = set.spawn(async move {
            receive.recv().unwrap().abort();
            pending::<()>().await;
        });
        send.send(abort.clone()).unwrap();
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        Some(abort.id())
    });
    assert_eq!(log.take(), [("spawn", id), ("before", id), ("after", id), ("terminate", id)]);
}

#[test]
fn the_end_of_the_runtime_is_the_end_of_its_tasks() {
    let (rt, log) = hooked();
    let tasks = [rt.spawn(pending::<()>()), rt.spawn(pending::<()>())];
    let ids = tasks.map(|task| Some(task.id()));
    log.take();
    drop(rt);
    assert_eq!(log.take(), [("terminate", ids[0]), ("terminate", ids[1])]);
}

#[test]
fn the_future_of_block_on_and_a_blocking_job_are_no_tasks_and_a_task_of_a_handle_is_one() {
    let (rt, log) = hooked();
    let id = rt.block_on(async {
        yield_now().await;
        spawn_blocking(|| ()).await.unwrap();
        let task = Handle::current().spawn(async {});
        let id = Some(task.id());
        task.await.unwrap();
        id
    });
    assert_eq!(log.take(), [("spawn", id), ("before", id), ("after", id), ("terminate", id)]);
}

#[test]
fn a_hook_has_the_line_of_the_spawn_and_the_number_of_its_task() {
    static SEEN: Mutex<Vec<(Option<Id>, &'static Location<'static>)>> = Mutex::new(Vec::new());
    let see = |meta: &TaskMeta<'_>| SEEN.lock().unwrap().push((task::try_id(), meta.spawned_at()));
    let rt = Builder::new()
        .on_task_spawn(see)
        .on_before_task_poll(see)
        .on_after_task_poll(see)
        .on_task_terminate(see)
        .build()
        .unwrap();
    let line = line!() + 1;
    let task = rt.spawn(async {});
    let id = Some(task.id());
    turn(&rt);
    let seen = SEEN.lock().unwrap();
    let ids: Vec<_> = seen.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [None, id, id, id]); // the call that spawns is in no task here
    assert!(seen.iter().all(|(_, at)| at.line() == line && at.file() == file!()), "{seen:?}");
}

#[test]
fn a_hook_may_spawn_and_abort_and_what_it_spawns_is_hooked_too() {
    static SPAWNED: AtomicUsize = AtomicUsize::new(0);
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let rt = Builder::new()
        .on_task_spawn(|_| count(&SPAWNED))
        .on_task_terminate(|_| {
            if ENDED.fetch_add(1, Ordering::Relaxed) < 3 {
                drop(egret_runtime::spawn(async {}));
            }
        })
        .build()
        .unwrap();
    drop(rt.spawn(async {}));
    while turn(&rt) > 0 {}
    assert_eq!((SPAWNED.load(Ordering::Relaxed), ENDED.load(Ordering::Relaxed)), (4, 4));
}

#[test]
fn a_hook_that_panics_harms_neither_the_loop_nor_the_task() {
    // P8
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let fail = |_: &TaskMeta<'_>| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        panic!("a hook about a task");
    };
    let fail_on_thread = || {
        CALLS.fetch_add(1, Ordering::Relaxed);
        panic!("a hook about the thread");
    };
    let rt = Builder::new()
        .on_task_spawn(fail)
        .on_before_task_poll(fail)
        .on_after_task_poll(fail)
        .on_task_terminate(fail)
        .on_thread_park(fail_on_thread)
        .on_thread_unpark(fail_on_thread)
        .build()
        .unwrap();
    let output = rt.block_on(async {
        let task = egret_runtime::spawn(async {
            yield_now().await;
            42
        });
        task.await.unwrap()
    });
    assert_eq!((output, CALLS.load(Ordering::Relaxed)), (42, 6)); // one spawn, two polls, one end
    assert_eq!(turn(&rt), 0);
    assert_eq!(rt.turn(Some(Duration::from_millis(1))).polled, 0); // parks
    assert_eq!(CALLS.load(Ordering::Relaxed), 8);
    assert_eq!(rt.metrics().tasks_alive, 0);
}

#[test]
fn the_hooks_of_a_thread_are_called_around_each_wait_of_an_idle_loop_and_no_other() {
    let log = Log::default();
    let (park, unpark) = (log.clone(), log.clone());
    let rt = Builder::new()
        .on_thread_park(move || park.note("park", None))
        .on_thread_unpark(move || unpark.note("unpark", None))
        .build()
        .unwrap();
    rt.block_on(async { yield_now().await }); // always has something to run
    assert_eq!(log.take(), []);
    rt.turn(Some(Duration::ZERO));
    assert_eq!(log.take(), []);
    let inside = log.clone();
    rt.block_on(async move {
        inside.note("before", None);
        spawn_blocking(|| ()).await.unwrap();
        inside.note("behind", None);
    });
    let seen: Vec<_> = log.take().into_iter().map(|(what, _)| what).collect();
    // The loop may be woken without a reason, but never is it unparked before it parked.
    assert_eq!((seen.first(), seen.last()), (Some(&"before"), Some(&"behind")));
    let between = &seen[1..seen.len() - 1];
    assert!(between.chunks(2).all(|pair| pair == ["park", "unpark"]), "{seen:?}");
}

#[test]
fn a_park_hook_that_always_makes_work_starves_neither_that_work_nor_a_timer() {
    // L14
    static WORK: AtomicUsize = AtomicUsize::new(0);
    bounded(|| {
        let makes_work = || drop(egret_runtime::spawn(async { count(&WORK) }));
        let rt = Builder::new().on_thread_park(makes_work).build().unwrap();
        rt.block_on(async {
            // Again when the deadline passes before the first poll: then the loop does not park.
            while WORK.load(Ordering::Relaxed) == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        });
    });
}

#[test]
fn a_task_that_a_park_hook_wakes_runs_although_the_loop_would_sleep_without_an_end() {
    struct Parked(Arc<Mutex<Option<std::task::Waker>>>, bool);
    impl Future for Parked {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.1, true) {
                return Poll::Ready(());
            }
            *self.0.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        }
    }
    let waker = Arc::new(Mutex::new(None::<std::task::Waker>));
    let theirs = waker.clone();
    let rt = Builder::new()
        .on_thread_park(move || theirs.lock().unwrap().take().into_iter().for_each(std::task::Waker::wake))
        .build()
        .unwrap();
    rt.block_on(Parked(waker, false));
}

#[test]
fn a_second_hook_replaces_the_first() {
    static FIRST: AtomicUsize = AtomicUsize::new(0);
    static SECOND: AtomicUsize = AtomicUsize::new(0);
    let rt =
        Builder::new().on_task_spawn(|_| count(&FIRST)).on_task_spawn(|_| count(&SECOND)).build().unwrap();
    drop(rt.spawn(async {}));
    assert_eq!((FIRST.load(Ordering::Relaxed), SECOND.load(Ordering::Relaxed)), (0, 1));
}
