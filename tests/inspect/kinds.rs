//! One task of each kind of wait: what the dump says of it, and the line.

use crate::support::{forgotten, named, settle};
use egret::inspect::{Dump, WaitKind};
use egret::runtime::{Builder, Runtime};
use egret::shutdown::Shutdown;
use egret::task;
use egret::time::sleep;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

pub const HOUR: Duration = Duration::from_secs(3600);

/// Spawns a task with a name.
pub fn spawn(name: &str, future: impl Future<Output = ()> + 'static) -> egret::task::JoinHandle<()> {
    task::Builder::new().name(name).spawn(future).unwrap()
}

/// The waits of the task with this name: kind, text and line. All are of this file.
pub fn waits(dump: &Dump, name: &str) -> Vec<(WaitKind, String, Option<u32>)> {
    let waits = named(dump, name).waits.iter();
    let told = waits.map(|wait| {
        assert!(wait.at.is_none_or(|at| at.file.starts_with("tests/inspect/")), "{wait:?}");
        assert!(wait.since_ns.is_none_or(|since| since < HOUR.as_nanos() as u64), "{wait:?}");
        (wait.kind, wait.text.clone(), wait.at.map(|at| at.line))
    });
    told.collect()
}

#[test]
fn a_sleep_has_its_line_and_what_is_left_of_it() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let line = line!();
    drop(spawn("sleeps", async {
        sleep(HOUR).await;
    }));
    settle(&rt);
    let dump = rt.dump();
    assert_eq!(waits(&dump, "sleeps"), [(WaitKind::Sleep, "sleeps".to_owned(), Some(line + 2))]);
    let wait = &named(&dump, "sleeps").waits[0];
    let left = wait.left_ns.unwrap();
    assert!((HOUR.as_nanos() as u64 * 9 / 10..=HOUR.as_nanos() as u64).contains(&left), "{left}");
    assert_eq!(dump.timers.len(), 1);
    let timer = &dump.timers[0];
    assert_eq!((timer.task, timer.at), (Some(named(&dump, "sleeps").id), wait.at));
}

#[test]
fn a_join_names_the_task_and_the_task_names_its_joiner() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let database = spawn("db", forgotten());
    let id = database.id();
    let line = line!();
    drop(spawn("joins", async move {
        drop(database.await);
    }));
    settle(&rt);
    let dump = rt.dump();
    let text = format!("joins task {id} \"db\"");
    assert_eq!(waits(&dump, "joins"), [(WaitKind::Join, text, Some(line + 2))]);
    assert_eq!(named(&dump, "db").joined_by, Some(named(&dump, "joins").id));
}

#[test]
fn a_join_set_waits_for_the_next_of_its_tasks() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let line = line!();
    drop(spawn("joins", async {
        let mut set = task::JoinSet::new();
        set.spawn(forgotten());
        set.spawn(forgotten());
        drop(set.join_next().await);
    }));
    settle(&rt);
    let text = "joins the next task of a set that ends".to_owned();
    assert_eq!(waits(&rt.dump(), "joins"), [(WaitKind::Join, text, Some(line + 5))]);
}

#[test]
fn the_waits_for_a_shutdown_are_told_apart() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let shutdown = Shutdown::new();
    let (first, second, _at_work) = (shutdown.clone(), shutdown.clone(), shutdown.guard());
    let line = line!();
    drop(spawn("requested", async move {
        first.requested().await;
    }));
    drop(spawn("drained", async move {
        second.drained().await;
    }));
    settle(&rt);
    let dump = rt.dump();
    let text = "awaits the request of a shutdown".to_owned();
    assert_eq!(waits(&dump, "requested"), [(WaitKind::Shutdown, text, Some(line + 2))]);
    let text = "awaits the end of a shutdown, with 1 at work".to_owned();
    assert_eq!(waits(&dump, "drained"), [(WaitKind::Shutdown, text, Some(line + 5))]);
}

#[test]
fn blocking_jobs_are_running_or_queued_and_the_tasks_that_await_them_say_so() {
    let rt = Builder::new().max_blocking_threads(1).build().unwrap();
    let _entered = rt.enter();
    let (release, blocked) = channel::<()>();
    let (begin, begun) = channel();
    let spawned = line!();
    let running = task::spawn_blocking(move || {
        begin.send(()).unwrap();
        let _ = blocked.recv();
    });
    let queued = task::spawn_blocking(|| ());
    let (running_id, queued_id) = (running.id(), queued.id());
    begun.recv().unwrap();
    let line = line!();
    drop(spawn("running", async move {
        drop(running.await);
    }));
    drop(spawn("queued", async move {
        drop(queued.await);
    }));
    settle(&rt);
    let dump = rt.dump();
    let text = format!("awaits blocking job {running_id}, which is running");
    assert_eq!(waits(&dump, "running"), [(WaitKind::Blocking, text, Some(line + 2))]);
    let text = format!("awaits blocking job {queued_id}, which is queued");
    assert_eq!(waits(&dump, "queued"), [(WaitKind::Blocking, text, Some(line + 5))]);
    let jobs = &dump.blocking.jobs;
    let told: Vec<_> = jobs.iter().map(|job| (job.spawned_at.line, job.is_running, job.awaited_by)).collect();
    let (first, second) = (named(&dump, "running").id, named(&dump, "queued").id);
    assert_eq!(told, [(spawned + 1, true, Some(first)), (spawned + 5, false, Some(second))]);
    assert_eq!((dump.blocking.threads, dump.blocking.max_threads), (1, 1));
    drop(release);
}

#[test]
fn a_task_that_waits_for_nothing_of_egrets_says_so_with_its_wakes() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let kept = Rc::new(RefCell::new(None));
    let theirs = kept.clone();
    drop(spawn("cloned", async move {
        poll_fn(|cx| {
            *theirs.borrow_mut() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await;
    }));
    drop(spawn("forgotten", forgotten()));
    settle(&rt);
    let text = |dump: &Dump, name| {
        let waits = waits(dump, name);
        assert_eq!((waits.len(), waits[0].0, waits[0].2), (1, WaitKind::Foreign, None));
        waits[0].1.clone()
    };
    let dump = rt.dump();
    assert_eq!(
        text(&dump, "cloned"),
        "waits for nothing of egret's: woken 0 times, its waker was cloned to something else"
    );
    assert_eq!(
        text(&dump, "forgotten"),
        "waits for nothing of egret's: woken 0 times, and its waker was never cloned: nothing can wake it"
    );
    kept.take().unwrap().wake();
    settle(&rt);
    assert_eq!(
        text(&rt.dump(), "cloned"),
        "waits for nothing of egret's: woken 1 time, its waker was cloned to something else"
    );
}
