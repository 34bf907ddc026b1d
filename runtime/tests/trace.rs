//! `tracing` with feature `trace`: every span and event of a task's life, in order, recorded by a subscriber.
//!
//! A separate program: `tracing` caches for the whole process which events have a subscriber.

mod support;

use egret_runtime::block_on;
use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::{Builder, spawn_blocking, yield_now};
use egret_runtime::test::settle;
use std::fmt::Debug;
use std::future::{pending, poll_fn};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use support::fds;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Numbers spans 1, 2, and so on, and keeps a line for each call.
#[derive(Clone, Default)]
struct Recorder {
    spans: Arc<AtomicU64>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    /// What was written since the last time.
    #[track_caller]
    fn heard(&self, expected: &[&str]) {
        let heard = std::mem::take(&mut *self.lines.lock().unwrap());
        assert_eq!(heard, expected);
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let value = if field.name() == "loc.file" { value.rsplit('/').next().unwrap() } else { value };
        self.0 += &format!(" {}={value}", field.name());
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.spans.fetch_add(1, Ordering::Relaxed) + 1;
        let mut fields = Fields(String::new());
        span.record(&mut fields);
        assert!(span.is_root(), "a child would keep its parent open");
        let meta = span.metadata();
        self.write(format!("new {id} {} {}{}", meta.target(), meta.name(), fields.0));
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.write(format!("{}{}", event.metadata().target(), fields.0));
    }

