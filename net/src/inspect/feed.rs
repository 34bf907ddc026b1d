//! [`Feed`]: the source of the data that the page shows. A trait, so that tests can show dumps without a loop.

use egret_runtime::inspect::{Dump, Histograms, LoopView, Recording};
use egret_runtime::runtime::Handle;

/// Waits for an answer; `None` when the runtime has ended.
pub(super) type Pending<T> = Box<dyn FnOnce() -> Option<T>>;

/// A loop as the page sees it.
///
/// Asking and waiting are two steps. Whatever number of loops was asked, all have answered or were given up within
/// 100 ms, also while they are stuck.
pub(super) trait Feed: Send {
    fn dump(&self) -> Pending<Dump>;
    /// Returns the part of a dump that is about the loop itself, without the cost of the others.
    fn dump_loop(&self) -> Pending<LoopView>;
    fn histograms(&self) -> Option<Histograms>;
    fn recording(&self) -> Option<Recording>;
}

impl Feed for Handle {
    fn dump(&self) -> Pending<Dump> {
        let dump = self.request_dump();
        Box::new(|| dump().ok())
    }

    fn dump_loop(&self) -> Pending<LoopView> {
        let view = self.request_dump_loop();
        Box::new(|| view().ok())
    }

    fn histograms(&self) -> Option<Histograms> {
        Handle::histograms(self)
    }

    fn recording(&self) -> Option<Recording> {
        Handle::recording(self)
    }
}
