//! Two directions of a copy, and how long nothing may move.

use super::super::{AsyncRead, AsyncWrite};
use super::one_way::OneWay;
use crate::time::Sleep;
use crate::time::clock::Instant;
use crate::wake::budget::Unlimited;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Copies from `a` to `b` and from `b` to `a` until both have come to their end, and returns how many bytes went each
/// way: from `a` to `b` first.
///
/// When one has come to its end the other is [shut down](AsyncWrite::poll_shutdown), so that its peer learns of it, and
/// the other direction goes on. Neither direction waits for the other: a side that is not read from does not stop what
/// it sends. Each way is as [`copy`](super::copy) goes it.
///
/// A peer that neither sends nor ends holds it for ever; [`CopyBidirectional`] has limits in time.
///
/// # Errors
///
/// The first of any of the four; the other direction is given up then.
///
/// A stream that is closed both ways, as a Unix stream is when its peer closes it, has no errors to give: what it has
/// sent before that arrives, and then the direction towards it ends as well, though its reader has not.
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
    CopyBidirectional::new().run(a, b).await
}

/// [`copy_bidirectional`] with limits in time, for what relays between peers that it does not trust.
///
/// Without limits a peer that opens a connection and says nothing keeps both sides of it for ever, and so does one that
/// never answers the end of the other. What counts as movement is a byte that was written to either side, and a byte
/// that the peer has taken of what was written before (`SIOCOUTQ`): a slow reader that has megabytes in the send buffer
/// is not cut off.
///
/// A limit costs one timer, which is looked at when it expires and not set anew for each byte. So a relay ends when
/// nothing has moved for the limit at the least, and for twice as long at the most.
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
    /// Without limits: as [`copy_bidirectional`].
    #[inline]
    pub const fn new() -> CopyBidirectional {
        CopyBidirectional { idle: None, half_closed: None }
    }

    /// How long nothing may move in either direction.
    #[inline]
    pub const fn idle_timeout(mut self, limit: Duration) -> CopyBidirectional {
        self.idle = Some(limit);
        self
    }

    /// How long nothing may move once one side has ended, instead of [`idle_timeout`](CopyBidirectional::idle_timeout).
    ///
    /// What has ended is often not coming back, so that this limit may be much shorter than the other. One that has
    /// only finished asking waits for its answer, though: the limit has to be longer than the longest pause of an
    /// answer.
    #[inline]
    pub const fn half_closed_timeout(mut self, limit: Duration) -> CopyBidirectional {
        self.half_closed = Some(limit);
        self
    }

    /// Copies both ways: see [`copy_bidirectional`].
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when nothing has moved for too long; those of [`copy_bidirectional`].
    ///
    /// # Panics
    ///
    /// With a limit, when this thread is not in a runtime.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, bytes that were read and could not be written yet are lost.
    #[inline]
    pub async fn run<A, B>(self, a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
    where
        A: AsyncRead + AsyncWrite + ?Sized,
        B: AsyncRead + AsyncWrite + ?Sized,
    {
        let (mut to_b, mut to_a) = (Way::new(), Way::new());
        let mut patience = None::<Patience>;
        poll_fn(|cx| {
            // Both each time, also when the first is pending.
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
            let mark = || Mark { moved: [to_b.moved(), to_a.moved()], unsent: [unsent(b), unsent(a)] };
            let patience = match &mut patience {
                Some(patience) if patience.half_closed == half_closed => patience,
                other => other.insert(Patience { period: period(limit), half_closed, begun: mark() }),
            };
            patience.poll(cx, limit, mark)
        })
        .await
    }
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

    /// Ends this direction when it waits for its reader and the writer takes no more. Before the other direction has
    /// ended (`alone`), what the writer has sent is still to be read from it, its error included.
    #[inline]
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
    /// Which of the two limits this is.
    half_closed: bool,
    /// How far everything was when the period began.
    begun: Mark,
}

/// How far both directions are.
#[derive(PartialEq, Eq)]
struct Mark {
    moved: [u64; 2],
    /// What the peers have not taken; 0 where the kernel does not say.
    unsent: [usize; 2],
}

impl Patience {
    #[inline]
    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        limit: Duration,
        mark: impl Fn() -> Mark,
    ) -> Poll<io::Result<R>> {
        // Copies that use up the whole budget on each poll must not use up that of their limit.
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

/// A limit beyond the range of the clock is none.
#[inline]
fn period(limit: Duration) -> Sleep {
    Sleep::until(Instant::now().checked_add(limit))
}

#[inline]
fn unsent(writer: &(impl AsyncWrite + ?Sized)) -> usize {
    writer.as_registration().and_then(|to| to.get_ref().unsent().ok()).unwrap_or(0)
}
