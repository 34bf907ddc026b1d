//! A program of a host: a process with a loop, descriptors and signals of its own.
//!
//! * The programs of a host share its address, ports, Unix names, disk and clocks. The first one is that of the test.
//! * A child is started by another program (`spawn.rs`). It ends when its main future does, by a signal, or with its host.
//!   Its parent has a pidfd for it, an [`Object::Child`], readable from then on.
//! * `ended` is set when a program has ended, by a signal before the driver drops its tasks: their destructors run, and
//!   each of their calls fails. A program that the test starts again begins anew.

use super::file::{EACH_WRITE, Object};
use super::host::{Host, HostId};
use super::kernel::{FileId, Kernel};
use super::poll::PollId;
use super::trace::Outcome;
use crate::sys::mask;
use std::sync::Arc;

/// A program, by its index in the kernel's list.
pub(crate) type ProgramId = u16;

pub(crate) struct SimProgram {
    pub(crate) host: HostId,
    pub(crate) name: Arc<str>,
    pub(crate) pid: u32,
    /// The pid of the leader of its process group.
    group: u32,
    parent: Option<ProgramId>,
    /// Its parent's file of it, while that is open.
    pidfd: Option<FileId>,
    /// How many descriptors it has, and their limit.
    pub(crate) descriptors: usize,
    pub(crate) limit: usize,
    pub(crate) loop_state: Loop,
    /// The epoll instance of its loop.
    pub(crate) poll: Option<PollId>,
    /// The loop is preempted until then.
    pub(crate) not_before: u64,
    /// By a signal, until another.
    pub(crate) is_stopped: bool,
    /// The status of `wait(2)`.
    pub(crate) ended: Option<i32>,
    signals: [SimSignal; SIGNALS],
    signal_eventfds: Vec<FileId>,
}

#[derive(Clone, Copy, Default)]
struct SimSignal {
    listeners: u32,
    /// How often it was delivered to them.
    delivered: u64,
}

const SIGNALS: usize = 65;

/// The state of a program's loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loop {
    /// No loop.
    Absent,
    /// It has work.
    Awake,
    /// In `epoll_wait`, until this true time at most.
    Asleep { until: Option<u64> },
}

/// Pids of children begin above those of Linux: `kill(2)` of one, which is not simulated, finds no process.
const FIRST_CHILD: u32 = 1 << 22;

/// Returns the default action of a signal; see signal(7).
fn default_action(signal: i32) -> SignalAction {
    match signal {
        libc::SIGCHLD | libc::SIGURG | libc::SIGWINCH => SignalAction::Ignore,
        libc::SIGPIPE => SignalAction::Ignore, // by the start of a Rust program
        libc::SIGCONT => SignalAction::Continue,
        libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => SignalAction::Stop,
        _ => SignalAction::End,
    }
}

enum SignalAction {
    Ignore,
    Stop,
    Continue,
    End,
}

impl Kernel {
    pub(super) fn add_host(&mut self, name: &str) -> (HostId, ProgramId) {
        let host = HostId::try_from(self.hosts.len()).expect("fewer than 65 536 hosts");
        let main = self.next_program();
        self.hosts.push(Host::new(name, host, main));
        self.add_program(host, name, u32::from(main) + 1);
        (host, main)
    }

    fn next_program(&self) -> ProgramId {
        ProgramId::try_from(self.programs.len()).expect("fewer than 65 536 programs")
    }

    pub(super) fn add_program(&mut self, host: HostId, name: &str, pid: u32) -> ProgramId {
        let program = self.next_program();
        self.programs.push(SimProgram {
            host,
            name: name.into(),
            pid,
            group: pid,
            parent: None,
            pidfd: None,
            descriptors: 0,
            limit: 1024,
            loop_state: Loop::Absent,
            poll: None,
            not_before: 0,
            is_stopped: false,
            ended: None,
            signals: [SimSignal::default(); SIGNALS],
            signal_eventfds: Vec::new(),
        });
        program
    }

