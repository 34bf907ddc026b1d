//! The steps of a [`Script`](super::Script), and how far the other end is.
//!
//! [`Steps::go_on`] carries out what the other end does by itself: it moves what it sends to `arrived`, and lets the
//! time of a wait pass. It stops at a step that is the program's: a write, or the end of its direction. A poll goes on
//! first, and again after such a step.
//!
//! A poll that changes what the other direction waits for wakes it. Each direction has its own sleep during a wait, so
//! neither depends on the other being polled again.

use crate::test::excerpt;
use crate::time::{Instant, Sleep, sleep_until};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(super) enum Step {
    Read(Vec<u8>),
    Eof,
    ReadError(io::Error),
    Write(Vec<u8>),
    Shutdown,
    WriteError(io::Error),
    Wait(Duration),
}

/// A step with its number, from 1, and where the test added it.
pub(super) struct Numbered {
    step: Step,
    number: usize,
    at: &'static Location<'static>,
}

/// A direction, as the program sees it.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Read,
    Write,
}

#[derive(Default)]
struct StepWait {
    waker: Option<Waker>,
    sleep: Option<Pin<Box<Sleep>>>,
}

pub(super) struct Steps {
    left: VecDeque<Numbered>,
    /// Sent, and not read: `Read`, `Eof` and `ReadError`. An `Eof` that was read stays.
    arrived: VecDeque<Numbered>,
    /// How many bytes of the first step are done: of `left` for a write, of `arrived` for a read.
    written: usize,
    read: usize,
    count: usize,
    /// When the wait at the front ends.
    until: Option<Instant>,
    /// When the wait before the current step has ended: where the next one starts.
    since: Option<Instant>,
    sides: [StepWait; 2],
    /// More steps may come.
    is_open: bool,
    eof_added: bool,
    eof_read: bool,
    shutdown_added: bool,
    is_shut: bool,
    /// A failure was reported.
    has_failed: bool,
}

impl Steps {
    pub(super) fn new() -> Steps {
        Steps {
            left: VecDeque::new(),
            arrived: VecDeque::new(),
            written: 0,
            read: 0,
            count: 0,
            until: None,
            since: None,
            sides: Default::default(),
            is_open: true,
            eof_added: false,
            eof_read: false,
            shutdown_added: false,
            is_shut: false,
            has_failed: false,
        }
    }

    /// Adds a step, and returns whom to wake.
    #[track_caller]
    pub(super) fn push(&mut self, step: Step, at: &'static Location<'static>) -> [Option<Waker>; 2] {
        match step {
            Step::Read(_) | Step::Eof | Step::ReadError(_) => {
                assert!(!self.eof_added, "nothing is read after eof");
                self.eof_added = matches!(step, Step::Eof);
            }
            Step::Write(_) | Step::Shutdown | Step::WriteError(_) => {
                assert!(!self.shutdown_added, "nothing is written after shutdown");
                self.shutdown_added = matches!(step, Step::Shutdown);
            }
            Step::Wait(_) => {}
        }
        self.count += 1;
        self.left.push_back(Numbered { step, number: self.count, at });
        self.take_wakers()
    }

    /// No more steps will come. Returns whom to wake.
    pub(super) fn close(&mut self) -> [Option<Waker>; 2] {
        self.is_open = false;
        self.take_wakers()
    }

    fn take_wakers(&mut self) -> [Option<Waker>; 2] {
        [self.sides[0].waker.take(), self.sides[1].waker.take()]
    }

    /// Carries out the steps that need nothing of the program, for a poll of `side`.
    fn go_on(&mut self, cx: &mut Context<'_>, side: Side) {
        while let Some(Numbered { step, .. }) = self.left.front() {
            match step {
                Step::Read(_) | Step::Eof | Step::ReadError(_) => {
                    self.arrived.extend(self.left.pop_front());
                    if let Side::Write = side {
                        self.wake(Side::Read);
                    }
                }
                Step::Wait(duration) => {
                    let mut start = || self.since.take().unwrap_or_else(Instant::now);
                    let until = *self.until.get_or_insert_with(|| start() + *duration);
                    let sleep = &mut self.sides[side as usize].sleep;
                    let sleep = sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
                    if sleep.as_mut().poll(cx).is_pending() {
                        return;
                    }
                    (self.since, self.until) = (Some(until), None);
                    self.sides.iter_mut().for_each(|side| side.sleep = None);
                    self.left.pop_front();
                    self.wake(match side {
                        Side::Read => Side::Write,
                        Side::Write => Side::Read,
                    });
                }
                Step::Write(_) | Step::Shutdown | Step::WriteError(_) => break,
            }
        }
        self.since = None;
    }

    fn wake(&mut self, side: Side) {
        self.sides[side as usize].waker.take().into_iter().for_each(Waker::wake);
    }

    fn wait<T>(&mut self, cx: &mut Context<'_>, side: Side) -> Poll<T> {
        self.sides[side as usize].waker = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.eof_read || buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.go_on(cx, Side::Read);
        match self.arrived.front().map(|arrived| &arrived.step) {
            Some(Step::Read(bytes)) => {
                let rest = &bytes[self.read..];
                let n = rest.len().min(buf.len());
                buf[..n].copy_from_slice(&rest[..n]);
                let is_done = n == rest.len();
                self.read = if is_done { 0 } else { self.read + n };
                if is_done {
                    self.arrived.pop_front();
                }
                Poll::Ready(Ok(n))
            }
            Some(Step::ReadError(_)) => match self.arrived.pop_front().map(|arrived| arrived.step) {
                Some(Step::ReadError(error)) => Poll::Ready(Err(error)),
                _ => unreachable!("it is the front"),
            },
            Some(_) => {
                self.eof_read = true;
                self.arrived.pop_front();
                Poll::Ready(Ok(0))
            }
            None if self.left.is_empty() && !self.is_open => Poll::Ready(Ok(0)),
            None => self.wait(cx, Side::Read),
        }
    }

