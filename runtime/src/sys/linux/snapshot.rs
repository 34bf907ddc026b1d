//! The registers and the stack of another thread of this process at one moment, for an unwinder.
//!
//! * A signal interrupts the thread. Its handler copies the registers and the top of the stack to a pipe and returns;
//!   the thread that asked unwinds the copy. No unwinder runs in the handler: that of libgcc takes locks and may
//!   allocate, which deadlocks when the signal comes while the thread unwinds, allocates or loads a library.
//! * The handler does what [`signal-safety(7)`](https://man7.org/linux/man-pages/man7/signal-safety.7.html) permits:
//!   loads and stores of atomics, `gettid` by number, and `write`. It takes no lock, allocates nothing, and has no
//!   thread-local. The pipe is non-blocking, so it never waits.
//! * `write` also makes the copy safe: the kernel reads the memory of the stack and reports `EFAULT` where the stack ends.
//! * The signal is `SIGURG`, as in Go: its default action is to do nothing, debuggers pass it on, and hardly any
//!   program handles it. One that does keeps its handler, and there are no snapshots.
//! * An interrupted call goes on (`SA_RESTART`), except those that
//!   [`signal(7)`](https://man7.org/linux/man-pages/man7/signal.7.html) lists: sleeps and `poll` end with `EINTR`.

use super::{Backend, Fd, ThreadId, check};
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A thread at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The registers that an unwinder starts from.
    pub registers: Registers,
    /// The memory from the stack pointer on.
    pub stack: Vec<u8>,
}

/// Registers of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// The address of the next instruction.
    pub instruction: u64,
    /// The stack pointer.
    pub stack: u64,
    /// The frame pointer.
    pub frame: u64,
    /// The link register, on architectures that have one.
    pub link: u64,
}

const SIGNAL: c_int = libc::SIGURG;

/// The size of the pipe, and how much of a stack is copied: the registers and the part of the first page may each take a page of
/// the pipe.
const ROOM: usize = 256 * 1024;
const STACK: usize = ROOM - 2 * PAGE;

/// The size of a page, or a part of it.
const PAGE: usize = 4096;

/// How long a handler that has begun may take.
const PATIENCE_WITH_HANDLER: Duration = Duration::from_secs(1);

/// The request to the handler: a serial number in the upper half and the number of the thread in the lower; 0 for
/// nothing. The handler takes it out.
static REQUEST: AtomicU64 = AtomicU64::new(0);

/// The answer of the handler: the serial number, and in the lower half how much of the stack is in the pipe.
static ANSWER: AtomicU64 = AtomicU64::new(0);

/// The pipe that the handler writes to.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// The handler; its address identifies it.
static HANDLER: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_request;

/// One snapshot at a time.
static LAST: Mutex<Last> = Mutex::new(Last { serial: 0, owed: None });

/// The last request.
struct Last {
    serial: u32,
    /// The handler has taken it and has not answered in time: the pipe stays open until it has.
    owed: Option<SnapshotPipe>,
}

struct SnapshotPipe {
    reader: File,
    _writer: Fd,
}

impl Snapshot {
    /// Interrupts `thread`, copies its registers and stack, and lets it go on.
    ///
    /// # Errors
    ///
    /// `TimedOut` when the thread does not take the signal within `patience`, because it has blocked it or is in an
    /// uninterruptible sleep; `ResourceBusy` when the program has a handler for the signal; `ESRCH` when the thread has
    /// ended; those of `pipe2(2)`.
    #[inline]
    pub fn take(thread: ThreadId, patience: Duration) -> io::Result<Snapshot> {
        let last = &mut *LAST.lock().unwrap_or_else(PoisonError::into_inner);
        install()?;
        last.take(thread, patience)
    }
}

impl SnapshotPipe {
    #[inline]
    fn new() -> io::Result<SnapshotPipe> {
        let (reader, writer) = Backend::current().pipe()?;
        // A smaller pipe holds less of the stack.
        let _ = writer.resize_pipe(ROOM);
        PIPE.store(writer.as_raw_fd(), Ordering::Relaxed);
        Ok(SnapshotPipe { reader: OwnedFd::from(reader).into(), _writer: writer })
    }

    /// Appends what is in the pipe.
    #[inline]
    fn read(&mut self, bytes: &mut Vec<u8>) {
        let _ = self.reader.read_to_end(bytes); // `EAGAIN` once it is empty
    }
}

