//! The future of [`Registration::ready`].
//!
//! By hand, because there is one in the task of each idle connection: as an `async fn` around another it is four times as
//! large. It borrows its registration, so whoever waits alone, by `&mut`, cannot come while it waits.

use super::Registration;
use crate::readiness::Direction;
use crate::waiters::Ticket;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) struct Ready<'a, T: AsFd> {
    registration: &'a Registration<T>,
    ticket: Option<Ticket>,
    direction: Direction,
}

impl<'a, T: AsFd> Ready<'a, T> {
    pub(super) fn new(registration: &'a Registration<T>, direction: Direction) -> Ready<'a, T> {
        Ready { registration, ticket: None, direction }
    }
}

impl<T: AsFd> Future for Ready<'_, T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Ready { registration, ticket, direction } = &mut *self;
        registration.poll_op(
            cx,
            *direction,
            || registration.believed_ready(*direction),
            |waiters, waker| waiters.wait_with_ticket(*direction, waker, ticket),
        )
    }
}

impl<T: AsFd> Drop for Ready<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.registration.source().waiters().leave(self.direction, ticket);
        }
    }
}
