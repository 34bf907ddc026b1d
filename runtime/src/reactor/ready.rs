//! [`Ready`]: what a descriptor is ready for.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

/// The readiness that the kernel has reported of a descriptor: a set, which may be empty.
///
/// ```
/// use egret_runtime::io::Ready;
///
/// let ready = Ready::READABLE | Ready::READ_CLOSED;
/// assert!(ready.is_readable() && ready.is_read_closed());
/// assert_eq!(ready - Ready::READ_CLOSED, Ready::READABLE);
/// assert!((ready & Ready::WRITABLE).is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// A read would not block.
    pub const READABLE: Ready = Ready(1);
    /// A write would not block.
    pub const WRITABLE: Ready = Ready(2);
    /// The peer sends no more. Bytes that came before may still be queued.
    pub const READ_CLOSED: Ready = Ready(4);
    /// The peer takes no more, or the descriptor has failed.
    pub const WRITE_CLOSED: Ready = Ready(8);
    /// Urgent data, or another exceptional condition.
    pub const PRIORITY: Ready = Ready(16);
    /// A pending error, or a message in the error queue.
    pub const ERROR: Ready = Ready(32);
    /// All of them.
    pub const ALL: Ready = Ready(63);

    /// Returns whether nothing is in the set.
    pub fn is_empty(self) -> bool {
        self == Ready::EMPTY
    }

    /// Returns whether a read would not block: also at the end of the stream.
    pub fn is_readable(self) -> bool {
        self.has(Ready::READABLE) || self.is_read_closed()
    }

    /// Returns whether a write would not block: also when it would fail.
    pub fn is_writable(self) -> bool {
        self.has(Ready::WRITABLE) || self.is_write_closed()
    }

    /// Returns whether the peer sends no more. A read or a `peek` then finds all the data that will ever come.
    pub fn is_read_closed(self) -> bool {
        self.has(Ready::READ_CLOSED)
    }

    /// Returns whether the peer takes no more.
    pub fn is_write_closed(self) -> bool {
        self.has(Ready::WRITE_CLOSED)
    }

    /// Returns whether there is urgent data, or another exceptional condition.
    pub fn is_priority(self) -> bool {
        self.has(Ready::PRIORITY)
    }

    /// Returns whether there is a pending error, or a message in the error queue.
    pub fn is_error(self) -> bool {
        self.has(Ready::ERROR)
    }

    fn has(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        *self = *self | other;
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;

    /// Returns the members of this set that are not in the other.
    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Ready::READABLE, "READABLE"),
            (Ready::WRITABLE, "WRITABLE"),
            (Ready::READ_CLOSED, "READ_CLOSED"),
            (Ready::WRITE_CLOSED, "WRITE_CLOSED"),
            (Ready::PRIORITY, "PRIORITY"),
            (Ready::ERROR, "ERROR"),
        ];
        let names: Vec<_> = names.iter().filter(|(one, _)| self.has(*one)).map(|(_, name)| *name).collect();
        f.write_str(if names.is_empty() { "EMPTY" } else { "" })?;
        f.write_str(&names.join(" | "))
    }
}
