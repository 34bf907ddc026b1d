//! [`Incoming`]: a listener's connections as a stream.

use super::listener::UnixListener;
use super::stream::UnixStream;
use futures_core::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The connections of a [`UnixListener`], without the peers' addresses, as a [`Stream`] that never ends. Made by
/// [`UnixListener::incoming`].
///
/// An item is an error where [`UnixListener::accept`] would return one, and the stream goes on after it.
/// Dropping the stream loses no connection.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl<'a> Incoming<'a> {
    #[inline]
    pub(super) fn new(listener: &'a UnixListener) -> Incoming<'a> {
        Incoming { listener }
    }
}

impl Stream for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}
