//! A filter on system calls: [`seccomp(2)`], for this thread, the threads that it starts, and the programs that they run.
//!
//! [`seccomp(2)`]: https://man7.org/linux/man-pages/man2/seccomp.2.html

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A call, or those of its calls that have these bits in an argument.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    number: libc::c_long,
    /// The number of the argument, which bits of its lower half count, and what they have to be.
    bits: [Option<(u32, u32, u32)>; 2],
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// It fails with this errno.
    Fails(i32),
    /// It fails with this errno, and is counted.
    Counted(i32),
    /// The process ends by `SIGSYS`.
    Kills,
}

impl Call {
    pub const fn of(number: libc::c_long) -> Call {
        Call { number, bits: [None, None] }
    }

    /// Only where this argument is `value`.
    pub const fn with(self, argument: u32, value: i32) -> Call {
        self.with_bits(argument, u32::MAX, value as u32)
    }

    /// Only where these bits of the argument are `value`.
    pub const fn with_bits(mut self, argument: u32, mask: u32, value: u32) -> Call {
        let place = if self.bits[0].is_none() { 0 } else { 1 };
        self.bits[place] = Some((argument, mask, value));
        self
    }

    /// Makes it, with -1 for the arguments that do not matter, which no call succeeds with.
    pub fn make(self) -> io::Result<libc::c_long> {
        let mut arguments = [-1 as libc::c_long; 6];
        for (argument, _, value) in self.bits.into_iter().flatten() {
            arguments[argument as usize] = value.into();
        }
        let [a, b, c, d, e, f] = arguments;
        // SAFETY: the filter refuses the call, which is asserted by the caller; if it did not, -1 would be no descriptor
        // and no address, of which the kernel says so.
        let result = unsafe { libc::syscall(self.number, a, b, c, d, e, f) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
    }
}

/// A list of calls and what becomes of them.
#[derive(Clone, Debug, Default)]
pub struct Filter(Vec<(Call, Answer)>);

impl Filter {
    pub fn new() -> Filter {
        Filter::default()
    }

    /// These fail.
    pub fn fails(mut self, calls: impl IntoIterator<Item = Call>, errno: i32) -> Filter {
        self.0.extend(calls.into_iter().map(|call| (call, Answer::Fails(errno))));
        self
    }

    /// This one fails, and how often it was made is counted; for one that programs make with no signal blocked.
    pub fn fails_counted(mut self, call: Call, errno: i32) -> Filter {
        self.0.push((call, Answer::Counted(errno)));
        self
    }

    /// These end the process.
    pub fn kills(mut self, calls: impl IntoIterator<Item = Call>) -> Filter {
        self.0.extend(calls.into_iter().map(|call| (call, Answer::Kills)));
        self
    }

    fn program(&self) -> Vec<libc::sock_filter> {
        const NUMBER: u32 = 0;
        const ARGUMENTS: u32 = 16;
        let load = |at| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at, 0);
        let returns = |answer| step(libc::BPF_RET | libc::BPF_K, answer, 0);
        let mut program = Vec::new();
        for (call, becomes) in &self.0 {
            let mut rule = Vec::new();
            for (argument, mask, value) in call.bits.into_iter().flatten() {
                rule.push(load(ARGUMENTS + 8 * argument)); // the lower half
                rule.push(step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask, 0));
                rule.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, 0));
            }
            rule.push(returns(match *becomes {
                Answer::Fails(errno) => libc::SECCOMP_RET_ERRNO | errno as u32,
                Answer::Counted(_) => libc::SECCOMP_RET_USER_NOTIF,
                Answer::Kills => libc::SECCOMP_RET_KILL_PROCESS,
            }));
            // What does not compare goes on behind the rule.
            let len = rule.len();
            for (at, step) in rule.iter_mut().enumerate() {
                if u32::from(step.code) & 0x07 == libc::BPF_JMP {
                    step.jf = (len - at - 1) as u8;
                }
            }
            program.push(load(NUMBER));
            program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call.number as u32, len as u8));
            program.extend(rule);
        }
        program.push(returns(libc::SECCOMP_RET_ALLOW));
        program
    }

    /// Puts it on this thread. `None`, and said aloud, where the kernel takes no filter.
    pub fn install(self) -> Option<Installed> {
        let mut program = self.program();
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        // SAFETY: the call takes integers alone. It keeps this thread from gaining privileges, which it has no use for.
        assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
        let counted: HashMap<_, _> =
            self.0.iter().filter_map(|(call, answer)| answer.counted(*call)).collect();
        // Its thread is started before, so that its own calls are not filtered.
        let shared = Arc::new(Shared::default());
        let (send, listener) = channel();
        let (stop, stopped) = UnixStream::pair().unwrap();
        let answering = (!counted.is_empty()).then(|| {
            let shared = shared.clone();
            thread::spawn(move || answer(&listener, &stopped, &counted, &shared))
        });
        let flags = if answering.is_some() { libc::SECCOMP_FILTER_FLAG_NEW_LISTENER } else { 0 };
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        // SAFETY: the kernel copies the program, whose length is that of the vector; both live across the call.
        let raw = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const filter) };
        if raw < 0 {
            let why = format!("no filter on system calls: {}", io::Error::last_os_error());
            crate::skipped(thread::current().name().unwrap_or("a test"), &why);
            return None;
        }
        if answering.is_some() {
            // SAFETY: the kernel has just made it for us, so nothing else owns it.
            send.send(unsafe { OwnedFd::from_raw_fd(raw as RawFd) }).unwrap();
        }
        Some(Installed { shared, stop: Some(stop), answering })
    }
}

