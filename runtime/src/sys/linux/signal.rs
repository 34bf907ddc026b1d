//! Signal dispositions, and the one handler that egret installs.
//!
//! * The handler interrupts any thread at any instruction, so it does only what
//!   [`signal-safety(7)`](https://man7.org/linux/man-pages/man7/signal-safety.7.html) permits: no lock, no
//!   allocation, no thread-local with a destructor.
//! * It adds to the signal's counter, then writes to the process's eventfd: a listener that sees the edge sees the
//!   count. Both exist before the handler is installed and are never freed by egret.
//! * The eventfd is not read unless its counter is full. Each listener registers a duplicate of it, edge-triggered:
//!   each write is an edge for each `epoll` that has one, on any thread.
//! * The listeners, and the dispositions to restore, are in `signal/listeners.rs`.

use super::{Backend, Fd, check};
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// Signals are numbered from 1 to 64.
pub(crate) const NUMBERS: usize = 65;

/// The signals named here, from [`signal(7)`](https://man7.org/linux/man-pages/man7/signal.7.html).
pub(crate) mod number {
    use std::ffi::c_int;

    pub(crate) const ALARM: c_int = libc::SIGALRM;
    pub(crate) const CHILD: c_int = libc::SIGCHLD;
    pub(crate) const HANGUP: c_int = libc::SIGHUP;
    pub(crate) const INTERRUPT: c_int = libc::SIGINT;
    pub(crate) const IO: c_int = libc::SIGIO;
    pub(crate) const KILL: c_int = libc::SIGKILL;
    pub(crate) const PIPE: c_int = libc::SIGPIPE;
    pub(crate) const QUIT: c_int = libc::SIGQUIT;
    pub(crate) const TERMINATE: c_int = libc::SIGTERM;
    pub(crate) const USER_1: c_int = libc::SIGUSR1;
    pub(crate) const USER_2: c_int = libc::SIGUSR2;
    pub(crate) const WINDOW: c_int = libc::SIGWINCH;

    /// Signals that no handler may be set for: the kernel refuses the first two; the others are raised by a faulting
    /// instruction, which would be executed again, for ever, after the handler returns.
    pub(crate) const FORBIDDEN: [(c_int, &str); 6] = [
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGSTOP, "SIGSTOP"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGBUS, "SIGBUS"),
    ];
}

/// How often the handler ran, by signal.
static DELIVERED: [AtomicU64; NUMBERS] = [const { AtomicU64::new(0) }; NUMBERS];

/// The eventfd that the handler writes to.
static EVENTFD: OnceLock<Fd> = OnceLock::new();

/// Its number, for the handler, which must not use a `OnceLock`.
static EVENTFD_NUMBER: AtomicI32 = AtomicI32::new(-1);

/// The handler; its address identifies it.
static HANDLER: extern "C" fn(c_int) = on_signal;

/// The action of the process on a signal.
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

extern "C" fn on_signal(signal: c_int) {
    // SAFETY: the call takes no argument and returns the address of this thread's errno. It is async-signal-safe in
    // glibc and musl: it adds an offset to the thread pointer.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the address is of this thread's own `int`, which lives as long as the thread. The interrupted code may
    // be about to read it, and does not run meanwhile.
    let saved = unsafe { *errno };
    // `get`, not an index: the handler must not panic.
    if let Some(count) = usize::try_from(signal).ok().and_then(|signal| DELIVERED.get(signal)) {
        count.fetch_add(1, Ordering::Release);
    }
    let eventfd = EVENTFD_NUMBER.load(Ordering::Relaxed);
    if !add_one(eventfd) {
        // The counter is full (2^64 - 2): the write failed with EAGAIN and was no edge.
        let mut count = [0u8; 8];
        // SAFETY: `read` is async-signal-safe; the pointer and the length are those of `count`, which lives across the
        // call. The descriptor is as for `add_one`.
        unsafe { libc::read(eventfd, count.as_mut_ptr().cast(), count.len()) };
        add_one(eventfd);
    }
    // SAFETY: as for the read of it. The interrupted code finds its errno unchanged.
    unsafe { *errno = saved };
}

