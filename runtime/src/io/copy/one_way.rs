//! One direction of a copy.
//!
//! Bytes in transit are in a buffer or in a pipe, never in both; nothing is read until all of them are written:
//!
//! ```text
//!                 read, few bytes          write, all of it
//!              +------------------> Buffer ------------------+
//!     Empty ---+                                             +--> Empty
//!              +------------------> Piped -------------------+
//!                 splice, many             splice, all of it
//! ```
//!
//! # Which side `EAGAIN` is about
//!
//! * A splice has two descriptors and one errno. The copy never splices into a pipe with bytes, nor out of an empty
//!   one, so the error is about the stream.
//! * Out of the pipe, `EAGAIN` is the writer's: its readiness is cleared and waited for.
//! * Into the pipe, it proves nothing: at a TCP urgent mark the kernel returns `EAGAIN` with bytes queued behind the
//!   mark and no edge to come; with the FIN behind those bytes it returns 0, as at the end.
//! * Therefore **a splice that moves nothing does not clear readiness**; whether its 0 is the end is checked by a
//!   peek, which passes the mark. After it, and after a splice so short that there is probably no more, comes a read,
//!   whose own `EAGAIN` is proof. A copy waits for a reader only after a read.
//!
//! # When to splice
//!
//! A splice is two system calls and two walks of a pipe, and moves pages; a read and a write are two calls and two
//! copies. Few bytes are cheaper to copy. So a read that fills its buffer is followed by a splice, and after a wait
//! the copy begins with the method that suited the last burst.

use crate::executor::stock::{self, BUFFER, PIPE, Pipe};
use crate::io::{AsyncRead, AsyncWrite, Clears, Direction, Registration};
use crate::sys::{Backend, Fd};
use crate::wake::budget;
use std::io;
use std::mem;
use std::task::{Context, Poll, ready};

/// How many bytes a burst must have for the next one to begin with a splice.
const MUCH: u64 = BUFFER as u64;

/// How many bytes may move in one poll before other tasks run: about 2 ms' worth. More than a TCP socket holds by
/// default (6 MiB), so that a copy mostly yields when the socket is empty. After an earlier yield the bytes are out
/// of the cache, which cost a fifth of the processor time with eight connections.
const TURN: u64 = 8 << 20;

pub(super) struct OneWay {
    hand: Hand,
    /// The buffer for a foreign reader, kept.
    own_buffer: Option<Box<[u8]>>,
    /// The next method to try, when nothing is in transit.
    next: CopyStep,
    /// Bytes read since the last wait for the reader.
    burst: u64,
    /// Bytes written in total.
    moved: u64,
    /// Something was written and not flushed.
    unflushed: bool,
    /// Nothing is in transit, and the last poll waits for the reader.
    idle: bool,
    ended: bool,
}

