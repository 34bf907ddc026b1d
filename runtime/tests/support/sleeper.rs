//! Detects that another thread is in `epoll_wait`, and interrupts it there.

use super::threads::Thread;
use std::fs;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Instant;

/// A thread, as `/proc` shows it to the others.
pub struct Sleeper {
    task: PathBuf,
    thread: Thread,
}

/// The system call by which an idle loop sleeps, with a timeout and without.
#[cfg(target_arch = "x86_64")]
const WAITS: [libc::c_long; 3] = [libc::SYS_epoll_wait, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];
#[cfg(not(target_arch = "x86_64"))]
const WAITS: [libc::c_long; 2] = [libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];

impl Sleeper {
    pub fn this_thread() -> Sleeper {
        let task = PathBuf::from("/proc").join(fs::read_link("/proc/thread-self").unwrap());
        Sleeper { task, thread: Thread::this() }
    }

    /// Returns when the thread sleeps in `epoll_wait`.
    pub fn await_sleep(&self) {
        let start = Instant::now();
        while !self.is_asleep() {
            assert!(start.elapsed() < super::HANG, "the loop does not go to sleep");
            std::thread::yield_now();
        }
    }

    /// Sends the thread, which must not have ended, a signal that is handled and does nothing: what it waits in
    /// ends with `EINTR`.
    pub fn interrupt(&self) {
        extern "C" fn nothing(_: libc::c_int) {}
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            // SAFETY: all-zero bytes are a `sigaction`: the default action, no flags (SA_RESTART among them).
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
            // SAFETY: the handler does nothing, so it may run anywhere; no other code in this process has one for
            // SIGUSR1. The kernel reads one `sigaction` and is not asked for the old one.
            let set = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
            assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
        });
        self.thread.signal(libc::SIGUSR1);
    }

    fn is_asleep(&self) -> bool {
        // "running", or the number of the call that blocks and its arguments.
        match fs::read_to_string(self.task.join("syscall")) {
            Ok(call) => {
                let number = call.split(' ').next().and_then(|number| number.parse().ok());
                number.is_some_and(|number| WAITS.contains(&number))
            }
            // Not in this kernel, or not for us: any sleep will do. The state follows the name in brackets.
            Err(_) => {
                let stat = fs::read_to_string(self.task.join("stat")).unwrap();
                stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
            }
        }
    }
}
