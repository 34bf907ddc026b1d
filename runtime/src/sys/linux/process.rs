//! Child processes: a descriptor that reports the end, the exit status, and signals.
//!
//! * The descriptor is a pidfd (`pidfd_open(2)`, `waitid(2)` with `P_PIDFD`, `pidfd_send_signal(2)`: Linux 5.4). It
//!   names one process for as long as it is open; a pid may be reused once the process has been reaped. A pidfd
//!   becomes readable when the process can be reaped.
//! * An older kernel has none, and some sandboxes refuse one of the three calls. There a thread per child waits by
//!   pid, with `WNOWAIT`, which does not reap, and writes to an eventfd.

use super::{Backend, Fd, check, errno, uninterrupted};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

/// A child of this process that only its owner reaps.
#[derive(Debug)]
pub struct Process(ProcessHandle);

#[derive(Debug)]
enum ProcessHandle {
    Pidfd(Fd),
    Watched(WatchedProcess),
}

/// A child at its start.
pub struct Spawned {
    /// Its pid.
    pub pid: u32,
    /// The process.
    pub process: Process,
    /// The other ends of its standard input, output and error, where they are pipes. They block.
    pub pipes: [Option<Fd>; 3],
}

/// A child by its pid.
#[derive(Debug)]
struct WatchedProcess {
    /// The waiting thread writes to it when the process has ended.
    eventfd: Arc<Fd>,
    pid: u32,
    /// It has been reaped: the pid may be reused.
    gone: AtomicBool,
}

/// Whether pidfds work here; found out with the first child.
static PIDFDS: OnceLock<bool> = OnceLock::new();

impl Backend {
    /// Starts a program, by std. On an error no process is left.
    ///
    /// # Errors
    ///
    /// Those of [`Command::spawn`], and of a pidfd or a thread.
    #[inline]
    pub fn spawn(self, command: &mut Command) -> io::Result<Spawned> {
        let mut std = command.spawn()?;
        match self.process(std.id()) {
            Ok(process) => {
                let stdin = std.stdin.take().map(OwnedFd::from);
                let (stdout, stderr) =
                    (std.stdout.take().map(OwnedFd::from), std.stderr.take().map(OwnedFd::from));
                // Dropping std's handle does nothing; it is not needed any more.
                Ok(Spawned {
                    pid: std.id(),
                    process,
                    pipes: [stdin, stdout, stderr].map(|pipe| pipe.map(Fd::from)),
                })
            }
            Err(error) => {
                // A killed process ends at once: this wait is as short as the spawn was.
                let _ = std.kill();
                let _ = std.wait();
                Err(error)
            }
        }
    }

    /// Returns the child with this pid. No race, because only the caller reaps it: its pid is not reused before.
    ///
    /// # Errors
    ///
    /// `ESRCH` when there is no such process, `EMFILE`, `ENFILE`, `ENOMEM`; `EAGAIN` when the thread cannot be
    /// started.
    #[inline]
    fn process(self, pid: u32) -> io::Result<Process> {
        let kind = if has_pidfds()? {
            ProcessHandle::Pidfd(pidfd(pid)?)
        } else {
            ProcessHandle::Watched(WatchedProcess::new(pid)?)
        };
        Ok(Process(kind))
    }
}

impl Process {
    /// Reaps the process and returns its exit status, by [`waitid(2)`]. No other child is reaped.
    ///
    /// # Errors
    ///
    /// `EAGAIN` while it runs; `ECHILD` when it is no child of this process, or was reaped already: by another
    /// `waitpid(-1)`, or by the kernel because `SIGCHLD` is ignored.
    ///
    /// [`waitid(2)`]: https://man7.org/linux/man-pages/man2/waitid.2.html
    #[inline]
    pub fn reap(&self) -> io::Result<ExitStatus> {
        match &self.0 {
            ProcessHandle::Pidfd(fd) => wait(libc::P_PIDFD, fd.as_raw_fd() as libc::id_t, libc::WNOHANG),
            ProcessHandle::Watched(watched) => watched.reap(),
        }
    }

    /// Sends a signal to the process, by [`pidfd_send_signal(2)`] or [`kill(2)`].
    ///
    /// # Errors
    ///
    /// `ESRCH` when it has been reaped, `EPERM` for a process of another user, `EINVAL` for no signal.
    ///
    /// [`pidfd_send_signal(2)`]: https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html
    /// [`kill(2)`]: https://man7.org/linux/man-pages/man2/kill.2.html
    #[inline]
    pub fn send_signal(&self, signal: libc::c_int) -> io::Result<()> {
        match &self.0 {
            ProcessHandle::Pidfd(fd) => send_signal(fd, signal),
            ProcessHandle::Watched(watched) => {
                watched.check_not_gone()?;
                kill(watched.pid as libc::pid_t, signal)
            }
        }
    }

