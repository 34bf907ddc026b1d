//! The clocks and the random bytes of the C library, replaced in the binary of a test (feature `sim-std`).
//!
//! `std` and most crates ask these for `Instant::now`, `SystemTime::now`, the keys of a `HashMap` and random bytes. The linker
//! prefers a definition of the binary to that of a shared library, so a binary with this feature has them here, for all of its
//! threads:
//!
//! - In the program of a simulated host the clocks are the host's, and a reading takes 40 ns, so that a loop that waits for a
//!   time ends. On a thread that runs a simulation the random bytes are drawn by the seed: `std` may draw the keys of a thread's
//!   hash maps before or after the program of a host runs.
//! - Anywhere else they are the functions of the C library, which [`find`] has looked up before `main`: with the vDSO, and with
//!   what a sanitizer puts before them. Where there are none they are the system calls.
//!
//! It is for tests, and not part of feature `sim`, because it applies to the whole process and not to a runtime. It has no
//! effect with musl, whose library is linked statically, and under Miri.
//!
//! - A call may come from anywhere: from an allocator, a signal handler, or when thread-locals are gone. So nothing
//!   here allocates, locks or panics. The first read is of a thread-local without a destructor, and every borrow is a
//!   try that falls back to the C library. A reading runs no event: the kernel lets its time pass later, see
//!   [`Kernel::read`].
//!
//! [`Kernel::read`]: super::kernel::Kernel::read

use super::world;
use libc::{CLOCK_REALTIME, clockid_t, time_t, timespec, timeval};
use std::cell::Cell;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

thread_local! {
    /// The state of the random bytes of a thread that runs a simulation.
    static RANDOM: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The state of a thread before it ran a simulation.
pub(super) struct Before(Option<u64>);

/// From now on the random bytes of this thread are drawn by `seed`.
pub(super) fn begin(seed: u64) -> Before {
    Before(RANDOM.replace(Some(seed)))
}

impl Drop for Before {
    fn drop(&mut self) {
        RANDOM.set(self.0);
    }
}

type ClockGettime = unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int;
type Getrandom = unsafe extern "C" fn(*mut c_void, usize, c_uint) -> isize;

/// The functions of the C library, or null.
static CLOCK_GETTIME: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static GETRANDOM: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Runs before `main`, on the only thread: `dlsym` locks and allocates, so a call of a signal handler must not be the first.
#[used]
// SAFETY: the section is a list of functions without a result, which the C library calls once; `find` ignores their arguments.
#[unsafe(link_section = ".init_array")]
static FIND: extern "C" fn() = find;

extern "C" fn find() {
    let next = |name: &CStr| {
        // SAFETY: `name` ends with a zero byte. The call has no other precondition.
        unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }
    };
    CLOCK_GETTIME.store(next(c"clock_gettime"), Relaxed);
    GETRANDOM.store(next(c"getrandom"), Relaxed);
}

/// Returns the reading of a clock of the host whose program runs, in nanoseconds.
fn reading(clock: clockid_t) -> Option<i128> {
    if !matches!(RANDOM.try_with(Cell::get), Ok(Some(_))) {
        return None;
    }
    let is_wall = match clock {
        CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE => true,
        libc::CLOCK_MONOTONIC | libc::CLOCK_MONOTONIC_RAW => false,
        libc::CLOCK_MONOTONIC_COARSE | libc::CLOCK_BOOTTIME => false,
        _ => return None, // a processor's time, for one
    };
    world::try_kernel(|kernel| kernel.read(is_wall))?
}

/// Returns the next eight random bytes of this thread, by splitmix64.
fn next() -> Option<[u8; 8]> {
    let state = RANDOM.try_with(Cell::get).ok()??.wrapping_add(0x9e37_79b9_7f4a_7c15);
    RANDOM.set(Some(state));
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Some((z ^ (z >> 31)).to_le_bytes())
}

