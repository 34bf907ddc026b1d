//! Two directions of a copy, and their limits in time.

use super::super::{AsyncRead, AsyncWrite};
use super::one_way::OneWay;
use crate::observe::site::Site;
use crate::time::Sleep;
use crate::time::clock::Instant;
use crate::wake::budget::Unlimited;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Copies from `a` to `b` and from `b` to `a` until both have ended, and returns the bytes of each direction: from
/// `a` to `b` first.
///
/// When one has ended the other is [shut down](AsyncWrite::poll_shutdown), so that its peer sees the end, and the
/// other direction goes on. Neither direction waits for the other: a side that does not read can still send. Each
/// direction works as [`copy`](super::copy).
///
/// A peer that neither sends nor ends holds it for ever; [`CopyBidirectional`] has limits in time.
///
/// # Errors
///
/// The first of any of the four; the other direction is cancelled then.
///
/// A stream that is closed both ways, as a Unix stream is when its peer closes it, returns no error: its earlier data
/// arrives, and then the direction towards it ends as well, though its reader has not ended.
///
/// # Cancel safety
///
/// None: dropped before it resolves, bytes that were read and not yet written are lost.
#[inline]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> impl Future<Output = io::Result<(u64, u64)>>
where
    A: AsyncRead + AsyncWrite + ?Sized,
    B: AsyncRead + AsyncWrite + ?Sized,
{
    Site::caller().within(async move { CopyBidirectional::new().run(a, b).await })
}

/// [`copy_bidirectional`] with limits in time, for relays between untrusted peers.
///
/// Without limits, a peer that sends nothing, or never answers the end of the other, keeps both sides open for ever.
/// Progress is a byte written to either side, and a byte that the peer has taken of what was written before
/// (`SIOCOUTQ`): a slow reader with megabytes in the send buffer is not cut off.
///
/// A limit costs one timer, which is checked when it expires and not reset for each byte. So a relay ends when
/// nothing has moved for at least the limit, and at most twice the limit.
///
/// ```
/// use egret_runtime::io::CopyBidirectional;
/// use std::time::Duration;
///
/// # struct Silent;
/// # impl egret_runtime::io::AsyncRead for Silent {
/// #     fn poll_read(&mut self, _: &mut std::task::Context<'_>, _: &mut [u8]) -> std::task::Poll<std::io::Result<usize>> {
/// #         std::task::Poll::Pending
/// #     }
/// # }
/// # impl egret_runtime::io::AsyncWrite for Silent {
/// #     fn poll_write(&mut self, _: &mut std::task::Context<'_>, buf: &[u8]) -> std::task::Poll<std::io::Result<usize>> {
/// #         std::task::Poll::Ready(Ok(buf.len()))
/// #     }
/// #     fn poll_shutdown(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// # }
/// # egret_runtime::block_on(async {
/// # let (mut client, mut server) = (Silent, Silent);
/// let relay = CopyBidirectional::new()
///     .idle_timeout(Duration::from_millis(20))
///     .half_closed_timeout(Duration::from_millis(10));
/// let error = relay.run(&mut client, &mut server).await.unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "it copies when it is run"]
pub struct CopyBidirectional {
    idle: Option<Duration>,
    half_closed: Option<Duration>,
}

impl CopyBidirectional {
    /// Creates a relay without limits: as [`copy_bidirectional`].
    #[inline]
    pub const fn new() -> CopyBidirectional {
        CopyBidirectional { idle: None, half_closed: None }
    }

    /// Sets the limit of a time without progress in both directions.
    #[inline]
    pub const fn idle_timeout(mut self, limit: Duration) -> CopyBidirectional {
        self.idle = Some(limit);
        self
    }

    /// Sets the limit once one side has ended, instead of [`idle_timeout`](CopyBidirectional::idle_timeout).
    ///
    /// A peer that has ended is often gone, so this limit may be much shorter. A peer that has only sent its whole
    /// request waits for the answer, though: the limit must exceed the longest pause of an answer.
    #[inline]
    pub const fn half_closed_timeout(mut self, limit: Duration) -> CopyBidirectional {
        self.half_closed = Some(limit);
        self
    }