    /// Sends `SIGKILL` to the process group led by the process, whose number is `pid`, by [`kill(2)`].
    ///
    /// The group has the number of its leader, which is not reused before the leader is reaped: that is checked
    /// first.
    ///
    /// # Errors
    ///
    /// `ESRCH` when the process leads no group, or has been reaped; `EPERM` when each process of the group belongs to
    /// another user.
    ///
    /// [`kill(2)`]: https://man7.org/linux/man-pages/man2/kill.2.html
    #[inline]
    pub fn kill_group(&self, pid: u32) -> io::Result<()> {
        match &self.0 {
            ProcessHandle::Pidfd(fd) => send_signal(fd, 0)?, // only checks
            ProcessHandle::Watched(watched) => watched.check_not_gone()?,
        }
        kill(-(pid as libc::pid_t), libc::SIGKILL)
    }

    /// Returns whether it is a zombie from its end on, until it is reaped.
    #[inline]
    pub fn needs_reaper(&self) -> bool {
        true
    }
}

/// Readable when the process has ended.
impl AsFd for Process {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            ProcessHandle::Pidfd(fd) => fd.as_fd(),
            ProcessHandle::Watched(watched) => watched.eventfd.as_fd(),
        }
    }
}

impl WatchedProcess {
    #[cold]
    fn new(pid: u32) -> io::Result<WatchedProcess> {
        let eventfd = Arc::new(Backend(()).eventfd()?);
        let shared = eventfd.clone();
        // A small stack: what runs on it is below.
        let thread = thread::Builder::new().name("egret-child".to_owned()).stack_size(128 * 1024);
        thread.spawn(move || {
            // `ECHILD` when other code has reaped it: then there is nothing to wait for either.
            let _ = wait(libc::P_PID, pid, libc::WNOWAIT);
            let _ = shared.notify();
        })?;
        Ok(WatchedProcess { eventfd, pid, gone: AtomicBool::new(false) })
    }

    #[inline]
    fn reap(&self) -> io::Result<ExitStatus> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(libc::ECHILD));
        }
        let reaped = wait(libc::P_PID, self.pid, libc::WNOHANG);
        match &reaped {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
            _ => self.gone.store(true, Ordering::Relaxed),
        }
        reaped
    }

    /// Returns `ESRCH` once it is no child of this process.
    #[inline]
    fn check_not_gone(&self) -> io::Result<()> {
        let has_it = || match wait(libc::P_PID, self.pid, libc::WNOHANG | libc::WNOWAIT) {
            Ok(_) => true,
            Err(error) => error.raw_os_error() == Some(libc::EAGAIN),
        };
        if !self.gone.load(Ordering::Relaxed) && has_it() {
            return Ok(());
        }
        self.gone.store(true, Ordering::Relaxed);
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

/// Returns whether the kernel and the sandbox support pidfds: to open one, to wait by it, to signal by it.
///
/// # Errors
///
/// `EMFILE`, `ENFILE` or `ENOMEM`.
#[inline]
fn has_pidfds() -> io::Result<bool> {
    match PIDFDS.get() {
        Some(known) => Ok(*known),
        None => ask_for_pidfds(),
    }
}

#[cold]
fn ask_for_pidfds() -> io::Result<bool> {
    // This process may signal itself and is not its own child.
    let known = match pidfd(std::process::id()) {
        Ok(own) => {
            let waited = wait(libc::P_PIDFD, own.as_raw_fd() as libc::id_t, libc::WNOHANG | libc::WNOWAIT);
            // Linux 5.3 opens a pidfd but rejects `P_PIDFD` with `EINVAL`.
            let waits = waited.is_err_and(|error| error.raw_os_error() == Some(libc::ECHILD));
            waits && send_signal(&own, 0).is_ok()
        }
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => false,
        Err(error) => return Err(error),
    };
    Ok(*PIDFDS.get_or_init(|| known))
}

/// Creates a pidfd, by [`pidfd_open(2)`]. It is not non-blocking: older kernels have no flag for that. It is never read.
///
/// [`pidfd_open(2)`]: https://man7.org/linux/man-pages/man2/pidfd_open.2.html
#[inline]
fn pidfd(pid: u32) -> io::Result<Fd> {
    // SAFETY: the call takes no pointer. Every argument has the width of a register, as `syscall` wants it.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0 as libc::c_long) };
    let raw = check(raw as libc::c_int)?;
    // SAFETY: the kernel has just made `raw` for us, so nothing else owns it. It is close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) }.into())
}

/// Returns the exit status of a child; `EAGAIN` while it runs, with `WNOHANG`.
#[inline]
fn wait(by: libc::idtype_t, id: libc::id_t, options: libc::c_int) -> io::Result<ExitStatus> {
    // SAFETY: `siginfo_t` is made of integers and pointers, for all of which zero bytes are a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    uninterrupted(|| {
        // SAFETY: the kernel writes one `siginfo_t`, which lives across the call.
        check(unsafe { libc::waitid(by, id, &raw mut info, libc::WEXITED | options) })
    })?;
    // SAFETY: the call has succeeded, so `info` is about a child or still zero, and this field is in both.
    if unsafe { info.si_pid() } == 0 {
        return Err(io::Error::from_raw_os_error(libc::EAGAIN));
    }
    // SAFETY: `info` is about a child, and then it has this field.
    let status = unsafe { info.si_status() };
    // The encoding of `wait(2)`, the only form that std accepts.
    let word = match info.si_code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_DUMPED => status | 0x80,
        _ => status,
    };
    Ok(ExitStatus::from_raw(word))
}

