//! [`UntilReady`]: the future of [`Registration::ready`].
//!
//! A hand-written future, as each idle connection's task holds one: an `async fn` around another is six times as
//! large.

use super::Registration;
use crate::observe::site::Site;
use crate::reactor::readiness::Direction;
use crate::reactor::waiters::Ticket;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) struct UntilReady<'a, T: AsFd> {
    registration: &'a Registration<T>,
    wait: PackedTicket,
    at: Site,
}

/// A wait in one word: the number of a ticket, or 0, above one bit for the direction.
struct PackedTicket(u64);

impl PackedTicket {
    fn new(direction: Direction, ticket: Option<Ticket>) -> PackedTicket {
        PackedTicket(ticket.map_or(0, Ticket::number) << 1 | direction as u64)
    }

    fn direction(&self) -> Direction {
        if self.0 & 1 == Direction::Read as u64 { Direction::Read } else { Direction::Write }
    }

    fn ticket(&self) -> Option<Ticket> {
        Ticket::from_number(self.0 >> 1)
    }
}

impl<'a, T: AsFd> UntilReady<'a, T> {
    pub(super) fn new(
        registration: &'a Registration<T>,
        direction: Direction,
        at: Site,
    ) -> UntilReady<'a, T> {
        UntilReady { registration, wait: PackedTicket::new(direction, None), at }
    }
}

impl<T: AsFd> Future for UntilReady<'_, T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let UntilReady { registration, wait, at } = &mut *self;
        let direction = wait.direction();
        registration.poll_op(
            cx,
            direction,
            || registration.reported_ready(direction),
            |waiters, waker| {
                let mut ticket = wait.ticket();
                let waiting = waiters.wait_with_ticket(direction, waker, &mut ticket, *at);
                *wait = PackedTicket::new(direction, ticket);
                waiting
            },
        )
    }
}

impl<T: AsFd> Drop for UntilReady<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.wait.ticket() {
            self.registration.source().waiters().leave(self.wait.direction(), ticket);
        }
    }
}

const _: () = assert!(size_of::<UntilReady<'_, crate::sys::Fd>>() == 16 + size_of::<Site>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_gives_back_what_it_was_made_of() {
        for direction in [Direction::Read, Direction::Write] {
            for number in [0, 1, 2, u64::MAX >> 1] {
                let wait = PackedTicket::new(direction, Ticket::from_number(number));
                assert_eq!((wait.direction(), wait.ticket()), (direction, Ticket::from_number(number)));
            }
        }
    }
}
