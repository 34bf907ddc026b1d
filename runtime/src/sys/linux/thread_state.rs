//! A thread of this process, as the kernel sees it: whether it runs, and in which system call it sleeps.
//!
//! * Read from `/proc/self/task/TID`, which a thread may always read of its own process; without `/proc` nothing is
//!   known. Nothing stops the thread meanwhile, so the parts may be of different moments.
//! * The processor time is that of the thread's own clock, one system call.

use super::check;
use std::fmt;
use std::fs;
use std::time::Duration;

/// A thread of this process, by the number that the kernel gives it.
///
/// The number may be that of another thread once this one has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadId(libc::pid_t);

/// The state of a thread: see [`ThreadId::state`]. Its `Display` is a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadState {
    /// The letter of [`proc_pid_stat(5)`](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html): `R` runs or
    /// waits for a processor, `S` sleeps, `D` waits for a device, `T` is stopped.
    pub letter: char,
    /// The system call that it is in, unless it runs.
    pub call: Option<SystemCall>,
    /// The function of the kernel that it sleeps in, where the kernel tells.
    pub kernel_function: Option<String>,
}

/// A system call and, if its first argument is a descriptor, that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemCall {
    /// The number, of this architecture.
    pub number: i64,
    /// The descriptor that it is about.
    pub descriptor: Option<i32>,
}

impl ThreadId {
    /// Returns the calling thread.
    #[inline]
    pub fn current() -> ThreadId {
        // SAFETY: the call takes no argument and always succeeds. By number, for C libraries without the function.
        let number = unsafe { libc::syscall(libc::SYS_gettid) };
        ThreadId(number as libc::pid_t)
    }

    /// Returns the thread with this number; none has one above `i32::MAX`.
    #[inline]
    pub fn from_number(number: u32) -> ThreadId {
        ThreadId(libc::pid_t::try_from(number).unwrap_or(0))
    }

    /// Returns the number.
    #[inline]
    pub fn number(self) -> u32 {
        self.0.unsigned_abs()
    }

