//! [`copy`], [`copy_bidirectional`] and [`CopyBidirectional`]: copy one stream to another, or both ways, until the
//! end.
//!
//! - `copy/one_way.rs`: one direction, also when it leaves the bytes in the kernel.
//! - `copy/both_ways.rs`: two directions, and their limits in time.

mod both_ways;
mod one_way;

pub use both_ways::{CopyBidirectional, copy_bidirectional};

use super::{AsyncRead, AsyncWrite};
use crate::observe::site::Site;
use one_way::OneWay;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

/// Copies from `reader` to `writer` until the end of `reader`, and returns the number of bytes.
///
/// `writer` is flushed and not shut down. Between two streams of egret large bursts stay in the kernel (`splice(2)`);
/// small ones pass through a buffer of 16 KiB. An idle connection holds neither a buffer nor a descriptor.
///
/// The thread keeps the pipes for splicing: up to 16, of two descriptors each, until a runtime of the thread is
/// dropped.
///
/// # Errors
///
/// The first of `reader` or `writer`; the number of bytes copied before it is unknown.
///
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe) also while `reader` is idle, as soon as the kernel reports that
/// `writer`, a stream of egret, takes no more: a pipe without readers, a connection that was reset, a Unix stream
/// whose peer has closed it. A TCP peer that has closed its end reports only the end of its data; the copy sees the
/// close by the answer to its next write.
///
/// # Cancel safety
///
/// None: dropped before it resolves, bytes that were read and not yet written are lost.
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
#[cfg_attr(feature = "inspect", track_caller)]
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> impl Future<Output = io::Result<u64>>
where
    R: AsyncRead + ?Sized,
    W: AsyncWrite + ?Sized,
{
    Site::caller().within(async move {
        let mut one_way = OneWay::new();
        poll_fn(|cx| match one_way.poll(cx, reader, writer) {
            Poll::Ready(copied) => Poll::Ready(copied),
            Poll::Pending => {
                let hung_up = one_way.poll_hung_up(cx, writer);
                hung_up.map(|hung_up| hung_up.and(Err(io::ErrorKind::BrokenPipe.into())))
            }
        })
        .await
    })
}
