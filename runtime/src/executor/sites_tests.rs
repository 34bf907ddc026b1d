//! Each kind of wait is noted with its task and the line that waits: on the views that a dump is made of.

use super::{Executor, current};
use crate::io::pipe::ReadEnd;
use crate::io::{AsyncFd, copy};
use crate::observe::frame::frames;
use crate::reactor::label::SourceLabel;
use crate::runtime::{Handle, Runtime};
use crate::shutdown::Shutdown;
use crate::sys::{Backend, Fd};
use crate::task::{FrameExt, JoinSet, frame, spawn_blocking};
use crate::test::settle;
use crate::time::{interval, sleep, timeout};
use crate::wake::key::TaskKey;
use crate::wake::listed::{self, ListedKind};
use crate::wake::waiter::Waiter;
use std::future::{Future, pending, poll_fn};
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);

/// What the task at `key` waits for, each with its line; in the order of the lines.
fn waits(rt: &Runtime, key: TaskKey) -> Vec<(&'static str, u32)> {
    let _entered = rt.enter();
    let mut found = Vec::new();
    for (name, waiter) in all(&current()) {
        let of_task =
            waiter.task == Some(key) && waiter.is_since(current().queue.note(key.index()).woken_at());
        if of_task {
            let at = waiter.at().unwrap();
            assert_eq!(at.file(), file!());
            found.push((name, at.line()));
        }
    }
    found.sort_by_key(|(_, line)| *line);
    found
}

/// Every waiter of the executor, with what it waits for.
fn all(executor: &Executor) -> Vec<(&'static str, Waiter)> {
    let mut found = Vec::new();
    executor.reactor.each_source(|source| {
        let (read, write) = match source.label {
            SourceLabel::Plain => ("read", "write"),
            SourceLabel::Child(_) => ("child", "child"),
            SourceLabel::Signal(_) => ("signal", "signal"),
            SourceLabel::Standard(_) => ("standard", "standard"),
        };
        source.each_waiter(|waiter, writes| found.push((if writes { write } else { read }, waiter)));
    });
    executor.timers.each_wait(|timer| found.push(("timer", timer.waiter)));
    let jobs = executor.blocking.jobs().into_iter();
    found.extend(jobs.filter_map(|job| Some(("job", job.awaited_by?))));
    found.extend(listed::waits().into_iter().map(|wait| {
        let name = match wait.what {
            ListedKind::Request => "request",
            ListedKind::Drain { .. } => "drain",
            ListedKind::Set => "set",
            ListedKind::Remote(_) => "remote",
        };
        (name, wait.waiter)
    }));
    executor.each_task(|_, task| found.extend(task.joined_by.map(|waiter| ("join", waiter))));
    found
}

/// What a task with this future waits for.
fn waits_of<F: Future + 'static>(future: F) -> Vec<(&'static str, u32)> {
    let rt = Runtime::new().unwrap();
    let task = rt.spawn(future);
    settle(&rt);
    assert!(!task.is_finished());
    waits(&rt, task.key().unwrap())
}

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (AsyncFd::new(ours).unwrap(), theirs)
}

/// An end to read from, and one that keeps it open.
fn pipe() -> (ReadEnd, Fd) {
    let (reader, writer) = Backend::current().pipe().unwrap();
    (ReadEnd::new(reader).map_err(|(_, error)| error).unwrap(), writer)
}

#[test]
fn a_wait_for_a_descriptor_is_of_the_line_that_made_it() {
    let line = line!();
    let waits = waits_of(async {
        let (fd, _theirs) = pair();
        let waits = fd.readable(); // line + 3, and awaited in another
        let _ = waits.await;
    });
    assert_eq!(waits, [("read", line + 3)]);
    let line = line!();
    let waits = waits_of(async {
        let (fd, _theirs) = pair();
        let _ = poll_fn(|cx| fd.poll_read_with(cx, |mut fd| std::io::Read::read(&mut fd, &mut [0]))).await;
    });
    assert_eq!(waits, [("read", line + 3)]);
}

#[test]
fn a_sleep_an_interval_and_a_time_limit_are_of_their_lines() {
    let line = line!();
    assert_eq!(waits_of(async { sleep(LONG).await }), [("timer", line + 1)]);
    let line = line!();
    let waits = waits_of(async {
        let (fd, _theirs) = pair();
        let limited = timeout(LONG, fd.readable());
        drop(limited.await);
    });
    assert_eq!(waits, [("read", line + 3), ("timer", line + 3)]);
    let line = line!();
    let waits = waits_of(async {
        let mut ticks = interval(LONG);
        ticks.tick().await;
        ticks.tick().await;
    });
    assert_eq!(waits, [("timer", line + 4)]);
}

#[test]
fn a_wait_that_was_given_up_is_not_of_the_task_any_more() {
    let line = line!();
    let waits = waits_of(async {
        let (fd, _theirs) = pair();
        let mut read = pin!(fd.readable());
        assert!(poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await.is_pending());
        crate::task::yield_now().await;
        sleep(LONG).await;
    });
    assert_eq!(waits, [("timer", line + 6)]);
}

#[test]
fn a_join_is_of_the_line_that_awaits() {
    let line = line!();
    let waits = waits_of(async {
        let task = crate::spawn(pending::<()>());
        task.await
    });
    assert_eq!(waits, [("join", line + 3)]);
    let line = line!();
    let waits = waits_of(async {
        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        set.join_next().await
    });
    assert_eq!(waits, [("set", line + 4)]);
    let line = line!();
    let waits = waits_of(async {
        let task = Handle::current().spawn(pending::<()>());
        task.await
    });
    assert_eq!(waits, [("remote", line + 3)]);
    let (_open, gate) = mpsc::channel::<()>();
    let line = line!();
    let waits = waits_of(async {
        let job = spawn_blocking(move || gate.recv());
        job.await
    });
    assert_eq!(waits, [("job", line + 3)]);
}

