//! [`SourceLabel`]: what a registered descriptor is for, where the kernel cannot say it. With feature `inspect`.
//!
//! Without the feature a label is zero-sized and its cell holds nothing.

#[cfg(feature = "inspect")]
use std::cell::Cell;

/// The purpose of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum SourceLabel {
    /// As the kernel describes it.
    #[default]
    Plain,
    /// The end of the child process with this number.
    Child(u32),
    /// The signals with this number.
    Signal(i32),
    /// Standard input, output or error: 0, 1, 2.
    Standard(u8),
}

/// The label of a source.
#[derive(Default)]
pub(crate) struct LabelCell {
    #[cfg(feature = "inspect")]
    label: Cell<SourceLabel>,
}

impl LabelCell {
    #[inline(always)]
    pub(crate) fn set(&self, label: SourceLabel) {
        #[cfg(feature = "inspect")]
        self.label.set(label);
        #[cfg(not(feature = "inspect"))]
        let _ = label;
    }

    #[cfg(feature = "inspect")]
    pub(crate) fn get(&self) -> SourceLabel {
        self.label.get()
    }
}
