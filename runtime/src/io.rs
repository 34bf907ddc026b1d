//! [`Registration`]: a descriptor and its place in the reactor, which every socket type is built on.
//!
//! It owns the descriptor and asks the kernel first and the reactor second: an operation that may succeed is
//! tried at once, and only when it would block does its task wait for an edge. All clearing of readiness goes
//! through here, by the rules of [`readiness`](crate::readiness).
//!
//! A registration belongs to the runtime that it was made in and to that runtime's thread. Nothing else sets
//! readiness between a system call and the clear that follows it, for events are only taken in `epoll_wait`
//! and that is never called from here; so no tick is compared.

pub use crate::async_fd::{AsyncFd, AsyncFdReadyGuard, AsyncFdTryNewError, Interest};
pub use crate::readiness::{Clears, Direction, Start};

use crate::context;
use crate::executor;
use crate::reactor::Source;
use crate::waiters::Ticket;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A descriptor that is registered with the reactor until this is dropped.
///
/// The building block of the socket types; [`AsyncFd`] is the one for descriptors of your own. Its
/// methods take an operation that makes one non-blocking system call and returns
/// [`WouldBlock`](io::ErrorKind::WouldBlock) when it cannot proceed. The operation must really try: readiness
/// is cleared by what it returns, and an operation that says `WouldBlock` when the kernel did not
/// waits for an edge that never comes.
///
/// Every operation that completes is charged to the task's budget; a task that has used its budget up is
/// woken again and the operation is `Pending`.
pub struct Registration<T: AsFd> {
    source: Rc<Source>,
    clears: Clears,
    /// `None` once it was handed back.
    inner: Option<T>,
}

