//! The halves of every stream of bytes: [`ReadHalf`] and [`WriteHalf`], generic over what they hold of the stream.
//!
//! A program has them under the names of [`tcp`](crate::tcp) and [`unix`](crate::unix), which are aliases:
//!
//! | name | is | its drop |
//! |---|---|---|
//! | [`tcp::ReadHalf<'a>`](crate::tcp::ReadHalf) | `ReadHalf<&'a TcpStream>` | does nothing |
//! | [`tcp::WriteHalf<'a>`](crate::tcp::WriteHalf) | `WriteHalf<&'a TcpStream>` | does nothing |
//! | [`tcp::OwnedReadHalf`](crate::tcp::OwnedReadHalf) | `ReadHalf<Rc<TcpStream>>` | gives its share of the stream up |
//! | [`tcp::OwnedWriteHalf`](crate::tcp::OwnedWriteHalf) | `WriteHalf<ShutOnDrop<Tcp>>` | shuts the writing side down before that |
//!
//! and four of `unix` in the same way; the stream itself is [`Stream`], generic over the family. They are as different as
//! types of their own; a message of the compiler names the right column.

// A stream has one half of each kind, and so each direction has one waiter, as `stream/poll.rs` demands. That is why a half
// is not `Clone`, why its field is private, and why halves are made here only: `borrow` has the stream by `&mut` for as
// long as they live, `share` takes it.
//
// Why aliases. Eight types would have every method eight times, and every trait of another crate eight times, with
// nothing to keep them from drifting apart; newtypes around one generic type would still have to name them all. Of an
// alias rustdoc lists the methods on its own page (by a script, from the page of the type), and the compiler makes what
// it made of the eight. In `tcp/split.rs` and `unix/split.rs` are `reunite` and its error, which is matched by its fields,
// and that an alias does not allow. The module is public because rustdoc lists nothing of a type that no path leads to.

mod read;
mod write;

#[cfg(test)]
mod tests;

use super::{Family, Stream};
use std::io;
use std::ops::Deref;
use std::rc::Rc;

/// The one half of a stream that reads; `S` is the stream, borrowed or shared.
///
/// See [`tcp::ReadHalf`](crate::tcp::ReadHalf), [`tcp::OwnedReadHalf`](crate::tcp::OwnedReadHalf),
/// [`unix::ReadHalf`](crate::unix::ReadHalf) and [`unix::OwnedReadHalf`](crate::unix::OwnedReadHalf), with an example each.
#[derive(Debug)]
pub struct ReadHalf<S>(S);

/// The one half of a stream that writes; `S` is the stream, borrowed or shared.
///
/// See [`tcp::WriteHalf`](crate::tcp::WriteHalf), [`tcp::OwnedWriteHalf`](crate::tcp::OwnedWriteHalf),
/// [`unix::WriteHalf`](crate::unix::WriteHalf) and [`unix::OwnedWriteHalf`](crate::unix::OwnedWriteHalf), with an example
/// each.
#[derive(Debug)]
pub struct WriteHalf<S>(S);

/// What an owned writing half holds: a share of the stream whose drop shuts the writing side down, because otherwise the
/// peer would wait for the end of a stream that nobody can write to any more. The descriptor is closed when the other
/// share is gone, too.
#[derive(Debug)]
pub struct ShutOnDrop<F: Family> {
    stream: Rc<Stream<F>>,
    armed: bool,
}

/// The halves of a stream that stays whole.
#[inline]
pub(crate) fn borrow<F>(stream: &mut Stream<F>) -> (ReadHalf<&Stream<F>>, WriteHalf<&Stream<F>>) {
    (ReadHalf(stream), WriteHalf(stream))
}

/// The halves that a stream is taken apart into.
pub(crate) fn share<F: Family>(stream: Stream<F>) -> (ReadHalf<Rc<Stream<F>>>, WriteHalf<ShutOnDrop<F>>) {
    let stream = Rc::new(stream);
    (ReadHalf(stream.clone()), WriteHalf(ShutOnDrop { stream, armed: true }))
}

/// Undoes [`share`]. The error is the halves as they were: they are of different streams.
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
    /// Drops this half without shutting the writing side down; it stays open until the other half is
    /// dropped too.
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
            // Nobody is left to tell of an error, and the connection is no worse for it.
            let _ = self.stream.shut_writing();
        }
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> ReadHalf<S> {
    /// For the traits that take a half pinned: `as_ref` would be `Pin`'s.
    #[inline]
    pub(crate) fn stream(&self) -> &Stream<F> {
        &self.0
    }

    /// The address of this end: [`Stream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<F::Addr> {
        self.0.local_addr()
    }

    /// The address of the peer: [`Stream::peer_addr`], with its errors.
    pub fn peer_addr(&self) -> io::Result<F::Addr> {
        self.0.peer_addr()
    }
}

impl<F: Family, S: Deref<Target = Stream<F>>> WriteHalf<S> {
    /// For the traits that take a half pinned: `as_ref` would be `Pin`'s.
    #[inline]
    pub(crate) fn stream(&self) -> &Stream<F> {
        &self.0
    }

    /// The address of this end: [`Stream::local_addr`], with its errors.
    pub fn local_addr(&self) -> io::Result<F::Addr> {
        self.0.local_addr()
    }

    /// The address of the peer: [`Stream::peer_addr`], with its errors.
    pub fn peer_addr(&self) -> io::Result<F::Addr> {
        self.0.peer_addr()
    }
}

/// The stream itself, for what only it has.
impl<F: Family, S: Deref<Target = Stream<F>>> AsRef<Stream<F>> for ReadHalf<S> {
    fn as_ref(&self) -> &Stream<F> {
        &self.0
    }
}

/// The stream itself, for what only it has.
impl<F: Family, S: Deref<Target = Stream<F>>> AsRef<Stream<F>> for WriteHalf<S> {
    fn as_ref(&self) -> &Stream<F> {
        &self.0
    }
}
