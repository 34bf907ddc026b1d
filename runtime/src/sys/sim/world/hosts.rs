//! The actions of a test on hosts and links.

use super::super::host::{Host, HostId};
use super::super::kernel::{FileId, Kernel};
use super::super::plan::{LinkPlan, Plan};
use super::super::program::{Loop, ProgramId, SimProgram};
use super::super::spawn::Begin;
use super::super::trace::Outcome;
use super::World;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

impl World {
    /// Creates a host, and its first program.
    pub(crate) fn add_host(&self, name: &str) -> (HostId, ProgramId) {
        self.ask(|kernel| kernel.add_host(name))
    }

    /// Another program of a host.
    pub(crate) fn add_program(&self, host: HostId, name: &str) -> ProgramId {
        self.ask(|kernel| {
            let pid = kernel.programs.len() as u32 + 1;
            kernel.add_program(host, name, pid)
        })
    }

    /// Gives a host a program that others can start by its name.
    pub(crate) fn install(&self, host: HostId, name: &str, begin: Begin) {
        self.programs.borrow_mut().insert((host, name.to_owned()), begin);
    }

    /// Changes a program.
    pub(crate) fn with_program<R>(&self, program: ProgramId, f: impl FnOnce(&mut SimProgram) -> R) -> R {
        self.ask(|kernel| f(kernel.program(program)))
    }

    /// Returns the programs of a host, started by the test or by others, that have not ended.
    pub(crate) fn programs_of(&self, host: HostId) -> Vec<ProgramId> {
        self.ask(|kernel| {
            let all = (0..).zip(&kernel.programs);
            let alive = all.filter(|(_, program)| program.host == host && program.ended.is_none());
            alive.map(|(id, _)| id).collect()
        })
    }

    /// Returns the programs that have ended since the last call.
    pub(crate) fn take_fallen(&self) -> Vec<ProgramId> {
        self.ask(|kernel| std::mem::take(&mut kernel.fallen))
    }

    pub(crate) fn has_ended(&self, program: ProgramId) -> bool {
        self.ask(|kernel| kernel.program(program).ended.is_some())
    }

    /// A program ends, with this status of `wait(2)`.
    pub(crate) fn end(&self, program: ProgramId, status: i32) {
        self.ask(|kernel| kernel.end(program, status));
    }

    /// Changes a host.
    pub(crate) fn with_host<R>(&self, host: HostId, f: impl FnOnce(&mut Host) -> R) -> R {
        self.ask(|kernel| f(&mut kernel.hosts[usize::from(host)]))
    }

    /// Changes the plan.
    pub(crate) fn with_plan<R>(&self, f: impl FnOnce(&mut Plan) -> R) -> R {
        self.ask(|kernel| f(&mut kernel.plan))
    }

    pub(crate) fn crash(&self, host: HostId) {
        self.ask(|kernel| kernel.crash(host));
        let mut disks = self.disks.borrow_mut();
        let Some(disk) = disks.get_mut(&host) else { return };
        let told =
            disk.crash().unwrap_or_else(|error| panic!("the disk of a host cannot be rebuilt: {error}"));
        for line in told {
            self.note("disk", Outcome::Text(line.into()));
        }
    }

    /// Returns the directory of this machine in which the files of a host are.
    pub(crate) fn disk_root(&self, host: HostId) -> PathBuf {
        self.disk_of(host, |disk| disk.root().to_owned())
    }

    pub(crate) fn signal(&self, program: ProgramId, number: i32) {
        self.ask(|kernel| kernel.signal(program, number));
    }

    /// Creates an eventfd that each signal of the current program writes to.
    pub(crate) fn signal_eventfd(&self) -> io::Result<OwnedFd> {
        let value = |file: &FileId| Outcome::Value((*file).into());
        let opened = self.call("signal eventfd", None, Kernel::alarm_open, value);
        opened.and_then(|file| self.name(file))
    }

    /// Returns how often a signal was delivered to the current program.
    pub(crate) fn delivered(&self, signal: i32) -> u64 {
        self.ask(|kernel| kernel.delivered(signal))
    }

    pub(crate) fn listens(&self, signal: i32, is_new: bool) {
        self.ask(|kernel| kernel.listens(signal, is_new));
    }

    /// Changes one direction of a link.
    pub(crate) fn with_link(&self, from: HostId, to: HostId, f: impl FnOnce(&mut LinkPlan)) {
        self.ask(|kernel| {
            let link = kernel.links.entry((from, to)).or_default();
            let was_cut = link.is_cut;
            f(link);
            let is_cut = link.is_cut;
            if is_cut != was_cut {
                let names = [from, to].map(|host| kernel.hosts[usize::from(host)].name.clone());
                let what = if is_cut { "cut" } else { "heal" };
                kernel.note(what, None, Outcome::Text(names.join(" > ").into()));
            }
        });
    }

    /// Stops the programs of a host, or lets them go on.
    pub(crate) fn pause(&self, host: HostId, is_paused: bool) {
        self.ask(|kernel| {
            kernel.hosts[usize::from(host)].is_paused = is_paused;
            let name = kernel.hosts[usize::from(host)].name.clone();
            kernel.note(if is_paused { "pause" } else { "resume" }, None, Outcome::Text(name));
        });
    }

    /// Changes how fast the clocks of a host are.
    pub(crate) fn set_drift(&self, host: HostId, drift: i64) {
        self.ask(|kernel| {
            let now = kernel.now;
            let programs = kernel.programs.iter_mut().filter(|program| program.host == host);
            let deadlines = programs.filter_map(|program| match &mut program.loop_state {
                Loop::Asleep { until } => until.as_mut(),
                _ => None,
            });
            kernel.hosts[usize::from(host)].set_drift(now, drift, deadlines);
        });
    }

    /// Sets the wall clock of a host to show `nanoseconds` since 1970.
    pub(crate) fn set_wall_clock(&self, host: HostId, nanoseconds: i128) {
        self.ask(|kernel| {
            let now = kernel.now;
            let entry = &mut kernel.hosts[usize::from(host)];
            entry.wall_start += nanoseconds - entry.wall_clock(now);
            let name = entry.name.clone();
            kernel.note("set clock", None, Outcome::Text(name));
        });
    }

    /// Returns the files that `program` has left open.
    pub(crate) fn left_open(&self, program: ProgramId) -> Vec<String> {
        self.ask(|kernel| kernel.open_files(program).into_iter().map(|file| kernel.describe(file)).collect())
    }
}
