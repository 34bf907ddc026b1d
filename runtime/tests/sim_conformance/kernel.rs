//! The two kernels that a rule runs on.

use super::support::child;
use super::watch::Watch;
use egret_runtime::sim::{Host, Sim};
use egret_runtime::sys::{Credentials, Fd};
use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// One of the two kernels, while it is this thread's.
pub trait Kernel {
    /// Returns when everything sent over loopback has arrived.
    fn settle(&self);

    /// [`settle`](Kernel::settle), and what a delayed acknowledgement holds up has happened too, of these connections.
    fn settle_acknowledged(&self, connections: &[&Fd]);

    /// Writes to the stream `fd` from another process that shares it.
    fn write_as_another_process(&self, fd: &Fd, bytes: &str);

    /// Calls `f` while the process can open no more descriptors.
    fn with_no_descriptor_left(&self, f: &mut dyn FnMut());
}

/// Held while a process is started: between fork and exec the child has a duplicate of every descriptor of this process,
/// so a file that a rule closes meanwhile stays open.
static NOBODY_FORKS: RwLock<()> = RwLock::new(());

/// Runs a rule on the real kernel.
pub fn linux(rule: impl FnOnce(&dyn Kernel)) {
    let _quiet = NOBODY_FORKS.read().unwrap_or_else(PoisonError::into_inner);
    rule(&Linux::new());
}

/// [`linux`] for a rule that starts processes.
pub fn linux_with_processes(rule: impl FnOnce(&dyn Kernel)) {
    let _alone = NOBODY_FORKS.write().unwrap_or_else(PoisonError::into_inner);
    rule(&Linux::new());
}

/// [`linux`] in a process of its own, in the test of this name.
pub fn linux_in_a_child(name: &str, rule: fn(&dyn Kernel)) {
    let _alone = std::env::var_os("EGRET_TEST_IN_CHILD")
        .is_none()
        .then(|| NOBODY_FORKS.write().unwrap_or_else(PoisonError::into_inner));
    child::run(name, move || linux(rule));
}

/// Runs a rule as the program of a simulated host, with no faults and Linux's edges.
pub fn simulation(rule: impl FnOnce(&dyn Kernel)) {
    let sim = Sim::new(1);
    let host = sim.host("alone");
    host.run(|| rule(&Simulated { sim: &sim, host: host.clone() }));
    let left = host.left_open();
    assert!(left.is_empty(), "left open: {left:?}");
}

/// The real kernel. The thread stays on one processor, whose queue of loopback packets is first in, first out: what
/// was sent before a byte of the probe has arrived before it.
struct Linux {
    probe: RefCell<(TcpStream, TcpStream)>,
}

/// A segment, its answer and the answer to that: no packet of a handshake or an end is further behind.
const ROUNDS: usize = 3;

impl Linux {
    fn new() -> Linux {
        stay_on_this_processor();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (here, _) = listener.accept().unwrap();
        for end in [&there, &here] {
            end.set_nodelay(true).unwrap();
            end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        }
        Linux { probe: RefCell::new((there, here)) }
    }
}

/// Whether this machine has so many connections that have just ended (`tcp_max_tw_buckets`) that Linux gives up those
/// that end now: a peer that ends later is then answered with a reset. Says so on stderr.
pub fn time_wait_is_full() -> bool {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str| text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
    let most = after(&read("/proc/sys/net/ipv4/tcp_max_tw_buckets"));
    let now = read("/proc/net/sockstat").split(" tw ").nth(1).and_then(after);
    // Other programs add to them meanwhile.
    let is_full = most.zip(now).is_some_and(|(most, now)| now >= most / 4 * 3);
    if is_full {
        eprintln!("skipped on Linux: {now:?} connections in TIME_WAIT, of {most:?} that may be");
    }
    is_full
}

fn stay_on_this_processor() {
    // SAFETY: takes no pointer.
    let processor = unsafe { libc::sched_getcpu() };
    // SAFETY: an array of integers, for which all-zero bytes are a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `CPU_SET` writes inside of `set`, for any number: it checks.
    unsafe { libc::CPU_SET(processor as usize, &mut set) };
    // SAFETY: the kernel reads `set`, whose length is given.
    let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// FIN_WAIT1, LAST_ACK or CLOSING, as `tcp(7)` has it in the first byte of `TCP_INFO`.
fn waits_for_an_acknowledgement(fd: &Fd) -> bool {
    let mut state = 0u8;
    let mut len = 1;
    // SAFETY: the kernel writes no more than `len` bytes to `state`, and to `len`; both live across the call.
    let result = unsafe {
        let to = (&raw mut state).cast();
        libc::getsockopt(fd.as_fd().as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, to, &raw mut len)
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    matches!(state, 4 | 9 | 11)
}

impl Kernel for Linux {
    fn settle(&self) {
        let (there, here) = &mut *self.probe.borrow_mut();
        for _ in 0..ROUNDS {
            there.write_all(b"?").unwrap();
            here.read_exact(&mut [0]).expect("loopback delivers within ten seconds");
        }
    }

    fn settle_acknowledged(&self, connections: &[&Fd]) {
        self.settle();
        // QUICKACK acknowledges data at once. The kernel acknowledges a FIN some 40 ms later, and
        // then reports it to its sender.
        connections.iter().for_each(|fd| fd.set_quickack(true).unwrap());
        for fd in connections {
            let watch = Watch::of(self, fd);
            while waits_for_an_acknowledgement(fd) {
                let mut events = watch.events.borrow_mut();
                watch.epoll.wait(&mut events, Some(Duration::from_secs(10))).unwrap();
            }
        }
        self.settle();
    }

    fn write_as_another_process(&self, fd: &Fd, bytes: &str) {
        let stdout = fd.as_fd().try_clone_to_owned().unwrap();
        let mut child = Command::new("printf");
        let status = child.arg(bytes).stdout(Stdio::from(stdout)).status().unwrap();
        assert!(status.success());
    }

    fn with_no_descriptor_left(&self, f: &mut dyn FnMut()) {
        let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the kernel writes to `before`, which lives across the call.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut before) }, 0);
        let none = libc::rlimit { rlim_cur: 0, ..before };
        for limit in [none, before] {
            // SAFETY: the kernel reads `limit`, which lives across the call.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
            if limit.rlim_cur == 0 {
                f();
            }
        }
    }
}

struct Simulated<'a> {
    sim: &'a Sim,
    host: Host,
}

impl Kernel for Simulated<'_> {
    fn settle(&self) {
        // A packet takes microseconds from a host to itself.
        self.sim.pass(Duration::from_millis(1));
    }

    fn settle_acknowledged(&self, _: &[&Fd]) {
        self.settle(); // nothing is delayed here
    }

    fn write_as_another_process(&self, fd: &Fd, bytes: &str) {
        let other = Credentials { pid: 4711, uid: 0, gid: 0 };
        let sent = fd.send_message(&[IoSlice::new(bytes.as_bytes())], &[], Some(other), None);
        assert_eq!(sent.unwrap(), bytes.len());
    }

    fn with_no_descriptor_left(&self, f: &mut dyn FnMut()) {
        self.host.descriptor_limit(0);
        f();
        self.host.descriptor_limit(1024);
    }
}
