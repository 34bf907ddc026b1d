//! Waits and operations of a [`Registration`] for an [`Interest`]: a set, where the others have one direction.

use super::{InReactor, Registration};
use crate::observe::site::Site;
use crate::reactor;
use crate::reactor::gone::runtime_is_gone;
use crate::reactor::interest::Interest;
use crate::reactor::readiness::{Start, events_for};
use crate::reactor::ready::Ready;
use crate::reactor::waiters::{Ticket, Waiting};
use crate::wake::budget;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

impl<T: AsFd> Registration<T> {
    /// [`new`](Registration::new), for the events of `interest` alone. A wait for any other never ends.
    ///
    /// # Errors
    ///
    /// As [`new`](Registration::new).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    pub fn with_interest(
        inner: T,
        start: Start,
        interest: Interest,
    ) -> Result<Registration<T>, (T, io::Error)> {
        match reactor::current().register(inner.as_fd(), start, events_for(interest)) {
            Ok(source) => Ok(Registration { place: InReactor(source), inner }),
            Err(error) => Err((inner, error)),
        }
    }

    /// Waits until the kernel has reported one of `interest`, and returns those of it that are reported.
    ///
    /// They stay reported until an operation clears them. A closed end is reported again and again.
    ///
    /// # Errors
    ///
    /// `Other` when it has to wait and the runtime is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping it before it resolves loses nothing.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn ready_for(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        UntilAny { registration: self, interest, tickets: [None; 2], at: Site::current() }
    }

    /// [`try_io`](Registration::try_io) for a set: tries the operation when one of it may be ready. When it would
    /// block, all of the set are cleared.
    ///
    /// # Errors
    ///
    /// As [`try_io`](Registration::try_io).
    pub fn try_io_for<R>(&self, interest: Interest, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        if !self.is_worth_a_call(interest) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        op(&self.inner).inspect_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                self.clear_for(interest);
            }
        })
    }

    /// [`io`](Registration::io) for a set. One direction alone is tried at once, as by `io`; other sets wait for
    /// their first event.
    ///
    /// # Errors
    ///
    /// As [`io`](Registration::io).
    ///
    /// # Cancel safety
    ///
    /// As [`io`](Registration::io).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn io_for<R>(
        &self,
        interest: Interest,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        Site::caller().within(async move {
            if let Some(direction) = interest.only_direction() {
                return self.io(direction, op).await;
            }
            loop {
                self.ready_for(interest).await?;
                match op(&self.inner) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.clear_for(interest),
                    result => return result,
                }
            }
        })
    }

    /// Returns whether an operation for `interest` may succeed.
    pub(crate) fn is_worth_a_call(&self, interest: Interest) -> bool {
        self.source().readiness().is_worth_a_call(interest)
    }

    /// Returns those of `interest` that are reported, and how many events the descriptor has had.
    pub(crate) fn reported(&self, interest: Interest) -> (Ready, u64) {
        (self.source().readiness().reported() & interest.answers(), self.source().ticks())
    }

    /// Clears all of `interest`: an operation for it would block.
    pub(crate) fn clear_for(&self, interest: Interest) {
        self.source().set_readiness(self.source().readiness().without(interest));
    }

    /// [`clear_for`](Registration::clear_for), unless an event has come since there were `ticks`.
    pub(crate) fn clear_since(&self, ticks: u64, interest: Interest) {
        if self.source().ticks() == ticks {
            self.clear_for(interest);
        }
    }
}

/// Waits for events in one direction or both.
struct UntilAny<'a, T: AsFd> {
    registration: &'a Registration<T>,
    interest: Interest,
    /// One for each direction.
    tickets: [Option<Ticket>; 2],
    at: Site,
}

impl<T: AsFd> UntilAny<'_, T> {
    fn reported(&self) -> Ready {
        self.registration.reported(self.interest).0
    }
}

impl<T: AsFd> Future for UntilAny<'_, T> {
    type Output = io::Result<Ready>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        let this = &mut *self;
        let ready = this.reported();
        if !ready.is_empty() {
            if !budget::charge() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Ok(ready));
        }
        let source = this.registration.source();
        if source.readiness().is_gone() {
            return Poll::Ready(Err(runtime_is_gone()));
        }
        let mut look_again = false;
        for direction in this.interest.waits_in() {
            let ticket = &mut this.tickets[direction as usize];
            let waiting = source.waiters().wait_with_ticket(direction, cx.waker(), ticket, this.at);
            look_again |= waiting == Waiting::LookAgain;
        }
        // Cloning a foreign waker is user code, which may have turned the loop or ended it.
        if look_again && (!this.reported().is_empty() || source.readiness().is_gone()) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<T: AsFd> Drop for UntilAny<'_, T> {
    fn drop(&mut self) {
        for direction in self.interest.waits_in() {
            if let Some(ticket) = self.tickets[direction as usize] {
                self.registration.source().waiters().leave(direction, ticket);
            }
        }
    }
}