enum Hand {
    Empty,
    /// `buffer[start..end]` is read and not written. The buffer comes from the thread's stock, or belongs to this
    /// copy.
    Buffer {
        buffer: Box<[u8]>,
        start: usize,
        end: usize,
        of_stock: bool,
    },
    /// How many bytes are in the pipe.
    Piped {
        pipe: Pipe,
        len: usize,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CopyStep {
    Read,
    Splice,
    /// Permanent: one of the two cannot be spliced.
    NeverSplice,
}

impl OneWay {
    #[inline]
    pub(super) fn new() -> OneWay {
        OneWay {
            hand: Hand::Empty,
            own_buffer: None,
            next: if Backend::current().splices() { CopyStep::Read } else { CopyStep::NeverSplice },
            burst: 0,
            moved: 0,
            unflushed: false,
            idle: false,
            ended: false,
        }
    }

    /// Copies until the end of `reader`, and resolves to the number of bytes.
    #[inline]
    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        let most = self.moved + TURN;
        self.idle = false;
        loop {
            ready!(self.write_out(cx, writer))?;
            if self.ended {
                ready!(writer.poll_flush(cx))?;
                return Poll::Ready(Ok(self.moved));
            }
            // Both ends may be ready for ever: yield after a turn's worth of bytes.
            if self.moved >= most {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.read_in(cx, reader, writer)?.is_pending() {
                // The size of the last burst decides how the next one is moved.
                self.next = match self.next {
                    CopyStep::NeverSplice => CopyStep::NeverSplice,
                    CopyStep::Read | CopyStep::Splice if self.burst >= MUCH => CopyStep::Splice,
                    CopyStep::Read | CopyStep::Splice => CopyStep::Read,
                };
                self.burst = 0;
                // Once the reader has to be waited for, the peer gets what a buffered writer holds.
                if self.unflushed {
                    ready!(writer.poll_flush(cx))?;
                    self.unflushed = false;
                }
                self.idle = true;
                return Poll::Pending;
            }
        }
    }

    /// After a pending [`poll`](OneWay::poll): whether the copy waits for its reader and `writer`, if it is a
    /// descriptor, takes no more bytes. Arranges for a wake when that happens.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` when written bytes may be lost too.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn poll_hung_up<W>(&self, cx: &mut Context<'_>, writer: &W) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + ?Sized,
    {
        match writer.as_registration() {
            Some(to) if self.idle => to.poll_hung_up(cx),
            _ => Poll::Pending,
        }
    }

    /// Returns the bytes written so far.
    #[inline]
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// Writes the bytes in transit.
    #[inline]
    fn write_out<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<io::Result<()>> {
        loop {
            let n = match &mut self.hand {
                Hand::Empty => return Poll::Ready(Ok(())),
                Hand::Buffer { buffer, start, end, .. } => {
                    let n = ready!(writer.poll_write(cx, &buffer[*start..*end]))?;
                    *start += n;
                    n
                }
                Hand::Piped { pipe, len } => match ready!(splice_out(cx, pipe, *len, writer)) {
                    Ok(n) => {
                        *len -= n;
                        n
                    }
                    Err(error) if cannot_splice(&error) => {
                        // The bytes are in the pipe already: they are read out of it and written.
                        self.next = CopyStep::NeverSplice;
                        self.hand = unpipe(pipe, *len)?;
                        continue;
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                },
            };
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.moved += n as u64;
            self.unflushed = true;
            if self.hand.has_none() {
                self.put_down();
            }
        }
    }

    /// Returns an empty buffer or pipe to the stock.
    #[inline]
    fn put_down(&mut self) {
        match mem::replace(&mut self.hand, Hand::Empty) {
            Hand::Empty => {}
            Hand::Piped { pipe, .. } => pipe.give_back(),
            Hand::Buffer { buffer, of_stock: true, .. } => stock::give_back_buffer(buffer),
            Hand::Buffer { buffer, of_stock: false, .. } => self.own_buffer = Some(buffer),
        }
    }

    /// Reads bytes to be written, or finds the end of the reader.
    #[inline]
    fn read_in<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<()>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        let from = reader.as_registration();
        if self.next == CopyStep::Splice {
            match (from, writer.as_registration()) {
                (Some(from), Some(_)) => match ready!(self.splice_in(cx, from))? {
                    Spliced::Some => return Poll::Ready(Ok(())),
                    Spliced::None => {}
                },
                _ => self.next = CopyStep::NeverSplice,
            }
        }
        let of_stock = from.is_some();
        // A registration charges the budget itself. Other readers may always be ready and charge nothing.
        if !of_stock && !budget::charge() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut buffer = match self.own_buffer.take() {
            Some(buffer) => buffer,
            None if of_stock => stock::take_buffer(),
            None => stock::new_buffer(),
        };
        let read = reader.poll_read(cx, &mut buffer);
        if !of_stock && read.is_pending() {
            budget::refund();
        }
        let n = if let Poll::Ready(Ok(n)) = read { n } else { 0 };
        if n == buffer.len() && self.next == CopyStep::Read {
            self.next = CopyStep::Splice;
        }
        self.burst += n as u64;
        self.hand = Hand::Buffer { buffer, start: 0, end: n, of_stock };
        if n == 0 {
            self.put_down();
            ready!(read)?;
            self.ended = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads by a splice, if possible.
    #[inline]
    fn splice_in(&mut self, cx: &mut Context<'_>, from: &Registration<Fd>) -> Poll<io::Result<Spliced>> {
        let Ok(pipe) = Pipe::take() else {
            self.next = CopyStep::Read; // no descriptors left: perhaps later
            return Poll::Ready(Ok(Spliced::None));
        };
        let mut ended = false;
        let spliced = from.poll_transfer(cx, Direction::Read, Clears::WouldBlock, |fd| {
            let spliced = fd.splice_into(&pipe.writer, PIPE);
            match spliced {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0), // must not clear
                Ok(0) => ended = fd.is_at_end(),
                _ => {}
            }
            spliced
        });
        match spliced {
            Poll::Ready(Ok(n)) if n > 0 => {
                self.burst += n as u64;
                if n < BUFFER {
                    self.next = CopyStep::Read;
                }
                self.hand = Hand::Piped { pipe, len: n };
                return Poll::Ready(Ok(Spliced::Some));
            }
            _ => pipe.give_back(),
        }
        match ready!(spliced) {
            Ok(_) if ended => {
                self.ended = true;
                Poll::Ready(Ok(Spliced::Some))
            }
            Ok(_) => {
                self.next = CopyStep::Read;
                Poll::Ready(Ok(Spliced::None))
            }
            Err(error) if cannot_splice(&error) => {
                self.next = CopyStep::NeverSplice;
                Poll::Ready(Ok(Spliced::None))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// The result of an attempt to splice.
enum Spliced {
    /// There are bytes in transit, or the reader has ended.
    Some,
    /// Nothing, which does not tell whether the reader is empty: a read must find out.
    None,
}

impl Hand {
    #[inline]
    fn has_none(&self) -> bool {
        match self {
            Hand::Empty => true,
            Hand::Buffer { start, end, .. } => start == end,
            Hand::Piped { len, .. } => *len == 0,
        }
    }
}

/// Writes from a pipe that is not empty. Only `EAGAIN` clears, and it is the writer's.
#[inline]
fn splice_out<W: AsyncWrite + ?Sized>(
    cx: &mut Context<'_>,
    pipe: &Pipe,
    len: usize,
    writer: &W,
) -> Poll<io::Result<usize>> {
    match writer.as_registration() {
        Some(to) => to
            .poll_transfer(cx, Direction::Write, Clears::WouldBlock, |fd| pipe.reader.splice_out_to(fd, len)),
        // It had a registration when the bytes were spliced in; a stream that has changed is written to.
        None => Poll::Ready(Err(io::ErrorKind::InvalidInput.into())),
    }
}

/// `EINVAL`: this kind of descriptor cannot be spliced, or appends. The others: a sandbox refuses the call.
#[inline]
fn cannot_splice(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}

/// Reads the pipe into a buffer, for a writer that cannot be spliced to.
#[inline]
fn unpipe(pipe: &Pipe, len: usize) -> io::Result<Hand> {
    let mut buffer = vec![0; len].into_boxed_slice();
    let mut end = 0;
    while end < len {
        match pipe.reader.read(&mut buffer[end..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()), // impossible: our own write end is open
            n => end += n,
        }
    }
    Ok(Hand::Buffer { buffer, start: 0, end, of_stock: false })
}

#[cfg(test)]
mod tests;
