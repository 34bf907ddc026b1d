//! [`copy`] and [`copy_bidirectional`]: from one stream to another, or both ways, until the end.
//!
//! What one direction does is in `copy/one_way.rs`, when it leaves the bytes in the kernel included; the pipes and the
//! buffers that it borrows for that are in `copy/stock.rs`. Here the two directions are put together.

mod one_way;
mod stock;

pub(crate) use stock::empty as empty_stock;

use super::{AsyncRead, AsyncWrite};
use one_way::OneWay;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// Copies from `reader` to `writer` until the end of `reader`, and returns how many bytes that was.
///
/// `writer` is flushed and not shut down. Where both are streams of egret and much comes at once, the bytes do not
/// leave the kernel (`splice(2)`); little comes through a buffer of 16 KiB. A connection on which nothing moves holds
/// neither a buffer nor a descriptor.
///
/// The pipes that bytes are spliced through are kept by the thread for the copies that follow: up to 16, of two
/// descriptors each, until a runtime of the thread is dropped.
///
/// # Errors
///
/// The first of `reader` or `writer`; how many bytes went before it is not told.
///
/// # Cancel safety
///
/// None: dropped before it resolves, bytes that were read and could not be written yet are lost.
///
/// ```
/// use egret_runtime::io;
/// use egret_runtime::process::Command;
/// use std::process::Stdio;
///
/// # egret_runtime::block_on(async {
/// let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// let (mut input, mut output) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
/// assert_eq!(io::copy(&mut &b"hello"[..], &mut input).await?, 5);
/// drop(input);
///
/// let mut copied = Vec::new();
/// assert_eq!(io::copy(&mut output, &mut copied).await?, 5);
/// assert_eq!(copied, b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`splice(2)`](https://man7.org/linux/man-pages/man2/splice.2.html).
#[inline]
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncRead + ?Sized,
    W: AsyncWrite + ?Sized,
{
    let mut one_way = OneWay::new();
    poll_fn(|cx| one_way.poll(cx, reader, writer)).await
}

/// Copies from `a` to `b` and from `b` to `a` until both have come to their end, and returns how many bytes went each
/// way: from `a` to `b` first.
///
/// When one has come to its end the other is [shut down](AsyncWrite::poll_shutdown), so that its peer learns of it, and
/// the other direction goes on. Neither direction waits for the other: a side that is not read from does not stop what
/// it sends. Each way is as [`copy`] goes it.
///
/// # Errors
///
/// The first of any of the four; the other direction is given up then.
///
/// # Cancel safety
///
/// None: dropped before it resolves, bytes that were read and could not be written yet are lost.
#[inline]
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + ?Sized,
    B: AsyncRead + AsyncWrite + ?Sized,
{
    let (mut to_b, mut to_a) = (Way::Open(OneWay::new()), Way::Open(OneWay::new()));
    poll_fn(|cx| {
        // Both each time, whatever has become of the first.
        let sent = to_b.poll(cx, a, b)?;
        let received = to_a.poll(cx, b, a)?;
        let (Poll::Ready(sent), Poll::Ready(received)) = (sent, received) else { return Poll::Pending };
        Poll::Ready(Ok((sent, received)))
    })
    .await
}

/// One direction of two.
enum Way {
    Open(OneWay),
    /// The reader is at its end, and the writer does not know yet.
    Ending(u64),
    Ended(u64),
}

impl Way {
    #[inline]
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            match self {
                Way::Open(one_way) => *self = Way::Ending(ready!(one_way.poll(cx, reader, writer))?),
                Way::Ending(moved) => {
                    ready!(writer.poll_shutdown(cx))?;
                    *self = Way::Ended(*moved);
                }
                Way::Ended(moved) => return Poll::Ready(Ok(*moved)),
            }
        }
    }
}
