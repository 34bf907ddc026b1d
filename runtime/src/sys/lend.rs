//! Memory that was not made here, lent to a reader.
//!
//! A reader that gets a buffer by `&mut` may replace it by another with more filled bytes. Memory that was never
//! written would then be exposed, so the returned buffer is compared with the lent one.

use super::ReadBuf;
use std::mem::MaybeUninit;

/// Lends memory to `read`, and returns how many bytes at its start are then filled.
#[inline]
pub(super) fn lend<R>(
    memory: &mut [MaybeUninit<u8>],
    read: impl FnOnce(&mut ReadBuf<'_>) -> R,
) -> (R, usize) {
    let lent = (memory.as_ptr(), memory.len());
    let mut buf = ReadBuf::uninit(memory);
    let result = read(&mut buf);
    let filled = buf.into_filled();
    check(lent, filled);
    (result, filled.len())
}

/// Buffers with the same start are the same, unless the first is empty: then the other may begin where it ends. So
/// the length is compared too.
#[inline]
pub(super) fn check((start, room): (*const MaybeUninit<u8>, usize), filled: &[u8]) {
    assert!(
        start.cast() == filled.as_ptr() && filled.len() <= room,
        "a reader has left another buffer in place of the one that it was lent"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of one half is the start of the other: the address alone proves nothing.
    #[test]
    #[should_panic = "another buffer"]
    fn a_buffer_that_begins_where_an_empty_one_ends_is_not_taken_for_it() {
        let memory = [0; 8];
        let (whole, empty) = (&memory[4..], &memory[4..4]);
        check((empty.as_ptr().cast(), empty.len()), whole);
    }
}