/// Writes to the eventfd with this number; returns whether that was an edge. Called by the handler.
///
/// The eventfd is non-blocking, exists before the handler is installed, and is never closed by egret. A program that
/// closes it (`close_range`, which takes unsafe code) has broken I/O safety: the number may then be another
/// descriptor, which gets the eight bytes. Safe code cannot: no safe function gives the owner away.
#[inline]
fn add_one(eventfd: c_int) -> bool {
    let one = 1u64.to_ne_bytes();
    // SAFETY: `write` is async-signal-safe; the pointer and the length are those of `one`, which lives across the
    // call. Any number is memory-safe: the kernel only reads those bytes.
    unsafe { libc::write(eventfd, one.as_ptr().cast(), one.len()) >= 0 }
}

/// Returns whether a new listener, or the end of one, changes the disposition of the process.
#[cfg_attr(feature = "sim", allow(dead_code, reason = "there the other kernel is asked"))]
#[inline]
pub(crate) fn changes_disposition(_signal: c_int, _is_new: bool) -> bool {
    true
}

/// Returns how often egret's handler has run for `signal`, which must be a valid number.
///
/// It may have run for a signal without listeners.
#[inline]
pub(crate) fn delivered(signal: c_int) -> u64 {
    // Pairs with the Release of the handler: a thread that sees the count sees what the sender did before the signal,
    // as far as signals order anything.
    DELIVERED[signal as usize].load(Ordering::Acquire)
}

/// Returns the number of the eventfd that each signal writes to; egret never closes it.
#[cfg(feature = "test-util")]
#[inline]
pub(crate) fn eventfd_number() -> Option<std::os::fd::RawFd> {
    EVENTFD.get().map(AsRawFd::as_raw_fd)
}

/// Creates a duplicate of the eventfd that each signal writes to, to be registered with `epoll`.
///
/// # Errors
///
/// `EMFILE`, `ENFILE` or `ENOMEM`.
#[inline]
pub(crate) fn eventfd() -> io::Result<Fd> {
    Ok(the_eventfd()?.as_fd().try_clone_to_owned()?.into())
}

#[inline]
fn the_eventfd() -> io::Result<&'static Fd> {
    if let Some(eventfd) = EVENTFD.get() {
        return Ok(eventfd);
    }
    let made = Backend::current().eventfd()?;
    Ok(EVENTFD.get_or_init(|| made))
}

/// Installs egret's handler for `signal` and returns the previous disposition.
///
/// # Errors
///
/// `EINVAL` for an invalid number, or a signal whose disposition may not be changed: `SIGKILL`, `SIGSTOP`, and those
/// that the C library reserves. Those of [`eventfd`].
#[inline]
pub(crate) fn install(signal: c_int) -> io::Result<Disposition> {
    // Each installing thread stores the number: the thread that made the eventfd may not have stored it yet. The call
    // below orders the store before each run of the handler that it enables.
    EVENTFD_NUMBER.store(the_eventfd()?.as_raw_fd(), Ordering::Relaxed);
    // SAFETY: `sigaction` is made of integers, a set of them and an optional function, for all of which zero
    // bytes are a value: no flags, nothing masked, no function.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = HANDLER as libc::sighandler_t;
    // RESTART: interrupted calls continue, also in code that does not handle EINTR. ONSTACK: a thread of C or Go may
    // have too little stack for a handler and has set an alternate one.
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // One handler at a time on a thread: a small alternate stack suffices.
    // SAFETY: the pointer is to a set that we borrow mutably.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    exchange(signal, Some(&Disposition(action)))
}

/// Restores `disposition` for `signal` if egret's handler is installed now.
///
/// A disposition that other code has set meanwhile stays.
///
/// # Errors
///
/// `EINVAL` as [`install`].
#[inline]
pub(crate) fn restore(signal: c_int, disposition: &Disposition) -> io::Result<()> {
    if exchange(signal, None)?.is_ours() {
        let replaced = exchange(signal, Some(disposition))?;
        if !replaced.is_ours() {
            // Another thread changed it between the two calls.
            exchange(signal, Some(&replaced))?;
        }
    }
    Ok(())
}

