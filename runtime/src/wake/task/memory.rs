//! Memory of ended tasks, kept for the next ones.
//!
//! - An executor has a [`Memory`], which is in a slot of the thread while it is entered. Memory that is freed outside of any
//!   goes back to the allocator.
//! - Blocks are kept by size, in steps of 16 bytes as glibc rounds them, so that the rounding costs nothing. Cells that are
//!   larger than the largest of [`CLASSES`] or have an unusual alignment are allocated and freed as usual.
//! - All of it is kept while the loop has work, so that tasks that come in waves are allocated once. A loop that has nothing
//!   to do frees what is above [`KEPT`], some blocks at a time.
//! - A free block holds the address of the next one of its size, and is in one list only.

use crate::wake::context::{self, Entered, Slot};
use std::alloc::{self, Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::rc::Rc;

/// How many bytes an idle loop keeps: the cells of some thousand tasks that come and go.
const KEPT: usize = 1 << 20;
/// How many blocks it frees before it looks at the kernel again: some microseconds.
const FREED_AT_ONCE: usize = 256;

const STEP: usize = 16;
/// What glibc uses of a block of 16 bytes for itself.
const HEADER: usize = 8;
const CLASSES: usize = 128;

thread_local! {
    /// The memory of this thread's executor.
    static MEMORY: Slot<Memory> = const { Cell::new(None) };
}

/// The free blocks of an executor.
pub(crate) struct Memory {
    /// The first of each size.
    free: [Cell<*mut Block>; CLASSES],
    /// How much is kept, in steps.
    kept: Cell<usize>,
    /// How much an idle loop keeps, in steps. With 0, nothing is kept at any time.
    limit: usize,
}

struct Block {
    next: *mut Block,
}

impl Memory {
    #[inline]
    pub(crate) fn new() -> Rc<Memory> {
        // Nothing under Miri, which would not see a use of a cell that is gone.
        Memory::keeping(if cfg!(miri) { 0 } else { KEPT / STEP })
    }

    #[inline]
    fn keeping(limit: usize) -> Rc<Memory> {
        let free = [const { Cell::new(ptr::null_mut()) }; CLASSES];
        Rc::new(Memory { free, kept: Cell::new(0), limit })
    }

    /// Makes this the memory of the thread's tasks until the guard is dropped.
    #[inline]
    pub(crate) fn enter(self: &Rc<Memory>) -> Entered<Memory> {
        context::enter(&MEMORY, self.clone())
    }

    /// Memory for a value. [`free`] takes it back.
    #[inline]
    pub(crate) fn place<T>(&self) -> NonNull<T> {
        let wanted = const { Layout::new::<T>() };
        let class = const { class(Layout::new::<T>()) };
        let kept = class.and_then(|class| self.take(class));
        kept.unwrap_or_else(|| allocate(class.map_or(wanted, layout))).cast()
    }

    /// Takes a block out.
    #[inline]
    fn take(&self, class: usize) -> Option<NonNull<u8>> {
        let block = NonNull::new(self.free[class].get())?;
        // SAFETY: a block in a list is allocated and its first bytes were written by `keep`, aligned as every block is.
        let next = unsafe { block.read() }.next;
        self.free[class].set(next);
        self.kept.set(self.kept.get() - steps(class));
        Some(block.cast())
    }

    /// Puts a block in.
    ///
    /// # Safety
    ///
    /// The block was allocated with the layout of `class` and is in no other use.
    #[inline]
    unsafe fn keep(&self, class: usize, block: NonNull<u8>) {
        let block = block.cast::<Block>();
        // SAFETY: it is the caller's to use, and large and aligned enough, as every class is.
        unsafe { block.write(Block { next: self.free[class].get() }) };
        self.free[class].set(block.as_ptr());
        self.kept.set(self.kept.get() + steps(class));
    }

    /// Whether more is kept than an idle loop keeps.
    #[inline]
    pub(crate) fn has_excess(&self) -> bool {
        self.kept.get() > self.limit
    }

    /// Frees some of what is more than an idle loop keeps.
    #[cold]
    pub(crate) fn shrink(&self) {
        self.free_to(self.limit, FREED_AT_ONCE);
    }

    /// Frees blocks, the largest first, until so much is left, but at most so many.
    fn free_to(&self, limit: usize, most: usize) {
        let blocks =
            (0..CLASSES).rev().flat_map(|class| std::iter::from_fn(move || Some((class, self.take(class)?))));
        for (class, block) in blocks.take(most) {
            // SAFETY: it was allocated with this layout, and is in no list any more.
            unsafe { alloc::dealloc(block.as_ptr(), layout(class)) };
            if self.kept.get() <= limit {
                return;
            }
        }
    }
}

impl Drop for Memory {
    #[inline]
    fn drop(&mut self) {
        self.free_to(0, usize::MAX);
    }
}

/// What a block counts for.
#[inline]
const fn steps(class: usize) -> usize {
    class + 1
}

#[inline]
const fn size(class: usize) -> usize {
    (class + 1) * STEP + HEADER
}

#[inline]
const fn layout(class: usize) -> Layout {
    match Layout::from_size_align(size(class), align_of::<Block>()) {
        Ok(layout) => layout,
        Err(_) => panic!("a small size is no layout"),
    }
}

/// The class of a cell with this layout, if its memory is kept.
#[inline]
const fn class(wanted: Layout) -> Option<usize> {
    // Of a cell that is smaller than any it is as good as infinite.
    let class = wanted.size().wrapping_sub(HEADER + 1) / STEP;
    if wanted.align() > align_of::<Block>() || class >= CLASSES { None } else { Some(class) }
}

#[cold]
fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: every cell has a header, so the size is not 0.
    let block = unsafe { alloc::alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Drops a value, unless it has nothing to drop, and takes its memory back.
///
/// # Safety
///
/// The value is in memory of [`Memory::place`], and there is no other reference to it.
#[inline]
pub(super) unsafe fn free<T: ?Sized>(value: NonNull<T>, is_empty: bool) {
    // SAFETY: the caller has the only reference, so the value is alive until the next line.
    let layout = Layout::for_value(unsafe { value.as_ref() });
    if !is_empty {
        // SAFETY: as above.
        unsafe { value.drop_in_place() };
    }
    // SAFETY: `place` was given this layout.
    unsafe { give_back(value.cast(), layout) };
}

/// # Safety
///
/// The block is memory of [`Memory::place`] for a value of this layout, and in no other use.
#[inline(never)]
unsafe fn give_back(block: NonNull<u8>, wanted: Layout) {
    let Some(class) = class(wanted) else {
        // SAFETY: it was allocated with this layout, as it has no class.
        return unsafe { alloc::dealloc(block.as_ptr(), wanted) };
    };
    let kept = context::with(&MEMORY, |memory| {
        let Some(memory) = memory.filter(|memory| !cfg!(miri) || memory.limit > 0) else { return false };
        // SAFETY: it was allocated with the layout of its class.
        unsafe { memory.keep(class, block) };
        true
    });
    if !kept {
        // SAFETY: as above, and no list has it.
        unsafe { alloc::dealloc(block.as_ptr(), layout(class)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_rounded_up_to_what_the_allocator_takes_for_it() {
        let class_of = |size| class(Layout::from_size_align(size, 8).unwrap());
        let largest = size(CLASSES - 1);
        for wanted in HEADER + 1..=largest {
            let class = class_of(wanted).unwrap();
            assert!(size(class) >= wanted && (class == 0 || size(class - 1) < wanted), "{wanted}");
        }
        assert_eq!((class_of(largest), class_of(largest + 1)), (Some(CLASSES - 1), None));
        assert_eq!((class_of(HEADER), class(Layout::new::<u128>())), (None, None));
    }

    /// Makes so many places of a size and gives them back.
    fn come_and_go<const WORDS: usize>(memory: &Memory, count: usize) -> Vec<NonNull<[u64; WORDS]>> {
        let places: Vec<_> = (0..count).map(|_| memory.place::<[u64; WORDS]>()).collect();
        // SAFETY: each place is initialised once, and given back once.
        places.iter().for_each(|place| unsafe { place.write([1; WORDS]) });
        // SAFETY: as above.
        places.iter().for_each(|place| unsafe { free(*place, true) });
        places
    }

    #[test]
    fn a_block_is_used_again_for_its_own_size() {
        let memory = Memory::keeping(usize::MAX);
        let _entered = memory.enter();
        let places = come_and_go::<5>(&memory, 3);
        assert!(!places.contains(&come_and_go::<3>(&memory, 1)[0].cast()));
        let again = come_and_go::<5>(&memory, 3);
        assert_eq!(again, [places[2], places[1], places[0]]);
        assert_eq!(memory.kept.get(), 3 * 2 + 1);
    }

    #[test]
    fn what_is_above_the_limit_is_freed_some_at_a_time_and_the_largest_first() {
        let memory = Memory::keeping(4);
        let _entered = memory.enter();
        come_and_go::<3>(&memory, 4);
        assert!(!memory.has_excess());
        come_and_go::<5>(&memory, FREED_AT_ONCE + 2);
        assert_eq!(memory.kept.get(), 4 + 2 * (FREED_AT_ONCE + 2));
        memory.shrink();
        assert_eq!((memory.kept.get(), memory.has_excess()), (4 + 2 * 2, true));
        memory.shrink();
        assert_eq!((memory.kept.get(), memory.has_excess()), (4, false));
    }

    #[test]
    fn what_ends_outside_of_an_executor_is_freed() {
        let memory = Memory::keeping(4);
        come_and_go::<3>(&memory, 3);
        assert_eq!(memory.kept.get(), 0);
    }
}