/// [clock_gettime(2)](https://man7.org/linux/man-pages/man2/clock_gettime.2.html).
///
/// # Safety
///
/// `time` is as the C library's function asks: room for a `timespec`.
// SAFETY: the name is the C library's, and so are the signature and what it does: to read a clock, or to fail.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    if let Some(now) = reading(clock).filter(|_| !time.is_null()) {
        let second = 1_000_000_000;
        let (seconds, rest) = (now.div_euclid(second), now.rem_euclid(second));
        let read = timespec { tv_sec: seconds as time_t, tv_nsec: rest as libc::c_long };
        // SAFETY: the caller has room for it at `time`.
        unsafe { time.write(read) };
        return 0;
    }
    // SAFETY: `find` stored null, which is `None`, or the function of this name, which has this type.
    let real = unsafe { mem::transmute::<*mut c_void, Option<ClockGettime>>(CLOCK_GETTIME.load(Relaxed)) };
    match real {
        // SAFETY: the arguments are the caller's, who has promised what this function asks.
        Some(real) => unsafe { real(clock, time) },
        // SAFETY: the arguments are the caller's, and the kernel checks the pointer. The result is 0 or -1.
        None => unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) as c_int },
    }
}

/// [gettimeofday(2)](https://man7.org/linux/man-pages/man2/gettimeofday.2.html), of which the time zone is that of no place.
///
/// # Safety
///
/// Each pointer is as the C library's function asks: null, or room for what it is named after.
// SAFETY: the name is the C library's, and so are the signature and what it does.
#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(time: *mut timeval, zone: *mut [c_int; 2]) -> c_int {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: there is room for a `timespec`.
    let result = unsafe { clock_gettime(CLOCK_REALTIME, &mut now) };
    if !time.is_null() {
        // SAFETY: the caller has room for it at `time`.
        unsafe { time.write(timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1000 }) };
    }
    if !zone.is_null() {
        // SAFETY: the caller has room for a `timezone`, two integers, at `zone`.
        unsafe { zone.write([0; 2]) };
    }
    result
}

/// [time(2)](https://man7.org/linux/man-pages/man2/time.2.html).
///
/// # Safety
///
/// `seconds` is as the C library's function asks: null, or room for a `time_t`.
// SAFETY: the name is the C library's, and so are the signature and what it does.
#[unsafe(no_mangle)]
unsafe extern "C" fn time(seconds: *mut time_t) -> time_t {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: there is room for a `timespec`.
    unsafe { clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut now) };
    if !seconds.is_null() {
        // SAFETY: the caller has room for it at `seconds`.
        unsafe { seconds.write(now.tv_sec) };
    }
    now.tv_sec
}

/// [getrandom(2)](https://man7.org/linux/man-pages/man2/getrandom.2.html).
///
/// # Safety
///
/// `buf` is as the C library's function asks: room for `len` bytes.
// SAFETY: the name is the C library's, and so are the signature and what it does: to fill a buffer, or to fail.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buf: *mut c_void, len: usize, flags: c_uint) -> isize {
    let mut filled = 0;
    while filled < len && !buf.is_null() {
        let Some(bytes) = next() else { break };
        let n = bytes.len().min(len - filled);
        let to = buf.cast::<u8>().wrapping_add(filled);
        // SAFETY: the caller has room for `len` bytes at `buf`, and `filled + n` is at most `len`.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), n) };
        filled += n;
    }
    if filled > 0 {
        return filled as isize;
    }
    // SAFETY: `find` stored null, which is `None`, or the function of this name, which has this type.
    let real = unsafe { mem::transmute::<*mut c_void, Option<Getrandom>>(GETRANDOM.load(Relaxed)) };
    match real {
        // SAFETY: the arguments are the caller's, who has promised what this function asks.
        Some(real) => unsafe { real(buf, len, flags) },
        // SAFETY: the arguments are the caller's, and the kernel checks the pointer.
        None => unsafe { libc::syscall(libc::SYS_getrandom, buf, len, flags) as isize },
    }
}
