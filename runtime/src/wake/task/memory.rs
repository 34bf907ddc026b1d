//! Memory of ended tasks, kept for the next ones.
//!
//! - An executor has a [`Memory`], which is in a slot of the thread while it is entered. Memory that is freed outside of any
//!   goes back to the allocator.
//! - Blocks are kept by size, in steps of 16 bytes as glibc rounds them, so that the rounding costs nothing. Cells that are
//!   larger than [`LARGEST`] or have an unusual alignment are allocated and freed as usual.
//! - At most [`KEPT`] bytes are kept.
//! - A free block holds the address of the next one of its size, and is in one list only.

use crate::wake::context::{self, Entered, Slot};
use std::alloc::{self, Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::rc::Rc;

/// What is kept at most: the cells of some thousand tasks that come and go. Nothing under Miri, which would not see a
/// use of a cell that is gone.
const KEPT: usize = if cfg!(miri) { 0 } else { 1 << 20 };

const STEP: usize = 16;
/// What glibc uses of a block of 16 bytes for itself.
const HEADER: usize = 8;
const CLASSES: usize = 128;
/// The size of the largest block that is kept.
const LARGEST: usize = CLASSES * STEP + HEADER;

thread_local! {
    /// The memory of this thread's executor.
    static MEMORY: Slot<Memory> = const { Cell::new(None) };
}

/// The free blocks of an executor.
pub(crate) struct Memory {
    /// The first of each size.
    free: [Cell<*mut Block>; CLASSES],
    /// How many bytes more may be kept.
    room: Cell<usize>,
}

struct Block {
    next: *mut Block,
}

impl Memory {
    #[inline]
    pub(crate) fn new() -> Rc<Memory> {
        Memory::keeping(KEPT)
    }

    #[inline]
    fn keeping(room: usize) -> Rc<Memory> {
        Rc::new(Memory { free: [const { Cell::new(ptr::null_mut()) }; CLASSES], room: Cell::new(room) })
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
        self.room.set(self.room.get() + size(class));
        Some(block.cast())
    }

    /// Puts a block in, if there is room.
    ///
    /// # Safety
    ///
    /// The block was allocated with the layout of `class` and is in no other use.
    #[inline]
    unsafe fn keep(&self, class: usize, block: NonNull<u8>) -> bool {
        let Some(room) = self.room.get().checked_sub(size(class)) else { return false };
        let block = block.cast::<Block>();
        // SAFETY: it is the caller's to use, and large and aligned enough, as every class is.
        unsafe { block.write(Block { next: self.free[class].get() }) };
        self.free[class].set(block.as_ptr());
        self.room.set(room);
        true
    }
}

impl Drop for Memory {
    #[inline]
    fn drop(&mut self) {
        for class in 0..CLASSES {
            while let Some(block) = self.take(class) {
                // SAFETY: it was allocated with this layout, and is in no list any more.
                unsafe { alloc::dealloc(block.as_ptr(), layout(class)) };
            }
        }
    }
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
    if wanted.align() > align_of::<Block>() || wanted.size() > LARGEST {
        return None;
    }
    Some(wanted.size().saturating_sub(HEADER + 1) / STEP)
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
    // SAFETY: it was allocated with the layout of its class.
    let keep = |memory: &Rc<Memory>| unsafe { memory.keep(class, block) };
    if !context::with(&MEMORY, |memory| memory.is_some_and(keep)) {
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
        for wanted in 1..=LARGEST {
            let class = class_of(wanted).unwrap();
            assert!(size(class) >= wanted && (class == 0 || size(class - 1) < wanted), "{wanted}");
        }
        assert_eq!(class_of(LARGEST), Some(CLASSES - 1));
        assert_eq!(class_of(LARGEST + 1), None);
        assert_eq!(class(Layout::new::<u128>()), None);
    }

    #[test]
    fn a_block_is_used_again_for_its_own_size_and_what_has_no_room_is_freed() {
        let memory = Memory::keeping(2 * size_of::<[u64; 5]>());
        let _entered = memory.enter();
        let blocks = [(); 3].map(|()| memory.place::<[u64; 5]>());
        // SAFETY: each place is initialised once, and given back once.
        blocks.iter().for_each(|block| unsafe { block.write([1; 5]) });
        // SAFETY: as above.
        blocks.iter().for_each(|block| unsafe { free(*block, true) });
        assert_eq!(memory.room.get(), 0);
        let other = memory.place::<[u64; 3]>();
        assert!(!blocks.contains(&other.cast()));
        let again = [(); 2].map(|()| memory.place::<[u64; 5]>());
        assert_eq!(again, [blocks[1], blocks[0]]);
        assert_eq!(memory.room.get(), 2 * size_of::<[u64; 5]>());
        // SAFETY: none of these values needs a drop, and each place is given back once.
        again.into_iter().for_each(|block| unsafe { free(block, true) });
        // SAFETY: as above.
        unsafe { free(other, true) };
    }
}
