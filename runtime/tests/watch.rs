//! Times, causes, histograms and the flight recorder, with feature `inspect`.

mod support;

use egret_runtime::inspect::{Cause, Record, Recording, TaskState, What, WokenBy};
use egret_runtime::runtime::{Builder, Handle, Runtime};
use egret_runtime::task;
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// The polls of a recording, each with the name of its task and its cause.
fn polls(recording: &Recording) -> Vec<(String, Cause)> {
    let polls = recording.records.iter().filter_map(|record| match record.what {
        What::Poll { task, by } => Some((label(recording, task), by)),
        _ => None,
    });
    polls.collect()
}

fn label(recording: &Recording, task: u32) -> String {
    recording.tasks[task as usize].name.clone().unwrap_or_default()
}

fn named(name: &str, future: impl Future<Output = ()> + 'static) -> task::JoinHandle<()> {
    task::Builder::new().name(name).spawn(future).unwrap()
}

#[test]
fn a_recording_has_each_poll_in_its_order_with_what_woke_it() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let slot = Rc::new(RefCell::new(None::<Waker>));
        let theirs = slot.clone();
        let mut woken = false;
        let waits = named(
            "waits",
            poll_fn(move |cx| {
                if woken {
                    return Poll::Ready(());
                }
                woken = true;
                *theirs.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }),
        );
        named("wakes", async move { slot.take().unwrap().wake() }).await.unwrap();
        waits.await.unwrap();
    });
    let recording = rt.recording();
    let polls = polls(&recording);
    let names: Vec<_> = polls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["", "waits", "wakes", "waits", ""]);
    let by_task = |poll: usize| match polls[poll].1 {
        Cause::Task(task) => label(&recording, task),
        other => panic!("poll {poll} by {other:?}"),
    };
    assert_eq!([polls[0].1, polls[1].1, polls[2].1], [Cause::Spawn; 3]);
    assert_eq!([by_task(3), by_task(4)], ["wakes", "wakes"]);
    let mut at = 0;
    for Record { at: begin, took, what, .. } in &recording.records {
        assert!(*begin >= at, "{what:?}");
        at = *begin;
        assert!(begin + took <= recording.taken_at + 1_000_000, "{what:?}");
    }
    let spawned = recording.records.iter().filter(|record| matches!(record.what, What::Spawn { .. })).count();
    let ended = recording.records.iter().filter(|record| matches!(record.what, What::End { .. })).count();
    assert_eq!((spawned, ended), (3, 2)); // with the future of block_on, which is no task that ends
}

#[test]
fn a_recording_has_the_wake_that_queues_a_task_and_none_that_finds_it_queued_or_over() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let waker = Rc::new(RefCell::new(None::<Waker>));
        let theirs = waker.clone();
        let asleep = poll_fn(move |cx| match theirs.replace(Some(cx.waker().clone())) {
            None => Poll::Pending,
            Some(_) => Poll::Ready(()),
        });
        let asleep = named("asleep", asleep);
        task::yield_now().await;
        let waker = waker.borrow().clone().expect("it has been polled");
        (0..3).for_each(|_| waker.wake_by_ref());
        asleep.await.unwrap();
        (0..3).for_each(|_| waker.wake_by_ref());
    });
    let recording = rt.recording();
    let wakes = recording.records.iter().filter_map(|record| match record.what {
        What::Wake { task, .. } => Some(label(&recording, task)),
        _ => None,
    });
    assert_eq!(wakes.filter(|name| name == "asleep").count(), 1);
}

#[test]
fn a_wake_of_another_thread_and_a_timer_are_the_causes_of_their_polls() {
    // The sleep is shorter, or none, when this thread is not run before it.
    let slept = (0..50).map(|_| time_asleep_before_a_timer_and_a_wake()).find(|slept| *slept >= 900_000);
    assert!(slept.is_some());
}

/// How long the loop sleeps for a timer of a millisecond and then for another thread, in nanoseconds.
fn time_asleep_before_a_timer_and_a_wake() -> u64 {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        egret_runtime::time::sleep(Duration::from_millis(1)).await;
        let mut asked = false;
        poll_fn(move |cx| {
            if asked {
                return Poll::Ready(());
            }
            asked = true;
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        })
        .await;
    });
    let recording = rt.recording();
    let causes: Vec<_> = polls(&recording).into_iter().map(|(_, by)| by).collect();
    if causes == [Cause::Spawn, Cause::Thread] {
        return 0; // The timer was due in the first poll.
    }
    assert_eq!(causes, [Cause::Spawn, Cause::Timer, Cause::Thread]);
    let count = |f: fn(&What) -> bool| recording.records.iter().filter(|record| f(&record.what)).count();
    assert_eq!(count(|what| matches!(what, What::Timers { fired: 1 })), 1);
    let slept =
        recording.records.iter().filter(|record| matches!(record.what, What::Wait { sleeps: true, .. }));
    let slept = slept.map(|record| record.took).sum::<u64>();
    let histograms = rt.histograms();
    assert_eq!((histograms.lateness.count(), histograms.poll.count()), (1, 3));
    slept
}

