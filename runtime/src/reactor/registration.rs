//! [`Registration`]: a descriptor and its place in the reactor. Every socket type is built on it.
//!
//! - It owns the descriptor. An operation that may succeed makes its system call first; only when that would block
//!   does the task wait for an edge. All clearing of readiness is here, by the rules in `readiness.rs`.
//! - It belongs to one runtime and that runtime's thread. Nothing sets readiness between a system call and the clear
//!   that follows it, as events are taken in `epoll_wait` only, which is never called from here; so no tick is
//!   compared.

mod by_interest;
mod until_ready;

use crate::observe::site::Site;
use crate::reactor;
use crate::reactor::epoll::Source;
use crate::reactor::gone::runtime_is_gone;
use crate::reactor::label::SourceLabel;
use crate::reactor::readiness::{Clears, Direction, INTEREST, Start};
use crate::reactor::waiters::{Ticket, Waiters, Waiting};
use crate::sys::{Fd, Moved};
use crate::wake::budget;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use until_ready::UntilReady;

/// A descriptor that is registered with the reactor until this is dropped.
///
/// The building block of the socket types; [`AsyncFd`](crate::io::AsyncFd) is the one for descriptors of your own. Its
/// methods take an operation that makes one non-blocking system call and returns
/// [`WouldBlock`](io::ErrorKind::WouldBlock) when it cannot proceed. The operation must make the call: its result
/// clears readiness, and an operation that returns `WouldBlock` when the kernel did not waits for an edge that never
/// comes.
///
/// Every operation that completes is charged to the task's budget; when the budget is used up, the task is woken again
/// and the operation is `Pending`.
pub struct Registration<T: AsFd> {
    /// First, so that it is dropped first: the descriptor is deregistered before it is closed.
    place: InReactor,
    inner: T,
}

/// A place in the reactor, released on drop.
struct InReactor(Rc<Source>);

impl Drop for InReactor {
    fn drop(&mut self) {
        self.0.deregister();
    }
}

