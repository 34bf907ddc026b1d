//! The calls on an epoll instance, and the sleep of a loop that the simulation does not drive.

use super::super::file::Object;
use super::super::kernel::Kernel;
use super::super::plan::{Fault, nanoseconds};
use super::super::poll::{Poll, PollId};
use super::super::trace::Outcome;
use super::super::unsupported;
use super::World;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

impl World {
    pub(crate) fn poll_open(&self) -> PollId {
        self.ask(|kernel| {
            kernel.polls.push(Some(Poll::default()));
            let poll = kernel.polls.len() - 1;
            if let Some(program) = kernel.current {
                kernel.program(program).poll = Some(poll);
            }
            poll
        })
    }

    pub(crate) fn poll_close(&self, poll: PollId) {
        self.ask(|kernel| {
            let Some(gone) = kernel.polls[poll].take() else { return };
            for (at, watch) in &gone.watches {
                if kernel.file(watch.file).is_some() {
                    kernel.watched_by(watch.file).retain(|place| *place != (poll, at));
                }
            }
        });
    }

    /// Registers the eventfd of a loop, which is a real one.
    pub(crate) fn poll_add_eventfd(
        &self,
        poll: PollId,
        fd: BorrowedFd<'_>,
        events: u32,
        token: u64,
    ) -> io::Result<()> {
        // A later loop may get the number of an earlier one, depending on other threads of the process: use a new file
        // each time, so that the trace does not depend on it.
        self.ask(|kernel| {
            let eventfd = kernel.open(Object::LoopEventfd { notified: false });
            kernel.name(eventfd, fd.as_raw_fd());
        });
        self.poll_add(poll, fd, events, token)
    }

    pub(crate) fn poll_add(
        &self,
        poll: PollId,
        fd: BorrowedFd<'_>,
        events: u32,
        token: u64,
    ) -> io::Result<()> {
        let number = fd.as_raw_fd();
        let Ok(file) = self.ask(|kernel| kernel.file_of(number)) else {
            return Err(unsupported(&format!("descriptor {number} is a real one, and to wait for it")));
        };
        self.call(
            "epoll add",
            Some(file),
            |kernel| kernel.poll_add(poll, number, events, token),
            |()| Outcome::Done,
        )
    }

    pub(crate) fn poll_delete(&self, poll: PollId, number: RawFd) -> io::Result<()> {
        let file = self.ask(|kernel| kernel.file_of(number)).ok();
        self.call("epoll delete", file, |kernel| kernel.poll_delete(poll, number), |()| Outcome::Done)
    }

    /// `epoll_wait`. A loop driven by the simulation has slept before this call. Otherwise (a test calls `block_on`
    /// itself) it sleeps here, and events happen meanwhile.
    pub(crate) fn poll_wait(
        &self,
        poll: PollId,
        most: usize,
        timeout: Option<Duration>,
    ) -> io::Result<Vec<(u64, u32)>> {
        if timeout != Some(Duration::ZERO) {
            self.sleep_in_place(poll, timeout);
        }
        let take = |kernel: &mut Kernel| {
            if kernel.fault(Fault::Interrupt) { Ok(Vec::new()) } else { Ok(kernel.poll_take(poll, most)) }
        };
        self.call("epoll_wait", None, take, |events| Outcome::Value(events.len() as u64))
    }

    fn sleep_in_place(&self, poll: PollId, timeout: Option<Duration>) {
        let until = self.ask(|kernel| {
            let host = kernel.here().expect("a program waits");
            let host = &kernel.hosts[usize::from(host)];
            timeout.map(|timeout| host.deadline(kernel.now, nanoseconds(timeout)))
        });
        while !self.ask(|kernel| kernel.has_events(poll)) {
            let next = self.next_time().into_iter().chain(until).min();
            let Some(next) = next else {
                panic!(
                    "this loop waits for ever: nothing is going to happen in the simulation, and it has no deadline"
                )
            };
            self.ask(|kernel| kernel.advance(next));
            self.run_threads_in_place();
            if until.is_some_and(|until| until <= next) {
                return;
            }
        }
    }

    /// Runs threads that are due while a loop sleeps in `epoll_wait`.
    fn run_threads_in_place(&self) {
        while let Some(thread) = self.due_thread() {
            (thread.run)();
        }
    }
}