#[inline]
fn send_signal(pidfd: &Fd, signal: libc::c_int) -> io::Result<()> {
    let no_details = std::ptr::null::<libc::siginfo_t>();
    let (fd, signal) = (libc::c_long::from(pidfd.as_raw_fd()), libc::c_long::from(signal));
    // SAFETY: a null pointer for the details means the same as `kill(2)`. Every argument has the width of a register,
    // as `syscall` wants it.
    let sent =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, no_details, 0 as libc::c_long) };
    if sent < 0 { Err(errno()) } else { Ok(()) }
}

/// Sends a signal to a process, or with a negative number to a group.
#[inline]
fn kill(pid: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: the call takes no pointer.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Returns whether the error means that the process is gone: `ECHILD` of [`Process::reap`], `ESRCH` of a signal.
#[inline]
pub(crate) fn has_no_process(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ECHILD | libc::ESRCH))
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// Returns the process by pidfd, where supported, and by pid.
    #[inline]
    fn both_ways(pid: u32) -> [Process; 2] {
        [
            Backend(()).process(pid).unwrap(),
            Process(ProcessHandle::Watched(WatchedProcess::new(pid).unwrap())),
        ]
    }

    #[inline]
    fn reaped(process: &Process) -> ExitStatus {
        loop {
            match process.reap() {
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => std::thread::yield_now(),
                result => return result.unwrap(),
            }
        }
    }

    #[test]
    fn a_status_is_the_one_that_std_would_have_given() {
        for script in ["exit 0", "exit 7", "exit 255", "kill -TERM $$", "kill -KILL $$", "kill -ABRT $$"] {
            let run = || Command::new("sh").args(["-c", script]).spawn().unwrap();
            let by_std = run().wait().unwrap();
            for way in 0..2 {
                let by_us = reaped(&both_ways(run().id())[way]);
                assert_eq!((by_us.code(), by_us.signal()), (by_std.code(), by_std.signal()), "{script}");
            }
        }
    }

    #[test]
    #[allow(clippy::zombie_processes, reason = "it is reaped by its `Process`")]
    fn a_child_that_runs_is_eagain_and_one_that_was_reaped_is_echild() {
        for way in 0..2 {
            let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let process = &both_ways(child.id())[way];
            assert_eq!(process.reap().unwrap_err().raw_os_error(), Some(libc::EAGAIN));
            process.send_signal(libc::SIGKILL).unwrap();
            assert_eq!(reaped(process).signal(), Some(libc::SIGKILL));
            assert_eq!(process.reap().unwrap_err().raw_os_error(), Some(libc::ECHILD));
            assert_eq!(process.send_signal(libc::SIGKILL).unwrap_err().raw_os_error(), Some(libc::ESRCH));
            let group = process.kill_group(child.id()).unwrap_err();
            assert_eq!(group.raw_os_error(), Some(libc::ESRCH));
        }
    }

    // A pid that other code has reaped is not used again: it may be another child's.
    #[test]
    fn a_child_that_std_has_waited_for_is_gone_by_number_too() {
        for way in 0..2 {
            let mut child = Command::new("true").spawn().unwrap();
            let process = &both_ways(child.id())[way];
            child.wait().unwrap();
            assert_eq!(process.send_signal(libc::SIGKILL).unwrap_err().raw_os_error(), Some(libc::ESRCH));
            assert_eq!(process.reap().unwrap_err().raw_os_error(), Some(libc::ECHILD));
        }
    }
}
