//! [`Kernel`]: the state of the simulated machines, and what every system call goes through.
//!
//! One kernel stands for all hosts of a simulation. It owns virtual time, the agenda of what is to happen, the open
//! files of all hosts, their epoll instances, and the dice. Only [`World`](super::World) calls it, one call at a time;
//! nothing in here runs user code or knows the runtime.
//!
//! A call costs time, so that what was on its way may arrive between two calls of one program.

use super::agenda::{Agenda, Happening};
use super::counter::Counter;
use super::datagram::Datagrams;
use super::dice::Dice;
use super::host::{Host, HostId, Loop};
use super::pipe::Pipe;
use super::plan::{Fault, Plan};
use super::poll::{Poll, PollId};
use super::ports::Ports;
use super::tcp::{Listener, Tcp};
use super::trace::{Outcome, Record, Trace};
use super::unix::Unix;
use crate::sys::mask;
use std::net::IpAddr;
use std::os::fd::RawFd;

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
    trace: Trace,
}

/// An open file description.
pub(super) struct File {
    pub(super) host: HostId,
    /// How many descriptors there are of it. A connection may outlive its last.
    pub(super) descriptors: u32,
    /// Who is told of its changes.
    pub(super) watches: Vec<(PollId, usize)>,
    pub(super) object: Object,
}

/// What a file is.
pub(super) enum Object {
    Tcp(Box<Tcp>),
    Listener(Box<Listener>),
    Datagrams(Box<Datagrams>),
    Unix(Box<Unix>),
    Pipe(Box<Pipe>),
    Counter(Counter),
    /// The eventfd of a loop, which is a real one: it outlives the simulation, and other threads may write to it.
    Bell {
        rung: bool,
    },
    /// What signals are told by: an eventfd that is written to and never read. Its state says nothing, its edges do.
    Alarm,
}

