//! Watches: the registrations of a simulated epoll instance, and the edges that it reports.
//!
//! The rules are Linux's, for `EPOLLET`:
//! * An object that changes calls [`Kernel::notify`] with the bits of the change. It queues each watch that asked for
//!   one of them; 0 queues all.
//! * A wait takes the queue, reads the full state of each object at that moment, and reports the requested bits. A
//!   watch with nothing to report is dropped silently.
//! * A report does not queue a watch again.

use super::file::Object;
use super::kernel::{FileId, Kernel};
use super::plan::{EdgePolicy, Fault};
use super::trace::Outcome;
use crate::sys::mask;
use slab::Slab;
use std::collections::VecDeque;
use std::os::fd::RawFd;

/// An epoll instance, by its index in [`Kernel::polls`].
pub(super) type PollId = usize;

/// The epoll instance of a loop.
#[derive(Default)]
pub(super) struct Poll {
    pub(super) watches: Slab<SimWatch>,
    /// Indices of watches with something to report, in order of occurrence.
    ready: VecDeque<usize>,
    /// The tokens of deleted watches.
    over: Vec<u64>,
    /// Reported events, without those of a loop's eventfd; and how many of them were stale.
    pub(super) reported: u64,
    pub(super) reported_stale: u64,
}

/// One registration.
pub(super) struct SimWatch {
    /// The number under which the descriptor was registered. It may have been closed and reused for another file
    /// since, while a duplicate keeps this file open.
    pub(super) number: RawFd,
    pub(super) file: FileId,
    mask: u32,
    pub(super) token: u64,
    queued: bool,
    /// For [`EdgePolicy::Minimal`]: the reader or writer got `EAGAIN` or a short result, and no edge since.
    reader_waits: bool,
    writer_waits: bool,
}

/// Always reported.
const ALWAYS: u32 = mask::ERR | mask::HUP;

impl Kernel {
    pub(super) fn poll_add(
        &mut self,
        poll: PollId,
        number: RawFd,
        events: u32,
        token: u64,
    ) -> Result<(), i32> {
        let file = self.file_of(number)?;
        if self.watch_of(poll, number, file).is_some() {
            return Err(libc::EEXIST);
        }
        // A program that cannot start is not a useful scenario.
        if !self.is_loop_eventfd(file) && self.fault(Fault::NoMemory) {
            return Err(libc::ENOMEM);
        }
        let watch = SimWatch {
            number,
            file,
            mask: events,
            token,
            queued: false,
            reader_waits: true,
            writer_waits: true,
        };
        let Some(entry) = self.polls[poll].as_mut() else { return Err(libc::EBADF) };
        let at = entry.watches.insert(watch);
        self.watched_by(file).push((poll, at));
        if self.poll_state(file) & (events | ALWAYS) != 0 {
            self.queue(poll, at);
        }
        Ok(())
    }

    pub(super) fn poll_delete(&mut self, poll: PollId, number: RawFd) -> Result<(), i32> {
        let file = self.file_of(number)?;
        let at = self.watch_of(poll, number, file).ok_or(libc::ENOENT)?;
        self.forget(poll, at);
        self.watched_by(file).retain(|watch| *watch != (poll, at));
        Ok(())
    }

    /// Ends a watch that was deleted, or whose file is closed.
    pub(super) fn forget(&mut self, poll: PollId, at: usize) {
        if let Some(poll) = &mut self.polls[poll] {
            let gone = poll.watches.remove(at);
            poll.over.push(gone.token);
            poll.ready.retain(|ready| *ready != at);
        }
    }

    fn watch_of(&mut self, poll: PollId, number: RawFd, file: FileId) -> Option<usize> {
        let watches = std::mem::take(self.watched_by(file));
        let named = |at: usize| self.polls[poll].as_ref().is_some_and(|p| p.watches[at].number == number);
        let found = watches.iter().find(|(in_poll, at)| *in_poll == poll && named(*at)).map(|(_, at)| *at);
        *self.watched_by(file) = watches;
        found
    }

    /// Notifies the watches of `file` of a change of the bits of `key`; 0 means all.
    pub(super) fn notify(&mut self, file: FileId, key: u32) {
        if self.files.get(file as usize).is_none_or(Option::is_none) {
            return;
        }
        if let Some(entry) = &mut self.files[file as usize] {
            entry.refused = 0;
        }
        let watches = std::mem::take(self.watched_by(file));
        for &(poll, at) in &watches {
            let minimal = self.plan.edges == EdgePolicy::Minimal;
            let Some(watch) = self.polls[poll].as_mut().map(|poll| &mut poll.watches[at]) else { continue };
            let asked_for = key == 0 || key & (watch.mask | ALWAYS) != 0;
            let awaited = match key {
                mask::IN => watch.reader_waits,
                mask::OUT => watch.writer_waits,
                _ => true,
            };
            if !asked_for || minimal && !awaited {
                continue;
            }
            self.queue(poll, at);
        }
        *self.watched_by(file) = watches;
    }

    /// A read (`IN`) or a write (`OUT`) was short or got `EAGAIN`.
    pub(super) fn came_back_short(&mut self, file: FileId, direction: u32) {
        let watches = std::mem::take(self.watched_by(file));
        for &(poll, at) in &watches {
            let Some(watch) = self.polls[poll].as_mut().map(|poll| &mut poll.watches[at]) else { continue };
            match direction {
                mask::IN => watch.reader_waits = true,
                _ => watch.writer_waits = true,
            }
        }
        *self.watched_by(file) = watches;
    }

    fn queue(&mut self, poll: PollId, at: usize) {
        let Some(poll) = &mut self.polls[poll] else { return };
        if !std::mem::replace(&mut poll.watches[at].queued, true) {
            poll.ready.push_back(at);
        }
    }