#[test]
fn an_event_is_the_cause_of_its_poll_with_the_descriptor_and_the_mask() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    let rt = Runtime::new().unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let fd = theirs.as_raw_fd();
    rt.block_on(async {
        let theirs = egret_runtime::io::AsyncFd::new(theirs).unwrap();
        let read = named("reads", async move {
            theirs.readable().await.unwrap().retain_ready();
        });
        task::yield_now().await;
        ours.write_all(b"x").unwrap();
        read.await.unwrap();
    });
    let polls = polls(&rt.recording());
    let by: Vec<_> = polls.iter().filter(|(name, _)| name == "reads").map(|(_, by)| *by).collect();
    let (last, first) = by.split_last().unwrap();
    assert_eq!(first, [Cause::Spawn]);
    match last {
        Cause::Event { fd: number, mask } => assert!(*number == fd && mask & 1 == 1, "{last:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_poll_is_counted_measured_and_seen_while_it_goes_on() {
    // A short poll is a long one when its thread is not run meanwhile.
    let only_the_long_one =
        (0..50).map(|_| a_long_poll_between_short_ones()).any(|polls| polls == (1, false));
    assert!(only_the_long_one);
}

/// Returns how many polls were counted as long, and whether a short one was among them.
fn a_long_poll_between_short_ones() -> (u64, bool) {
    let rt = Builder::new().long_poll(Duration::from_millis(20)).build().unwrap();
    let handle = rt.handle();
    let (begin, began) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel();
    let other = thread::spawn(move || {
        began.recv().unwrap();
        let first = handle.progress().unwrap();
        thread::sleep(Duration::from_millis(30));
        let seen = (first, handle.progress().unwrap(), handle.recording().unwrap());
        end.send(()).unwrap();
        seen
    });
    let id = rt.block_on(async {
        drop(named("short", async {}));
        let long = named("long", async move {
            begin.send(()).unwrap();
            ended.recv().unwrap();
        });
        drop(named("short", async {}));
        let id = long.id();
        long.await.unwrap();
        id
    });
    let (first, second, recording) = other.join().unwrap();
    let (earlier, later) = (first.poll.unwrap(), second.poll.unwrap());
    assert_eq!((first.polls, first.is_waiting), (second.polls, false));
    assert_eq!((earlier.task, later.name.as_deref()), (Some(id), Some("long")));
    assert_eq!(later.spawned_at.unwrap().file(), file!());
    assert!(later.elapsed >= Duration::from_millis(29) && earlier.elapsed < later.elapsed);
    // The recording that was taken meanwhile ends with the poll.
    let last = recording.records.iter().rfind(|record| matches!(record.what, What::Poll { .. })).unwrap();
    let What::Poll { task, .. } = last.what else { unreachable!() };
    assert_eq!(label(&recording, task), "long");
    assert!(last.took >= 29_000_000);

    let histograms = rt.histograms();
    assert!(histograms.poll.max() >= Duration::from_millis(29));
    let group = |name: &str| histograms.groups.iter().find(|group| group.name == name).unwrap();
    assert_eq!(group("long").poll.count(), 1);
    assert!(group("long").poll.max() >= Duration::from_millis(29));
    (rt.metrics().long_polls, group("short").poll.max() >= Duration::from_millis(29))
}

#[test]
fn a_task_may_have_the_index_of_a_named_one_whose_poll_waits_to_be_summed_up() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        for _ in 0..1000 {
            named("short", async {}).await.unwrap();
            egret_runtime::spawn(async {}).await.unwrap();
        }
    });
    assert_eq!(rt.histograms().poll.count(), rt.metrics().polls);
}

#[test]
fn the_counts_of_the_histograms_are_those_of_the_polls_also_where_one_stands_for_many() {
    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let tasks: Vec<_> = (0..500).map(|_| egret_runtime::spawn(task::yield_now())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(rt.histograms().poll.count(), rt.metrics().polls);
}

#[test]
fn a_runtime_that_is_gone_has_nothing_to_read() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    assert!(handle.progress().unwrap().poll.is_none());
    assert!(handle.histograms().is_some() && handle.recording().is_some());
    drop(rt);
    assert!(handle.progress().is_none() && handle.histograms().is_none() && handle.recording().is_none());
}

