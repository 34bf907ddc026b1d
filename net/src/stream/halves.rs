//! The halves of all byte streams: [`ReadHalf`] and [`WriteHalf`], generic over how they hold the stream.
//!
//! Public as aliases in [`tcp`](crate::tcp) and [`unix`](crate::unix):
//!
//! | name | is | its drop |
//! |---|---|---|
//! | [`tcp::ReadHalf<'a>`](crate::tcp::ReadHalf) | `ReadHalf<&'a TcpStream>` | does nothing |
//! | [`tcp::WriteHalf<'a>`](crate::tcp::WriteHalf) | `WriteHalf<&'a TcpStream>` | does nothing |
//! | [`tcp::OwnedReadHalf`](crate::tcp::OwnedReadHalf) | `ReadHalf<Rc<TcpStream>>` | releases its share of the stream |
//! | [`tcp::OwnedWriteHalf`](crate::tcp::OwnedWriteHalf) | `WriteHalf<ShutOnDrop<Tcp>>` | shuts down the write side, then the same |
//!
//! and four of `unix` in the same way; the stream itself is [`Stream`], generic over the family. They are distinct
//! types; compiler messages name the right column.

// A stream has one half of each kind, so each direction has one waiter, as `stream/poll.rs` requires. Therefore a
// half is not `Clone`, its field is private, and halves are made here only: `borrow` holds the stream by `&mut` for
// their lifetime, `share` takes it.
//
// Aliases, because eight types would repeat each method and each foreign trait eight times, and newtypes would still
// have to forward them all. Rustdoc lists the methods on an alias's page (by a script), and the generated code is the
// same. `reunite` and its error are in `tcp/split.rs` and `unix/split.rs`: the error is matched by its fields, which
// an alias does not allow. The module is public because rustdoc lists nothing of an unreachable type.

mod read;
mod write;

#[cfg(test)]
mod tests;

use super::{Family, Stream};
use std::io;
use std::ops::Deref;
use std::rc::Rc;

/// The read half of a stream; `S` is the stream, borrowed or shared.
///
/// See [`tcp::ReadHalf`](crate::tcp::ReadHalf), [`tcp::OwnedReadHalf`](crate::tcp::OwnedReadHalf),
/// [`unix::ReadHalf`](crate::unix::ReadHalf) and [`unix::OwnedReadHalf`](crate::unix::OwnedReadHalf), with an example each.
#[derive(Debug)]
pub struct ReadHalf<S>(S);

/// The write half of a stream; `S` is the stream, borrowed or shared.
///
/// See [`tcp::WriteHalf`](crate::tcp::WriteHalf), [`tcp::OwnedWriteHalf`](crate::tcp::OwnedWriteHalf),
/// [`unix::WriteHalf`](crate::unix::WriteHalf) and [`unix::OwnedWriteHalf`](crate::unix::OwnedWriteHalf), with an example
/// each.
#[derive(Debug)]
pub struct WriteHalf<S>(S);

/// The share of an owned write half. Its drop shuts down the write side: otherwise the peer would wait for the end of
/// a stream that cannot be written any more. The descriptor is closed when the other share is gone too.
#[derive(Debug)]
pub struct ShutOnDrop<F: Family> {
    stream: Rc<Stream<F>>,
    armed: bool,
}

/// Returns the halves of a borrowed stream.
#[inline]
pub(crate) fn borrow<F>(stream: &mut Stream<F>) -> (ReadHalf<&Stream<F>>, WriteHalf<&Stream<F>>) {
    (ReadHalf(stream), WriteHalf(stream))
}

/// Returns the halves of an owned stream.
pub(crate) fn share<F: Family>(stream: Stream<F>) -> (ReadHalf<Rc<Stream<F>>>, WriteHalf<ShutOnDrop<F>>) {
    let stream = Rc::new(stream);
    (ReadHalf(stream.clone()), WriteHalf(ShutOnDrop { stream, armed: true }))
}

/// Undoes [`share`]. The error returns halves of different streams.
#[allow(clippy::type_complexity, reason = "the two halves that came in")]
pub(crate) fn reunite<F: Family>(
    read: ReadHalf<Rc<Stream<F>>>,
    write: WriteHalf<ShutOnDrop<F>>,
) -> Result<Stream<F>, (ReadHalf<Rc<Stream<F>>>, WriteHalf<ShutOnDrop<F>>)> {
    if !Rc::ptr_eq(&read.0, &write.0.stream) {
        return Err((read, write));
    }
    write.forget();
    Ok(Rc::into_inner(read.0).expect("a stream has one half of each kind, and both are here"))
}

impl<F: Family> WriteHalf<ShutOnDrop<F>> {
    /// Drops this half without shutting down the write side; it stays open until the other half is dropped too.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # let (stream, mut peer) = egret_net::UnixStream::pair()?;
    /// let (mut reader, writer) = stream.into_split();
    /// writer.forget();
    /// peer.write_all(b"hello").await?;
    /// assert_eq!(reader.read(&mut [0; 16]).await?, 5);
    /// let open = peer.try_read(&mut [0; 16]).unwrap_err();
    /// assert_eq!(open.kind(), std::io::ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn forget(mut self) {
        self.0.armed = false;
    }
}

impl<F: Family> Deref for ShutOnDrop<F> {
    type Target = Stream<F>;

    #[inline]
    fn deref(&self) -> &Stream<F> {
        &self.stream
    }
}

impl<F: Family> Drop for ShutOnDrop<F> {
    fn drop(&mut self) {
        if self.armed {
            // The error cannot be reported, and does the connection no harm.
            let _ = self.stream.shut_writing();
        }
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> ReadHalf<S> {
    /// For traits that take a pinned half: `as_ref` would be `Pin`'s.
    #[inline]
    pub(crate) fn stream(&self) -> &Stream<F> {
        &self.0
    }

    /// Returns the local address: [`Stream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<F::Addr> {
        self.0.local_addr()
    }

    /// Returns the address of the peer: [`Stream::peer_addr`], with its errors.
    pub fn peer_addr(&self) -> io::Result<F::Addr> {
        self.0.peer_addr()
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> WriteHalf<S> {
    /// For traits that take a pinned half: `as_ref` would be `Pin`'s.
    #[inline]
    pub(crate) fn stream(&self) -> &Stream<F> {
        &self.0
    }

    /// Returns the local address: [`Stream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<F::Addr> {
        self.0.local_addr()
    }

    /// Returns the address of the peer: [`Stream::peer_addr`], with its errors.
    pub fn peer_addr(&self) -> io::Result<F::Addr> {
        self.0.peer_addr()
    }
}

/// The stream itself, for its other methods.
impl<F: Family, S: Deref<Target = Stream<F>>> AsRef<Stream<F>> for ReadHalf<S> {
    fn as_ref(&self) -> &Stream<F> {
        &self.0
    }
}

/// The stream itself, for its other methods.
impl<F: Family, S: Deref<Target = Stream<F>>> AsRef<Stream<F>> for WriteHalf<S> {
    fn as_ref(&self) -> &Stream<F> {
        &self.0
    }
}
