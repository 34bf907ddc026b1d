//! [`CellRef`]: a counted reference to a cell, with the count in the cell.
//!
//! An [`Rc`](std::rc::Rc) has two counts of 8 bytes each; this one has one byte, in the header. The header is the first field of
//! every cell, so that it is found without knowing what the cell is.

use super::header::Header;
use super::memory;
use crate::observe::id::Id;
use std::ops::Deref;
use std::ptr::NonNull;

/// Keeps a cell alive. `T` is a trait object made of a `TaskCell`.
///
/// It is neither `Send` nor `Sync`, as it has a `NonNull`: the count is changed without atomic operations.
pub(crate) struct CellRef<T: ?Sized>(NonNull<T>);

impl<T: ?Sized> CellRef<T> {
    /// # Safety
    ///
    /// At `cell` is a value in memory of [`Memory::place`](memory::Memory::place) whose first field, by `repr(C)`, is a [`Header`] that
    /// counts this reference. The only other references to it are of this type, and all are of this thread.
    #[inline]
    pub(crate) unsafe fn new(cell: NonNull<T>) -> CellRef<T> {
        CellRef(cell)
    }

    /// Returns the number of the task.
    #[inline]
    pub(crate) fn number(&self) -> Id {
        self.header().id()
    }

    /// Returns whether the task is over and nothing of it is left: no output, and no waker that awaits it.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.header().is_empty()
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: there is a cell at the address for as long as there are references, and this is one. It begins with its
        // header, as the caller of `new` promised. Only shared references to a header are made while the cell is alive.
        unsafe { self.0.cast::<Header>().as_ref() }
    }
}

impl<T: ?Sized> Deref for CellRef<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as in `header`; all that changes in a cell is in a `Cell` or an `UnsafeCell`.
        unsafe { self.0.as_ref() }
    }
}

impl<T: ?Sized> Clone for CellRef<T> {
    #[inline]
    fn clone(&self) -> CellRef<T> {
        let CellRef(cell) = *self; // read before the count is written
        self.header().retain();
        CellRef(cell)
    }
}

impl<T: ?Sized> Drop for CellRef<T> {
    #[inline]
    fn drop(&mut self) {
        if self.header().release() {
            let is_empty = self.header().is_empty();
            // SAFETY: this was the last reference, and a new one is made from another one only. The caller of
            // `new` promised where the memory is from.
            unsafe { memory::free(self.0, is_empty) };
        }
    }
}
