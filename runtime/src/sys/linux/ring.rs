//! The memory of a flight recorder: zeroed, so that the kernel provides a page when it is first written.

use super::Backend;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// The words of a record, which one thread writes and any thread reads.
#[derive(Debug)]
#[repr(C)]
pub struct Words {
    /// The first word.
    pub a: AtomicU32,
    /// The second word.
    pub b: AtomicU32,
    /// The rest.
    pub c: AtomicU64,
}

/// The same as plain memory.
type Plain = [u64; 2];

const _: () = assert!(size_of::<Words>() == size_of::<Plain>() && align_of::<Words>() == align_of::<Plain>());

impl Backend {
    /// Creates so many records, all zero.
    #[inline]
    pub fn ring(self, len: usize) -> Box<[Words]> {
        let zeroes = vec![[0u64; 2]; len].into_boxed_slice();
        let plain: *mut [Plain] = Box::into_raw(zeroes);
        // SAFETY: the pointer is of a box that was just taken apart, so nothing else owns it. Both types have the same
        // size and alignment, as is checked above, so the box is freed as it was allocated; the words are integers
        // without padding, for which every content is valid.
        unsafe { Box::from_raw(plain as *mut [Words]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_ring_is_zero_and_keeps_what_is_written() {
        let ring = Backend::current().ring(3);
        assert_eq!(ring.len(), 3);
        assert!(ring.iter().all(|words| words.c.load(Ordering::Relaxed) == 0));
        ring[2].a.store(1, Ordering::Relaxed);
        ring[2].b.store(2, Ordering::Relaxed);
        ring[2].c.store(3, Ordering::Relaxed);
        let read = |words: &Words| (words.a.load(Ordering::Relaxed), words.b.load(Ordering::Relaxed));
        assert_eq!([&ring[1], &ring[2]].map(read), [(0, 0), (1, 2)]);
        assert_eq!(ring[2].c.load(Ordering::Relaxed), 3);
    }
}
