//! Dumps on demand: of a runtime by its thread, and of a loop by any thread, also while the loop is stuck.
//!
//! - Another thread sends an errand. The loop runs it between two polls and answers with what it has [`Gathered`]; that
//!   thread asks for the addresses and makes the dump, so that the loop is held for the copy only. A second errand
//!   tells it which descriptors were the same until then.
//! - A loop that does not take the errand in time is described from outside. The errand stays in its mailbox and finds
//!   that it was given up. Exactly one side moves the state away from `WAITING`.
//! - Asking and waiting are two steps, so that several loops are asked before the first is waited for.
//! - On the thread of the loop no errand is sent: it would wait for itself.

use super::addresses::{Addresses, KeptAddresses};
use super::dump::{Dump, LoopView};
use super::gather::{Gathered, LoopPart};
use super::outside;
use super::snapshot::LoopSnapshot;
use crate::executor::{self, Executor};
use crate::runtime::{Handle, Runtime};
use crate::wake::remote;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How long a loop has to answer, unless it is seen to go on with other polls.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long a loop has that is busy with other polls.
const PATIENCE_WITH_BUSY: Duration = Duration::from_millis(90);

/// The loop has not taken the errand.
const WAITING: u8 = 0;
/// The loop has taken it: an answer comes.
const TAKEN: u8 = 1;
/// The other thread waits no longer.
const GIVEN_UP: u8 = 2;

impl Runtime {
    /// Returns a dump of the runtime: the waits and the counts of every task. With feature `inspect`.
    ///
    /// It may be called anywhere on the thread of the runtime: outside of it, in a task, in a destructor and in a
    /// waker. No task is polled for it.
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    /// use egret_runtime::time::{Duration, sleep};
    ///
    /// let rt = Runtime::new()?;
    /// let task = rt.spawn(sleep(Duration::from_secs(60)));
    /// rt.turn(Some(Duration::ZERO));
    /// let dump = rt.dump();
    /// assert_eq!(dump.tasks.len(), 1);
    /// assert_eq!(dump.tasks[0].waits[0].text, "sleeps");
    /// println!("{dump}");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn dump(&self) -> Dump {
        here(self.executor())
    }
}

impl Handle {
    /// [`Runtime::dump`] from any thread. With feature `inspect`.
    ///
    /// The loop copies its tables between two polls, and is woken for that if it sleeps. It is held for the copy:
    /// [`Dump::held_loop_ns`]. The addresses of descriptors are asked for on the calling thread; of one that is closed
    /// meanwhile the dump shows the number only.
    ///
    /// When the loop does not answer within 50 ms, or within 90 ms if it goes on with other polls, the result is `Ok`
    /// with less in it. The dump is then made from outside, says so in
    /// [`LoopView::state`](crate::inspect::LoopView::state), with the poll that the loop is in, and has no other
    /// tasks. A loop that does not answer is what a dump is most often asked for, so that it is described and not
    /// waited for; the limits keep the page of `inspect::serve` within 100 ms. For several loops see
    /// [`request_dump`](Handle::request_dump).
    ///
    /// It blocks the calling thread for that time: in a task of another runtime, call it in
    /// [`spawn_blocking`](crate::task::spawn_blocking). Inside the runtime itself it blocks for no time and waits for
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`DumpError`] when the runtime is gone or is being dropped.
    ///
    /// ```
    /// use egret_runtime::runtime::{Handle, Runtime};
    /// use egret_runtime::task::spawn_blocking;
    ///
    /// let rt = Runtime::new()?;
    /// let handle = rt.handle();
    /// let dump = rt.block_on(async { spawn_blocking(move || handle.dump()).await }).unwrap().unwrap();
    /// assert_eq!(dump.tasks[0].id, 0); // the future of `block_on`
    /// assert!(dump.tasks[0].waits[0].text.starts_with("awaits blocking job"));
    ///
    /// let handle = rt.handle();
    /// drop(rt);
    /// assert!(handle.dump().is_err());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn dump(&self) -> Result<Dump, DumpError> {
        self.request_dump()()
    }

    /// Asks for a [`dump`](Handle::dump) and returns a function that waits for it. With feature `inspect`.
    ///
    /// For the dumps of several loops: they are all asked before the first is waited for, so that any number of loops
    /// that do not answer take the time of one.
    ///
    /// # Errors
    ///
    /// The function returns those of [`dump`](Handle::dump).
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    ///
    /// let runtimes = [Runtime::new()?, Runtime::new()?, Runtime::new()?]; // which no thread turns
    /// let asked: Vec<_> = runtimes.iter().map(|rt| rt.handle().request_dump()).collect();
    /// for dump in asked {
    ///     println!("{}", dump().unwrap());
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use = "the loop was asked: the function waits for its answer"]
    pub fn request_dump(&self) -> impl FnOnce() -> Result<Dump, DumpError> + Send + use<> {
        let (start, handle) = (Instant::now(), self.clone());
        let made = self.own().map(|executor| here(&executor));
        let question = made.is_none().then(|| Question::ask(self, Gathered::of));
        move || {
            let Some(question) = question else { return made.ok_or(DumpError(())) };
            match handle.snapshot(question) {
                Ok(snapshot) => Ok(snapshot.into_dump(start)),
                Err(NoAnswer::Stuck) => outside::dump(&handle, start).ok_or(DumpError(())),
                Err(NoAnswer::Gone) => Err(DumpError(())),
            }
        }
    }

    /// Returns the part of a [`dump`](Handle::dump) that is about the loop itself: its counts and its thread, or the
    /// poll that it is stuck in. With feature `inspect`.
    ///
    /// Nothing is gathered of tasks, so that it costs the loop the same whatever their number: for a gauge that is read
    /// every second. For how long it blocks the calling thread is the same as with a dump.
    ///
    /// # Errors
    ///
    /// As [`dump`](Handle::dump).
    ///
    /// ```
    /// use egret_runtime::runtime::{Handle, Runtime};
    /// use egret_runtime::time::{Duration, sleep};
    ///
    /// let rt = Runtime::new()?;
    /// let task = rt.spawn(sleep(Duration::from_secs(60)));
    /// let counts = rt.block_on(async { Handle::current().dump_loop() }).unwrap().metrics.unwrap();
    /// assert_eq!(counts.tasks_alive, 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn dump_loop(&self) -> Result<LoopView, DumpError> {
        self.request_dump_loop()()
    }

    /// Asks for [`dump_loop`](Handle::dump_loop) and returns a function that waits for it, as
    /// [`request_dump`](Handle::request_dump) does. With feature `inspect`.
    ///
    /// # Errors
    ///
    /// The function returns those of [`dump`](Handle::dump).
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    ///
    /// let runtimes = [Runtime::new()?, Runtime::new()?];
    /// let asked: Vec<_> = runtimes.iter().map(|rt| rt.handle().request_dump_loop()).collect();
    /// for counts in asked {
    ///     assert!(counts().unwrap().metrics.is_none()); // no thread turns them
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use = "the loop was asked: the function waits for its answer"]
    pub fn request_dump_loop(&self) -> impl FnOnce() -> Result<LoopView, DumpError> + Send + use<> {
        let handle = self.clone();
        let own = self.own().map(|executor| LoopPart::of(&executor));
        let question = own.is_none().then(|| Question::ask(self, LoopPart::of));
        move || match question.map_or_else(|| own.ok_or(NoAnswer::Gone), Question::wait) {
            Ok(part) => Ok(part.view()),
            Err(NoAnswer::Stuck) => outside::view(&handle).ok_or(DumpError(())),
            Err(NoAnswer::Gone) => Err(DumpError(())),
        }
    }

    /// Returns the executor, on its own thread.
    fn own(&self) -> Option<Rc<Executor>> {
        executor::try_current().filter(|executor| executor.address() == self.address())
    }

    /// Waits for the copy of the loop, and asks for the addresses on this thread.
    fn snapshot(&self, question: Question<Gathered>) -> Result<LoopSnapshot, NoAnswer> {
        let mut gathered = question.wait()?;
        let kept = |sources: Vec<_>| {
            Question::ask(self, move |executor| KeptAddresses::of(executor, &sources)).wait()
        };
        let post = remote::post(self.address()).unwrap_or_default();
        let mut known = post.take_described();
        let addresses = Addresses::elsewhere(&mut gathered, &mut known, kept)?;
        post.keep_described(known);
        Ok(gathered.into_snapshot(addresses))
    }
}

