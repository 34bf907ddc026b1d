//! The disposition of a signal, and signals that the process sends to itself.

use crate::support::turn;
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::unix::{Signal, SignalKind, signal};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

pub const USR1: SignalKind = SignalKind::user_defined1();

pub const USR2: SignalKind = SignalKind::user_defined2();

/// Sends a signal to this thread. It has been handled when this returns.
pub fn raise(kind: SignalKind) {
    // SAFETY: the call takes no pointer; what the signal does is what the test is about.
    assert_eq!(unsafe { libc::raise(kind.as_raw_value()) }, 0);
}

/// Sends a signal to the process: the kernel chooses a thread, which handles it at some time.
pub fn kill(kind: SignalKind) {
    let process = libc::pid_t::try_from(std::process::id()).unwrap();
    // SAFETY: as for `raise`.
    assert_eq!(unsafe { libc::kill(process, kind.as_raw_value()) }, 0);
}

/// The C library adds this flag when it calls the kernel, and it is visible afterwards.
/// Ignored here.
pub const SA_RESTORER: i32 = 0x0400_0000;

/// The disposition of a signal: handler, flags.
pub fn disposition(kind: SignalKind) -> (usize, i32) {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is set; the kernel writes one `sigaction`, for which there is room.
    let got = unsafe { libc::sigaction(kind.as_raw_value(), std::ptr::null(), now.as_mut_ptr()) };
    assert_eq!(got, 0);
    // SAFETY: the call has succeeded and so has written it.
    let now = unsafe { now.assume_init() };
    (now.sa_sigaction, now.sa_flags & !SA_RESTORER)
}

/// Sets the handler of a signal, a function or one of the two constants, without `SA_RESTART`.
pub fn dispose(kind: SignalKind, handler: usize) {
    // SAFETY: zero bytes are a `sigaction`: no flags, nothing masked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_NODEFER; // of no use, but to be recognised
    // SAFETY: `action` lives across the call; the handlers of this file add to an atomic and nothing else.
    assert_eq!(unsafe { libc::sigaction(kind.as_raw_value(), &raw const action, std::ptr::null_mut()) }, 0);
}

pub static HANDLED: AtomicU64 = AtomicU64::new(0);

pub extern "C" fn count(_signal: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

pub fn counting() -> usize {
    count as extern "C" fn(libc::c_int) as usize
}

pub fn poll_once(signal: &mut Signal) -> Poll<Option<()>> {
    signal.poll_recv(&mut Context::from_waker(Waker::noop()))
}

/// Spawns a task that counts the signals that it receives.
pub fn counter(rt: &Runtime, kind: SignalKind) -> Rc<Cell<u32>> {
    let mut signal = {
        let _inside = rt.enter();
        signal(kind).unwrap()
    };
    let told = Rc::new(Cell::new(0));
    let theirs = told.clone();
    rt.spawn(async move {
        while signal.recv().await.is_some() {
            theirs.set(theirs.get() + 1);
        }
    });
    turn(rt);
    turn(rt); // an earlier write to the eventfd is an edge for a new registration
    told
}