impl<T: AsFd> Registration<T> {
    /// Registers a descriptor with the runtime that this thread is in. It must be non-blocking.
    ///
    /// # Errors
    ///
    /// With the descriptor handed back: those of `epoll_ctl(2)`, among them
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a regular file, which is always ready and
    /// cannot be polled, and [`AlreadyExists`](io::ErrorKind::AlreadyExists) for a descriptor that is
    /// registered already.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    pub fn new(inner: T, start: Start, clears: Clears) -> Result<Registration<T>, (T, io::Error)> {
        let executor = executor::current();
        match executor.reactor.register(inner.as_fd(), start) {
            Ok(source) => Ok(Registration { source, clears, inner: Some(inner) }),
            Err(error) => Err((inner, error)),
        }
    }

    /// The descriptor.
    #[inline]
    pub fn get_ref(&self) -> &T {
        self.inner.as_ref().expect("only into_inner takes the descriptor out, and it takes self")
    }

    /// The descriptor, to be changed but not replaced.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("only into_inner takes the descriptor out, and it takes self")
    }

    /// Ends the registration and hands the descriptor back.
    pub fn into_inner(mut self) -> T {
        let inner = self.inner.take().expect("only into_inner takes the descriptor out, and it takes self");
        self.source.deregister(inner.as_fd());
        inner
    }

    /// Tries an operation that moves up to `wanted` bytes, and waits as the only one in its direction when it
    /// would block.
    ///
    /// A later call in the same direction takes the place of an earlier one that waits: the caller makes sure,
    /// by `&mut` or by halves, that there is one.
    ///
    /// # Errors
    ///
    /// Those of the operation; `Other` when it would wait and the runtime is gone.
    #[inline]
    pub fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        wanted: usize,
        op: impl FnOnce(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.poll_op(
            cx,
            direction,
            |inner| self.transfer(inner, direction, wanted, op),
            |source, cx| source.wait_alone(direction, cx.waker()),
        )
    }

    /// Tries an operation that moves up to `wanted` bytes, once.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call when the descriptor is known not to
    /// be ready; those of the operation.
    #[inline]
    pub fn try_transfer(
        &self,
        direction: Direction,
        wanted: usize,
        op: impl FnOnce(&T) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.try_io(direction, |inner| self.transfer(inner, direction, wanted, op))
    }

    /// Tries an operation, and waits among others when it would block.
    ///
    /// A waker that waits already is not added again; all are woken by the next event of the direction.
    ///
    /// # Errors
    ///
    /// As [`poll_transfer`](Registration::poll_transfer).
    pub fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_op(cx, direction, op, |source, cx| source.wait_shared(direction, cx.waker()))
    }

    /// Tries an operation, once.
    ///
    /// # Errors
    ///
    /// As [`try_transfer`](Registration::try_transfer).
    #[inline]
    pub fn try_io<R>(&self, direction: Direction, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        if !self.source.readiness().is_ready(direction) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = op(self.get_ref());
        if would_block(&result) {
            self.clear(direction);
        }
        result
    }

    /// Tries an operation until it does not block.
    ///
    /// # Errors
    ///
    /// As [`poll_transfer`](Registration::poll_transfer).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, it has had no effect but those of operations that would have blocked.
    pub async fn io<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut wait = Wait { source: &self.source, direction, ticket: None };
        poll_fn(|cx| self.poll_op(cx, direction, &mut op, |_, cx| wait.start(cx))).await
    }

    /// Whether the descriptor is believed to be ready; if not, waits among others until it is.
    ///
    /// # Errors
    ///
    /// `Other` when it would wait and the runtime is gone.
    pub fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.poll_io(cx, direction, |_| Ok(()))
    }

    /// Waits until the descriptor is believed to be ready.
    ///
    /// # Errors
    ///
    /// `Other` when it would wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// It has no effect to be lost.
    pub async fn ready(&self, direction: Direction) -> io::Result<()> {
        self.io(direction, |_| Ok(())).await
    }

    /// How many events the descriptor has had: what [`clear_since`](Registration::clear_since) compares.
    pub(crate) fn ticks(&self) -> u64 {
        self.source.ticks()
    }

    /// Clears the readiness of a direction unless an event has come since `ticks` was asked for.
    pub(crate) fn clear_since(&self, ticks: u64, direction: Direction) {
        if self.source.ticks() == ticks {
            self.clear(direction);
        }
    }

    #[inline]
    fn poll_op<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        op: impl FnOnce(&T) -> io::Result<R>,
        wait: impl FnOnce(&Source, &mut Context<'_>) -> io::Result<()>,
    ) -> Poll<io::Result<R>> {
        if self.source.readiness().is_ready(direction) {
            if context::budget_is_spent() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let result = op(self.get_ref());
            if !would_block(&result) {
                // An error is charged too: accept with no descriptors left fails for as long as one likes.
                context::charge_budget();
                return Poll::Ready(result);
            }
            self.clear(direction);
        }
        match wait(&self.source, cx) {
            Ok(()) => Poll::Pending,
            Err(gone) => Poll::Ready(Err(gone)),
        }
    }

    #[inline]
    fn transfer(
        &self,
        inner: &T,
        direction: Direction,
        wanted: usize,
        op: impl FnOnce(&T) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let moved = op(inner)?;
        if moved < wanted && moved != 0 {
            let readiness = self.source.readiness().after_short_transfer(direction, self.clears);
            self.source.set_readiness(readiness);
        }
        Ok(moved)
    }

    #[inline]
    fn clear(&self, direction: Direction) {
        self.source.set_readiness(self.source.readiness().after_would_block(direction));
    }
}

impl<T: AsFd> Drop for Registration<T> {
    fn drop(&mut self) {
        if let Some(inner) = &self.inner {
            self.source.deregister(inner.as_fd());
        }
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Registration<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registration").field(self.get_ref()).finish()
    }
}

/// A place among those who wait, given up on drop.
struct Wait<'a> {
    source: &'a Source,
    direction: Direction,
    ticket: Option<Ticket>,
}

impl Wait<'_> {
    fn start(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.source.wait_with_ticket(self.direction, cx.waker(), &mut self.ticket)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.source.leave(ticket);
        }
    }
}

#[inline]
fn would_block<R>(result: &io::Result<R>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