impl<T: AsFd> Registration<T> {
    /// Registers a descriptor with the runtime of this thread. It must be non-blocking.
    ///
    /// # Errors
    ///
    /// With the descriptor returned: those of `epoll_ctl(2)`, among them
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a regular file, which is always ready and
    /// cannot be polled, and [`AlreadyExists`](io::ErrorKind::AlreadyExists) for a descriptor that is
    /// registered already.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    pub fn new(inner: T, start: Start) -> Result<Registration<T>, (T, io::Error)> {
        match reactor::current().register(inner.as_fd(), start, INTEREST) {
            Ok(source) => Ok(Registration { place: InReactor(source), inner }),
            Err(error) => Err((inner, error)),
        }
    }

    /// Returns the descriptor.
    #[inline]
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// Returns the descriptor, for [`AsyncFd::get_mut`](crate::io::AsyncFd::get_mut).
    pub(crate) fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Ends the registration and returns the descriptor.
    pub fn into_inner(self) -> T {
        let Registration { place, inner } = self;
        drop(place);
        inner
    }

    /// Says what the descriptor is for, in a dump.
    #[inline]
    pub(crate) fn set_label(&self, label: SourceLabel) {
        self.source().set_label(label);
    }

    #[inline]
    fn source(&self) -> &Source {
        &self.place.0
    }

    /// Tries an operation that moves bytes, and waits as the only waiter of its direction when it would block.
    /// `clears` decides what the number of bytes moved proves.
    ///
    /// The next event of the direction wakes every task of this runtime that polled before it and got `Pending`. Of
    /// other wakers, such as those of `FuturesUnordered`, the last is kept.
    ///
    /// # Errors
    ///
    /// Those of the operation; `Other` when it has to wait and the runtime is gone.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_transfer<M: Into<Moved>>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        clears: Clears,
        op: impl FnOnce(&T) -> io::Result<M>,
    ) -> Poll<io::Result<usize>> {
        let at = Site::caller();
        self.poll_op(
            cx,
            direction,
            || self.transfer(direction, clears, op),
            |waiters, waker| waiters.wait_alone(direction, waker, at.outermost()),
        )
    }

    /// [`poll_transfer`](Registration::poll_transfer), which a dump shows to wait at the line `at`.
    ///
    /// # Errors
    ///
    /// As [`poll_transfer`](Registration::poll_transfer).
    #[inline(always)] // or the line is read before it is known that it is needed
    pub fn poll_transfer_at<M: Into<Moved>>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        clears: Clears,
        at: &Site,
        op: impl FnOnce(&T) -> io::Result<M>,
    ) -> Poll<io::Result<usize>> {
        // The path of every request is in here and inlined into the caller; the rest is behind calls. A request that
        // need not wait does not read its line.
        self.poll_op(
            cx,
            direction,
            || self.transfer(direction, clears, op),
            |waiters, waker| waiters.wait_alone(direction, waker, *at),
        )
    }

    /// Tries an operation that moves bytes, once.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call when the descriptor is known not to
    /// be ready; those of the operation.
    #[inline]
    pub fn try_transfer<M: Into<Moved>>(
        &self,
        direction: Direction,
        clears: Clears,
        op: impl FnOnce(&T) -> io::Result<M>,
    ) -> io::Result<usize> {
        self.try_op(direction, || self.transfer(direction, clears, op))
    }

    /// Tries an operation, and waits as one of many when it would block.
    ///
    /// The next event of the direction wakes every task of this runtime that polled before it and got `Pending`, once.
    /// Of other wakers, such as those of `FuturesUnordered`, the last is kept: a poll function cannot tell its callers
    /// apart and does not see that one no longer waits. [`io`](Registration::io) and [`ready`](Registration::ready)
    /// wake every waiter.
    ///
    /// # Errors
    ///
    /// As [`poll_transfer`](Registration::poll_transfer).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let at = Site::caller();
        self.poll_op(
            cx,
            direction,
            || op(&self.inner),
            |waiters, waker| waiters.wait_polled(direction, waker, self.source().executor(), at.outermost()),
        )
    }

    /// Tries an operation, once.
    ///
    /// # Errors
    ///
    /// As [`try_transfer`](Registration::try_transfer).
    #[inline]
    pub fn try_io<R>(&self, direction: Direction, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.try_op(direction, || op(&self.inner))
    }

    /// Tries an operation until it does not return `WouldBlock`.
    ///
    /// # Errors
    ///
    /// As [`poll_transfer`](Registration::poll_transfer).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it resolves, no operation but those that would have blocked has been tried.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn io<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        let at = Site::current();
        async move {
            let mut wait = WaiterTicket { waiters: self.source().waiters(), direction, ticket: None };
            poll_fn(|cx| self.poll_op(cx, direction, || op(&self.inner), |_, waker| wait.start(waker, at)))
                .await
        }
    }

    /// Polls whether the kernel has reported the descriptor as ready; if not, waits as one of many until it does,
    /// woken as by [`poll_io`](Registration::poll_io).
    ///
    /// The first report comes with the registration, when the loop next waits for events: until then this is
    /// `Pending`, whatever the state of the descriptor.
    ///
    /// # Errors
    ///
    /// `Other` when it has to wait and the runtime is gone.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.poll_io(cx, direction, |_| self.reported_ready(direction))
    }

    /// Waits until the kernel has reported the descriptor as ready. It stays ready until an operation clears it.
    ///
    /// # Errors
    ///
    /// `Other` when it has to wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it resolves loses nothing.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready(&self, direction: Direction) -> impl Future<Output = io::Result<()>> {
        UntilReady::new(self, direction, Site::current())
    }

    /// The operation of a task that only waits: once the runtime is gone, a source that is not ready never will be.
    ///
    /// `WouldBlock` before the first event clears `UNTRIED` only: the event is still to come.
    fn reported_ready(&self, direction: Direction) -> io::Result<()> {
        if self.source().readiness().has_edge(direction) {
            Ok(())
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    #[inline(always)] // as poll_transfer_at is
    fn poll_op<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        op: impl FnOnce() -> io::Result<R>,
        wait: impl FnOnce(&Waiters, &Waker) -> Waiting,
    ) -> Poll<io::Result<R>> {
        if self.source().readiness().is_ready(direction) {
            if !budget::charge() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match op() {
                Ok(result) => return Poll::Ready(Ok(result)),
                Err(error) => self.settle(direction, error)?,
            }
        }
        if wait(self.source().waiters(), cx.waker()) == Waiting::LookAgain
            && self.source().readiness().is_ready(direction)
        {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    #[inline]
    fn try_op<R>(&self, direction: Direction, op: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        if !self.source().readiness().is_ready(direction) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        op().inspect_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                self.clear(direction);
            }
        })
    }

    #[inline]
    fn transfer<M: Into<Moved>>(
        &self,
        direction: Direction,
        clears: Clears,
        op: impl FnOnce(&T) -> io::Result<M>,
    ) -> io::Result<usize> {
        let Moved { bytes: moved, cut } = op(&self.inner)?.into();
        match clears {
            // Only a short transfer can clear, and writes are rarely short.
            Clears::ShortOf(wanted) if moved < wanted && !cut => {
                let source = self.source();
                source.set_readiness(source.readiness().after_transfer(direction, moved, clears));
            }
            Clears::ShortOf(_) | Clears::WouldBlock => {}
        }
        Ok(moved)
    }

    /// Handles an operation that failed: waits if it would have blocked; any other error is the caller's and stays
    /// charged, as an accept without free descriptors may fail in an endless loop.
    #[cold]
    fn settle(&self, direction: Direction, error: io::Error) -> io::Result<()> {
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(error);
        }
        if self.source().readiness().is_gone() {
            return Err(runtime_is_gone());
        }
        budget::refund();
        self.clear(direction);
        Ok(())
    }

    fn clear(&self, direction: Direction) {
        self.source().set_readiness(self.source().readiness().after_would_block(direction));
    }
}

impl Registration<Fd> {
    /// Waits, as the only waiter of the direction, until the descriptor takes no more bytes.
    ///
    /// Every event for the direction wakes, also one that only reports buffer space.
    ///
    /// # Errors
    ///
    /// As [`Fd::is_hung_up`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn poll_hung_up(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Checked after the registration: cloning a foreign waker is user code, which may turn the loop.
        let _ = self.source().waiters().wait_alone(Direction::Write, cx.waker(), Site::current());
        if !self.source().readiness().may_be_hung_up() {
            return Poll::Pending;
        }
        match self.inner.is_hung_up() {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Registration<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(self.get_ref()).finish()
    }
}

/// A place among the waiters, released on drop.
struct WaiterTicket<'a> {
    waiters: &'a Waiters,
    direction: Direction,
    ticket: Option<Ticket>,
}

impl WaiterTicket<'_> {
    fn start(&mut self, waker: &Waker, at: Site) -> Waiting {
        self.waiters.wait_with_ticket(self.direction, waker, &mut self.ticket, at)
    }
}

impl Drop for WaiterTicket<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.waiters.leave(self.direction, ticket);
        }
    }
}
