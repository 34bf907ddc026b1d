//! Signals for one thread of this process, which the kernel's number names: `pthread_t` is an integer in glibc and a
//! pointer in musl, which cannot be sent to another thread.

#![allow(dead_code, reason = "each test binary uses a part of it")]

/// A thread of this process. One that has ended gets no signal, and nothing else comes of it.
#[derive(Clone, Copy)]
pub struct Thread(libc::pid_t);

impl Thread {
    pub fn this() -> Thread {
        // SAFETY: the call takes no pointer.
        Thread(unsafe { libc::gettid() })
    }

    /// Sends it a signal, which is handled or ignored.
    pub fn signal(self, signal: libc::c_int) {
        let arguments = [std::process::id() as libc::c_long, self.0.into(), signal.into()];
        let [process, thread, signal] = arguments;
        // SAFETY: the call takes no pointer. Every argument has the width of a register, as `syscall` wants it.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
        assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
    }
}

/// Blocks a signal on this thread, or lets it come.
pub fn block(signal: libc::c_int, is_blocked: bool) {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the call writes one set, for which there is room.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set is initialised and borrowed mutably.
    unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    let how = if is_blocked { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    // SAFETY: the set lives across the call, and the old one is not asked for.
    assert_eq!(unsafe { libc::pthread_sigmask(how, set.as_ptr(), std::ptr::null_mut()) }, 0);
}
