//! [`Moved`]: the result of a transfer.

/// How many bytes a transfer has moved, and whether it was cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moved {
    /// How many bytes.
    pub bytes: usize,
    /// Whether the kernel may have stopped with more in the queue: a short transfer then proves nothing.
    pub cut: bool,
}

impl From<usize> for Moved {
    #[inline]
    fn from(bytes: usize) -> Moved {
        Moved { bytes, cut: false }
    }
}