    pub(super) fn program(&mut self, program: ProgramId) -> &mut SimProgram {
        &mut self.programs[usize::from(program)]
    }

    /// Returns the host of the current program.
    pub(super) fn here(&self) -> Option<HostId> {
        self.current.map(|program| self.programs[usize::from(program)].host)
    }

    /// Returns whether its threads may run.
    pub(super) fn is_alive(&self, program: ProgramId) -> bool {
        let program = &self.programs[usize::from(program)];
        program.ended.is_none() && self.hosts[usize::from(program.host)].up
    }

    /// Returns whether its host or a signal stops it.
    pub(super) fn is_paused(&self, program: ProgramId) -> bool {
        let program = &self.programs[usize::from(program)];
        program.is_stopped || self.hosts[usize::from(program.host)].is_paused
    }

    /// Creates a child of the current program, and the file of it. `group` is that of `setpgid(2)`.
    pub(super) fn child_open(&mut self, name: &str, group: Option<u32>) -> Result<(ProgramId, FileId), i32> {
        self.check_limit()?;
        let parent = self.current.expect("a program starts another");
        let (host, limit) = (self.program(parent).host, self.program(parent).limit);
        let pid = FIRST_CHILD + u32::from(self.next_program());
        let full = format!("{}/{name}", self.hosts[usize::from(host)].name);
        let child = self.add_program(host, &full, pid);
        let pidfd = self.open(Object::Child(child));
        let group = match group {
            None => self.program(parent).group,
            Some(0) => pid,
            Some(group) => group,
        };
        let entry = self.program(child);
        (entry.parent, entry.pidfd, entry.group, entry.limit) = (Some(parent), Some(pidfd), group, limit);
        Ok((child, pidfd))
    }

    pub(super) fn child_state(&self, child: ProgramId) -> u32 {
        if self.programs[usize::from(child)].ended.is_some() { mask::IN } else { 0 }
    }

    pub(super) fn describe_child(&self, child: ProgramId) -> String {
        let child = &self.programs[usize::from(child)];
        format!("child {}, {}", child.name, child.ended.map_or("runs".to_owned(), told))
    }

    fn child(&self, pidfd: FileId) -> Result<ProgramId, i32> {
        match self.file(pidfd).map(|file| &file.object) {
            Some(Object::Child(child)) => Ok(*child),
            _ => Err(libc::EBADF),
        }
    }

    /// `waitid(2)` with `WNOHANG`.
    pub(super) fn child_reap(&mut self, pidfd: FileId) -> Result<i32, i32> {
        let child = self.child(pidfd)?;
        let status = self.program(child).ended;
        if status.is_none() {
            self.came_back_short(pidfd, mask::IN);
        }
        status.ok_or(libc::EAGAIN)
    }

    /// `pidfd_send_signal(2)`. A child that has ended and was not reaped takes it, and nothing happens.
    pub(super) fn child_signal(&mut self, pidfd: FileId, signal: i32) -> Result<(), i32> {
        let child = self.child(pidfd)?;
        self.signal(child, signal);
        Ok(())
    }

    /// `kill(2)` of the group that a child leads.
    pub(super) fn child_kill_group(&mut self, pidfd: FileId) -> Result<(), i32> {
        let leader = self.child(pidfd)?;
        let pid = self.program(leader).pid;
        let group =
            (0..self.next_program()).filter(|program| self.programs[usize::from(*program)].group == pid);
        let group: Vec<_> = group.collect();
        group.iter().for_each(|program| self.signal(*program, libc::SIGKILL));
        if group.is_empty() { Err(libc::ESRCH) } else { Ok(()) }
    }

    // Signals.

