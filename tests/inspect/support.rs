//! Shared by the tests of dumps.

#[path = "../../runtime/tests/support/descriptors_at_exit.rs"]
mod descriptors_at_exit;

use egret::inspect::{Dump, TaskView};
use egret::runtime::Runtime;
pub use egret::test::settle;
use std::future::poll_fn;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

/// The time after which a wait counts as one without an end.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The task with this name.
pub fn named<'a>(dump: &'a Dump, name: &str) -> &'a TaskView {
    let task = dump.tasks.iter().find(|task| task.name.as_deref() == Some(name));
    task.unwrap_or_else(|| panic!("no task is named {name}:\n{dump}"))
}

/// Never done, and nothing has its waker.
pub async fn forgotten() {
    poll_fn(|_| Poll::<()>::Pending).await
}

/// A thread with a runtime, which it turns until the end of the test.
pub struct Loop<T> {
    pub handle: egret::runtime::Handle,
    pub first: T,
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Loop<T> {
    /// Starts the thread. `start` is called on it, within the runtime; the runtime turns until this is dropped.
    pub fn start(start: impl FnOnce() -> T + Send + 'static) -> Loop<T> {
        let (sender, started) = channel();
        let (end, ended) = channel();
        let thread = std::thread::Builder::new().name("the loop".to_owned()).spawn(move || {
            let rt = Runtime::new().unwrap();
            let first = {
                let _entered = rt.enter();
                start()
            };
            sender.send((rt.handle(), first)).unwrap();
            run(&rt, &ended);
        });
        let (handle, first) = started.recv_timeout(PATIENCE).unwrap();
        Loop { handle, first, end: Some(end), thread: Some(thread.unwrap()) }
    }
}

/// Turns the loop until the other end of the channel is dropped.
fn run(rt: &Runtime, ended: &Receiver<()>) {
    while ended.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
        rt.turn(Some(Duration::from_millis(20)));
    }
}

impl<T> Drop for Loop<T> {
    fn drop(&mut self) {
        drop(self.end.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}
