//! `Vec<u8>` alone, without feature `bytes`. See also `bytes.rs`.

use super::sealed::Lend;
use crate::sys::ReadBuf;
use crate::sys::lend::lend;

/// As `bytes` has it, so that the feature changes nothing.
const GROWS_BY: usize = 64;

impl Lend for Vec<u8> {
    #[inline]
    fn lend<R>(&mut self, read: impl FnOnce(&mut ReadBuf<'_>) -> R) -> R {
        if self.len() == self.capacity() {
            self.reserve(GROWS_BY);
        }
        let before = self.len();
        let (result, filled) = lend(self.spare_capacity_mut(), read);
        // SAFETY: `lend` says how many bytes at the start of the spare capacity are filled, and so initialised.
        unsafe { self.set_len(before + filled) };
        result
    }
}