/// A question that a loop was asked.
struct Question<T> {
    of: Handle,
    start: Instant,
    state: Arc<AtomicU8>,
    answered: Receiver<T>,
    /// The number of the poll that the loop was in.
    polls: Option<u64>,
}

impl<T: Send + 'static> Question<T> {
    /// Sends a question to the loop.
    fn ask(of: &Handle, question: impl FnOnce(&Executor) -> T + Send + 'static) -> Question<T> {
        let (of, start, state) = (of.clone(), Instant::now(), Arc::new(AtomicU8::new(WAITING)));
        let (answer, answered) = sync_channel(1);
        let polls = of.progress().map(|progress| progress.polls);
        let theirs = state.clone();
        let errand = move || {
            if take(&theirs, TAKEN) {
                let _ = answer.send(question(&executor::current())); // there is room for one
            }
        };
        remote::send(of.address(), Box::new(errand));
        Question { of, start, state, answered, polls }
    }

    /// Waits for the answer for so long as [`Handle::dump`] says.
    fn wait(self) -> Result<T, NoAnswer> {
        for patience in [PATIENCE, PATIENCE_WITH_BUSY] {
            match self.answered.recv_timeout(patience.saturating_sub(self.start.elapsed())) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(NoAnswer::Gone),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.of.progress().map(|progress| progress.polls) == self.polls {
                break;
            }
        }
        if take(&self.state, GIVEN_UP) {
            return Err(NoAnswer::Stuck);
        }
        // A question waits for nothing, so this is short.
        self.answered.recv().map_err(|_| NoAnswer::Gone)
    }
}

/// Why a loop has not answered.
enum NoAnswer {
    /// It has not come to its mailbox.
    Stuck,
    /// The runtime is gone or is being dropped.
    Gone,
}

/// Creates a dump on the thread of the loop, which does nothing else meanwhile.
fn here(executor: &Executor) -> Dump {
    let start = Instant::now();
    let mut gathered = Gathered::of(executor);
    let addresses = Addresses::here(&mut gathered);
    let mut dump = gathered.into_snapshot(addresses).into_dump(start);
    dump.held_loop_ns = dump.took_ns;
    dump
}

/// Moves the state away from `WAITING`, unless the other side has.
fn take(state: &AtomicU8, to: u8) -> bool {
    state.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

/// The error of [`Handle::dump`]: the runtime is gone or is being dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DumpError(());

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is nothing to dump: the egret runtime of this handle is gone or is being dropped")
    }
}

impl fmt::Debug for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DumpError")
    }
}

impl std::error::Error for DumpError {}