impl Disposition {
    /// Returns whether it is egret's handler.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.0.sa_sigaction == HANDLER as libc::sighandler_t
    }
}

/// Sets the disposition of a signal, if given, and returns the previous one.
#[inline]
fn exchange(signal: c_int, new: Option<&Disposition>) -> io::Result<Disposition> {
    let new = new.map_or(std::ptr::null(), |new| &raw const new.0);
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: `new` is null or a disposition that lives across the call; `old` has room for one. `new` is either our
    // handler, which is async-signal-safe and needs only statics, or a disposition that this function returned
    // before: it was in force, so it is as sound as it was then.
    check(unsafe { libc::sigaction(signal, new, old.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so it has written the whole of it.
    Ok(Disposition(unsafe { old.assume_init() }))
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::super::{Events, mask};
    use super::*;
    use std::io::{Read, Write};
    use std::time::Duration;

    #[inline]
    fn raise(signal: c_int) {
        // SAFETY: the call takes no pointer, and the signal is handled or ignored.
        assert_eq!(unsafe { libc::raise(signal) }, 0);
    }

    #[inline]
    fn errno_with(value: c_int, run: impl FnOnce()) -> c_int {
        // SAFETY: it returns the address of this thread's errno.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: the address is of an `int` of this thread.
        unsafe { *errno = value };
        run();
        // SAFETY: as above.
        unsafe { *errno }
    }

    /// The only test of this binary that changes dispositions; its signal is ignored by default.
    #[test]
    fn the_handler_counts_rings_and_leaves_errno_alone_also_when_the_eventfd_is_full() {
        let signal = libc::SIGWINCH; // SIGURG is that of `snapshot.rs`
        let before = install(signal).unwrap();
        assert!(!before.is_ours());
        let again = install(signal).unwrap();
        assert!(again.is_ours());
        let action = exchange(signal, None).unwrap().0;
        assert_eq!(
            action.sa_flags & (libc::SA_RESTART | libc::SA_ONSTACK),
            libc::SA_RESTART | libc::SA_ONSTACK
        );

        let mut eventfd = std::fs::File::from(std::os::fd::OwnedFd::from(eventfd().unwrap()));
        let mut count = [0; 8];
        let empty = eventfd.read(&mut count).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);

        let delivered_before = delivered(signal);
        for _ in 0..3 {
            assert_eq!(errno_with(4321, || raise(signal)), 4321);
        }
        assert_eq!(delivered(signal) - delivered_before, 3);
        eventfd.read_exact(&mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 3);

        // The counter is full: a write fails with EAGAIN and is no edge, so the handler empties it first.
        let epoll = Backend::current().epoll().unwrap();
        let mut events = Events::with_capacity(1);
        eventfd.write_all(&(u64::MAX - 1).to_ne_bytes()).unwrap();
        epoll.add(eventfd.as_fd(), mask::IN | mask::EDGE, 7).unwrap();
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 1);
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        assert_eq!(errno_with(4321, || raise(signal)), 4321);
        assert_eq!(delivered(signal) - delivered_before, 4);
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 1);
        eventfd.read_exact(&mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);

        // A number outside the table is ignored.
        on_signal(c_int::MAX);
        on_signal(-1);

        restore(signal, &before).unwrap();
        assert!(!exchange(signal, None).unwrap().is_ours());
        raise(signal);
        assert_eq!(delivered(signal) - delivered_before, 4);
    }

    #[test]
    fn what_is_no_signal_and_what_may_not_be_handled_is_an_error_with_its_errno() {
        for signal in [libc::SIGKILL, libc::SIGSTOP, 0, -1, 65, 32] {
            let refused = install(signal).map(drop).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{signal}");
        }
    }
}
