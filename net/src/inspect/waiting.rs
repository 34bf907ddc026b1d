//! [`WaitingConnections`]: the connections that wait for a request.
//!
//! When no more may be opened, the one that waits longest is closed.
//! Otherwise clients that send no request, or half of one, would shut out all others for as long as a head may take.

use super::connection::MOST;
use egret_runtime::shutdown::Shutdown;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

#[derive(Default)]
pub(super) struct WaitingConnections {
    open: Cell<usize>,
    entered: Cell<u64>,
    /// By number, the one that waits longest first.
    waits: RefCell<VecDeque<(u64, Shutdown)>>,
}

/// A connection that is open.
pub(super) struct WaitingPlace<'a> {
    all: &'a WaitingConnections,
    number: u64,
    /// Requested when it has to make room.
    leave: Shutdown,
}

/// Takes a connection from the list.
struct Ends<'a>(&'a WaitingPlace<'a>);

impl WaitingConnections {
    pub(super) fn enter(&self) -> WaitingPlace<'_> {
        self.open.set(self.open.get() + 1);
        self.entered.set(self.entered.get() + 1);
        WaitingPlace { all: self, number: self.entered.get(), leave: Shutdown::new() }
    }

    fn make_room(&self) {
        let waits = self.waits.borrow();
        if let Some((_, leave)) = waits.front().filter(|_| self.open.get() >= MOST && waits.len() > 1) {
            leave.request(); // which wakes it, and so leaves the list as it is
        }
    }
}

impl WaitingPlace<'_> {
    /// Waits for a request by `next`: `None` when the connection has to make room.
    pub(super) async fn wait<T>(&self, next: impl Future<Output = T>) -> Option<T> {
        self.all.waits.borrow_mut().push_back((self.number, self.leave.clone()));
        let _ends = Ends(self);
        self.all.make_room();
        self.leave.run_until_requested(next).await
    }
}

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.all.waits.borrow_mut().retain(|(number, _)| *number != self.0.number);
    }
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.all.open.set(self.all.open.get() - 1);
    }
}
