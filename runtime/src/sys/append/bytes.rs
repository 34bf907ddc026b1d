//! Every `BufMut`, with feature `bytes`. See also `vec.rs`.

use super::sealed::Lend;
use crate::sys::ReadBuf;
use crate::sys::lend::lend;
use bytes::BufMut;

impl<B: BufMut + ?Sized> Lend for B {
    #[inline]
    fn lend<R>(&mut self, read: impl FnOnce(&mut ReadBuf<'_>) -> R) -> R {
        // SAFETY: bytes that are initialised must stay so. A `ReadBuf` gives its memory to nothing but system calls,
        // which write bytes to it.
        let memory = unsafe { self.chunk_mut().as_uninit_slice_mut() };
        let (result, filled) = lend(memory, read);
        // SAFETY: `lend` says how many bytes at the start of the chunk are filled, and so initialised.
        unsafe { self.advance_mut(filled) };
        result
    }
}