impl Answer {
    fn counted(self, call: Call) -> Option<(libc::c_long, i32)> {
        match self {
            Answer::Counted(errno) => Some((call.number, errno)),
            Answer::Fails(_) | Answer::Kills => None,
        }
    }
}

fn step(code: u32, k: u32, jump_false: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: jump_false, k }
}

#[derive(Default)]
struct Shared {
    /// How often this process has made each of the calls that are counted.
    counts: Mutex<HashMap<libc::c_long, u64>>,
    /// They are made, and do not fail.
    allows: AtomicBool,
}

/// A filter that is in force. Dropped, the calls that were counted fail with `ENOSYS`.
pub struct Installed {
    shared: Arc<Shared>,
    stop: Option<UnixStream>,
    answering: Option<JoinHandle<()>>,
}

impl Installed {
    /// How often this process has asked for it since the last time.
    pub fn taken(&self, call: Call) -> u64 {
        self.shared.counts.lock().unwrap().remove(&call.number).unwrap_or(0)
    }

    /// Lets the calls through that are counted.
    pub fn allow(&self) {
        self.shared.allows.store(true, Ordering::Relaxed);
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.answering.take().into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// Answers for the kernel, by [`seccomp_unotify(2)`], until it is told to stop.
///
/// [`seccomp_unotify(2)`]: https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html
fn answer(
    listener: &Receiver<OwnedFd>,
    stopped: &UnixStream,
    errnos: &HashMap<libc::c_long, i32>,
    shared: &Shared,
) {
    let Ok(listener) = listener.recv() else { return };
    loop {
        let poll = |fd: RawFd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut ready = [poll(listener.as_raw_fd()), poll(stopped.as_raw_fd())];
        // SAFETY: the kernel reads and writes as many as there are; they live across the call.
        unsafe { libc::poll(ready.as_mut_ptr(), 2, -1) };
        if ready[1].revents != 0 {
            return;
        }
        if ready[0].revents & libc::POLLIN == 0 {
            continue;
        }
        // SAFETY: it is made of integers, for which zero bytes are a value.
        let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes one notification, which lives across the call.
        if unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked) } < 0 {
            continue; // the thread that asked is gone
        }
        let number = libc::c_long::from(asked.data.nr);
        if std::path::Path::new(&format!("/proc/self/task/{}", asked.pid)).exists() {
            *shared.counts.lock().unwrap().entry(number).or_default() += 1;
        }
        let (error, flags) = match shared.allows.load(Ordering::Relaxed) {
            true => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            false => (-errnos[&number], 0),
        };
        let mut answer = libc::seccomp_notif_resp { id: asked.id, val: 0, error, flags };
        // SAFETY: the kernel reads one answer, which lives across the call. It fails when the thread is gone.
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
    }
}
