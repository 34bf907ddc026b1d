//! [`Simulated`]: cores of one machine in a simulation (feature `sim`), for tests of what they share.
//!
//! A simulated host has one loop, so each core is the program of a host of its own, and they share what threads of
//! one process share: descriptors, wakers, the state of the shutdown. They run the same [`watch`], [`Cut`] and
//! [`Joint`] as [`Builder::run`](super::Builder::run), without its threads and its gate.

use super::core::Core;
use super::joint::{Asked, Joint, Stop};
use super::run::{Cut, late, watch};
use crate::runtime::Handle;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// The cores of one machine, each the program of a simulated host.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Simulated {
    joint: Arc<Joint>,
    deadline: Duration,
    count: usize,
    /// The cores that are there.
    arrived: RefCell<Vec<(usize, Handle)>>,
    /// Those of them that wait for the others.
    waiting: RefCell<Vec<Waker>>,
}

impl Simulated {
    #[inline]
    pub fn new(count: usize, deadline: Duration) -> Rc<Simulated> {
        let (arrived, waiting) = (RefCell::default(), RefCell::default());
        Rc::new(Simulated { joint: Arc::default(), deadline, count, arrived, waiting })
    }

    #[inline]
    pub fn stop(&self) -> Stop {
        Stop { joint: self.joint.clone() }
    }

    /// Runs `main` as this core, once all are there, and drains. Returns its output, and how many tasks were aborted.
    #[inline]
    pub async fn run<T>(
        &self,
        index: usize,
        main: impl AsyncFnOnce(Core) -> io::Result<T>,
    ) -> io::Result<(T, usize)> {
        let core = Core::new(index, self.all(index).await, self.joint.clone());
        let cut = Rc::new(Cut::default());
        drop(crate::task::spawn(watch(core.clone(), self.deadline, cut.clone())));
        if self.joint.asked() != Asked::Nothing {
            core.shutdown.request();
        }
        let output = cut.limit(main(core.clone())).await;
        let result = output.unwrap_or_else(|| Err(late(&self.joint, self.deadline, index)));
        if core.shutdown.is_requested() || result.is_err() {
            self.joint.request();
        }
        if self.joint.asked() != Asked::Nothing {
            core.shutdown.request();
            cut.limit(core.shutdown.drained()).await;
        }
        result.map(|output| (output, cut.aborted.get()))
    }

    /// Returns the handles of all cores, when all are there.
    #[inline]
    async fn all(&self, index: usize) -> Arc<[Handle]> {
        self.arrived.borrow_mut().push((index, Handle::current()));
        self.waiting.take().into_iter().for_each(Waker::wake);
        poll_fn(|cx| {
            let mut arrived = self.arrived.borrow_mut();
            if arrived.len() < self.count {
                self.waiting.borrow_mut().push(cx.waker().clone());
                return Poll::Pending;
            }
            arrived.sort_by_key(|(index, _)| *index);
            Poll::Ready(arrived.iter().map(|(_, handle)| handle.clone()).collect())
        })
        .await
    }
}
