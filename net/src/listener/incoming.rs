//! [`Incoming`]: a listener's connections as a stream.

use super::TcpListener;
use crate::stream::TcpStream;
use futures_core::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The connections of a [`TcpListener`], without the peers' addresses, as a [`Stream`] that never ends. Made by
/// [`TcpListener::incoming`].
///
/// An item is an error where [`TcpListener::accept`] would return one, and the stream goes on after it.
/// Dropping the stream loses no connection.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(listener: &'a TcpListener) -> Incoming<'a> {
        Incoming { listener }
    }
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}