/// What a write to an eventfd is about: `IN`, with `EPOLLRDNORM`, so that it is an edge by every policy. egret's wakes
/// stand on that, and Linux has done so since there are eventfds.
pub(super) const EACH_WRITE: u32 = mask::IN | libc::EPOLLRDNORM as u32;

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
        result
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

    // Files.

    /// A new file of the host whose program runs, with no descriptor yet.
    pub(super) fn open(&mut self, object: Object) -> FileId {
        let host = self.current.expect("a program of some host makes this call");
        self.open_on(host, object)
    }

    pub(super) fn open_on(&mut self, host: HostId, object: Object) -> FileId {
        let id = FileId::try_from(self.files.len()).expect("fewer than 2^32 files in a simulation");
        self.files.push(Some(File { host, descriptors: 0, watches: Vec::new(), object }));
        id
    }

    /// Whether the program that runs may have another descriptor.
    pub(super) fn check_limit(&mut self) -> Result<(), i32> {
        self.check_limit_for(1)
    }

    /// Whether the program that runs may have so many more descriptors.
    pub(super) fn check_limit_for(&mut self, more: usize) -> Result<(), i32> {
        let host = self.current.expect("a program of some host makes this call");
        let host = &self.hosts[usize::from(host)];
        if host.descriptors + more > host.limit {
            return Err(libc::EMFILE);
        }
        if self.fault(Fault::NoDescriptors) {
            return Err([libc::EMFILE, libc::ENFILE][self.dice(Fault::NoDescriptors).below(2)]);
        }
        Ok(())
    }

    /// Gives a file a descriptor with this number. Whatever had the number before was closed behind our back.
    pub(super) fn name(&mut self, file: FileId, number: RawFd) {
        let at = usize::try_from(number).expect("a descriptor is no negative number");
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, None);
        }
        if self.numbers[at].is_some() {
            self.close(number);
        }
        self.numbers[at] = Some(file);
        let Some(entry) = &mut self.files[file as usize] else { return };
        entry.descriptors += 1;
        let counts = !matches!(entry.object, Object::Bell { .. });
        self.hosts[usize::from(entry.host)].descriptors += usize::from(counts);
    }

    /// The file that a number stands for.
    pub(super) fn file_of(&self, number: RawFd) -> Result<FileId, i32> {
        let at = usize::try_from(number).map_err(|_| libc::EBADF)?;
        let file = self.numbers.get(at).copied().flatten().ok_or(libc::EBADF)?;
        // The number may have outlived a crash of its host.
        self.file(file).map(|_| file).ok_or(libc::EBADF)
    }

    /// Closes a descriptor, and its file if it was the last.
    pub(super) fn close(&mut self, number: RawFd) {
        let Ok(file) = self.file_of(number) else { return };
        self.numbers[number as usize] = None;
        let Some(entry) = &mut self.files[file as usize] else { return };
        entry.descriptors -= 1;
        let counts = !matches!(entry.object, Object::Bell { .. });
        self.hosts[usize::from(entry.host)].descriptors -= usize::from(counts);
        self.end_unless_held(file);
    }

    /// A file is on its way to another descriptor: it stays open meanwhile.
    pub(super) fn hold(&mut self, file: FileId) {
        if let Some(entry) = &mut self.files[file as usize] {
            entry.descriptors += 1;
        }
    }

    /// A file that was held has its descriptor, or is to have none.
    pub(super) fn release(&mut self, file: FileId) {
        if let Some(entry) = &mut self.files[file as usize] {
            entry.descriptors -= 1;
            self.end_unless_held(file);
        }
    }

    fn end_unless_held(&mut self, file: FileId) {
        let Some(entry) = &mut self.files[file as usize] else { return };
        if entry.descriptors > 0 {
            return;
        }
        let close = match &entry.object {
            Object::Tcp(_) => Kernel::tcp_close,
            Object::Listener(_) => Kernel::listener_close,
            Object::Datagrams(_) => Kernel::datagrams_close,
            Object::Unix(_) => Kernel::unix_close,
            Object::Pipe(_) => Kernel::pipe_close,
            Object::Counter(_) | Object::Bell { .. } | Object::Alarm => Kernel::remove,
        };
        for (poll, at) in std::mem::take(&mut entry.watches) {
            self.forget(poll, at);
        }
        close(self, file);
    }

    /// Ends a file.
    pub(super) fn remove(&mut self, file: FileId) {
        if let Some(gone) = self.files[file as usize].take() {
            for (poll, at) in gone.watches {
                self.forget(poll, at);
            }
        }
    }

    pub(super) fn file(&self, file: FileId) -> Option<&File> {
        self.files.get(file as usize)?.as_ref()
    }

    pub(super) fn watched_by(&mut self, file: FileId) -> &mut Vec<(PollId, usize)> {
        &mut self.files[file as usize].as_mut().expect("a file that is open").watches
    }

    pub(super) fn is_bell(&self, file: FileId) -> bool {
        matches!(self.file(file).map(|file| &file.object), Some(Object::Bell { .. }))
    }

    /// The whole state of a file, as `poll(2)` would say it.
    pub(super) fn state(&self, file: FileId) -> u32 {
        match self.file(file).map(|file| &file.object) {
            Some(Object::Tcp(tcp)) => tcp.state(),
            Some(Object::Listener(listener)) => listener.state(),
            Some(Object::Datagrams(datagrams)) => datagrams.state(),
            Some(Object::Unix(unix)) => self.unix_state(file, unix),
            Some(Object::Pipe(pipe)) => pipe.state(),
            Some(Object::Counter(counter)) => counter.state(),
            Some(Object::Bell { rung: true }) => mask::IN | mask::OUT,
            Some(Object::Bell { rung: false }) => mask::OUT,
            Some(Object::Alarm) => mask::IN | mask::OUT,
            None => 0,
        }
    }

    /// The state of a file for `epoll`, which asks and thereby leaves word: a writer that finds no room is told of room
    /// later, though no call of its own was refused (`SOCK_NOSPACE` in `tcp_poll`, the wait queue of a Unix peer).
    pub(super) fn poll_state(&mut self, file: FileId) -> u32 {
        let state = self.state(file);
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Tcp(tcp)) => tcp.polled(),
            Some(Object::Unix(_)) => self.unix_polled(file),
            _ => {}
        }
        state
    }

    /// One write to the eventfd with this number, if it is one: of a loop, or of a program.
    pub(super) fn ring(&mut self, number: RawFd) -> Option<Result<(), i32>> {
        let file = self.file_of(number).ok()?;
        let rung = match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Bell { rung }) => {
                *rung = true;
                Ok(())
            }
            Some(Object::Counter(counter)) => counter.add(1),
            _ => return None,
        };
        self.note("ring", Some(file), rung.map_or_else(Outcome::Error, |()| Outcome::Done));
        if rung.is_ok() {
            self.notify(file, EACH_WRITE);
        }
        Some(rung)
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

    /// A host loses its power: nothing says goodbye, and nobody is told.
    pub(super) fn crash(&mut self, host: HostId) {
        self.note("crash", None, Outcome::Text(self.hosts[usize::from(host)].name.clone()));
        for file in 0..self.files.len() as FileId {
            let of_host = self.file(file).is_some_and(|file| file.host == host);
            if of_host && !self.is_bell(file) {
                self.ports.release(file);
                self.remove(file);
            }
        }
        let host = &mut self.hosts[usize::from(host)];
        (host.up, host.descriptors, host.loop_state, host.poll) = (false, 0, Loop::Absent, None);
        host.signal_bells.clear();
    }

    /// A signal comes to the program of `host`.
    pub(super) fn signal(&mut self, host: HostId, number: usize) {
        self.note("signal", None, Outcome::Value(number as u64));
        let entry = &mut self.hosts[usize::from(host)];
        entry.signals[number] += 1;
        for bell in entry.signal_bells.clone() {
            self.notify(bell, EACH_WRITE);
        }
    }

    /// The files that the program of `host` has open, bells left out.
    pub(super) fn open_files(&self, host: HostId) -> Vec<FileId> {
        let is_open = |file: &FileId| {
            self.file(*file).is_some_and(|file| file.host == host && file.descriptors > 0)
                && !self.is_bell(*file)
        };
        (0..self.files.len() as FileId).filter(is_open).collect()
    }

    /// What a file is, for people.
    pub(super) fn describe(&self, file: FileId) -> String {
        let what = match self.file(file).map(|file| &file.object) {
            Some(Object::Tcp(tcp)) => match (tcp.local, tcp.peer) {
                (Some(local), Some(peer)) => format!("TCP {local} to {peer}, {:?}", tcp.phase),
                (Some(local), None) => format!("TCP {local}, {:?}", tcp.phase),
                _ => format!("TCP, {:?}", tcp.phase),
            },
            Some(Object::Listener(listener)) => format!("TCP listener {}", listener.local),
            Some(Object::Datagrams(_)) => "UDP".to_owned(),
            Some(Object::Unix(_)) => "Unix socket".to_owned(),
            Some(Object::Pipe(_)) => "pipe".to_owned(),
            Some(Object::Counter(_)) => "eventfd".to_owned(),
            Some(Object::Bell { .. }) => "bell of a loop".to_owned(),
            Some(Object::Alarm) => "signals".to_owned(),
            None => "closed".to_owned(),
        };
        format!("#{file} ({what})")
    }

    /// The hosts whose loop can go on, and when the first of the others is to be woken.
    pub(super) fn ready_hosts(&mut self) -> (Vec<HostId>, Option<u64>) {
        let mut ready = Vec::new();
        let mut wake: Option<u64> = None;
        for number in 0..self.hosts.len() {
            let host = &self.hosts[number];
            let goes_on = match host.loop_state {
                Loop::Absent => continue,
                Loop::Awake => true,
                Loop::Asleep { until } => {
                    let is_due = until.is_some_and(|until| until <= self.now);
                    is_due || host.poll.is_some_and(|poll| self.has_events(poll))
                }
            };
            let id = HostId::try_from(number).expect("fewer than 65 536 hosts");
            let (state, not_before) = (host.loop_state, host.not_before);
            match state {
                _ if goes_on && not_before > self.now => wake = wake.into_iter().chain([not_before]).min(),
                Loop::Asleep { .. } if goes_on && self.fault(Fault::Preempted) => {
                    let late = self.now + self.dice(Fault::Preempted).within(&(1_000..=10_000_000));
                    self.hosts[number].not_before = late;
                    self.hosts[number].loop_state = Loop::Awake;
                    wake = wake.into_iter().chain([late]).min();
                }
                _ if goes_on => ready.push(id),
                Loop::Asleep { until } => wake = wake.into_iter().chain(until).min(),
                Loop::Absent | Loop::Awake => {}
            }
        }
        (ready, wake)
    }
}