    /// Creates a descriptor that each signal of the current program writes to.
    pub(super) fn alarm_open(&mut self) -> Result<FileId, i32> {
        self.check_limit()?;
        let program = self.current.expect("a program asks");
        let alarm = self.open(Object::Alarm);
        self.program(program).signal_eventfds.push(alarm);
        Ok(alarm)
    }

    /// Returns how often a signal was delivered to the listeners of the current program.
    pub(super) fn delivered(&self, signal: i32) -> u64 {
        let program = self.current.expect("a program asks");
        self.programs[usize::from(program)].signals[signal as usize].delivered
    }

    /// The current program has one listener more of a signal, or one less.
    pub(super) fn listens(&mut self, signal: i32, is_new: bool) {
        let Some(program) = self.current else { return };
        let listeners = &mut self.program(program).signals[signal as usize].listeners;
        *listeners = if is_new { *listeners + 1 } else { listeners.saturating_sub(1) };
    }

    /// Sends a signal to a program.
    pub(super) fn signal(&mut self, program: ProgramId, signal: i32) {
        let Some(number) = usize::try_from(signal).ok().filter(|number| (1..SIGNALS).contains(number)) else {
            return;
        };
        let entry = self.program(program);
        if entry.ended.is_some() {
            return;
        }
        let entry = &mut entry.signals[number];
        let is_heard = entry.listeners > 0 && !matches!(signal, libc::SIGKILL | libc::SIGSTOP);
        entry.delivered += u64::from(is_heard);
        self.note_of(program, "signal", Outcome::Value(number as u64));
        if is_heard {
            for alarm in self.program(program).signal_eventfds.clone() {
                self.notify(alarm, EACH_WRITE);
            }
            return;
        }
        match default_action(signal) {
            SignalAction::Ignore => {}
            SignalAction::Stop => self.program(program).is_stopped = true,
            SignalAction::Continue => self.program(program).is_stopped = false,
            // One that has not begun has nothing to end.
            SignalAction::End if self.program(program).is_absent() => {}
            SignalAction::End => self.end(program, signal),
        }
    }

    fn note_of(&mut self, program: ProgramId, what: &'static str, outcome: Outcome) {
        let before = self.current.replace(program);
        self.note(what, None, outcome);
        self.current = before;
    }

    /// A program ends with this status: its descriptors are closed, and its parent is notified.
    pub(super) fn end(&mut self, program: ProgramId, status: i32) {
        self.note_of(program, "exit", Outcome::Text(told(status).into()));
        for (_, number) in self.open_numbers(program) {
            self.close(number);
        }
        let entry = self.program(program);
        entry.ended = Some(status);
        entry.leave();
        self.fallen.push(program);
        let entry = &self.programs[usize::from(program)];
        let (parent, pidfd) = (entry.parent, entry.pidfd);
        if let Some(pidfd) = pidfd.filter(|pidfd| self.child(*pidfd) == Ok(program)) {
            self.notify(pidfd, mask::IN);
        }
        if let Some(parent) = parent {
            self.signal(parent, libc::SIGCHLD);
        }
    }
}

impl SimProgram {
    /// A program of the test has no loop before its start. A child has one at once, whose runtime the driver makes.
    fn is_absent(&self) -> bool {
        self.loop_state == Loop::Absent
    }

    /// Its host has lost power. One that others have started is not started again.
    pub(super) fn power_off(&mut self) {
        self.leave();
        self.descriptors = 0;
        self.ended = self.ended.or(self.parent.map(|_| libc::SIGKILL));
    }

    /// Its loop is no more.
    fn leave(&mut self) {
        (self.loop_state, self.poll, self.is_stopped) = (Loop::Absent, None, false);
        self.signal_eventfds.clear();
        self.signals.iter_mut().for_each(|signal| signal.listeners = 0);
    }
}

/// Returns a status of `wait(2)`, for people.
pub(super) fn told(status: i32) -> String {
    match status & 0x7f {
        0 => format!("ended with {}", status >> 8),
        signal => format!("ended by signal {signal}"),
    }
}
