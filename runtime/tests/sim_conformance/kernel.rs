//! The arguments of a rule: a kernel, its descriptors, and their `epoll` reports.

use super::support::child;
use egret_runtime::sim::{Host, Sim};
use egret_runtime::sys::{Backend, Credentials, Domain, Epoll, Events, Fd, Type, UnixAddress, mask};
use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// egret's interest.
const ALL: u32 = mask::IN | mask::OUT | mask::RDHUP | mask::PRI | mask::EDGE;

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

/// An `epoll` instance.
pub struct Watch<'a> {
    kernel: &'a dyn Kernel,
    pub epoll: Epoll,
    events: RefCell<Events>,
    next: Cell<u64>,
}

impl<'a> Watch<'a> {
    pub fn empty(kernel: &'a dyn Kernel) -> Watch<'a> {
        let epoll = Backend::current().epoll().unwrap();
        Watch { kernel, epoll, events: RefCell::new(Events::with_capacity(64)), next: Cell::new(0) }
    }

    /// Registers `fd` for everything, and reads no report yet.
    pub fn of(kernel: &'a dyn Kernel, fd: &Fd) -> Watch<'a> {
        let watch = Watch::empty(kernel);
        watch.add(fd).unwrap();
        watch
    }

    /// Registers the eventfd of a loop, and reads no report yet.
    pub fn of_eventfd(kernel: &'a dyn Kernel, eventfd: &Fd) -> Watch<'a> {
        let watch = Watch::empty(kernel);
        watch.epoll.add_eventfd(eventfd.as_fd(), ALL, 0).unwrap();
        watch
    }

    /// Registers another, whose token is one more than that of the one before; the first has 0.
    pub fn add(&self, fd: &Fd) -> io::Result<()> {
        self.epoll.add(fd.as_fd(), ALL, self.next.get())?;
        self.next.set(self.next.get() + 1);
        Ok(())
    }

    /// The reports of `epoll` after everything has arrived, as `token:bits`.
    pub fn edges(&self) -> Vec<String> {
        self.kernel.settle();
        self.edges_now()
    }

    /// The reports now, without waiting for arrivals.
    fn edges_now(&self) -> Vec<String> {
        let mut events = self.events.borrow_mut();
        self.epoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().map(|(token, mask)| format!("{token}:{}", names(mask))).collect()
    }

    /// The bits reported for the only descriptor; "" without a report.
    pub fn edge(&self) -> String {
        let mut edges = self.edges();
        assert!(edges.len() < 2, "{edges:?} of one descriptor");
        edges.pop().map_or_else(String::new, |edge| edge.trim_start_matches("0:").to_owned())
    }

    /// The whole state of a descriptor, by a registration of its own.
    pub fn state(kernel: &dyn Kernel, fd: &Fd) -> String {
        Watch::of(kernel, fd).edge()
    }
}

fn names(mask: u32) -> String {
    let bits = [
        (mask::IN, "IN"),
        (mask::PRI, "PRI"),
        (mask::OUT, "OUT"),
        (mask::ERR, "ERR"),
        (mask::HUP, "HUP"),
        (mask::RDHUP, "RDHUP"),
    ];
    let set: Vec<_> = bits.into_iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| name).collect();
    set.join("|")
}

/// The result of a call, with the name of its errno.
pub fn said<T>(result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| {
        let errno = error.raw_os_error().expect("errors of the seam have an errno");
        errno_name(errno).map_or_else(|| error.to_string(), str::to_owned)
    })
}

/// The name of `SO_ERROR`, which it takes.
pub fn error_of(fd: &Fd) -> Option<String> {
    fd.take_error().unwrap().map(|error| said::<()>(Err(error)).unwrap_err())
}

fn errno_name(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EAGAIN => "EAGAIN",
        libc::EBADF => "EBADF",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::EADDRNOTAVAIL => "EADDRNOTAVAIL",
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::ECONNRESET => "ECONNRESET",
        libc::EEXIST => "EEXIST",
        libc::EINVAL => "EINVAL",
        libc::EISCONN => "EISCONN",
        libc::EMFILE => "EMFILE",
        libc::EMSGSIZE => "EMSGSIZE",
        libc::ENOENT => "ENOENT",
        libc::ENOTCONN => "ENOTCONN",
        libc::ENOPROTOOPT => "ENOPROTOOPT",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EPIPE => "EPIPE",
        libc::EPROTOTYPE => "EPROTOTYPE",
        libc::EDESTADDRREQ => "EDESTADDRREQ",
        _ => return None,
    })
}

