//! The direction of a registration that an [`Interest`] stands for.

use egret_runtime::io::{Direction, Interest};

pub(crate) fn direction(interest: Interest) -> Direction {
    if interest == Interest::WRITABLE { Direction::Write } else { Direction::Read }
}