    fn enter(&self, span: &Id) {
        self.write(format!("enter {}", span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        self.write(format!("exit {}", span.into_u64()));
    }

    fn try_close(&self, span: Id) -> bool {
        self.write(format!("close {}", span.into_u64()));
        true
    }
}

/// Runs `body` with a recorder of its own.
fn recorded(body: impl FnOnce(&Recorder)) {
    let recorder = Recorder::default();
    tracing::subscriber::with_default(recorder.clone(), || body(&recorder));
}

fn wake(span: u64) -> String {
    format!("runtime::waker op=waker.wake_by_ref task.id={span}")
}

fn clone(span: u64) -> String {
    format!("runtime::waker op=waker.clone task.id={span}")
}

#[test]
fn a_task_is_a_span_from_its_spawn_to_the_drop_of_its_future_entered_for_each_poll() {
    recorded(|recorder| {
        let rt = Runtime::new().unwrap();
        let mut polls = 0;
        let kept: Arc<Mutex<Option<Waker>>> = Arc::default();
        let theirs = kept.clone();
        let future = poll_fn(move |cx| {
            *theirs.lock().unwrap() = Some(cx.waker().clone());
            polls += 1;
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        });
        let (size, at) = (size_of_val(&future), Location::caller());
        let task = {
            let _in = rt.enter();
            Builder::new().name("reader").spawn(future).unwrap()
        };
        let (line, column) = (at.line() + 3, 43);
        let new = format!(
            "new 1 runtime::task runtime.spawn kind=local task.name=reader task.id={} size.bytes={size} \
             loc.file=trace.rs loc.line={line} loc.col={column}",
            task.id()
        );
        recorder.heard(&[&new, &clone(1)]);
        settle(&rt);
        recorder.heard(&["enter 1", "exit 1"]);

        kept.lock().unwrap().take().unwrap().wake(); // as from another thread: reported by the loop that collects it
        recorder.heard(&[]);
        settle(&rt);
        recorder.heard(&[&wake(1), "enter 1", "exit 1", "enter 1", "exit 1", "close 1"]);
        assert!(task.is_finished());
        drop((task, rt));
        recorder.heard(&[]);
    });
}

#[test]
fn a_task_that_wakes_itself_is_heard_to_within_its_poll() {
    recorded(|recorder| {
        let rt = Runtime::new().unwrap();
        drop(rt.spawn(yield_now()));
        recorder.lines.lock().unwrap().clear();
        settle(&rt);
        let (wake, end) = (wake(1), ["enter 1", "exit 1", "enter 1", "exit 1", "close 1"]);
        recorder.heard(&[&["enter 1", &wake, "exit 1"], &end[..]].concat());
    });
}

#[test]
fn an_event_is_told_within_the_span_of_its_descriptor_and_before_the_wakes_that_it_causes() {
    recorded(|recorder| {
        let rt = Runtime::new().unwrap();
        let (read, mut write) = fds::pipe();
        let fd = {
            let _in = rt.enter();
            AsyncFd::new(read).unwrap()
        };
        let number = std::os::fd::AsRawFd::as_raw_fd(fd.get_ref());
        recorder.heard(&[&format!(
            "new 1 runtime::resource runtime.resource concrete_type=Registration kind=io is_internal=false fd={number}"
        )]);
        let task = rt.spawn(async move { fd.async_io(Interest::READABLE, fds::read).await.unwrap().len() });
        settle(&rt); // waits
        recorder.lines.lock().unwrap().clear();

        std::io::Write::write_all(&mut write, b"x").unwrap();
        settle(&rt);
        assert!(task.is_finished());
        recorder.heard(&[
            "enter 1",
            "runtime::resource::state_update readiness=IN readiness.op=override",
            "exit 1",
            &wake(2),
            "enter 2",
            "close 1", // by the end of the task's future, in its poll
            "exit 2",
            "enter 2",
            "exit 2",
            "close 2",
        ]);
    });
}

#[test]
fn a_task_that_is_aborted_or_left_to_the_runtime_ends_its_span_once() {
    recorded(|recorder| {
        let rt = Runtime::new().unwrap();
        let aborted = rt.spawn(pending::<()>());
        let left = rt.spawn(pending::<()>());
        settle(&rt);
        recorder.lines.lock().unwrap().clear();
        aborted.abort();
        recorder.heard(&["enter 1", "exit 1", "close 1"]);
        drop(rt);
        assert!(left.is_finished());
        recorder.heard(&["enter 2", "exit 2", "close 2"]);
    });
}

#[test]
fn a_task_that_panics_ends_its_span_once() {
    recorded(|recorder| {
        let rt = Runtime::new().unwrap();
        let task = rt.spawn(async { panic!("as the test wants it") });
        recorder.lines.lock().unwrap().clear();
        settle(&rt);
        assert!(task.is_finished());
        recorder.heard(&["enter 1", "exit 1", "enter 1", "exit 1", "close 1"]);
    });
}

#[test]
fn block_on_and_blocking_jobs_have_spans_of_their_kinds() {
    recorded(|recorder| {
        let (size, line) = (size_of::<u8>(), line!() + 3);
        block_on(async {
            let byte = 7_u8;
            let job = spawn_blocking(move || byte);
            assert_eq!(job.await.unwrap(), 7);
        });
        let lines = std::mem::take(&mut *recorder.lines.lock().unwrap());
        let first = |what: &str| lines.iter().position(|line| line.contains(what)).unwrap();
        assert_eq!(first("kind=block_on"), 0);
        assert_eq!(lines[1..3], [clone(1), "enter 1".to_owned()]);
        let job = &lines[first("kind=blocking")];
        let end = format!("size.bytes={size} loc.file=trace.rs loc.line={line} loc.col=23");
        assert!(job.starts_with("new 2 runtime::task runtime.spawn kind=blocking task.id="), "{job}");
        assert!(job.ends_with(&end), "{job}, which is to end with {end}");
        // The end of the job comes from its thread, whose subscriber is another.
        assert_eq!(lines.last().unwrap(), "close 1");
    });
}

#[test]
fn the_wakes_of_a_task_that_was_spawned_untold_are_not_told_as_those_of_the_one_before_it() {
    let rt = Runtime::new().unwrap();
    recorded(|_| {
        drop(rt.spawn(yield_now()));
        settle(&rt);
    });
    drop(rt.spawn(yield_now())); // in the same slot, without a subscriber
    recorded(|recorder| {
        settle(&rt);
        recorder.heard(&[]);
    });
}
