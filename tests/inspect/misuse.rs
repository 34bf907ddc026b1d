//! Dumps from where one would not expect them, and of what is going away: the right answer or an error, never a panic.

use crate::support::{Loop, PATIENCE, forgotten, settle};
use egret::inspect::{Dump, LoopState};
use egret::runtime::{Handle, Runtime};
use egret::task;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Calls a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

type Dumps = Rc<RefCell<Vec<Dump>>>;

/// Keeps a dump of this thread's runtime.
fn keep(dumps: &Dumps) {
    let dump = Handle::current().dump().unwrap();
    dumps.borrow_mut().push(dump);
}

#[test]
fn a_dump_within_a_task_has_that_task_running() {
    let rt = Runtime::new().unwrap();
    rt.spawn(forgotten());
    let dump = rt.block_on(async { Handle::current().dump().unwrap() });
    assert_eq!(dump.runtime.state, LoopState::Answered);
    assert_eq!(dump.tasks.iter().map(|task| task.id == 0).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_dump_in_a_destructor_is_whole() {
    let rt = Runtime::new().unwrap();
    let dumps = Dumps::default();
    let (theirs, also_theirs) = (dumps.clone(), dumps.clone());
    let aborted = rt.spawn(async move {
        let _on_drop = OnDrop(|| keep(&theirs));
        forgotten().await
    });
    rt.spawn(async move {
        let _on_drop = OnDrop(|| keep(&also_theirs));
        forgotten().await
    });
    settle(&rt);
    rt.block_on(async { aborted.abort() });
    assert_eq!(dumps.borrow().len(), 1);
    drop(rt); // drops the other task, whose destructor dumps a runtime that is being dropped
    assert_eq!(dumps.borrow().len(), 2);
    for dump in dumps.take() {
        assert!(!dump.to_string().is_empty());
    }
}

/// A waker of another library, which dumps whenever it is touched.
struct Dumper {
    dumps: Mutex<Vec<Dump>>,
    handle: Handle,
}

impl Dumper {
    fn keep(&self) {
        self.dumps.lock().unwrap().extend(self.handle.dump().ok());
    }
}

impl Wake for Dumper {
    fn wake(self: Arc<Self>) {
        self.keep();
    }
}

impl Drop for Dumper {
    fn drop(&mut self) {
        let _ = self.handle.dump();
    }
}

#[test]
fn a_dump_in_a_waker_is_whole() {
    let rt = Runtime::new().unwrap();
    let dumper = Arc::new(Dumper { dumps: Mutex::default(), handle: rt.handle() });
    let waker = Waker::from(dumper.clone());
    let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    reader.set_nonblocking(true).unwrap();
    let mut stream = {
        let _entered = rt.enter();
        egret::net::UnixStream::from_std(reader).unwrap()
    };
    rt.block_on(async {
        let mut buf = [0; 1];
        let mut read = pin!(stream.read(&mut buf));
        let mut sleep = pin!(egret::time::sleep(Duration::from_millis(1)));
        let cx = &mut Context::from_waker(&waker);
        assert!(read.as_mut().poll(cx).is_pending());
        while sleep.as_mut().poll(cx).is_ready() {
            // It was due before the poll.
            sleep.as_mut().reset(egret::time::Instant::now() + Duration::from_millis(1));
        }
        std::io::Write::write_all(&mut &writer, b"x").unwrap();
        // The event and the timer wake the waker, from within the loop.
        let start = std::time::Instant::now();
        while dumper.dumps.lock().unwrap().len() < 2 && start.elapsed() < PATIENCE {
            task::yield_now().await;
        }
    });
    let dumps = std::mem::take(&mut *dumper.dumps.lock().unwrap());
    assert!(dumps.len() >= 2, "{}", dumps.len());
    assert!(dumps.iter().all(|dump| dump.tasks.len() == 1 && dump.sources.len() == 1));
}

#[test]
fn a_dump_of_a_runtime_that_is_gone_is_an_error() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle();
    drop(rt);
    let error = handle.dump().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is nothing to dump: the egret runtime of this handle is gone or is being dropped"
    );
    let next = Runtime::new().unwrap(); // which may have the number of the first
    assert!(handle.dump().is_err());
    drop(next);
}

