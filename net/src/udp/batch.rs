//! [`RecvBatch`]: memory for many datagrams, and the datagrams received into it.

use egret_runtime::sys::{Batch, Received};
use std::fmt;
use std::net::SocketAddr;

/// Reusable memory to receive many datagrams at a time: see [`UdpSocket::recv_many`](crate::UdpSocket::recv_many).
///
/// ```
/// use egret_net::UdpSocket;
/// use egret_net::udp::RecvBatch;
///
/// # egret_runtime::block_on(async {
/// let server = UdpSocket::bind("127.0.0.1:0").await?;
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
/// client.connect(server.local_addr()?).await?;
/// client.send(b"one").await?;
/// client.send(b"two").await?;
///
/// let mut batch = RecvBatch::new(32, 2048);
/// let n = server.recv_many(&mut batch).await?;
/// assert_eq!(batch.iter().len(), n);
/// for datagram in &batch {
///     assert_eq!((datagram.data.len(), datagram.from), (3, client.local_addr()?));
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct RecvBatch(pub(super) Batch);

/// A datagram in a [`RecvBatch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Datagram<'a> {
    /// Its bytes, as far as they fit.
    pub data: &'a [u8],
    /// The sender.
    pub from: SocketAddr,
    /// It was longer than the room for it, and the rest is lost. With [GRO](crate::UdpSocket::set_gro) the rest may be
    /// more than this datagram: the kernel joins several into one message, so those that came behind it in the message
    /// are gone too, uncounted. Make the room 65535 bytes and it does not happen.
    ///
    /// With GRO also: these may be several datagrams whose boundaries are lost, because options set on the descriptor
    /// produce more control data than there is room for. There is room for all control data of Linux 6.18.
    pub truncated: bool,
}

/// The datagrams in a [`RecvBatch`], in order of arrival. Made by [`RecvBatch::iter`].
#[derive(Clone)]
pub struct Datagrams<'a> {
    batch: &'a Batch,
    /// The next message, and how many of its bytes were returned: the kernel may have coalesced several datagrams in
    /// one.
    next: usize,
    given: usize,
    left: usize,
}

impl RecvBatch {
    /// Creates room for `datagrams` of up to `size` bytes each. One call receives at most 64, so more is no use. With
    /// [GRO](crate::UdpSocket::set_gro) each slot takes up to 65535 bytes of datagrams.
    ///
    /// # Panics
    ///
    /// When either is 0, or the memory exceeds the address space.
    #[inline]
    #[track_caller]
    pub fn new(datagrams: usize, size: usize) -> RecvBatch {
        RecvBatch(Batch::new(datagrams, size))
    }

    /// Returns the datagrams of the last call; coalesced ones are returned one by one.
    #[inline]
    pub fn iter(&self) -> Datagrams<'_> {
        let left = self.0.received().iter().map(datagrams_in).sum();
        Datagrams { batch: &self.0, next: 0, given: 0, left }
    }

    /// Returns how many datagrams there are, as [`iter`](RecvBatch::iter) counts.
    #[inline]
    pub fn len(&self) -> usize {
        self.iter().len()
    }

    /// Returns whether nothing was received.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.received().is_empty()
    }
}

/// An empty datagram counts too.
#[inline]
fn datagrams_in(message: &Received) -> usize {
    message.segment.map_or(1, |segment| message.len.div_ceil(segment).max(1))
}

impl<'a> Iterator for Datagrams<'a> {
    type Item = Datagram<'a>;

    #[inline]
    fn next(&mut self) -> Option<Datagram<'a>> {
        let message = self.batch.received().get(self.next)?;
        let rest = &self.batch.bytes(self.next)[self.given..];
        let data = &rest[..rest.len().min(message.segment.unwrap_or(rest.len()))];
        let last = data.len() == rest.len();
        if last {
            self.next += 1;
            self.given = 0;
        } else {
            self.given += data.len();
        }
        self.left -= 1;
        Some(Datagram { data, from: message.from, truncated: message.truncated && last })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Datagrams<'_> {}

impl<'a> IntoIterator for &'a RecvBatch {
    type Item = Datagram<'a>;
    type IntoIter = Datagrams<'a>;

    #[inline]
    fn into_iter(self) -> Datagrams<'a> {
        self.iter()
    }
}

impl fmt::Debug for RecvBatch {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBatch").field("room", &self.0.room()).field("len", &self.len()).finish()
    }
}

impl fmt::Debug for Datagrams<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagrams").field("left", &self.left).finish()
    }
}
