//! The reports of `epoll`, as text.

use super::kernel::Kernel;
use egret_runtime::sys::{Backend, Epoll, Events, Fd, mask};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// egret's interest.
const ALL: u32 = mask::IN | mask::OUT | mask::RDHUP | mask::PRI | mask::EDGE;

/// An `epoll` instance.
pub struct Watch<'a> {
    kernel: &'a dyn Kernel,
    pub epoll: Epoll,
    pub events: RefCell<Events>,
    next: Cell<u64>,
}

impl<'a> Watch<'a> {
    pub fn empty(kernel: &'a dyn Kernel) -> Watch<'a> {
        let epoll = Backend::current().epoll().unwrap();
        Watch { kernel, epoll, events: RefCell::new(Events::with_capacity(64)), next: Cell::new(0) }
    }

    /// Registers `fd` for everything, and reads no report yet.
    pub fn of(kernel: &'a dyn Kernel, fd: &Fd) -> Watch<'a> {
        let watch = Watch::empty(kernel);
        watch.add(fd).unwrap();
        watch
    }

    /// Registers the eventfd of a loop, and reads no report yet.
    pub fn of_eventfd(kernel: &'a dyn Kernel, eventfd: &Fd) -> Watch<'a> {
        let watch = Watch::empty(kernel);
        watch.epoll.add_eventfd(eventfd.as_fd(), ALL, 0).unwrap();
        watch
    }

    /// Registers another, whose token is one more than that of the one before; the first has 0.
    pub fn add(&self, fd: &Fd) -> io::Result<()> {
        self.epoll.add(fd.as_fd(), ALL, self.next.get())?;
        self.next.set(self.next.get() + 1);
        Ok(())
    }

    /// The reports of `epoll` after everything has arrived, as `token:bits`.
    pub fn edges(&self) -> Vec<String> {
        self.kernel.settle();
        self.edges_now()
    }

    /// The reports now, without waiting for arrivals.
    fn edges_now(&self) -> Vec<String> {
        let mut events = self.events.borrow_mut();
        self.epoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().map(|(token, mask)| format!("{token}:{}", names(mask))).collect()
    }

    /// The bits reported for the only descriptor; "" without a report.
    pub fn edge(&self) -> String {
        let mut edges = self.edges();
        assert!(edges.len() < 2, "{edges:?} of one descriptor");
        edges.pop().map_or_else(String::new, |edge| edge.trim_start_matches("0:").to_owned())
    }

    /// The whole state of a descriptor, by a registration of its own.
    pub fn state(kernel: &dyn Kernel, fd: &Fd) -> String {
        Watch::of(kernel, fd).edge()
    }
}

fn names(mask: u32) -> String {
    let bits = [
        (mask::IN, "IN"),
        (mask::PRI, "PRI"),
        (mask::OUT, "OUT"),
        (mask::ERR, "ERR"),
        (mask::HUP, "HUP"),
        (mask::RDHUP, "RDHUP"),
    ];
    let set: Vec<_> = bits.into_iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| name).collect();
    set.join("|")
}
