//! [`Id`]: the number of a task.

use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies one task among all of the process, past and present.
///
/// It is never reused, unlike the number in a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    pub(crate) fn next() -> Id {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Id(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    #[cfg(feature = "inspect")]
    pub(crate) fn from_number(number: u64) -> Id {
        Id(number)
    }

    #[cfg(any(feature = "inspect", feature = "trace"))]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_not_used_twice() {
        assert_ne!(Id::next(), Id::next());
    }
}
