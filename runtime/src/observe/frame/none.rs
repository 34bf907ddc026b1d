//! No frames, without feature `inspect`. See also `kept.rs`.

use crate::observe::site::Site;
use std::borrow::Cow;

/// No frame.
pub(crate) struct Frame;

/// Restores no frame.
pub(crate) struct Outer;

const _: () = assert!(size_of::<Frame>() == 0);

impl Frame {
    #[inline(always)]
    pub(crate) fn new(_name: impl Into<Cow<'static, str>>, _at: Site) -> Frame {
        Frame
    }

    #[inline(always)]
    pub(crate) fn enter(&mut self) -> Outer {
        Outer
    }
}
