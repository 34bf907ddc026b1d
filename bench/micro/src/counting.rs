//! The allocator of the system, which counts when it is told to.
//!
//! While it does not count it adds one load of a flag that never changes to each allocation, on every runtime
//! alike. It is for a process in which one thread at a time allocates: smol's helper thread is counted too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

static ON: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicI64 = AtomicI64::new(0);
static REQUESTED: AtomicI64 = AtomicI64::new(0);
static TAKEN: AtomicI64 = AtomicI64::new(0);

pub struct Counting;

/// Allocations that were made and not freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub allocations: i64,
    /// Bytes that were asked for.
    pub requested: i64,
    /// Bytes that glibc's malloc takes for these: a header of 8, rounded up to 16, at least 32.
    pub taken: i64,
}

/// Counts from 0 what is allocated, until [`stop`].
pub fn start() {
    for count in [&ALLOCATIONS, &REQUESTED, &TAKEN] {
        count.store(0, Relaxed);
    }
    ON.store(true, Relaxed);
}

/// What has been allocated since [`start`] and not freed. What had been allocated before, and was freed since, is
/// taken off: a difference and not a balance.
pub fn stop() -> Counts {
    ON.store(false, Relaxed);
    Counts {
        allocations: ALLOCATIONS.load(Relaxed),
        requested: REQUESTED.load(Relaxed),
        taken: TAKEN.load(Relaxed),
    }
}

#[inline]
fn count(size: usize, sign: i64) {
    if ON.load(Relaxed) {
        ALLOCATIONS.fetch_add(sign, Relaxed);
        REQUESTED.fetch_add(sign * size as i64, Relaxed);
        TAKEN.fetch_add(sign * chunk(size) as i64, Relaxed);
    }
}

fn chunk(size: usize) -> usize {
    (size + 8).next_multiple_of(16).max(32)
}

// SAFETY: every method hands its arguments to the same method of `System`, which is an allocator, and its
// result back; what it does besides, adding to atomics, neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller keeps the contract, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller keeps the contract, which is that of `System`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller keeps the contract, and `block` came from `System`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        // SAFETY: the caller keeps the contract, and `block` came from `System`.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_what_glibc_makes_of_a_request() {
        assert_eq!([0, 1, 24, 25, 40, 41, 64, 100].map(chunk), [32, 32, 32, 48, 48, 64, 80, 112]);
    }
}