#[test]
fn a_panic_hook_takes_the_recording_of_its_loop() {
    thread_local! {
        static TAKEN: RefCell<Option<Recording>> = const { RefCell::new(None) };
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() == Some(&"recorded") {
            TAKEN.set(Handle::try_current().ok().and_then(|handle| handle.recording()));
        } else {
            before(info);
        }
    }));
    let rt = Runtime::new().unwrap();
    let error = rt.block_on(async { named("panics", async { panic!("recorded") }).await }).unwrap_err();
    assert!(error.is_panic());
    let taken = TAKEN.take().unwrap();
    assert_eq!(polls(&taken).last().unwrap().0, "panics");
}

#[test]
fn without_a_recorder_no_poll_is_timed_and_all_else_is_known() {
    let rt = Builder::new().recorder(0).build().unwrap();
    let handle = rt.handle();
    let (begin, began) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel();
    let other = thread::spawn(move || {
        began.recv().unwrap();
        let seen = [handle.progress().unwrap(), handle.progress().unwrap()];
        end.send(()).unwrap();
        seen
    });
    let (id, dump) = rt.block_on(async {
        for _ in 0..10 {
            task::yield_now().await;
        }
        let long = named("long", async move {
            begin.send(()).unwrap();
            ended.recv().unwrap();
        });
        let id = long.id();
        long.await.unwrap();
        (id, Handle::current().dump().unwrap())
    });
    let [first, second] = other.join().unwrap();
    assert_eq!((first.polls, first.is_waiting), (second.polls, false));
    let (first, second) = (first.poll.unwrap(), second.poll.unwrap());
    assert_eq!((first.task, first.name.as_deref(), second.task), (Some(id), Some("long"), Some(id)));
    assert!(rt.recording().records.is_empty());
    assert_eq!(rt.histograms().poll.count(), 0);
    assert!(dump.runtime.untimed && dump.to_string().contains("no poll is timed"));
    let root = &dump.tasks[0];
    assert_eq!((root.polls, root.wakes, root.poll_total_ns), (12, 11, 0));
    assert!(matches!(root.state, TaskState::Running { .. }), "{root:?}");
    assert_eq!(root.woken_by, Some(WokenBy::EndedTask));
}

/// A short turn is not summed up at once, and its polls are in the histograms at any time all the same.
#[test]
fn each_poll_is_in_the_histograms_as_soon_as_its_turn_is_over() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    let tasks: Vec<_> = (0..3).map(|_| rt.spawn(poll_fn(|_| Poll::<()>::Pending))).collect();
    for turn in 1..200u64 {
        rt.turn(Some(Duration::ZERO));
        let seen = handle.clone();
        let count = thread::spawn(move || seen.histograms().unwrap().poll.count()).join().unwrap();
        assert_eq!(count, rt.metrics().polls, "after {turn} turns");
        let spawned = rt.spawn(async {});
        assert!(!spawned.is_finished());
    }
    assert_eq!(rt.metrics().polls, 3 + 198);
    drop(tasks);
}

#[test]
fn a_recording_is_taken_a_thousand_times_while_the_loop_runs() {
    let rt = Builder::new().recorder(16 << 10).build().unwrap();
    let handle = rt.handle();
    let other = thread::spawn(move || {
        for _ in 0..1000 {
            let recording = handle.recording().unwrap();
            for record in &recording.records {
                if let What::Poll { task, .. } | What::Spawn { task } = record.what {
                    assert!((task as usize) < recording.tasks.len());
                }
                assert!(record.at <= recording.taken_at, "{record:?}");
            }
            handle.progress().unwrap();
        }
    });
    rt.block_on(async {
        while !other.is_finished() {
            let tasks: Vec<_> = (0..100).map(|_| egret_runtime::spawn(task::yield_now())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
    });
    other.join().unwrap();
}

#[test]
fn a_trace_has_the_structure_of_the_trace_event_format() {
    use std::process::Command;

    let rt = Runtime::new().unwrap();
    rt.block_on(async {
        let tasks: Vec<_> = ["a", "\"<script>\\"].map(|name| named(name, task::yield_now())).into();
        for task in tasks {
            task.await.unwrap();
        }
        egret_runtime::time::sleep(Duration::from_millis(1)).await;
    });
    let path = std::env::temp_dir().join(format!("egret-trace-{}.json", std::process::id()));
    rt.recording().write_chrome_trace(&mut std::fs::File::create(&path).unwrap()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/trace");
    let output = Command::new("python3").arg(script).arg(&path).output();
    std::fs::remove_file(&path).unwrap();
    let Ok(output) = output else { return eprintln!("SKIPPED: no python3 to read the trace") };
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprint!("{said}");
    assert!(output.status.success(), "{said}{error}");
    assert!(said.contains("slices: the structure is sound"), "{said}");
}
