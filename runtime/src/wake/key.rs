//! The two numbers that name a task or a registration, which may be gone when the number is used.
//!
//! - A [`TaskKey`] is the content of a waker; a [`SourceKey`] is the `u64` that the kernel returns with an event.
//! - Both carry a generation next to the index, which tells an old key from the key of what has the index now.
//! - They are plain numbers: copied freely, without an owner, never dereferenced.

use std::num::NonZeroU64;

/// The index of `block_on`'s own future in every executor.
pub(crate) const ROOT: u32 = 0;

/// Names a task of an executor: `executor:16 | generation:16 | index:32`.
///
/// The generation wraps after 65 536 tasks in one slot. A key that old wakes the wrong task, which `Future` allows: it
/// costs one poll. Executors are counted from 1, so that no key is 0 and `Option<TaskKey>` is as small as a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TaskKey(NonZeroU64);

const _: () = assert!(size_of::<Option<TaskKey>>() == 8);

impl TaskKey {
    pub(crate) fn new(executor: u16, generation: u16, index: u32) -> TaskKey {
        Tenant::new(executor, generation).key(index)
    }

    /// Creates a key of the executor that names no task, of today or later.
    #[cold]
    pub(crate) fn of_none(executor: u16) -> TaskKey {
        TaskKey::new(executor, 0, u32::MAX)
    }

    /// Returns the key with these bits. No key has 0.
    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Option<TaskKey> {
        NonZeroU64::new(bits).map(TaskKey)
    }

    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0.get()
    }

    #[inline]
    pub(crate) fn executor(self) -> u16 {
        (self.bits() >> 48) as u16
    }

    /// Returns the upper half.
    #[inline]
    pub(crate) fn tenant(self) -> Tenant {
        Tenant((self.bits() >> 32) as u32)
    }

    #[inline]
    pub(crate) fn index(self) -> u32 {
        self.bits() as u32
    }
}

/// The upper half of a key, `executor:16 | generation:16`: which task has the index now.
///
/// A queue compares it as one number, which checks two things at once: that the key belongs to this executor, and that
/// its task is still alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tenant(u32);

impl Tenant {
    pub(crate) fn new(executor: u16, generation: u16) -> Tenant {
        Tenant(u32::from(executor) << 16 | u32::from(generation))
    }

    /// Returns the key of the task at `index` that this tenant names.
    #[inline]
    pub(crate) fn key(self, index: u32) -> TaskKey {
        let bits = u64::from(self.0) << 32 | u64::from(index);
        TaskKey::from_bits(bits).expect("executors are counted from 1")
    }

    /// Returns the tenant that has the index next.
    pub(crate) fn next(self) -> Tenant {
        Tenant::new((self.0 >> 16) as u16, (self.0 as u16).wrapping_add(1))
    }
}

/// Names a registration of a reactor: `generation:32 | index:32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SourceKey(u64);

impl SourceKey {
    /// Names the eventfd of the executor, which is not in the slab of sources.
    pub(crate) const EVENTFD: SourceKey = SourceKey(u64::MAX);

    #[inline]
    pub(crate) const fn new(generation: u32, index: u32) -> SourceKey {
        SourceKey((generation as u64) << 32 | index as u64)
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> SourceKey {
        SourceKey(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) const fn index(self) -> u32 {
        self.0 as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_key_gives_back_its_parts_at_the_ends_of_their_ranges() {
        for executor in [1, 2, u16::MAX] {
            for generation in [0, 1, u16::MAX] {
                for index in [ROOT, 1, u32::MAX] {
                    let bits = TaskKey::new(executor, generation, index).bits();
                    let key = TaskKey::from_bits(bits).unwrap();
                    assert_eq!((key.executor(), key.index()), (executor, index));
                    assert_eq!(key.tenant(), Tenant::new(executor, generation));
                    assert_eq!(key.tenant().next(), Tenant::new(executor, generation.wrapping_add(1)));
                }
            }
        }
    }

    #[test]
    fn no_source_that_a_slab_can_hold_has_the_key_of_the_eventfd() {
        // The slab would have to hold 2^32 descriptors first.
        assert_eq!(SourceKey::EVENTFD.index(), u32::MAX);
        assert_ne!(SourceKey::new(u32::MAX, u32::MAX - 1), SourceKey::EVENTFD);
    }
}