#[test]
fn a_dump_of_a_runtime_that_is_being_dropped_by_another_thread_is_an_error() {
    let (begin, begun) = channel();
    let (release, released) = channel::<()>();
    let thread = std::thread::spawn(move || {
        let rt = Runtime::new().unwrap();
        let handle = rt.handle();
        let on_drop = OnDrop(move || {
            begin.send(handle.clone()).unwrap();
            let _ = released.recv_timeout(PATIENCE);
        });
        rt.spawn(async move {
            let _on_drop = on_drop;
            forgotten().await
        });
        drop(rt);
    });
    let handle: Handle = begun.recv_timeout(PATIENCE).unwrap();
    assert!(handle.dump().is_err());
    drop(release);
    thread.join().unwrap();
    assert!(handle.dump().is_err());
}

#[test]
fn a_runtime_that_ends_while_a_dump_waits_for_it_is_an_error_or_a_dump() {
    for _ in 0..100 {
        let (sender, handle) = channel();
        let thread = std::thread::spawn(move || {
            let rt = Runtime::new().unwrap();
            sender.send(rt.handle()).unwrap();
            rt.turn(Some(Duration::ZERO));
        });
        let handle: Handle = handle.recv_timeout(PATIENCE).unwrap();
        let dump = handle.dump();
        assert!(dump.is_err() || dump.is_ok_and(|dump| dump.tasks.is_empty()));
        thread.join().unwrap();
    }
}

#[test]
fn a_job_of_the_pool_dumps_its_own_runtime_and_a_task_that_of_another() {
    let other = Loop::start(|| ());
    let handle = other.handle.clone();
    egret::block_on(async {
        let dump = task::spawn_blocking(|| Handle::current().dump().unwrap()).await.unwrap();
        assert_eq!(dump.blocking.jobs.len(), 1);
        assert!(dump.blocking.jobs[0].is_running);
        let dump = handle.dump().unwrap(); // blocks this task for as long as the other loop takes
        assert_eq!(dump.tasks.len(), 0);
    });
}

#[test]
fn many_threads_may_dump_one_runtime_at_once() {
    let ours = Loop::start(|| drop(egret::spawn(forgotten())));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let handle = ours.handle.clone();
            std::thread::spawn(move || {
                for _ in 0..20 {
                    // On a busy machine the loop may not come to its turn in time.
                    let dump = handle.dump().unwrap();
                    assert!(dump.runtime.state != LoopState::Answered || dump.tasks.len() == 1);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_name_is_printed_so_that_it_cannot_draw_on_the_terminal() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    drop(task::Builder::new().name("a\x1b[2J\nb<script>").spawn(forgotten()));
    let dump = rt.dump();
    assert_eq!(dump.tasks[0].name.as_deref(), Some("a\x1b[2J\nb<script>"));
    assert!(dump.to_string().contains(r#"task "#) && dump.to_string().contains(r#""a\u{1b}[2J\nb<script>""#));
    assert!(!dump.to_string().contains('\x1b'));
}

#[test]
fn a_dump_changes_nothing_that_a_task_can_see() {
    let rt = Runtime::new().unwrap();
    let polls = Rc::new(RefCell::new(0));
    let theirs = polls.clone();
    rt.spawn(poll_fn(move |_| {
        *theirs.borrow_mut() += 1;
        Poll::<()>::Pending
    }));
    settle(&rt);
    let before = rt.metrics();
    for _ in 0..10 {
        assert_eq!(rt.dump().tasks.len(), 1);
    }
    assert_eq!((rt.metrics(), *polls.borrow()), (before, 1));
}