    /// Returns the processor time that the thread has used, in and out of the kernel; `None` once it has ended.
    #[inline]
    pub fn processor_time(self) -> Option<Duration> {
        if cfg!(miri) {
            return None; // Miri has no such clock.
        }
        // The number of the clock, as `pthread_getcpuclockid(3)` makes it: the inverted number of the thread, then one
        // bit for "of a thread" and two for "time on a processor".
        let clock = (!self.0 << 3) | 0b110;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` lives across the call, which writes to it and keeps no pointer. A number that is no clock is
        // an error.
        check(unsafe { libc::clock_gettime(clock, &raw mut time) }).ok()?;
        Some(Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).ok()?))
    }

    /// Returns how often the calling thread has given up its processor to wait: once for each sleep, and once for
    /// each wake-up by a stop of the process, a debugger or the freezer of a control group. 0 where the kernel does
    /// not count it.
    #[inline]
    pub fn sleeps_of_current() -> u64 {
        // SAFETY: all bits clear are a value of each of its fields, which are integers.
        let mut usage = unsafe { std::mem::zeroed::<libc::rusage>() };
        // SAFETY: `usage` lives across the call, which writes to it and keeps no pointer.
        match check(unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) }) {
            Ok(_) => usage.ru_nvcsw.unsigned_abs(),
            Err(_) => 0,
        }
    }

    /// Returns the name of the thread, at most 15 bytes of it; empty once it has ended or without `/proc`.
    #[inline]
    pub fn name(self) -> String {
        self.read("comm").unwrap_or_default().trim_end().to_owned()
    }

    /// Returns the state of the thread; `None` once it has ended or without `/proc`.
    #[inline]
    pub fn state(self) -> Option<ThreadState> {
        // After the name in parentheses, which may contain any character.
        let letter = self.read("stat")?.rsplit_once(") ")?.1.chars().next()?;
        let call = self.read("syscall").and_then(|line| SystemCall::parse(&line));
        let function = self.read("wchan").filter(|name| !name.is_empty() && name != "0");
        Some(ThreadState { letter, call, kernel_function: function })
    }

    #[inline]
    fn read(self, file: &str) -> Option<String> {
        let bytes = fs::read(format!("/proc/self/task/{}/{file}", self.0)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl SystemCall {
    /// Parses `running`, or the number, six arguments and two registers; the number is -1 outside of a call.
    #[inline]
    fn parse(line: &str) -> Option<SystemCall> {
        let mut words = line.split_ascii_whitespace();
        let number = words.next()?.parse().ok().filter(|number| *number >= 0)?;
        let first = words.next()?.strip_prefix("0x")?;
        let first = u64::from_str_radix(first, 16).ok()?;
        let takes = known(number).is_some_and(|(_, takes_descriptor)| takes_descriptor);
        // The upper half of the register is undefined for an `int`.
        Some(SystemCall { number, descriptor: takes.then_some(first as i32) })
    }

    /// Returns the name, of those that may block.
    #[inline]
    pub fn name(&self) -> Option<&'static str> {
        known(self.number).map(|(name, _)| name)
    }
}

impl fmt::Display for SystemCall {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "system call {}", self.number)?,
        }
        match self.descriptor {
            Some(descriptor) => write!(f, " of descriptor {descriptor}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ThreadState {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.letter {
            'R' => "runs",
            'S' => "sleeps",
            'D' => "waits for a device or a file system",
            'T' | 't' => "is stopped",
            'Z' | 'X' => "has ended",
            _ => "is idle",
        })?;
        match (&self.call, &self.kernel_function) {
            (Some(call), _) => write!(f, " in {call}"),
            (None, Some(function)) => write!(f, " in the kernel's {function}"),
            (None, None) => Ok(()),
        }
    }
}

/// Returns the name of a system call that may block or take long, and whether its first argument is a descriptor.
#[inline]
fn known(number: i64) -> Option<(&'static str, bool)> {
    let name_in = |calls: &[(i64, &'static str)]| {
        calls.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
    };
    let of_descriptor = name_in(&OF_DESCRIPTOR).map(|name| (name, true));
    of_descriptor.or_else(|| Some((name_in(&OTHERS).or_else(|| name_in(&OLD))?, false)))
}

/// Calls whose first argument is a descriptor.
const OF_DESCRIPTOR: [(i64, &str); 38] = [
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_close, "close"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_copy_file_range, "copy_file_range"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_epoll_pwait2, "epoll_pwait2"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_fcntl, "fcntl"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_getdents64, "getdents64"),
    (libc::SYS_io_uring_enter, "io_uring_enter"),
    (libc::SYS_ioctl, "ioctl"),
    (libc::SYS_lseek, "lseek"),
    (libc::SYS_pread64, "pread64"),
    (libc::SYS_preadv, "preadv"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_pwritev, "pwritev"),
    (libc::SYS_read, "read"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmmsg, "recvmmsg"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_sendfile, "sendfile"),
    (libc::SYS_sendmmsg, "sendmmsg"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_shutdown, "shutdown"),
    (libc::SYS_splice, "splice"),
    (libc::SYS_sync_file_range, "sync_file_range"),
    (libc::SYS_syncfs, "syncfs"),
    (libc::SYS_tee, "tee"),
    (libc::SYS_vmsplice, "vmsplice"),
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
];

/// Other calls.
const OTHERS: [(i64, &str); 33] = [
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_clone, "clone"),
    (libc::SYS_clone3, "clone3"),
    (libc::SYS_execve, "execve"),
    (libc::SYS_futex, "futex"),
    (libc::SYS_getrandom, "getrandom"),
    (libc::SYS_io_getevents, "io_getevents"),
    (libc::SYS_madvise, "madvise"),
    (libc::SYS_mkdirat, "mkdirat"),
    (libc::SYS_mmap, "mmap"),
    (libc::SYS_mprotect, "mprotect"),
    (libc::SYS_msgrcv, "msgrcv"),
    (libc::SYS_msync, "msync"),
    (libc::SYS_munmap, "munmap"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_newfstatat, "newfstatat"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_openat2, "openat2"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_process_vm_readv, "process_vm_readv"),
    (libc::SYS_pselect6, "pselect6"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_restart_syscall, "restart_syscall"), // a sleep or a poll, after a stop of the process
    (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
    (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
    (libc::SYS_sched_yield, "sched_yield"),
    (libc::SYS_semop, "semop"),
    (libc::SYS_semtimedop, "semtimedop"),
    (libc::SYS_statx, "statx"),
    (libc::SYS_sync, "sync"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
];

/// Calls that newer architectures have not.
#[cfg(target_arch = "x86_64")]
const OLD: [(i64, &str); 12] = [
    (libc::SYS_access, "access"),
    (libc::SYS_epoll_wait, "epoll_wait"),
    (libc::SYS_lstat, "lstat"),
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_open, "open"),
    (libc::SYS_pause, "pause"),
    (libc::SYS_poll, "poll"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_select, "select"),
    (libc::SYS_stat, "stat"),
    (libc::SYS_unlink, "unlink"),
    (libc::SYS_vfork, "vfork"),
];

#[cfg(not(target_arch = "x86_64"))]
const OLD: [(i64, &str); 0] = [];

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;
    use std::thread;

    /// Returns the state of a thread once it is asleep; bounded by the test's own end.
    #[inline]
    fn asleep(thread: ThreadId) -> ThreadState {
        loop {
            match thread.state() {
                Some(state) if state.letter == 'S' => return state,
                _ => thread::yield_now(),
            }
        }
    }

    #[test]
    fn a_thread_that_sleeps_says_in_which_call_and_on_which_descriptor() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let number = reader.as_raw_fd();
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new().name("a ) S reader".to_owned());
        let thread = thread.spawn(move || {
            tell.send(ThreadId::current()).unwrap();
            reader.read(&mut [0]).unwrap()
        });
        let (thread, id) = (thread.unwrap(), told.recv().unwrap());
        // It may be asleep on the lock of the channel, for a moment.
        let call = loop {
            let state = asleep(id);
            if let Some(call) = state.call.filter(|call| call.descriptor.is_some()) {
                assert_eq!(
                    state.to_string(),
                    format!("sleeps in {} of descriptor {number}", call.name().unwrap())
                );
                break call;
            }
        };
        assert_eq!(call.descriptor, Some(number));
        assert!(["read", "recvfrom"].contains(&call.name().unwrap()), "{call}");
        assert_eq!(id.name(), "a ) S reader");
        // A kernel without a fine clock counts in ticks, of which the thread may have seen none.
        let used = id.processor_time().unwrap();
        assert!(used < Duration::from_secs(10), "{used:?}");
        drop(writer);
        assert_eq!(thread.join().unwrap(), 0);
    }

    #[test]
    fn a_thread_that_runs_is_in_no_call_and_uses_the_processor() {
        let this = ThreadId::current();
        let before = this.processor_time().unwrap();
        assert_eq!(this.state().unwrap().letter, 'R');
        while this.processor_time().unwrap() == before {}
        let other = ThreadId(1 << 27); // above the largest number that a kernel gives
        assert_eq!((other.state(), other.processor_time(), other.name()), (None, None, String::new()));
    }

    #[test]
    fn each_sleep_of_a_thread_is_counted() {
        let before = ThreadId::sleeps_of_current();
        (0..3).for_each(|_| thread::sleep(Duration::from_millis(1)));
        let slept = ThreadId::sleeps_of_current() - before;
        assert!(slept >= 3, "{slept}"); // a stop of the process is one more
    }

    #[test]
    fn a_line_of_the_kernel_is_read_with_care() {
        let parsed = |line| SystemCall::parse(line).map(|call| call.to_string());
        let read = format!("{} 0x7 0x7ffd 0x1 0x0 0x0 0x0 0x7ffd 0x7f", libc::SYS_read);
        assert_eq!(parsed(&read).as_deref(), Some("read of descriptor 7"));
        let sleep = format!("{} 0x1 0x0 0x7ffd", libc::SYS_clock_nanosleep);
        assert_eq!(parsed(&sleep).as_deref(), Some("clock_nanosleep"));
        assert_eq!(parsed("999 0x7").as_deref(), Some("system call 999"));
        for line in ["running", "-1 0x7ffd 0x7f", "", "0", "0 7", "0 0xg"] {
            assert_eq!(parsed(line), None, "{line}");
        }
        let names = |calls: &[(i64, &'static str)]| calls.iter().map(|(_, name)| *name).collect::<Vec<_>>();
        assert!(names(&OF_DESCRIPTOR).is_sorted() && names(&OTHERS).is_sorted() && names(&OLD).is_sorted());
    }
}