    /// Returns whether a wait would report something.
    pub(super) fn has_events(&self, poll: PollId) -> bool {
        let Some(poll) = &self.polls[poll] else { return false };
        let speaks = |at: &usize| {
            let watch = &poll.watches[*at];
            self.state(watch.file) & (watch.mask | ALWAYS) != 0
        };
        poll.ready.iter().any(speaks)
    }

    /// Returns whether `poll` will report a bit of `direction` for the watch of `file` with this token.
    pub(super) fn edge_is_pending(&self, poll: PollId, file: FileId, token: u64, direction: u32) -> bool {
        let (Some(entry), Some(watched)) = (&self.polls[poll], self.file(file)) else { return false };
        let has_room_to_report = match &watched.object {
            Object::Tcp(tcp) => direction & mask::OUT != 0 && tcp.has_room_to_report(),
            _ => false,
        };
        watched.watches.iter().filter(|(in_poll, _)| *in_poll == poll).any(|(_, at)| {
            let watch = &entry.watches[*at];
            let is_reported = watch.queued && self.state(file) & direction & (watch.mask | ALWAYS) != 0;
            watch.token == token && (is_reported || has_room_to_report)
        })
    }

    /// Takes up to `most` events.
    pub(super) fn poll_take(&mut self, poll: PollId, most: usize) -> Vec<(u64, u32)> {
        let Some(entry) = &mut self.polls[poll] else { return Vec::new() };
        let mut ready = Vec::from(std::mem::take(&mut entry.ready));
        if ready.len() > 1 && self.fault(Fault::EventOrder) {
            for last in (1..ready.len()).rev() {
                let other = self.dice(Fault::EventOrder).below(last + 1);
                ready.swap(last, other);
            }
        }
        let mut most = most;
        if ready.len() > 1 && self.fault(Fault::SplitBatch) {
            most = most.min(1 + self.dice(Fault::SplitBatch).below(ready.len() - 1));
        }
        let mut events = Vec::new();
        for at in ready {
            let (file, asked) = match &mut self.polls[poll] {
                Some(poll) if events.len() < most => {
                    let watch = &mut poll.watches[at];
                    watch.queued = false;
                    (watch.file, watch.mask)
                }
                Some(poll) => {
                    poll.ready.push_back(at);
                    continue;
                }
                None => break,
            };
            let state = self.poll_state(file) & (asked | ALWAYS);
            if state != 0 {
                events.push(self.report(poll, at, state));
                let again = self.plan.edges == EdgePolicy::Noisy && self.choices.chance(250_000);
                if again {
                    self.queue(poll, at);
                }
            }
        }
        if events.len() < most && self.fault(Fault::SpuriousEdge) {
            events.extend(self.spurious(poll));
        }
        if events.len() < most && self.fault(Fault::StaleEdge) {
            events.extend(self.stale(poll));
        }
        events
    }

    /// Returns an event without a cause, for a descriptor that has nothing queued.
    fn spurious(&mut self, poll: PollId) -> Option<(u64, u32)> {
        let quiet = |(at, watch): (usize, &SimWatch)| {
            (!watch.queued && !self.is_loop_eventfd(watch.file)).then_some(at)
        };
        let quiet: Vec<_> = self.polls[poll].as_ref()?.watches.iter().filter_map(quiet).collect();
        let at = *quiet.get(self.dice(Fault::SpuriousEdge).below(quiet.len()))?;
        let (read, write, end) = (mask::IN, mask::OUT, mask::RDHUP | mask::HUP);
        let claims = [read, write, read | write, read | end, write | end];
        // No kernel was seen to report both directions shut when they are not.
        let choices = if self.plan.edges == EdgePolicy::Noisy { claims.len() } else { 3 };
        let claim = claims[self.dice(Fault::SpuriousEdge).below(choices)];
        let watch = &self.polls[poll].as_ref()?.watches[at];
        let state = (self.state(watch.file) | claim) & (watch.mask | ALWAYS);
        Some(self.report(poll, at, state))
    }

    /// Returns an event of a deleted registration.
    fn stale(&mut self, poll: PollId) -> Option<(u64, u32)> {
        let count = self.polls[poll].as_ref()?.over.len();
        let choice = self.dice(Fault::StaleEdge).below(count);
        let entry = self.polls[poll].as_mut()?;
        let token = *entry.over.get(choice)?;
        entry.reported += 1;
        entry.reported_stale += 1;
        self.note("stale edge", None, Outcome::Value(token));
        Some((token, mask::IN | mask::OUT | mask::HUP))
    }

    fn report(&mut self, poll: PollId, at: usize, state: u32) -> (u64, u32) {
        let watch = &mut self.polls[poll].as_mut().expect("an epoll instance that is waited for").watches[at];
        watch.reader_waits &= state & mask::IN == 0;
        watch.writer_waits &= state & mask::OUT == 0;
        let (file, token) = (watch.file, watch.token);
        if !self.is_loop_eventfd(file) {
            self.polls[poll].as_mut().expect("as above").reported += 1;
        }
        self.note("edge", Some(file), Outcome::Mask(state));
        (token, state)
    }
}

/// Returns the bits of a mask, by name.
pub(crate) fn names(mask: u32) -> String {
    let all = [
        (mask::IN, "IN"),
        (mask::PRI, "PRI"),
        (mask::OUT, "OUT"),
        (mask::ERR, "ERR"),
        (mask::HUP, "HUP"),
        (mask::RDHUP, "RDHUP"),
    ];
    let set: Vec<_> = all.into_iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| name).collect();
    if set.is_empty() { "nothing".to_owned() } else { set.join("|") }
}