impl Last {
    #[inline]
    fn take(&mut self, thread: ThreadId, patience: Duration) -> io::Result<Snapshot> {
        if self.owed.is_some() && answer().0 != self.serial {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "an earlier snapshot is not over"));
        }
        self.owed = None;
        let (mut pipe, mut bytes) = (SnapshotPipe::new()?, Vec::new());
        self.serial = self.serial.wrapping_add(1).max(1);
        let request = u64::from(self.serial) << 32 | u64::from(thread.number());
        REQUEST.store(request, Ordering::Release);
        if let Err(error) = interrupt(thread) {
            REQUEST.store(0, Ordering::Relaxed);
            return Err(error);
        }
        let start = Instant::now();
        loop {
            // Before the read: what the handler wrote before its answer is in the pipe.
            let (serial, len) = answer();
            pipe.read(&mut bytes);
            if serial == self.serial {
                return Snapshot::parse(&bytes, len);
            }
            let waited = start.elapsed();
            if waited >= patience && withdraw(request) {
                let why = "the thread did not take SIGURG: it has blocked it, or does not run";
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            if waited >= patience + PATIENCE_WITH_HANDLER {
                self.owed = Some(pipe);
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the handler of SIGURG did not end"));
            }
            thread::sleep(Duration::from_micros(100));
        }
    }
}

impl Snapshot {
    #[inline]
    fn parse(bytes: &[u8], len: usize) -> io::Result<Snapshot> {
        let parts = bytes.split_at_checked(Registers::SIZE).filter(|(_, stack)| stack.len() == len);
        let (registers, stack) =
            parts.ok_or_else(|| io::Error::other("the pipe of the snapshot was full"))?;
        Ok(Snapshot { registers: Registers::from_bytes(registers), stack: stack.to_vec() })
    }
}

impl Registers {
    const SIZE: usize = 32;

    #[inline]
    fn to_bytes(self) -> [u8; Registers::SIZE] {
        let mut bytes = [0; Registers::SIZE];
        let registers = [self.instruction, self.stack, self.frame, self.link];
        for (place, register) in bytes.chunks_exact_mut(8).zip(registers) {
            place.copy_from_slice(&register.to_ne_bytes());
        }
        bytes
    }

    #[inline]
    fn from_bytes(bytes: &[u8]) -> Registers {
        let register =
            |n: usize| bytes[n * 8..].first_chunk().map_or(0, |register| u64::from_ne_bytes(*register));
        Registers { instruction: register(0), stack: register(1), frame: register(2), link: register(3) }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn of(context: &libc::ucontext_t) -> Registers {
        let register = |number: c_int| context.uc_mcontext.gregs[number as usize] as u64;
        Registers {
            instruction: register(libc::REG_RIP),
            stack: register(libc::REG_RSP),
            frame: register(libc::REG_RBP),
            link: 0,
        }
    }

    #[cfg(target_arch = "aarch64")]
    #[inline]
    fn of(context: &libc::ucontext_t) -> Registers {
        let machine = &context.uc_mcontext;
        Registers {
            instruction: machine.pc,
            stack: machine.sp,
            frame: machine.regs[29],
            link: machine.regs[30],
        }
    }
}

extern "C" fn on_request(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    let request = REQUEST.load(Ordering::Acquire);
    if request == 0 {
        return; // from another sender, or withdrawn
    }
    // SAFETY: the call takes no argument and returns the address of this thread's errno. It is async-signal-safe in
    // glibc and musl: it adds an offset to the thread pointer.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the address is of this thread's own `int`, which lives as long as the thread. The interrupted code may
    // be about to read it, and does not run meanwhile.
    let saved = unsafe { *errno };
    // SAFETY: a system call without arguments that always succeeds; `syscall` only moves its arguments to registers.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    if thread as u32 == request as u32 && withdraw(request) {
        // SAFETY: with SA_SIGINFO the kernel passes the address of the context that it has saved on the stack of the
        // handler, aligned and initialised. Nothing else refers to it until the handler returns.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        let len = send(Registers::of(context));
        ANSWER.store(request & !0xffff_ffff | len as u64, Ordering::Release);
    }
    // SAFETY: as for the read of it. The interrupted code finds its errno unchanged.
    unsafe { *errno = saved };
}