    #[track_caller]
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.go_on(cx, Side::Write);
        let Some(Numbered { step, .. }) = self.left.front() else {
            if self.is_open {
                return self.wait(cx, Side::Write);
            }
            let came = excerpt(buf, 0);
            let count = self.count;
            self.fail(format_args!("its script of {count} steps is over, and the program writes {came}"));
        };
        match step {
            Step::Write(bytes) => {
                let rest = &bytes[self.written..];
                let n = rest.len().min(buf.len());
                if let Some(at) = (0..n).find(|&at| rest[at] != buf[at]) {
                    let (expected, came) = (excerpt(rest, at), excerpt(buf, at));
                    let message = format!("byte {at} is another\n expected {expected}\n      got {came}");
                    self.fail_at_front(&message);
                }
                self.written += n;
                if n == rest.len() {
                    self.written = 0;
                    self.left.pop_front();
                    self.go_on(cx, Side::Write);
                }
                Poll::Ready(Ok(n))
            }
            Step::WriteError(_) => Poll::Ready(Err(self.take_write_error(cx))),
            Step::Shutdown => self.fail_at_front(&format!(
                "the program is to end its direction, and writes {}",
                excerpt(buf, 0)
            )),
            _ => self.wait(cx, Side::Write),
        }
    }

    #[track_caller]
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_shut {
            return Poll::Ready(Ok(()));
        }
        self.go_on(cx, Side::Write);
        let next = self
            .left
            .iter()
            .find(|next| !matches!(next.step, Step::Read(_) | Step::Eof | Step::ReadError(_)));
        match next.map(|next| &next.step) {
            Some(Step::Write(bytes)) => {
                let expected = excerpt(&bytes[self.written..], 0);
                self.fail_at_front(&format!(
                    "the program ends its direction\n expected a write of {expected}"
                ));
            }
            Some(Step::WriteError(_)) => return Poll::Ready(Err(self.take_write_error(cx))),
            Some(Step::Wait(_)) if !self.writes_are_over() => return self.wait(cx, Side::Write),
            Some(Step::Shutdown) => {
                self.left.pop_front();
                self.go_on(cx, Side::Write);
            }
            _ => {}
        }
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }

    fn writes_are_over(&self) -> bool {
        !self
            .left
            .iter()
            .any(|next| matches!(next.step, Step::Write(_) | Step::Shutdown | Step::WriteError(_)))
    }

    fn take_write_error(&mut self, cx: &mut Context<'_>) -> io::Error {
        let Some(Numbered { step: Step::WriteError(error), .. }) = self.left.pop_front() else {
            unreachable!("it is the front");
        };
        self.go_on(cx, Side::Write);
        error
    }

    /// Panics with the step at the front.
    #[track_caller]
    fn fail_at_front(&mut self, problem: &str) -> ! {
        let (name, count) = (self.left[0].to_string(), self.count);
        self.fail(format_args!("{name} of {count}: {problem}"));
    }

    #[track_caller]
    fn fail(&mut self, message: std::fmt::Arguments<'_>) -> ! {
        self.has_failed = true;
        panic!("a scripted stream: {message}");
    }

    /// Returns the steps that are not done, with a line for each. A wait alone is nothing that the program has to do.
    pub(super) fn left(&self) -> Vec<String> {
        let unread =
            self.arrived.iter().enumerate().map(|(i, step)| step.rest(if i == 0 { self.read } else { 0 }));
        let last = self.left.iter().rposition(|step| !matches!(step.step, Step::Wait(_)));
        let left = self.left.iter().take(last.map_or(0, |last| last + 1)).enumerate();
        unread.chain(left.map(|(i, step)| step.rest(if i == 0 { self.written } else { 0 }))).collect()
    }

    /// For the drop of the stream: panics when something is left, and nothing was reported before.
    #[track_caller]
    pub(super) fn finish(&mut self) {
        let left = self.left();
        if !left.is_empty() && !self.has_failed && !std::thread::panicking() {
            let (n, all) = (left.len(), self.count);
            self.fail(format_args!("dropped with {n} of {all} steps not done:\n  {}", left.join("\n  ")));
        }
    }
}

impl Numbered {
    /// Returns the step, with what is left of it after `done` bytes.
    fn rest(&self, done: usize) -> String {
        let what = match &self.step {
            Step::Read(bytes) => format!("{} was not read", excerpt(&bytes[done..], 0)),
            Step::Eof => "the end of the stream was not read".to_owned(),
            Step::ReadError(error) => format!("\"{error}\" was not read"),
            Step::Write(bytes) => format!("{} was not written", excerpt(&bytes[done..], 0)),
            Step::Shutdown => "the program has not ended its direction".to_owned(),
            Step::WriteError(error) => format!("no write got \"{error}\""),
            Step::Wait(duration) => format!("{duration:?}"),
        };
        format!("{self}: {what}")
    }
}

impl std::fmt::Display for Numbered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.step {
            Step::Read(_) => "read",
            Step::Eof => "eof",
            Step::ReadError(_) => "read_error",
            Step::Write(_) => "write",
            Step::Shutdown => "shutdown",
            Step::WriteError(_) => "write_error",
            Step::Wait(_) => "wait",
        };
        write!(f, "step {} ({name}, {})", self.number, self.at)
    }
}
