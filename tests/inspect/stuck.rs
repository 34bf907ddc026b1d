//! Dumps of a loop that does not answer.

use crate::support::{Loop, PATIENCE, forgotten, named};
use egret::inspect::{Dump, HintKind, LoopState, TaskState};
use egret::runtime::{Handle, Runtime};
use egret::task;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The longest that a dump of a stuck loop may take on an idle machine.
const SOON: Duration = Duration::from_millis(100);

/// Blocks until the sender is dropped or a value comes.
fn block(on: &Receiver<()>) {
    let _ = on.recv();
}

/// The shortest of several tries, without the time for which this thread was not run: the machine may be busy with other
/// tests.
fn shortest(mut f: impl FnMut()) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..20 {
        let (start, before) = (Instant::now(), time_not_run());
        f();
        shortest = shortest.min(start.elapsed().saturating_sub(time_not_run() - before));
        if shortest < SOON {
            break;
        }
    }
    shortest
}

/// For how long this thread has waited for a processor.
fn time_not_run() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(times.split(' ').nth(1).map_or(0, |time| time.parse().unwrap()))
}

/// A dump that the loop has answered: on a busy machine it may not come to its turn in time.
fn answered(handle: &Handle) -> Dump {
    let start = Instant::now();
    loop {
        let dump = handle.dump().unwrap();
        if dump.runtime.state == LoopState::Answered {
            return dump;
        }
        assert!(start.elapsed() < PATIENCE, "{dump}");
    }
}

#[test]
fn a_loop_in_a_poll_is_dumped_with_that_poll_and_soon() {
    let (release, blocked) = channel::<()>();
    let (begin, begun) = channel();
    let line = line!() + 2;
    let ours = Loop::start(move || {
        drop(task::Builder::new().name("blocker").spawn(async move {
            begin.send(()).unwrap();
            block(&blocked);
        }));
        drop(egret::spawn(forgotten()));
    });
    begun.recv_timeout(PATIENCE).unwrap();
    let mut dump = None;
    let took = shortest(|| dump = Some(ours.handle.dump().unwrap()));
    assert!(took < SOON, "{took:?}");
    let (mut dump, start) = (dump.unwrap(), Instant::now());
    // A channel waits in a futex, when its thread was run so far.
    while !dump.runtime.thread.kernel.as_deref().is_some_and(|kernel| kernel.contains("futex")) {
        assert!(start.elapsed() < PATIENCE, "{dump}");
        dump = ours.handle.dump().unwrap();
    }
    let LoopState::InPoll(poll) = &dump.runtime.state else { panic!("{dump}") };
    assert_eq!(poll.name.as_deref(), Some("blocker"));
    assert!(poll.since_ns >= 50_000_000, "{poll:?}");
    let at = poll.spawned_at.unwrap();
    assert_eq!((at.file, at.line), (file!(), line));
    assert_eq!(dump.tasks.len(), 1);
    assert_eq!(dump.tasks[0].id, poll.task);
    assert!(matches!(dump.tasks[0].state, TaskState::Running { .. }));
    assert_eq!(dump.hints.iter().map(|hint| hint.kind).collect::<Vec<_>>(), [HintKind::Stuck]);
    assert_eq!(dump.runtime.thread.name, "the loop");
    let page = dump.to_string();
    assert!(page.contains("in a poll of task") && page.contains("\"blocker\""), "{page}");

    drop(release);
    // The errand that was given up is not answered twice; the loop answers again.
    assert_eq!(answered(&ours.handle).tasks.len(), 1); // the blocker has ended
}

#[test]
fn a_loop_that_blocks_in_a_destructor_of_a_task_is_dumped_with_the_poll_that_runs_it() {
    struct Blocks(Receiver<()>);
    impl Drop for Blocks {
        fn drop(&mut self) {
            block(&self.0);
        }
    }
    let (release, blocked) = channel::<()>();
    let (begin, begun) = channel();
    let ours = Loop::start(move || {
        let blocks = Blocks(blocked);
        drop(task::Builder::new().name("dropper").spawn(async move {
            begin.send(()).unwrap();
            drop(blocks);
        }));
    });
    begun.recv_timeout(PATIENCE).unwrap();
    let dump = ours.handle.dump().unwrap();
    let LoopState::InPoll(poll) = &dump.runtime.state else { panic!("{dump}") };
    assert_eq!(poll.name.as_deref(), Some("dropper"));
    drop(release);
}

#[test]
fn a_runtime_that_is_not_turned_is_in_no_poll() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    let dump = std::thread::spawn(move || handle.dump().unwrap()).join().unwrap();
    assert_eq!(dump.runtime.state, LoopState::NotInPoll);
    assert_eq!((dump.tasks.len(), dump.hints.len()), (0, 0));
    assert!(dump.to_string().contains("is in no poll of a task"), "{dump}");
    // Its thread is asked directly.
    assert_eq!(rt.dump().runtime.state, LoopState::Answered);
}

#[test]
fn a_loop_that_sleeps_is_woken_for_a_dump() {
    let (begin, begun) = channel();
    let ours = Loop::start(move || {
        drop(task::Builder::new().name("sleeper").spawn(async move {
            begin.send(()).unwrap();
            egret::time::sleep(PATIENCE).await;
        }));
    });
    begun.recv_timeout(PATIENCE).unwrap(); // a dump may come before the first poll
    for _ in 0..10 {
        assert_eq!(named(&answered(&ours.handle), "sleeper").polls, 1);
    }
}

#[test]
fn a_loop_that_is_busy_with_many_polls_answers_between_two_of_them() {
    let ours = Loop::start(|| {
        for _ in 0..10 {
            drop(egret::spawn(async {
                loop {
                    egret::task::yield_now().await;
                }
            }));
        }
    });
    for _ in 0..100 {
        assert_eq!(answered(&ours.handle).tasks.len(), 10);
    }
}
