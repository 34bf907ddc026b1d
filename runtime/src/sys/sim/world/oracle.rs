//! Queries of the oracles and the tests. They change nothing.

use super::super::drawing::TraceMark;
use super::super::file::Object;
use super::super::plan::Fault;
use super::super::poll::PollId;
use super::super::program::{ProgramId, told};
use super::super::trace::{Outcome, SimTrace};
use super::{Sighting, World};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::Arc;

impl World {
    /// Returns the state that the kernel holds of a descriptor, and whether an edge of `direction` is pending for the
    /// registration with this token.
    pub(crate) fn holds(
        &self,
        poll: PollId,
        number: RawFd,
        token: u64,
        direction: u32,
    ) -> Option<(u32, bool)> {
        self.ask(|kernel| {
            let file = kernel.file_of(number).ok()?;
            if matches!(kernel.file(file)?.object, Object::Alarm) {
                return None;
            }
            Some((kernel.state(file), kernel.edge_is_pending(poll, file, token, direction)))
        })
    }

    /// Returns the file behind a descriptor, as text.
    pub(crate) fn describe(&self, number: RawFd) -> String {
        self.ask(|kernel| kernel.file_of(number).map_or("no file".to_owned(), |file| kernel.describe(file)))
    }

    /// Returns how much data each open file of `program` has untaken.
    pub(crate) fn unread(&self, program: ProgramId) -> Vec<String> {
        self.ask(|kernel| {
            let untaken = |file| Some(format!("{} of {}", kernel.untaken(file)?, kernel.describe(file)));
            kernel.open_files(program).into_iter().filter_map(untaken).collect()
        })
    }

    /// Returns how a program has ended, if it has.
    pub(crate) fn how_ended(&self, program: ProgramId) -> Option<String> {
        self.ask(|kernel| kernel.program(program).ended.map(told))
    }

    /// Returns how many events this instance has reported, and how many were stale.
    pub(crate) fn reported(&self, poll: PollId) -> (u64, u64) {
        self.ask(|kernel| {
            kernel.polls[poll].as_ref().map_or((0, 0), |poll| (poll.reported, poll.reported_stale))
        })
    }

    /// Returns the rule violation that the kernel found, if any.
    pub(crate) fn violation(&self) -> Option<String> {
        self.ask(|kernel| kernel.violation.take())
    }

    /// Returns the number of calls that moved something.
    pub(crate) fn progress(&self) -> u64 {
        self.ask(|kernel| kernel.progress)
    }

    /// Returns the index of the queued task to poll first, of `len`.
    pub(crate) fn pick(&self, len: usize) -> usize {
        self.ask(|kernel| {
            let out_of_order = len > 1 && kernel.fault(Fault::TaskOrder);
            if out_of_order { kernel.dice(Fault::TaskOrder).below(len) } else { 0 }
        })
    }

    /// Returns a random number for a test.
    pub(crate) fn choose(&self, range: &std::ops::RangeInclusive<u64>) -> u64 {
        self.ask(|kernel| kernel.tests.within(range))
    }

    /// Returns a random number for a program.
    pub(crate) fn random(&self) -> u64 {
        self.ask(|kernel| kernel.randoms.within(&(0..=u64::MAX)))
    }

    /// Returns whether a fault of the program's own happens.
    pub(crate) fn maybe(&self, place: &'static str, probability: f64) -> bool {
        self.ask(|kernel| kernel.maybe(place, probability))
    }

    /// A place of `sometimes!` was reached.
    pub(crate) fn saw(&self, place: Sighting, holds: bool) {
        *self.seen.borrow_mut().entry(place).or_default() |= holds;
    }

    /// Returns the places of `sometimes!` that were reached, and whether their conditions held.
    pub(crate) fn take_seen(&self) -> BTreeMap<Sighting, bool> {
        self.seen.take()
    }

    pub(crate) fn note(&self, what: &'static str, outcome: Outcome) {
        self.ask(|kernel| kernel.note(what, None, outcome));
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.ask(|kernel| kernel.trace().hash())
    }

    /// Returns the trace as text.
    pub(crate) fn trace_text(&self) -> String {
        self.ask(|kernel| {
            let name = |program: ProgramId| kernel.programs[usize::from(program)].name.clone();
            SimTrace::text(kernel.trace().records(), name)
        })
    }

    /// Takes the trace out, with the names of the programs.
    pub(crate) fn take_trace(&self) -> (SimTrace, Vec<Arc<str>>) {
        self.ask(|kernel| {
            (kernel.take_trace(), kernel.programs.iter().map(|program| program.name.clone()).collect())
        })
    }

    /// Takes the marks of a run that was drawn.
    pub(crate) fn take_marks(&self) -> Vec<TraceMark> {
        self.ask(|kernel| std::mem::take(&mut kernel.marks))
    }

    pub(crate) fn now(&self) -> u64 {
        self.ask(|kernel| kernel.now)
    }
}
