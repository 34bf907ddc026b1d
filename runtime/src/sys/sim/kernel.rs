//! [`Kernel`]: the state of all hosts of a simulation; each system call passes through it.
//!
//! * Owns virtual time, the agenda of future events, the open files of all hosts, their epoll instances, and the
//!   random streams.
//! * Only [`World`](super::World) calls it, one call at a time. It runs no user code and does not know the runtime.
//! * A call takes time, so data in flight may arrive between two calls of one program.
//! * Files are in `file.rs`, events of hosts in `turn.rs`.

use super::agenda::{Agenda, Happening};
use super::dice::Dice;
use super::drawing::TraceMark;
use super::file::OpenFile;
use super::host::{Host, HostId};
use super::plan::{Fault, LinkPlan, Plan};
use super::poll::Poll;
use super::ports::Ports;
use super::program::{ProgramId, SimProgram};
use super::trace::{Outcome, SimTrace, TraceRecord};
use super::world::Name;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// An open file, by its index in [`Kernel::files`]. Never reused, so a late event finds it gone.
pub(super) type FileId = u32;

pub(crate) struct Kernel {
    pub(super) plan: Plan,
    pub(super) now: u64,
    /// How much later it is by readings of clocks that were no calls: see [`Kernel::read`].
    lag: u64,
    agenda: Agenda,
    dice: Vec<Dice>,
    /// For choices other than faults.
    pub(super) choices: Dice,
    /// For choices of the test itself.
    pub(super) tests: Dice,
    /// For the random numbers of programs.
    pub(super) randoms: Dice,
    /// For the faults of programs, by place.
    pub(super) places: BTreeMap<&'static str, Dice>,
    seed: u64,
    pub(super) hosts: Vec<Host>,
    pub(super) programs: Vec<SimProgram>,
    /// Those that have ended since the driver asked.
    pub(super) fallen: Vec<ProgramId>,
    /// The program that runs.
    pub(super) current: Option<ProgramId>,
    pub(super) files: Vec<Option<OpenFile>>,
    /// The file of each descriptor number, and the program that it belongs to.
    pub(super) numbers: Vec<Option<(FileId, ProgramId)>>,
    pub(super) polls: Vec<Option<Poll>>,
    pub(super) ports: Ports,
    /// The names that the test has set, on one host or on all.
    pub(super) names: BTreeMap<(Option<HostId>, String), Name>,
    /// The links that are not as the plan says, by the host that sends and the one that receives.
    pub(super) links: BTreeMap<(HostId, HostId), LinkPlan>,
    /// Calls that moved something: bytes, a connection, a datagram.
    pub(super) progress: u64,
    /// A rule violation that the kernel found.
    pub(super) violation: Option<String>,
    trace: SimTrace,
    /// For a picture, with the task that is polled.
    pub(super) marks: Vec<TraceMark>,
    pub(super) polled: Option<u32>,
}

/// A program that gets this many `EAGAIN` within 10 ms, with no event between them, spins.
const REFUSED: u32 = 100;
const REFUSED_TIME: u64 = 10_000_000;

/// The duration of a system call, in nanoseconds: from a fast one to one of the network.
const CALL: std::ops::RangeInclusive<u64> = 200..=2_000;

/// The duration of a reading of a clock without a system call.
#[cfg(all(feature = "sim-std", target_env = "gnu", not(miri)))]
const READING: u64 = 40;

impl Kernel {
    pub(super) fn new(seed: u64, plan: Plan) -> Kernel {
        Kernel {
            plan,
            now: 0,
            lag: 0,
            agenda: Agenda::default(),
            dice: Fault::ALL.iter().map(|fault| Dice::new(seed, &fault.name())).collect(),
            choices: Dice::new(seed, "choices"),
            tests: Dice::new(seed, "tests"),
            randoms: Dice::new(seed, "programs"),
            places: BTreeMap::new(),
            seed,
            hosts: Vec::new(),
            programs: Vec::new(),
            fallen: Vec::new(),
            current: None,
            files: Vec::new(),
            numbers: Vec::new(),
            polls: Vec::new(),
            ports: Ports::default(),
            names: BTreeMap::new(),
            links: BTreeMap::new(),
            progress: 0,
            violation: None,
            trace: SimTrace::default(),
            marks: Vec::new(),
            polled: None,
        }
    }

    // Time.

    /// Runs `happening` after `after` nanoseconds.
    pub(super) fn later(&mut self, after: u64, happening: impl FnOnce(&mut Kernel) + 'static) {
        self.at(self.now.saturating_add(after), happening);
    }

    pub(super) fn at(&mut self, at: u64, happening: impl FnOnce(&mut Kernel) + 'static) {
        let happening: Happening = Box::new(happening);
        self.agenda.enter(at.max(self.now), happening);
    }

    /// Returns the time of the next event, if no program runs.
    pub(super) fn next_happening(&self) -> Option<u64> {
        self.agenda.next()
    }

    /// Lets time pass and runs the events due.
    pub(super) fn advance(&mut self, to: u64) {
        while let Some((at, happening)) = self.agenda.take(to) {
            self.now = self.now.max(at);
            let (program, polled) = (self.current.take(), self.polled.take());
            happening(self);
            (self.current, self.polled) = (program, polled);
        }
        self.now = self.now.max(to);
    }

