//! Timeouts for the client. Every wait has one, and most cost only a few stores and
//! a clock reading: moving a deadline later touches no timer.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use egret::task::unconstrained;
use egret::time::{Duration, Instant, Sleep, sleep};

/// In a body, and when answers are slow to be taken, so many bytes count as progress. A single one
/// would let a client hold its connection for a day with a few kilobytes.
const PROGRESS: usize = 8 * 1024;

#[derive(Clone, Copy)]
pub struct Limits {
    /// For a whole request line and header, from the first byte or, before the first request, from the
    /// opening of the connection. Bytes do not extend it.
    pub header: Duration,
    /// For the first byte of another request.
    pub idle: Duration,
    /// For `PROGRESS` bytes of a body, or its end.
    pub body: Duration,
    /// For `PROGRESS` bytes of the answers to be taken, when the kernel has no room for more. A steady client takes them in
    /// the steps in which its kernel opens the window, 96 KiB on Linux, so this must be long enough for one.
    pub write: Duration,
    /// For the client to close, after the server has shut down its writing side.
    pub linger: Duration,
    /// Between the signal and the shutdown request: `/health` answers 503, and all else goes on, so that a balancer
    /// sends no new clients.
    pub notice: Duration,
    /// For a request that is on its way at the shutdown request: about a round trip.
    pub last_call: Duration,
    /// For everything that is under way at that time.
    pub drain: Duration,
}

impl Limits {
    pub const DEFAULT: Limits = Limits {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        body: Duration::from_secs(10),
        write: Duration::from_secs(60),
        linger: Duration::from_secs(2),
        notice: Duration::ZERO,
        last_call: Duration::from_millis(100),
        drain: Duration::from_secs(10),
    };

    /// Changes those that are named, as in `header=10000,idle=60000`, to so many milliseconds.
    pub fn change(&mut self, changes: &str) -> Option<()> {
        for change in changes.split(',') {
            let (name, milliseconds) = change.split_once('=')?;
            let limit = match name {
                "header" => &mut self.header,
                "idle" => &mut self.idle,
                "body" => &mut self.body,
                "write" => &mut self.write,
                "linger" => &mut self.linger,
                "notice" => &mut self.notice,
                "last_call" => &mut self.last_call,
                "drain" => &mut self.drain,
                _ => return None,
            };
            *limit = Duration::from_millis(milliseconds.parse::<u32>().ok()?.into());
        }
        Some(())
    }
}

/// What the client has to send next.
#[derive(Clone, Copy, PartialEq)]
pub enum Awaited {
    FirstRequest,
    AnotherRequest,
    /// A request after the shutdown request.
    LastRequest,
    RestOfHeader,
    Body,
    /// Its end of file.
    End,
    /// Not to send but to take: room for more of the answers.
    Room,
}

pub struct Patience<'a> {
    limits: &'a Limits,
    awaited: Awaited,
    /// The time begins to run at the next wait.
    is_new: bool,
    /// Bytes that came since it ran.
    progress: usize,
    deadline: Instant,
    /// Set whenever it is not over, for the deadline or an earlier one that it was set for before.
    timer: Sleep,
}

impl<'a> Patience<'a> {
    pub fn new(limits: &'a Limits, awaited: Awaited) -> Patience<'a> {
        let (timer, deadline) = (sleep(Duration::ZERO), Instant::now());
        Patience { limits, awaited, is_new: true, progress: 0, deadline, timer }
    }

    /// Gives the client new time, for this.
    pub fn await_next(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        self.is_new = true;
        self.progress = 0;
    }

    /// So many bytes of what is awaited have come.
    pub fn on_bytes(&mut self, count: usize) {
        match self.awaited {
            Awaited::AnotherRequest | Awaited::LastRequest => self.await_next(Awaited::RestOfHeader),
            Awaited::Body | Awaited::Room => {
                self.progress += count;
                if self.progress >= PROGRESS {
                    self.await_next(self.awaited);
                }
            }
            Awaited::FirstRequest | Awaited::RestOfHeader | Awaited::End => {}
        }
    }

    /// Whether no request has begun.
    pub fn is_idle(&self) -> bool {
        matches!(self.awaited, Awaited::FirstRequest | Awaited::AnotherRequest)
    }

    /// Waits until the time is over.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = Pin::new(&mut self.timer);
        if self.is_new {
            self.is_new = false;
            let limit = match self.awaited {
                Awaited::FirstRequest | Awaited::RestOfHeader => self.limits.header,
                Awaited::AnotherRequest => self.limits.idle,
                Awaited::LastRequest => self.limits.last_call,
                Awaited::Body => self.limits.body,
                Awaited::End => self.limits.linger,
                Awaited::Room => self.limits.write,
            };
            let now = Instant::now();
            self.deadline = now + limit;
            if now < timer.deadline() && timer.deadline() <= self.deadline {
                return Poll::Pending;
            }
            timer.as_mut().reset(self.deadline);
        }
        // Unconstrained, for a timer that was not set because the task has to let others run is one of
        // which that could not be said above.
        while pin!(unconstrained(timer.as_mut())).poll(cx).is_ready() {
            if timer.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }
}
