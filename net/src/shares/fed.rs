//! [`Fed`]: a share that gets its connections from the [`Hub`], and accepts for it while its core leads.

use super::hub::{Handed, Hub, Load};
use crate::accept_loop::{AcceptLoop, FAILED_ROW, LONGEST_PAUSE, PAUSE, bump};
use crate::family::Family;
use crate::listener::Listener;
use crate::stream::Stream;
use egret_runtime::io::Start;
use egret_runtime::sys::AcceptFailure;
use egret_runtime::task::yield_now;
use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Counts a connection in the load of its core until it is dropped.
pub(super) type LoadTicket<F> = Load<F>;

/// A connection with its place in the load of this core.
pub(super) type CountedConnection<F> = (Stream<F>, <F as Family>::Addr, LoadTicket<F>);

pub(super) struct Fed<F: Family> {
    hub: Arc<Hub<F>>,
    core: usize,
    /// The listener, while this core leads.
    leading: RefCell<Option<Rc<Listener<F>>>>,
}

impl<F: Family> Fed<F> {
    /// Returns the share of a core; `None` when it was taken before.
    #[inline]
    pub(super) fn join(hub: &Arc<Hub<F>>, core: usize) -> Option<Fed<F>> {
        hub.join(core).then(|| Fed { hub: hub.clone(), core, leading: RefCell::new(None) })
    }

    /// Limits the connections of this core.
    #[inline]
    pub(super) fn limit(&self, most: usize) {
        self.hub.limit(self.core, most);
    }

    /// Returns the next connection that was handed over; without one, `waker` is woken when there is one.
    #[inline]
    pub(super) fn take(&self, waker: Option<&Waker>) -> io::Result<Option<CountedConnection<F>>> {
        match self.hub.take(self.core, waker) {
            Some(Handed { fd, peer, load }) => Ok(Some((Stream::new(fd, Start::Unknown)?, peer, load))),
            None => self.hub.failure().map_or(Ok(None), Err),
        }
    }

    /// At the end: a connection that is still in the kernel's queue, if this core leads or no core does.
    #[inline]
    pub(super) fn accept_for_itself(&self) -> io::Result<Option<CountedConnection<F>>> {
        if self.leading.borrow().is_none() {
            let Some(listener) = self.hub.take_lead(self.core, None) else { return Ok(None) };
            let listener = Listener::new(listener).inspect_err(|error| self.hub.fail(error))?;
            self.lead(listener);
        }
        let listener = self.leading.borrow().clone();
        let accepted = listener.map_or(Ok(None), |listener| listener.accept_waiting())?;
        Ok(accepted.map(|(stream, peer)| (stream, peer, self.hub.load(self.core))))
    }

    #[inline]
    fn lead(&self, listener: Listener<F>) -> Rc<Listener<F>> {
        let listener = Rc::new(listener);
        *self.leading.borrow_mut() = Some(listener.clone());
        listener
    }

    /// Waits until this core leads, and then accepts for all until the shutdown is requested.
    ///
    /// Its policy for errors is that of [`AcceptLoop`]. A failure of the listener ends every share.
    #[inline]
    pub(super) async fn accept_for_all(&self, policy: &AcceptLoop) {
        let take_lead = poll_fn(|cx| match self.hub.take_lead(self.core, Some(cx.waker())) {
            Some(listener) => Poll::Ready(listener),
            None => Poll::Pending,
        });
        let Some(listener) = policy.shutdown.run_until_requested(take_lead).await else { return };
        match Listener::new(listener) {
            Ok(listener) => self.accept_with(&self.lead(listener), policy).await,
            Err(error) => self.hub.fail(&error),
        }
    }

    #[inline]
    async fn accept_with(&self, listener: &Listener<F>, policy: &AcceptLoop) {
        let (mut row, mut failed_row, mut pause) = (0, 0, PAUSE);
        // The cores that were given a connection since this task last waited: each is woken once.
        let mut woken = Vec::new();
        loop {
            let room = poll_fn(|cx| {
                if self.hub.room(cx.waker()) {
                    return Poll::Ready(());
                }
                wake(&mut woken);
                Poll::Pending
            });
            if policy.shutdown.run_until_requested(room).await.is_none() {
                break;
            }
            if row >= policy.burst {
                row = 0;
                wake(&mut woken);
                yield_now().await;
            }
            let mut accept = pin!(policy.shutdown.run_until_requested(listener.accept_unregistered()));
            let accepted = poll_fn(|cx| {
                let accepted = accept.as_mut().poll(cx);
                if accepted.is_pending() {
                    row = 0;
                    wake(&mut woken);
                }
                accepted
            });
            match accepted.await {
                None => break,
                Some(Ok((fd, peer))) => {
                    row += 1;
                    (failed_row, pause) = (0, PAUSE);
                    self.hub.hand(fd, peer, &mut woken);
                    continue;
                }
                Some(Err(error)) => match AcceptFailure::of_listener(&error, listener.as_fd()) {
                    AcceptFailure::Connection => {
                        bump(&policy.counts.failed);
                        row += 1;
                        failed_row += 1;
                        if failed_row < FAILED_ROW {
                            continue;
                        }
                    }
                    AcceptFailure::Resources => bump(&policy.counts.exhausted),
                    AcceptFailure::Listener => {
                        self.hub.fail(&error);
                        break;
                    }
                },
            }
            wake(&mut woken);
            policy.pause(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
            (row, failed_row) = (0, 0);
        }
        wake(&mut woken);
    }
}

#[inline]
fn wake(woken: &mut Vec<Waker>) {
    woken.drain(..).for_each(Waker::wake);
}

impl<F: Family> Drop for Fed<F> {
    #[inline]
    fn drop(&mut self) {
        let listener = self.leading.take().and_then(Rc::into_inner).map(Listener::into_fd);
        self.hub.leave(self.core, listener);
    }
}

impl<F: Family> fmt::Debug for Fed<F> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leads = self.leading.borrow().is_some();
        f.debug_struct("Fed").field("core", &self.core).field("leads", &leads).finish()
    }
}

#[cfg(not(miri))] // which has no epoll
#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Tcp;
    use std::fs::File;
    use std::os::fd::OwnedFd;

    #[test]
    fn a_listener_that_cannot_be_registered_is_an_error_of_every_core() {
        egret_runtime::block_on(async {
            let file = OwnedFd::from(File::open("/proc/self/exe").unwrap()); // epoll refuses regular files
            let hub = Hub::<Tcp>::new(2, file.into());
            let (first, second) = (Fed::join(&hub, 0).unwrap(), Fed::join(&hub, 1).unwrap());
            let refused = first.accept_for_itself().err().unwrap();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
            assert_eq!(second.take(None).err().unwrap().kind(), refused.kind());
        });
    }
}
