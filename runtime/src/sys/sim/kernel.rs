//! [`Kernel`]: the state of the simulated machines, and what every system call goes through.
//!
//! One kernel stands for all hosts of a simulation. It owns virtual time, the agenda of what is to happen, the open
//! files of all hosts, their epoll instances, and the dice. Only [`World`](super::World) calls it, one call at a time;
//! nothing in here runs user code or knows the runtime.
//!
//! What the files are is in `file.rs`, what happens to hosts in `turn.rs`.
//!
//! A call costs time, so that what was on its way may arrive between two calls of one program.

use super::agenda::{Agenda, Happening};
use super::dice::Dice;
use super::file::File;
use super::host::{Host, HostId};
use super::plan::{Fault, Plan};
use super::poll::Poll;
use super::ports::Ports;
use super::trace::{Outcome, Record, Trace};
use std::net::IpAddr;

/// An open file, by its place in [`Kernel::files`]. Never used again, so what happens to it later finds it gone.
pub(super) type FileId = u32;

pub(crate) struct Kernel {
    pub(super) plan: Plan,
    pub(super) now: u64,
    agenda: Agenda,
    dice: Vec<Dice>,
    /// For choices that are no faults.
    pub(super) choices: Dice,
    /// For choices of the test itself.
    pub(super) tests: Dice,
    pub(super) hosts: Vec<Host>,
    /// The host whose program runs.
    pub(super) current: Option<HostId>,
    pub(super) files: Vec<Option<File>>,
    /// Which file each descriptor number stands for.
    pub(super) numbers: Vec<Option<FileId>>,
    pub(super) polls: Vec<Option<Poll>>,
    pub(super) ports: Ports,
    /// Pairs of hosts between which nothing gets through.
    pub(super) cut: Vec<(HostId, HostId)>,
    /// Calls that moved something: bytes, a connection, a datagram.
    pub(super) progress: u64,
    /// What the kernel itself has found wrong.
    pub(super) violation: Option<String>,
    trace: Trace,
}

/// So many `EAGAIN` within 10 ms, and nothing in between, are a program that spins.
const REFUSED: u32 = 100;
const REFUSED_TIME: u64 = 10_000_000;

/// What a system call costs: between a fast one and one that has to do with the network.
const CALL: std::ops::RangeInclusive<u64> = 200..=2_000;

impl Kernel {
    pub(super) fn new(seed: u64, plan: Plan) -> Kernel {
        Kernel {
            plan,
            now: 0,
            agenda: Agenda::default(),
            dice: Fault::ALL.iter().map(|fault| Dice::new(seed, &fault.name())).collect(),
            choices: Dice::new(seed, "choices"),
            tests: Dice::new(seed, "tests"),
            hosts: Vec::new(),
            current: None,
            files: Vec::new(),
            numbers: Vec::new(),
            polls: Vec::new(),
            ports: Ports::default(),
            cut: Vec::new(),
            progress: 0,
            violation: None,
            trace: Trace::default(),
        }
    }

    // Time.

    /// Has `happening` happen `after` so many nanoseconds.
    pub(super) fn later(&mut self, after: u64, happening: impl FnOnce(&mut Kernel) + 'static) {
        self.at(self.now.saturating_add(after), happening);
    }

    pub(super) fn at(&mut self, at: u64, happening: impl FnOnce(&mut Kernel) + 'static) {
        let happening: Happening = Box::new(happening);
        self.agenda.enter(at.max(self.now), happening);
    }

    /// When the next thing happens, if nobody does anything.
    pub(super) fn next_happening(&self) -> Option<u64> {
        self.agenda.next()
    }

    /// Lets time pass, and happen what is due.
    pub(super) fn advance(&mut self, to: u64) {
        while let Some((at, happening)) = self.agenda.take(to) {
            self.now = self.now.max(at);
            let program = self.current.take();
            happening(self);
            self.current = program;
        }
        self.now = self.now.max(to);
    }

    /// Goes through with a system call of the program that runs: it takes time, may be interrupted, and is noted.
    pub(super) fn call<R>(
        &mut self,
        name: &'static str,
        file: Option<FileId>,
        call: impl FnOnce(&mut Kernel) -> Result<R, i32>,
        value: impl FnOnce(&R) -> Outcome,
    ) -> Result<R, i32> {
        let cost = self.choices.within(&CALL);
        self.advance(self.now + cost);
        let result = call(self);
        let outcome = match &result {
            Ok(result) => value(result),
            Err(errno) => Outcome::Error(*errno),
        };
        self.note(name, file, outcome);
        if let Some(file) = file {
            self.count_refusal(file, matches!(result, Err(libc::EAGAIN)));
        }
        result
    }

    /// A program that is told `EAGAIN` again and again, when nothing has happened to the file in between, does not wait.
    fn count_refusal(&mut self, file: FileId, was_refused: bool) {
        let now = self.now;
        let Some(entry) = self.files.get_mut(file as usize).and_then(Option::as_mut) else { return };
        if !was_refused || entry.refused == 0 || now - entry.refused_since > REFUSED_TIME {
            (entry.refused, entry.refused_since) = (u32::from(was_refused), now);
            return;
        }
        entry.refused += 1;
        if entry.refused > REFUSED {
            let what = self.describe(file);
            self.violation =
                Some(format!("{what} was tried {REFUSED} times in a row, and said EAGAIN each time"));
        }
    }

    // Dice.

    /// Whether this fault happens now.
    pub(super) fn fault(&mut self, fault: Fault) -> bool {
        let per_million = self.plan.faults.per_million(fault);
        let happens = per_million > 0 && self.dice(fault).chance(per_million);
        if happens {
            self.note("fault", None, Outcome::Text(fault.name().into()));
        }
        happens
    }

    /// What decides how a fault happens.
    pub(super) fn dice(&mut self, fault: Fault) -> &mut Dice {
        &mut self.dice[fault as usize]
    }

    /// How long something travels from one host to another.
    pub(super) fn travel(&mut self, from: HostId, to: HostId) -> u64 {
        if from == to {
            return self.choices.within(&(500..=5_000));
        }
        let latency = self.plan.latency.clone();
        let latency = self.choices.within(&latency);
        if self.fault(Fault::Delay) {
            let times = 1 + self.dice(Fault::Delay).below(100) as u64;
            return latency.saturating_mul(times);
        }
        latency
    }

    /// Whether anything gets from one host to the other.
    pub(super) fn reaches(&self, from: HostId, to: HostId) -> bool {
        let cut = self.cut.contains(&(from.min(to), from.max(to)));
        self.hosts[usize::from(from)].up && self.hosts[usize::from(to)].up && !cut
    }

    // Trace.

    pub(super) fn note(&mut self, what: &'static str, file: Option<FileId>, outcome: Outcome) {
        self.trace.push(Record { at: self.now, host: self.current, what, file, outcome });
    }

    pub(super) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The host that has this address, seen from `from`.
    pub(super) fn host_at(&self, from: HostId, address: IpAddr) -> Option<HostId> {
        if address.is_loopback() || address.is_unspecified() {
            return Some(from);
        }
        let at = self.hosts.iter().position(|host| host.address == address)?;
        HostId::try_from(at).ok()
    }
}