#[test]
fn a_shutdown_is_waited_for_at_the_line_of_the_caller() {
    let shutdown = Shutdown::new();
    let theirs = shutdown.clone();
    let line = line!();
    assert_eq!(waits_of(async move { theirs.requested().await }), [("request", line + 1)]);
    let theirs = shutdown.clone();
    let line = line!();
    assert_eq!(waits_of(async move { theirs.drained().await }), [("drain", line + 1)]);
    let line = line!();
    let waits = waits_of(async move {
        shutdown
            .run_until_requested(
                sleep(LONG), // line + 4
            )
            .await
    });
    assert_eq!(waits, [("request", line + 3), ("timer", line + 4)]);
}

#[test]
fn what_an_operation_waits_for_inside_is_of_its_line() {
    let line = line!();
    let waits = waits_of(async {
        let (mut reader, _writer) = pipe();
        let mut sink = Vec::new();
        copy(&mut reader, &mut sink).await
    });
    assert_eq!(waits, [("read", line + 4)]);
}

#[test]
#[cfg(not(miri))]
fn a_child_process_and_a_signal_have_labels() {
    use crate::process::Command;
    use crate::signal::unix::{SignalKind, signal};

    let line = line!();
    let waits = waits_of(async {
        let mut child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
        child.wait().await
    });
    assert_eq!(waits, [("child", line + 3)]);
    let line = line!();
    let waits = waits_of(async {
        let mut window = signal(SignalKind::window_change()).unwrap();
        window.recv().await
    });
    assert_eq!(waits, [("signal", line + 3)]);
}

/// A waker of another library, such as that of a list of futures.
struct Foreign(Waker);

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

/// Polls `future` with a foreign waker.
async fn foreign<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let waker = Waker::from(Arc::new(Foreign(cx.waker().clone())));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

#[test]
fn a_foreign_waker_is_of_the_task_that_was_polled() {
    let line = line!();
    let waits = waits_of(async {
        let (fd, _theirs) = pair();
        foreign(async {
            let _ = fd.readable().await;
        })
        .await;
    });
    assert_eq!(waits, [("read", line + 4)]);
    let line = line!();
    let waits = waits_of(async {
        foreign(sleep(LONG)).await;
    });
    assert_eq!(waits, [("timer", line + 2)]);
    let line = line!();
    let waits = waits_of(async {
        let task = crate::spawn(pending::<()>());
        foreign(async {
            task.await.unwrap();
        })
        .await;
    });
    assert_eq!(waits, [("join", line + 4)]);
}

#[test]
fn the_branches_of_a_select_are_of_their_own_lines() {
    async fn either(mut a: Pin<Box<dyn Future<Output = ()>>>, mut b: Pin<Box<dyn Future<Output = ()>>>) {
        poll_fn(|cx| match a.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => b.as_mut().poll(cx),
        })
        .await;
    }
    let line = line!();
    let waits = waits_of(async {
        let (fd, _theirs) = pair();
        let fd = Rc::new(fd);
        let read = Box::pin(async move {
            let _ = fd.readable().await;
        });
        let limit = Box::pin(sleep(LONG));
        either(read, limit).await;
    });
    assert_eq!(waits, [("read", line + 5), ("timer", line + 7)]);
}

#[test]
fn a_wait_at_one_line_goes_on_through_other_wakes() {
    let rt = Runtime::new().unwrap();
    let task = rt.spawn(async {
        let (fd, _theirs) = pair();
        let mut polls = 0;
        loop {
            // The read is made anew each time, as in a `select!` in a loop.
            let mut read = pin!(fd.readable());
            let again = poll_fn(|cx| {
                let _ = read.as_mut().poll(cx);
                cx.waker().wake_by_ref();
                polls += 1;
                if polls % 2 == 0 { Poll::Ready(()) } else { Poll::Pending }
            });
            again.await;
        }
    });
    let since = || {
        let _entered = rt.enter();
        let found = all(&current()).into_iter().find(|(_, waiter)| waiter.task == task.key());
        found.unwrap().1.since()
    };
    rt.turn(Some(Duration::ZERO));
    let first = since();
    for _ in 0..10 {
        rt.turn(Some(Duration::ZERO));
    }
    assert_eq!(since(), first);
}

#[test]
fn frames_are_a_tree_and_go_with_their_futures() {
    let rt = Runtime::new().unwrap();
    let line = line!();
    let task = rt.spawn(frame("outer", async {
        let inner = async { sleep(LONG).await };
        inner.named("inner").await;
    }));
    settle(&rt);
    let nodes = frames();
    let seen: Vec<_> = nodes.iter().map(|node| (&*node.name, node.at.line())).collect();
    assert_eq!(seen, [("outer", line + 1), ("inner", line + 3)]);
    assert_eq!((nodes[0].parent, nodes[1].parent), (None, Some(nodes[0].number)));
    assert!(nodes.iter().all(|node| TaskKey::from_bits(node.task) == task.key()));
    let mut of_task = Vec::new();
    rt.block_on(async { current().timers.each_wait(|timer| of_task.push(timer.waiter)) });
    of_task.retain(|waiter| waiter.task == task.key());
    assert_eq!(of_task.iter().map(Waiter::frame).collect::<Vec<_>>(), [Some(nodes[1].number)]);
    task.abort();
    assert!(frames().is_empty());
}
