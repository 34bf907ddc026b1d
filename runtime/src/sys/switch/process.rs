//! Child processes, of either kernel.

use super::{Backend, Fd, sim};
use crate::sys::linux;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Command, ExitStatus};

/// A child that only its owner reaps.
#[derive(Debug)]
pub struct Process(ProcessKind);

#[derive(Debug)]
enum ProcessKind {
    Linux(linux::Process),
    /// By its pidfd.
    Simulated(Fd),
}

/// A child at its start.
pub struct Spawned {
    pub pid: u32,
    pub process: Process,
    /// The other ends of its standard input, output and error.
    pub pipes: [Option<Fd>; 3],
}

impl Backend {
    pub fn spawn(self, command: &mut Command) -> io::Result<Spawned> {
        if let Some(spawned) = sim::spawn(command) {
            let (pid, pidfd, pipes) = spawned?;
            return Ok(Spawned { pid, process: Process(ProcessKind::Simulated(pidfd)), pipes });
        }
        let linux::Spawned { pid, process, pipes } = self.linux.spawn(command)?;
        Ok(Spawned {
            pid,
            process: Process(ProcessKind::Linux(process)),
            pipes: pipes.map(|pipe| pipe.map(Fd::from)),
        })
    }
}

impl Process {
    pub fn reap(&self) -> io::Result<ExitStatus> {
        match &self.0 {
            ProcessKind::Linux(process) => process.reap(),
            ProcessKind::Simulated(pidfd) => simulated(pidfd, libc::ECHILD)?.reap(),
        }
    }

    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        match &self.0 {
            ProcessKind::Linux(process) => process.send_signal(signal),
            ProcessKind::Simulated(pidfd) => simulated(pidfd, libc::ESRCH)?.send_signal(signal),
        }
    }

    pub fn kill_group(&self, pid: u32) -> io::Result<()> {
        match &self.0 {
            ProcessKind::Linux(process) => process.kill_group(pid),
            ProcessKind::Simulated(pidfd) => simulated(pidfd, libc::ESRCH)?.kill_group(),
        }
    }

    /// A simulated child leaves no zombie.
    pub fn needs_reaper(&self) -> bool {
        matches!(&self.0, ProcessKind::Linux(process) if process.needs_reaper())
    }
}

/// Returns the child of a pidfd, or this error when its parent was killed or the simulation is over.
fn simulated(pidfd: &Fd, error: i32) -> io::Result<sim::SimDescriptor> {
    pidfd.simulated().ok_or_else(|| io::Error::from_raw_os_error(error))
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            ProcessKind::Linux(process) => process.as_fd(),
            ProcessKind::Simulated(pidfd) => pidfd.as_fd(),
        }
    }
}
