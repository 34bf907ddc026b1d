//! A counter of time that the processor reads in a few instructions.
//!
//! - On x86-64 it is the time-stamp counter, on AArch64 the virtual count: both go on at a constant rate, asleep too,
//!   and are alike on all processors of a machine whose kernel uses them as its own clock.
//! - Elsewhere, under Miri and with feature `sim` it is `CLOCK_MONOTONIC`, or the clock of the simulated host: what a
//!   simulation does must not depend on the time of the machine.

use super::Backend;

impl Backend {
    /// How many low bits of [`ticks`](Backend::ticks) may be dropped where 32 bits have to do: a tick is then 10 to
    /// 100 ns long, and the rest begins anew after more than a minute.
    pub const TICKS_SHIFT: u32 =
        if cfg!(all(target_arch = "aarch64", not(miri), not(feature = "sim"))) { 2 } else { 6 };

    /// Returns the counter now. How long a tick is the caller has to find out.
    #[inline(always)]
    pub fn ticks(self) -> u64 {
        read()
    }
}

#[cfg(not(feature = "sim"))]
impl Backend {
    /// Returns the low 32 bits of the counter, without those that [`TICKS_SHIFT`](Backend::TICKS_SHIFT) drops.
    #[inline(always)]
    pub fn short_ticks(self) -> u32 {
        read_short()
    }
}

#[cfg(all(target_arch = "x86_64", not(miri), not(feature = "sim")))]
#[inline(always)]
fn read_short() -> u32 {
    let ticks;
    // SAFETY: every x86-64 processor has both instructions, and Linux lets programs use them. They touch no memory, and
    // no other register than those named here and the flags. Two instructions, where the compiler makes four.
    unsafe {
        core::arch::asm!(
            "rdtsc",
            "shrd eax, edx, {shift}",
            shift = const Backend::TICKS_SHIFT,
            out("eax") ticks,
            out("edx") _,
            options(nomem, nostack)
        );
    }
    ticks
}

#[cfg(all(not(feature = "sim"), any(miri, not(target_arch = "x86_64"))))]
#[inline]
fn read_short() -> u32 {
    (read() >> Backend::TICKS_SHIFT) as u32
}

#[cfg(all(target_arch = "x86_64", not(miri), not(feature = "sim")))]
#[inline(always)]
fn read() -> u64 {
    // SAFETY: every x86-64 processor has the instruction. It touches no memory; Linux lets programs use it.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(all(target_arch = "aarch64", not(miri), not(feature = "sim")))]
#[inline(always)]
fn read() -> u64 {
    let ticks;
    // SAFETY: the instruction reads a register that Linux lets programs read, and touches nothing else.
    unsafe {
        core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags));
    }
    ticks
}

#[cfg(any(miri, feature = "sim", not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline]
fn read() -> u64 {
    Backend::current().monotonic()
}

#[cfg(all(test, not(feature = "sim")))]
mod tests {
    use super::*;

    #[test]
    fn the_counter_goes_on() {
        let backend = Backend::current();
        let mut before = backend.ticks();
        for _ in 0..if cfg!(miri) { 10 } else { 100_000 } {
            let now = backend.ticks();
            assert!(now >= before);
            let since = backend.short_ticks().wrapping_sub((now >> Backend::TICKS_SHIFT) as u32);
            assert!(since < 1 << 31, "{since}");
            before = now;
        }
    }
}