    /// Reads a clock of the current program by a function of the C library, which may come from a signal handler: runs no
    /// event, so the time that it takes passes in the next call or question.
    #[cfg(all(feature = "sim-std", target_env = "gnu", not(miri)))]
    pub(super) fn read(&mut self, is_wall: bool) -> Option<i128> {
        let host = &self.hosts[usize::from(self.here()?)];
        self.lag += READING;
        let now = self.now + self.lag;
        Some(if is_wall { host.wall_clock(now) } else { host.clock(now).into() })
    }

    /// Lets the time of such readings pass.
    pub(super) fn catch_up(&mut self) {
        let lag = std::mem::take(&mut self.lag);
        if lag > 0 {
            self.advance(self.now + lag);
        }
    }

    /// Performs a system call of the current program: it takes time, may be interrupted, and is traced.
    pub(super) fn call<R>(
        &mut self,
        name: &'static str,
        file: Option<FileId>,
        call: impl FnOnce(&mut Kernel) -> Result<R, i32>,
        value: impl FnOnce(&R) -> Outcome,
    ) -> Result<R, i32> {
        if self.current.is_some_and(|program| self.programs[usize::from(program)].ended.is_some()) {
            return Err(libc::EBADF); // of a destructor, after a kill
        }
        let cost = self.choices.within(&CALL);
        self.catch_up();
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

    /// A program that gets `EAGAIN` again and again, with no event on the file between, does not wait.
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

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns whether this fault happens now.
    pub(super) fn fault(&mut self, fault: Fault) -> bool {
        let per_million = self.plan.faults.per_million(fault);
        let happens = per_million > 0 && self.dice(fault).chance(per_million);
        if happens {
            self.note("fault", None, Outcome::Text(fault.name().into()));
        }
        happens
    }

    /// Returns whether the fault that a program has at this place happens now.
    pub(super) fn maybe(&mut self, place: &'static str, probability: f64) -> bool {
        let scale = f64::from(self.plan.faults.per_million(Fault::Program));
        let seed = self.seed;
        let dice = self.places.entry(place).or_insert_with(|| Dice::new(seed, place));
        let happens = dice.chance((probability.clamp(0.0, 1.0) * scale).round() as u32);
        if happens {
            self.note("fault", None, Outcome::Text(format!("Program {place}").into()));
        }
        happens
    }

    /// Returns the random stream of a fault.
    pub(super) fn dice(&mut self, fault: Fault) -> &mut Dice {
        &mut self.dice[fault as usize]
    }

    /// Returns the latency from one host to another.
    pub(super) fn travel(&mut self, from: HostId, to: HostId) -> u64 {
        if from == to {
            return self.choices.within(&(500..=5_000));
        }
        let own = self.links.get(&(from, to)).and_then(|link| link.latency.clone());
        let latency = own.unwrap_or_else(|| self.plan.latency.clone());
        let latency = self.choices.within(&latency);
        if self.fault(Fault::Delay) {
            let times = 1 + self.dice(Fault::Delay).below(100) as u64;
            return latency.saturating_mul(times);
        }
        latency
    }

    /// Returns whether a packet of one host gets to the other.
    pub(super) fn reaches(&self, from: HostId, to: HostId) -> bool {
        let up = |host: HostId| self.hosts[usize::from(host)].up;
        up(from) && up(to) && !self.is_cut(from, to)
    }

    /// Returns whether the link is cut in this direction.
    pub(super) fn is_cut(&self, from: HostId, to: HostId) -> bool {
        self.links.get(&(from, to)).is_some_and(|link| link.is_cut)
    }

    /// Returns whether a packet is lost: by `fault`, or by the loss of the link.
    pub(super) fn loses(&mut self, from: HostId, to: HostId, fault: Fault) -> bool {
        let own = self.links.get(&(from, to)).map_or(0, |link| link.loss);
        let lost = own > 0 && self.choices.chance(own);
        if lost {
            self.note("lost", None, Outcome::Done);
        }
        from != to && (lost || self.fault(fault))
    }

    /// Returns how long so many bytes take to leave, by the bandwidth.
    pub(super) fn leaving(&self, from: HostId, to: HostId, bytes: usize) -> u64 {
        let own = self.links.get(&(from, to)).and_then(|link| link.bandwidth);
        (bytes as u64).saturating_mul(1_000_000_000) / own.unwrap_or(self.plan.bandwidth).max(1)
    }

    // Trace.

    pub(super) fn note(&mut self, what: &'static str, file: Option<FileId>, outcome: Outcome) {
        self.trace.push(TraceRecord { at: self.now, program: self.current, what, file, outcome });
    }

    pub(super) fn trace(&self) -> &SimTrace {
        &self.trace
    }

    pub(super) fn take_trace(&mut self) -> SimTrace {
        std::mem::take(&mut self.trace)
    }

    /// Returns the host with this address, seen from `from`.
    pub(super) fn host_at(&self, from: HostId, address: IpAddr) -> Option<HostId> {
        if address.is_loopback() || address.is_unspecified() {
            return Some(from);
        }
        let at = self.hosts.iter().position(|host| host.address == address)?;
        HostId::try_from(at).ok()
    }
}