/// Two ends and what is between them.
pub struct Pair {
    pub name: &'static str,
    pub reader: Fd,
    pub writer: Fd,
    /// Read and written by `read` and `write`, not by `recv` and `send`.
    is_file: bool,
}

impl Pair {
    fn new(name: &'static str, (reader, writer): (Fd, Fd)) -> Pair {
        Pair { name, reader, writer, is_file: false }
    }

    /// Up to `len` bytes.
    pub fn read(&self, len: usize) -> Result<Vec<u8>, String> {
        let mut buf = vec![0; len];
        let n = if self.is_file { self.reader.read(&mut buf) } else { self.reader.recv(&mut buf) };
        said(n).map(|n| buf[..n].to_vec())
    }

    pub fn write(&self, bytes: &[u8]) -> Result<usize, String> {
        said(if self.is_file { self.writer.write(bytes) } else { self.writer.send(bytes) })
    }
}

/// Byte streams.
pub fn streams(kernel: &dyn Kernel) -> Vec<Pair> {
    vec![tcp(kernel), unix(Type::Stream), pipe()]
}

/// Descriptors that return one message per read.
pub fn messages(kernel: &dyn Kernel) -> Vec<Pair> {
    vec![udp(kernel), unix(Type::Datagram), unix(Type::SeqPacket)]
}

/// A connection over loopback with `TCP_NODELAY`.
pub fn tcp(kernel: &dyn Kernel) -> Pair {
    let listener = tcp_listener(8);
    let client = tcp_socket();
    let _ = client.connect(&listener.local_addr().unwrap()).unwrap();
    kernel.settle();
    let (server, _) = listener.accept().unwrap();
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    Pair::new("TCP", (server, client))
}

pub fn tcp_socket() -> Fd {
    Backend::current().socket(Domain::V4, Type::Stream).unwrap()
}

pub fn tcp_listener(backlog: u32) -> Fd {
    let listener = tcp_socket();
    listener.bind(&any_port()).unwrap();
    listener.listen(backlog).unwrap();
    listener
}

pub fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

pub fn udp(kernel: &dyn Kernel) -> Pair {
    let [reader, writer] = [(); 2].map(|()| {
        let socket = Backend::current().socket(Domain::V4, Type::Datagram).unwrap();
        socket.bind(&any_port()).unwrap();
        socket
    });
    let _ = writer.connect(&reader.local_addr().unwrap()).unwrap();
    let _ = reader.connect(&writer.local_addr().unwrap()).unwrap();
    kernel.settle();
    Pair::new("UDP", (reader, writer))
}

/// A socketpair.
pub fn unix(kind: Type) -> Pair {
    let name = match kind {
        Type::Stream => "Unix stream",
        Type::Datagram => "Unix datagram",
        Type::SeqPacket => "Unix seqpacket",
    };
    Pair::new(name, Backend::current().socket_pair(kind).unwrap())
}

pub fn pipe() -> Pair {
    let (reader, writer) = Backend::current().pipe().unwrap();
    Pair { is_file: true, ..Pair::new("pipe", (reader, writer)) }
}

pub fn unix_socket(kind: Type) -> Fd {
    Backend::current().socket(Domain::Unix, kind).unwrap()
}

/// A unique abstract address.
pub fn unix_name() -> UnixAddress {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("egret conformance {} {number}", std::process::id());
    UnixAddress::from_abstract_name(name.as_bytes()).unwrap()
}

pub fn unix_listener(kind: Type, backlog: u32) -> (Fd, UnixAddress) {
    let (listener, name) = (unix_socket(kind), unix_name());
    listener.bind_unix(&name).unwrap();
    listener.listen(backlog).unwrap();
    (listener, name)
}

/// Writes until there is no room; returns the number of bytes.
pub fn fill(pair: &Pair, piece: usize) -> usize {
    let piece = vec![b'x'; piece];
    let mut written = 0;
    loop {
        match pair.write(&piece) {
            Ok(n) => written += n,
            Err(errno) => {
                assert_eq!(errno, "EAGAIN", "{}", pair.name);
                return written;
            }
        }
    }
}

/// Reads until there is nothing, `piece` bytes at a time; returns the number of bytes.
pub fn drain(pair: &Pair, piece: usize) -> usize {
    let mut read = 0;
    loop {
        match pair.read(piece) {
            Ok(bytes) if bytes.is_empty() => return read,
            Ok(bytes) => read += bytes.len(),
            Err(errno) => {
                assert_eq!(errno, "EAGAIN", "{}", pair.name);
                return read;
            }
        }
    }
}
