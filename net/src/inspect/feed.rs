//! [`Feed`]: the source of the data that the page shows. A trait, so that tests can show dumps without a loop.

use egret_runtime::inspect::{Dump, Histograms, LoopView, Recording};
use egret_runtime::runtime::Handle;

/// A loop as the page sees it. Each call returns within 100 ms, also while the loop is stuck.
pub(super) trait Feed: Send {
    /// `None` when the runtime has ended.
    fn dump(&self) -> Option<Dump>;
    /// The part of a dump that is about the loop itself, without the cost of the others.
    fn dump_loop(&self) -> Option<LoopView>;
    fn histograms(&self) -> Option<Histograms>;
    fn recording(&self) -> Option<Recording>;
}

impl Feed for Handle {
    fn dump(&self) -> Option<Dump> {
        Handle::dump(self).ok()
    }

    fn dump_loop(&self) -> Option<LoopView> {
        Handle::dump_loop(self).ok()
    }

    fn histograms(&self) -> Option<Histograms> {
        Handle::histograms(self)
    }

    fn recording(&self) -> Option<Recording> {
        Handle::recording(self)
    }
}
