//! [`Interest`]: what a wait or an operation is for.

use super::readiness::Direction;
use super::ready::Ready;
use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// The events to wait for: a set, never empty, of reading, writing, urgent data and errors.
///
/// ```
/// use egret_runtime::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable() && !both.is_error());
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// Reading, accepting, and other operations that wait for input.
    pub const READABLE: Interest = Interest(1);
    /// Writing, connecting, and other operations that wait for buffer space.
    pub const WRITABLE: Interest = Interest(2);
    /// Urgent data of TCP, and the exceptional conditions of other descriptors: `EPOLLPRI` of
    /// [`epoll_ctl(2)`](https://man7.org/linux/man-pages/man2/epoll_ctl.2.html).
    pub const PRIORITY: Interest = Interest(4);
    /// A pending error, or a message in the error queue of a socket (`MSG_ERRQUEUE`): `EPOLLERR`.
    pub const ERROR: Interest = Interest(8);

    /// Returns whether [`READABLE`](Interest::READABLE) is in the set.
    pub const fn is_readable(self) -> bool {
        self.0 & Interest::READABLE.0 != 0
    }

    /// Returns whether [`WRITABLE`](Interest::WRITABLE) is in the set.
    pub const fn is_writable(self) -> bool {
        self.0 & Interest::WRITABLE.0 != 0
    }

    /// Returns whether [`PRIORITY`](Interest::PRIORITY) is in the set.
    pub const fn is_priority(self) -> bool {
        self.0 & Interest::PRIORITY.0 != 0
    }

    /// Returns whether [`ERROR`](Interest::ERROR) is in the set.
    pub const fn is_error(self) -> bool {
        self.0 & Interest::ERROR.0 != 0
    }

    /// Returns both sets together, as `|`, which a `const` cannot call.
    #[must_use = "the sets themselves stay as they are"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// Returns the set without `other`, or `None` when nothing is left.
    #[must_use = "the sets themselves stay as they are"]
    pub const fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }

    /// Returns the direction of a set that is one direction and nothing else.
    #[inline]
    pub(crate) const fn only_direction(self) -> Option<Direction> {
        match self {
            Interest::READABLE => Some(Direction::Read),
            Interest::WRITABLE => Some(Direction::Write),
            _ => None,
        }
    }

    /// Returns the directions in the set.
    pub(crate) fn directions(self) -> impl Iterator<Item = Direction> {
        let read = self.is_readable().then_some(Direction::Read);
        read.into_iter().chain(self.is_writable().then_some(Direction::Write))
    }

    /// Returns the directions whose events concern the set: an event with urgent data or an error wakes those who read.
    pub(crate) fn waits_in(self) -> impl Iterator<Item = Direction> {
        let read = (self != Interest::WRITABLE).then_some(Direction::Read);
        read.into_iter().chain(self.is_writable().then_some(Direction::Write))
    }

    /// Returns the readiness that ends a wait for the set.
    pub(crate) fn answers(self) -> Ready {
        let mut answers = Ready::EMPTY;
        if self.is_readable() {
            answers |= Ready::READABLE | Ready::READ_CLOSED;
        }
        if self.is_writable() {
            answers |= Ready::WRITABLE | Ready::WRITE_CLOSED;
        }
        if self.is_priority() {
            answers |= Ready::PRIORITY | Ready::READ_CLOSED;
        }
        if self.is_error() {
            answers |= Ready::ERROR;
        }
        answers
    }

    /// Returns the members of the set that `ready` answers. A closed end ends a wait for reading or writing, but not
    /// one for urgent data alone.
    pub(crate) fn answered_by(self, ready: Ready) -> Option<Interest> {
        let bit = |is_in: bool, one: Interest| if is_in { self.0 & one.0 } else { 0 };
        let answered = bit(ready.is_readable(), Interest::READABLE)
            | bit(ready.is_writable(), Interest::WRITABLE)
            | bit(ready.is_priority(), Interest::PRIORITY)
            | bit(ready.is_error(), Interest::ERROR);
        (answered != 0).then_some(Interest(answered))
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.is_readable(), "READABLE"),
            (self.is_writable(), "WRITABLE"),
            (self.is_priority(), "PRIORITY"),
            (self.is_error(), "ERROR"),
        ];
        let names = names.iter().filter(|(is_in, _)| *is_in).map(|(_, name)| *name);
        f.write_str(&names.collect::<Vec<_>>().join(" | "))
    }
}
