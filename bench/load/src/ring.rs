//! An endless stream of bytes with a period, readable in chunks without copying.

use crate::CHUNK;

/// `period` bytes repeated for ever.
#[derive(Debug)]
pub struct Ring {
    /// The period, and after it its own first `CHUNK` bytes, so that a chunk never wraps.
    bytes: Vec<u8>,
    period: usize,
}

impl Ring {
    /// The stream that repeats `period`, which is not empty.
    pub fn new(mut period: Vec<u8>) -> Ring {
        let length = period.len();
        let slack: Vec<u8> = period.iter().copied().cycle().take(CHUNK).collect();
        period.extend(slack);
        Ring { bytes: period, period: length }
    }

    /// The next `length` bytes of the stream from `position` on; `length` is at most `CHUNK`.
    pub fn slice(&self, position: u64, length: usize) -> &[u8] {
        let start = (position % self.period as u64) as usize;
        &self.bytes[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_from_any_position_continues_the_stream() {
        let ring = Ring::new(vec![1, 2, 3]);
        assert_eq!(ring.slice(0, 4), [1, 2, 3, 1]);
        assert_eq!(ring.slice(5, 3), [3, 1, 2]);
        assert_eq!(ring.slice(3_000_000_001, CHUNK).len(), CHUNK);
        assert_eq!(ring.slice(2, CHUNK)[CHUNK - 1], ((CHUNK + 1) % 3 + 1) as u8);
    }
}