/// Writes the registers, then the stack, to the pipe; returns how much of the stack. Called by the handler.
#[inline]
fn send(registers: Registers) -> u32 {
    let pipe = PIPE.load(Ordering::Relaxed);
    let bytes = registers.to_bytes();
    // SAFETY: `write` is async-signal-safe; the pointer and the length are those of `bytes`, which lives across the
    // call. The thread that asks keeps the pipe open until the request is withdrawn or answered.
    let written = unsafe { libc::write(pipe, bytes.as_ptr().cast(), bytes.len()) };
    if written != bytes.len() as isize {
        return 0;
    }
    // To the end of a page in each call: of a call that meets the end of the stack, the kernel may drop what came before, up to
    // the size of a page.
    let mut sent = 0;
    while sent < STACK {
        let from = registers.stack.wrapping_add(sent as u64);
        let len = PAGE - from as usize % PAGE;
        // SAFETY: `write` is async-signal-safe. Any pointer and any length are memory-safe: the kernel checks the page before it
        // reads. The thread is in this handler, so the stack above the pointer does not change during the call.
        let written = unsafe { libc::write(pipe, from as *const c_void, len) };
        sent += usize::try_from(written).unwrap_or(0);
        if written != len as isize {
            break;
        }
    }
    sent as u32
}

/// Takes the request back; returns whether the handler had not taken it. The handler takes it in the same way.
#[inline]
fn withdraw(request: u64) -> bool {
    REQUEST.compare_exchange(request, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Returns the serial number of the last answer, and the length of the stack in it.
#[inline]
fn answer() -> (u32, usize) {
    let answer = ANSWER.load(Ordering::Acquire);
    ((answer >> 32) as u32, answer as u32 as usize)
}

#[inline]
fn interrupt(thread: ThreadId) -> io::Result<()> {
    let process = std::process::id();
    // SAFETY: the call takes three numbers. The signal is handled, by a handler that is safe at any instruction.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, thread.number(), SIGNAL) };
    check(sent as c_int).map(drop)
}

/// Installs the handler, unless it is installed or the program has one of its own.
#[inline]
fn install() -> io::Result<()> {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null pointer for the new disposition changes nothing; `now` has room for the present one.
    check(unsafe { libc::sigaction(SIGNAL, std::ptr::null(), now.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so it has written the whole of it.
    let mut action = unsafe { now.assume_init() };
    if action.sa_sigaction == HANDLER as libc::sighandler_t {
        return Ok(());
    }
    if action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, "the program has a handler for SIGURG"));
    }
    action.sa_sigaction = HANDLER as libc::sighandler_t;
    // As in `signal.rs`; and the handler gets the registers.
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK | libc::SA_SIGINFO;
    // SAFETY: the pointer is to a set that we borrow mutably.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    // SAFETY: the disposition lives across the call, and the old one is not requested. The handler has the signature
    // that SA_SIGINFO asks for, is async-signal-safe, and needs only statics.
    check(unsafe { libc::sigaction(SIGNAL, &raw const action, std::ptr::null_mut()) }).map(drop)
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    // The outermost frames are in the last page of a stack, and all frames of a small one.
    #[test]
    fn the_last_page_of_a_stack_is_copied_to_its_end() {
        let none = std::ptr::null_mut();
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, which no other code knows.
        let stack = unsafe { libc::mmap(none, 3 * PAGE, libc::PROT_READ | libc::PROT_WRITE, kind, -1, 0) };
        assert_ne!(stack, libc::MAP_FAILED);
        let end = stack as usize + 2 * PAGE;
        // SAFETY: it is the last page of the mapping, and nothing refers to it.
        assert_eq!(unsafe { libc::mprotect(end as *mut c_void, PAGE, libc::PROT_NONE) }, 0);
        let _last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        for len in [8, 100, PAGE, PAGE + 8, 2 * PAGE] {
            let (mut pipe, mut bytes) = (SnapshotPipe::new().unwrap(), Vec::new());
            let stack = (end - len) as u64;
            assert_eq!(send(Registers { instruction: 1, stack, frame: 2, link: 3 }) as usize, len);
            pipe.read(&mut bytes);
            assert_eq!(bytes.len(), Registers::SIZE + len);
        }
        // SAFETY: the mapping from above, which is not used again.
        assert_eq!(unsafe { libc::munmap(stack, 3 * PAGE) }, 0);
    }
}