    /// Copies both ways: see [`copy_bidirectional`].
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when nothing has moved for the limit; those of [`copy_bidirectional`].
    ///
    /// # Panics
    ///
    /// With a limit, when this thread is not in a runtime.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, bytes that were read and not yet written are lost.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn run<A, B>(self, a: &mut A, b: &mut B) -> impl Future<Output = io::Result<(u64, u64)>>
    where
        A: AsyncRead + AsyncWrite + ?Sized,
        B: AsyncRead + AsyncWrite + ?Sized,
    {
        Site::caller().within(async move {
            let (mut to_b, mut to_a) = (Way::new(), Way::new());
            let mut patience = None::<Patience>;
            poll_fn(|cx| {
                // Poll both, also when the first is pending.
                let sent = to_b.poll(cx, a, b)?;
                let received = to_a.poll(cx, b, a)?;
                if let (Poll::Ready(sent), Poll::Ready(received)) = (sent, received) {
                    return Poll::Ready(Ok((sent, received)));
                }
                to_b.poll_hung_up(cx, received.is_ready(), b)?;
                to_a.poll_hung_up(cx, sent.is_ready(), a)?;
                if let (Some(sent), Some(received)) = (to_b.ended(), to_a.ended()) {
                    return Poll::Ready(Ok((sent, received)));
                }
                let half_closed = to_b.ended().is_some() || to_a.ended().is_some();
                let limit = if half_closed { self.half_closed.or(self.idle) } else { self.idle };
                let Some(limit) = limit else { return Poll::Pending };
                let mark =
                    || CopyMark { moved: [to_b.moved(), to_a.moved()], unsent: [unsent(b), unsent(a)] };
                let patience = match &mut patience {
                    Some(patience) if patience.half_closed == half_closed => patience,
                    other => other.insert(Patience { period: period(limit), half_closed, begun: mark() }),
                };
                patience.poll(cx, limit, mark)
            })
            .await
        })
    }
}

/// One of the two directions.
enum Way {
    Open(OneWay),
    /// The reader has ended, and the writer is not yet shut down.
    Ending(u64),
    Ended(u64),
}

impl Way {
    #[inline]
    fn new() -> Way {
        Way::Open(OneWay::new())
    }

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

    /// Ends this direction when it waits for its reader and the writer takes no more. While the other direction still
    /// runs (`alone`), data and errors of the writer's stream are still to be read.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    fn poll_hung_up<W>(&mut self, cx: &mut Context<'_>, alone: bool, writer: &W) -> io::Result<()>
    where
        W: AsyncWrite + ?Sized,
    {
        if let (Way::Open(one_way), true) = (&*self, alone) {
            if one_way.poll_hung_up(cx, writer)?.is_ready() {
                *self = Way::Ended(one_way.moved());
            }
        }
        Ok(())
    }

    #[inline]
    fn ended(&self) -> Option<u64> {
        match self {
            Way::Ended(moved) => Some(*moved),
            _ => None,
        }
    }

    #[inline]
    fn moved(&self) -> u64 {
        match self {
            Way::Open(one_way) => one_way.moved(),
            Way::Ending(moved) | Way::Ended(moved) => *moved,
        }
    }
}

/// Waits until nothing has moved for a whole period.
struct Patience {
    period: Sleep,
    /// Which of the two limits applies.
    half_closed: bool,
    /// The progress at the start of the period.
    begun: CopyMark,
}

/// The progress of both directions.
#[derive(PartialEq, Eq)]
struct CopyMark {
    moved: [u64; 2],
    /// Bytes that the peers have not taken; 0 where the kernel does not report it.
    unsent: [usize; 2],
}

impl Patience {
    #[inline]
    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        limit: Duration,
        mark: impl Fn() -> CopyMark,
    ) -> Poll<io::Result<R>> {
        // Copies that use up the budget on each poll must not starve their timer.
        let _unlimited = Unlimited::start();
        loop {
            ready!(Pin::new(&mut self.period).poll(cx));
            let now = mark();
            if now == self.begun {
                let error = match self.half_closed {
                    true => "one side has ended, and nothing has moved from the other within the limit",
                    false => "nothing has moved in either direction within the limit",
                };
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, error)));
            }
            (self.begun, self.period) = (now, period(limit));
        }
    }
}

/// A limit beyond the range of the clock is no limit.
#[inline]
fn period(limit: Duration) -> Sleep {
    Sleep::until(Instant::now().checked_add(limit), Site::current())
}

#[inline]
fn unsent(writer: &(impl AsyncWrite + ?Sized)) -> usize {
    writer.as_registration().and_then(|to| to.get_ref().unsent().ok()).unwrap_or(0)
}
