//! Time that passes for the loop, too.

use std::time::{Duration, Instant};

/// How far the loop lets the coarse clock be behind before it takes its word that a deadline is distant.
const LAG: Duration = Duration::from_millis(20);

/// Spins for this long, and then until the kernel's tick is not late: in an emulator it can be late by more than [`LAG`],
/// and then the loop does not see a deadline that has just passed.
pub fn pass(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
    let now = read(libc::CLOCK_MONOTONIC);
    while !cfg!(miri) && read(libc::CLOCK_MONOTONIC_COARSE) + LAG < now {
        std::hint::spin_loop();
    }
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which lives across the call.
    assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut now) }, 0);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
