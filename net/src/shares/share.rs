//! [`Share`]: what one core has of an address, and how it serves it.

use super::fed::{Fed, LoadTicket};
use crate::accept_loop::ConnectionSource;
use crate::family::{Family, Tcp};
use crate::listener::Listener;
use crate::serve::Serve;
use crate::stream::Stream;
use egret_runtime::io::Site;
use egret_runtime::shutdown::Shutdown;
use egret_runtime::sys::AcceptFailure;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

/// One core's share of an address, made by [`Shares::share`](super::Shares::share).
pub struct Share<F: Family = Tcp> {
    kind: ShareKind<F>,
}

enum ShareKind<F: Family> {
    /// A listener of a group, which this core alone accepts from.
    Own(Listener<F>),
    /// Connections from the core that accepts.
    Fed(Fed<F>),
}

impl<F: Family> Share<F> {
    #[inline]
    pub(super) fn own(listener: Listener<F>) -> Share<F> {
        Share { kind: ShareKind::Own(listener) }
    }

    #[inline]
    pub(super) fn fed(fed: Fed<F>) -> Share<F> {
        Share { kind: ShareKind::Fed(fed) }
    }

    /// Serves the connections of this share until `shutdown` is requested: see [`Serve`].
    ///
    /// With [`Sharing::FewestOpen`](super::Sharing::FewestOpen) a connection counts from its hand-over until its task
    /// has ended, and no connection is handed over to a core at its
    /// [`max_connections`](Serve::max_connections).
    #[inline]
    pub fn serve(self, shutdown: &Shutdown) -> Serve<Share<F>> {
        Serve::new(self, shutdown)
    }
}

impl<F: Family> Serve<Share<F>> {
    /// As [`run`](Serve::run) of a listener.
    ///
    /// # Errors
    ///
    /// Those of the listener.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, a socket of a group is closed and its queued clients are reset; connections that were
    /// handed over go to another core. The open connections go on.
    ///
    /// # Panics
    ///
    /// When a call of `connection` panics; the returned future panics in its own task.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn run<C, T>(self, mut connection: C) -> impl Future<Output = io::Result<()>>
    where
        C: FnMut(Stream<F>, F::Addr) -> T,
        T: Future + 'static,
    {
        Site::caller().within(async move {
            let Serve { listener: Share { kind }, accept_loop } = self;
            match kind {
                ShareKind::Own(listener) => {
                    accept_loop.run(listener, |(stream, peer)| connection(stream, peer)).await
                }
                ShareKind::Fed(fed) => {
                    fed.limit(accept_loop.most);
                    let mut feeds = pin!(fed.accept_for_all(&accept_loop));
                    let mut serves =
                        pin!(accept_loop.run(&fed, |(stream, peer, ticket): (_, _, LoadTicket<F>)| {
                            let served = connection(stream, peer);
                            async move {
                                let _ticket = ticket; // until the connection's state has been dropped
                                served.await;
                            }
                        }));
                    let mut feeding = true;
                    poll_fn(|cx| {
                        feeding = feeding && feeds.as_mut().poll(cx).is_pending();
                        serves.as_mut().poll(cx)
                    })
                    .await
                }
            }
        })
    }
}

impl<F: Family> ConnectionSource for Fed<F> {
    type Connection = (Stream<F>, F::Addr, LoadTicket<F>);

    #[inline]
    async fn accept(&self) -> io::Result<Self::Connection> {
        poll_fn(|cx| match self.take(Some(cx.waker())) {
            Ok(Some(connection)) => Poll::Ready(Ok(connection)),
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        })
        .await
    }

    #[inline]
    fn accept_waiting(&self) -> io::Result<Option<Self::Connection>> {
        match self.take(None)? {
            Some(connection) => Ok(Some(connection)),
            None => self.accept_for_itself(),
        }
    }

    #[inline]
    fn failure(&self, error: &io::Error) -> AcceptFailure {
        AcceptFailure::of(error)
    }
}

impl<F: Family> fmt::Debug for Share<F> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ShareKind::Own(listener) => f.debug_tuple("Share").field(listener).finish(),
            ShareKind::Fed(fed) => f.debug_tuple("Share").field(fed).finish(),
        }
    }
}
