//! `SIGPIPE`, for calls that raise it and take no flag against it.
//!
//! `write(2)` to a pipe without a reader, `splice(2)` and `sendfile(2)` to a socket whose peer is gone raise
//! `SIGPIPE` in the calling thread. A Rust program ignores the signal; one that restores the default action, or whose
//! `main` is not Rust's, would end. [`unsignalled`] prevents that.

use super::{check, uninterrupted};
use std::io;
use std::mem::MaybeUninit;

/// Makes a call whose `EPIPE` does not come with a `SIGPIPE`.
///
/// While the process ignores the signal, as Rust programs do, this costs one `sigaction`. Otherwise the signal is
/// blocked on this thread during the call, and a signal that the call raised is consumed. The kernel sends it to the
/// writing thread, so no other thread can have received it.
///
/// The result does not tell whether a signal was raised: a call that moved some bytes before it found the peer gone
/// returns their number, with the signal pending.
#[inline]
pub(super) fn unsignalled(call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    // Miri has no dispositions, and raises no signal.
    if cfg!(miri) || is_ignored() {
        return uninterrupted(call);
    }
    let blocked = Blocked::new();
    let result = uninterrupted(call);
    blocked.take_back();
    result
}

#[inline]
fn is_ignored() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null pointer for the new disposition changes nothing; `action` has room for the present one.
    let asked = check(unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) });
    if asked.is_err() {
        return false;
    }
    // SAFETY: the call has succeeded, so it has written the whole of it.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// While it lives, `SIGPIPE` is blocked on this thread.
struct Blocked {
    pipe: libc::sigset_t,
    before: libc::sigset_t,
    /// A signal was pending before the call; it must stay pending.
    was_pending: bool,
}

impl Blocked {
    #[inline]
    fn new() -> Blocked {
        let mut pipe = no_signals();
        let mut before = no_signals();
        // SAFETY: the set is borrowed mutably, and SIGPIPE is a signal.
        unsafe { libc::sigaddset(&raw mut pipe, libc::SIGPIPE) };
        // SAFETY: both sets live across the call; it reads the first and writes the second. It fails only for an
        // invalid first argument.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, &raw mut before) };
        // An unblocked signal is never pending: it is delivered.
        let was_pending = has_sigpipe(&before) && is_pending();
        Blocked { pipe, before, was_pending }
    }

    #[inline]
    fn take_back(&self) {
        if self.was_pending {
            return;
        }
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let no_details = std::ptr::null_mut();
        // SAFETY: the set and the time live across the call, which reads them; a null pointer for the details of the
        // signal is allowed. It fails when none is pending, which is fine.
        unsafe { libc::sigtimedwait(&raw const self.pipe, no_details, &raw const at_once) };
    }
}

impl Drop for Blocked {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the set was written by `pthread_sigmask`; the old one is not requested.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

#[inline]
fn has_sigpipe(set: &libc::sigset_t) -> bool {
    // SAFETY: the set is initialised and only read, and SIGPIPE is a signal.
    unsafe { libc::sigismember(set, libc::SIGPIPE) == 1 }
}

#[inline]
fn is_pending() -> bool {
    let mut pending = no_signals();
    // SAFETY: the call writes one set, which is borrowed mutably.
    unsafe { libc::sigpending(&raw mut pending) };
    has_sigpipe(&pending)
}

#[inline]
fn no_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the call writes one set, for which there is room.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the call above has written the whole of it; it fails only for a null pointer.
    unsafe { set.assume_init() }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::super::Backend;
    use super::*;
    use std::os::fd::{AsFd, AsRawFd};

    #[inline]
    fn is_blocked() -> bool {
        let mut now = no_signals();
        // SAFETY: a null set changes nothing; the other has room for the present mask.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut now) };
        has_sigpipe(&now)
    }

    /// Blocks `SIGPIPE` on this thread and leaves one pending.
    #[inline]
    fn leave_one_pending() {
        let mut pipe = no_signals();
        // SAFETY: the set is borrowed mutably, and SIGPIPE is a signal.
        unsafe { libc::sigaddset(&raw mut pipe, libc::SIGPIPE) };
        // SAFETY: the set lives across the call; the old one is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, std::ptr::null_mut()) };
        // SAFETY: the call takes no pointer, and the signal is blocked on this thread, which alone gets it.
        unsafe { libc::raise(libc::SIGPIPE) };
    }

    // A13 of docs/pitfalls.md, with the default action: a signal would end this process.
    #[test]
    fn a_write_that_raises_sigpipe_by_default_is_epipe_and_leaves_no_trace() {
        // SAFETY: the default action is a valid one; no test of this process depends on the other.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (reader, writer) = Backend::current().pipe().unwrap();
        drop(reader);
        let number = writer.as_fd().as_raw_fd();
        for _ in 0..2 {
            let refused = unsignalled(|| {
                // SAFETY: the pointer and the length are those of a static byte.
                super::super::check_len(unsafe { libc::write(number, b"x".as_ptr().cast(), 1) })
            });
            assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EPIPE));
            assert!(!is_blocked() && !is_pending());
        }
    }

    #[test]
    fn a_signal_that_was_pending_before_the_call_still_is_after_it() {
        // SAFETY: the default action is a valid one; no test of this process depends on the other.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        // The mask and the pending signal end with the thread.
        let thread = std::thread::spawn(|| {
            assert_eq!(unsignalled(|| Ok(7)).unwrap(), 7);
            leave_one_pending();
            assert_eq!(unsignalled(|| Ok(7)).unwrap(), 7);
            assert!(is_blocked() && is_pending());
        });
        thread.join().unwrap();
    }
}
