//! Processes by a descriptor: `pidfd_open(2)`, `waitid(2)`, `pidfd_send_signal(2)`.
//!
//! A pidfd names one process for as long as it is open, where a number may be given to the next one as soon as the
//! process has been waited for. It is readable, for `epoll`, from the moment in which the process can be waited for.

use super::{Backend, Fd, check, errno, uninterrupted};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

impl Backend {
    /// The process with this number as a descriptor, by [`pidfd_open(2)`] (Linux 5.3). For a child that nobody else
    /// waits for this is no race: its number is its own until it has been waited for.
    ///
    /// It is not marked as non-blocking, which older kernels do not know here: nothing is ever read from it, and
    /// [`reap`](Fd::reap) says of each call that it is not to wait.
    ///
    /// # Errors
    ///
    /// `ESRCH` when there is no such process, `EMFILE`, `ENFILE`, `ENOMEM`; `ENOSYS` from a kernel before 5.3 and
    /// from some sandboxes.
    ///
    /// [`pidfd_open(2)`]: https://man7.org/linux/man-pages/man2/pidfd_open.2.html
    #[inline]
    pub fn pidfd(self, pid: u32) -> io::Result<Fd> {
        // SAFETY: the call takes no pointer. Every argument has the width of a register, as `syscall` wants it.
        let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0 as libc::c_long) };
        let raw = check(raw as libc::c_int)?;
        // SAFETY: the kernel has just made `raw` for us, so nothing else owns it. It is close-on-exec.
        Ok(unsafe { OwnedFd::from_raw_fd(raw) }.into())
    }
}

impl Fd {
    /// How the process of this pidfd has ended, which is then waited for and leaves the table of processes, by
    /// [`waitid(2)`] with `P_PIDFD` (Linux 5.4). No other child is touched.
    ///
    /// # Errors
    ///
    /// `EAGAIN` while it runs; `ECHILD` when it is no child of this process, or has been waited for already: by
    /// somebody's `waitpid(-1)`, or by the kernel because `SIGCHLD` is ignored.
    ///
    /// [`waitid(2)`]: https://man7.org/linux/man-pages/man2/waitid.2.html
    #[inline]
    pub fn reap(&self) -> io::Result<ExitStatus> {
        // SAFETY: `siginfo_t` is made of integers and pointers, for all of which zero bytes are a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOHANG;
        uninterrupted(|| {
            let fd = self.as_raw_fd() as libc::id_t;
            // SAFETY: the kernel writes one `siginfo_t`, which lives across the call.
            check(unsafe { libc::waitid(libc::P_PIDFD, fd, &raw mut info, options) })
        })?;
        // SAFETY: the call has succeeded, so `info` is about a child or still zero, and this field is in both.
        if unsafe { info.si_pid() } == 0 {
            return Err(io::Error::from_raw_os_error(libc::EAGAIN));
        }
        // SAFETY: `info` is about a child, and then it has this field.
        let status = unsafe { info.si_status() };
        // As the older calls have it in one word, which is the only form that std takes.
        let word = match info.si_code {
            libc::CLD_EXITED => (status & 0xff) << 8,
            libc::CLD_DUMPED => status | 0x80,
            _ => status,
        };
        Ok(ExitStatus::from_raw(word))
    }

    /// Sends `SIGKILL` to the process of this pidfd, by [`pidfd_send_signal(2)`] (Linux 5.1).
    ///
    /// # Errors
    ///
    /// `ESRCH` when it has been waited for, `EPERM` for one of another user.
    ///
    /// [`pidfd_send_signal(2)`]: https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html
    #[inline]
    pub fn kill_process(&self) -> io::Result<()> {
        self.send_signal(libc::SIGKILL)
    }

    /// Sends `SIGKILL` to the process group that is led by the process of this pidfd, whose number is `pid`, by
    /// [`kill(2)`].
    ///
    /// The group has the number of its leader, which is its own until it has been waited for: that is checked first.
    ///
    /// # Errors
    ///
    /// `ESRCH` when the process leads no group, or has been waited for; `EPERM` when every process of the group is
    /// another user's.
    ///
    /// [`kill(2)`]: https://man7.org/linux/man-pages/man2/kill.2.html
    #[inline]
    pub fn kill_process_group(&self, pid: u32) -> io::Result<()> {
        self.send_signal(0)?; // only checks
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::kill(-(pid as libc::pid_t), libc::SIGKILL) }).map(drop)
    }

    #[inline]
    fn send_signal(&self, signal: libc::c_int) -> io::Result<()> {
        let no_details = std::ptr::null::<libc::siginfo_t>();
        let (fd, signal) = (libc::c_long::from(self.as_raw_fd()), libc::c_long::from(signal));
        // SAFETY: a null pointer for the details means "as kill(2) has them". Every argument has the width of a
        // register, as `syscall` wants it.
        let sent =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, no_details, 0 as libc::c_long) };
        if sent < 0 { Err(errno()) } else { Ok(()) }
    }
}

/// Whether the error says that there is no such process any more: `ECHILD` of [`Fd::reap`], `ESRCH` of a signal.
#[inline]
pub(crate) fn has_no_process(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ECHILD | libc::ESRCH))
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[inline]
    fn pidfd(child: &std::process::Child) -> Fd {
        Backend::current().pidfd(child.id()).unwrap()
    }

    #[inline]
    fn reaped(fd: &Fd) -> ExitStatus {
        loop {
            match fd.reap() {
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => std::thread::yield_now(),
                result => return result.unwrap(),
            }
        }
    }

    #[test]
    fn a_status_is_the_one_that_std_would_have_given() {
        for script in ["exit 0", "exit 7", "exit 255", "kill -TERM $$", "kill -KILL $$", "kill -ABRT $$"] {
            let run = || Command::new("sh").args(["-c", script]).spawn().unwrap();
            let (by_std, by_us) = (run().wait().unwrap(), reaped(&pidfd(&run())));
            assert_eq!((by_us.code(), by_us.signal()), (by_std.code(), by_std.signal()), "{script}");
        }
    }

    #[test]
    #[allow(clippy::zombie_processes, reason = "it is reaped through its pidfd")]
    fn a_child_that_runs_is_eagain_and_one_that_was_reaped_is_echild() {
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let fd = pidfd(&child);
        assert_eq!(fd.reap().unwrap_err().raw_os_error(), Some(libc::EAGAIN));
        fd.kill_process().unwrap();
        assert_eq!(reaped(&fd).signal(), Some(libc::SIGKILL));
        assert_eq!(fd.reap().unwrap_err().raw_os_error(), Some(libc::ECHILD));
        assert_eq!(fd.kill_process().unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
}
