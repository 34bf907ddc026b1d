//! The accept loop: its policy, for any [`ConnectionSource`] of connections.
//!
//! It shares the [`AcceptCounts`] with the tasks of its connections, all on one thread.
//!
//! * Errors of one connection are skipped. After a long series without a connection it pauses, because some may be
//!   permanent, such as `EPERM` from a seccomp filter.
//! * With no descriptors or memory left it pauses, longer each time, and retries: the connection is still queued, and
//!   no event reports it. It retries at once when one of its connections has ended.
//! * At the connection limit it does not accept. The kernel completes handshakes up to the backlog.
//! * After a burst it yields to all ready tasks, including those it has just spawned.
//! * On shutdown it accepts the queued connections, whose clients are already connected, and ends.

use egret_runtime::io::Site;
use egret_runtime::shutdown::Shutdown;
use egret_runtime::sys::AcceptFailure;
use egret_runtime::task::yield_now;
use egret_runtime::time::{self, Duration};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The pause without descriptors or with errors only, first and at most; each is twice the one before.
///
/// Short enough not to delay after a brief shortage; the longest costs one call a second.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// After this many connection errors in a row the loop pauses.
///
/// One `accept` skips 64 dead connections in the queue, so the series is as long as the default backlog.
pub(crate) const FAILED_ROW: u32 = 64;

/// A source of connections.
pub(crate) trait ConnectionSource {
    type Connection;

    /// Waits for a connection. Dropped before it resolves, none is lost.
    async fn accept(&self) -> io::Result<Self::Connection>;

    /// Returns the next connection that is queued now, by a system call.
    fn accept_waiting(&self) -> io::Result<Option<Self::Connection>>;

    /// Returns the cause of an error of either.
    fn failure(&self, error: &io::Error) -> AcceptFailure;
}

impl<S: ConnectionSource> ConnectionSource for &S {
    type Connection = S::Connection;

    #[inline]
    async fn accept(&self) -> io::Result<S::Connection> {
        S::accept(self).await
    }

    #[inline]
    fn accept_waiting(&self) -> io::Result<Option<S::Connection>> {
        S::accept_waiting(self)
    }

    #[inline]
    fn failure(&self, error: &io::Error) -> AcceptFailure {
        S::failure(self, error)
    }
}

#[derive(Debug)]
pub(crate) struct AcceptLoop {
    pub(crate) shutdown: Shutdown,
    pub(crate) counts: Rc<AcceptCounts>,
    /// The limit of open connections.
    pub(crate) most: usize,
    /// The limit of connections accepted before other tasks run.
    pub(crate) burst: usize,
    /// The limit of connections taken from the queue at the end.
    pub(crate) backlog: usize,
}

/// The statistics of the loop, and how many of its connections are open.
#[derive(Default)]
pub(crate) struct AcceptCounts {
    pub(crate) accepted: Cell<u64>,
    pub(crate) ended: Cell<u64>,
    pub(crate) failed: Cell<u64>,
    pub(crate) exhausted: Cell<u64>,
    pub(crate) full: Cell<u64>,
    /// The waker of the loop, while it waits for a connection to end.
    waiter: Cell<Option<Waker>>,
}

/// An open connection, until dropped.
struct ConnectionSlot(Rc<AcceptCounts>);

impl AcceptCounts {
    #[inline]
    pub(crate) fn open(&self) -> usize {
        (self.accepted.get() - self.ended.get()) as usize
    }

    /// Waits until a currently open connection has ended.
    #[inline]
    async fn one_ends(&self) {
        let before = self.ended.get();
        poll_fn(|cx| {
            if self.ended.get() == before {
                let waker = cx.waker().clone(); // user code, like the drop of the old one
                drop(self.waiter.replace(Some(waker)));
            }
            if self.ended.get() == before { Poll::Pending } else { Poll::Ready(()) }
        })
        .await
    }
}

impl Drop for ConnectionSlot {
    #[inline]
    fn drop(&mut self) {
        bump(&self.0.ended);
        if let Some(waiter) = self.0.waiter.take() {
            waiter.wake();
        }
    }
}

impl AcceptLoop {
    /// Accepts until the shutdown is requested, and spawns the future that `connection` returns for each.
    ///
    /// # Errors
    ///
    /// Those of the listener itself.
    #[inline]
    pub(crate) async fn run<S, F>(
        &self,
        source: S,
        mut connection: impl FnMut(S::Connection) -> F,
    ) -> io::Result<()>
    where
        S: ConnectionSource,
        F: Future + 'static,
    {
        // A drain waits for this loop too: it may yet accept queued connections.
        let _guard = self.shutdown.guard();
        let mut row = 0;
        let mut failed_row = 0;
        let mut pause = PAUSE;
        while !self.shutdown.is_requested() {
            if self.counts.open() >= self.most {
                bump(&self.counts.full);
                row = 0;
                self.shutdown.run_until_requested(self.counts.one_ends()).await;
                continue;
            }
            if row >= self.burst {
                row = 0;
                yield_now().await;
                continue;
            }
            match self.shutdown.run_until_requested(in_a_row(source.accept(), &mut row)).await {
                None => break,
                Some(Ok(accepted)) => {
                    pause = PAUSE;
                    failed_row = 0;
                    self.start(connection(accepted));
                    continue;
                }
                Some(Err(error)) => match source.failure(&error) {
                    AcceptFailure::Connection => {
                        bump(&self.counts.failed);
                        failed_row += 1;
                        if failed_row < FAILED_ROW {
                            continue;
                        }
                    }
                    AcceptFailure::Resources => bump(&self.counts.exhausted),
                    AcceptFailure::Listener => return Err(error),
                },
            }
            self.pause(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
            (row, failed_row) = (0, 0);
        }
        self.take_waiting(&source, connection).await;
        Ok(())
    }

    /// Waits for `pause`, or until a connection ends, or until the shutdown is requested.
    #[inline]
    pub(crate) async fn pause(&self, pause: Duration) {
        let mut time = pin!(time::sleep(pause));
        let mut one_ends = pin!(self.counts.one_ends());
        let either = poll_fn(|cx| match one_ends.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => time.as_mut().poll(cx),
        });
        self.shutdown.run_until_requested(either).await;
    }

    /// Accepts the queued connections when the loop ends, up to the limit.
    #[inline]
    async fn take_waiting<S, F>(&self, source: &S, mut connection: impl FnMut(S::Connection) -> F)
    where
        S: ConnectionSource,
        F: Future + 'static,
    {
        for taken in 1..=self.backlog {
            if self.counts.open() >= self.most {
                return;
            }
            match source.accept_waiting() {
                Ok(Some(accepted)) => self.start(connection(accepted)),
                Ok(None) => return,
                Err(error) => match source.failure(&error) {
                    AcceptFailure::Connection => bump(&self.counts.failed),
                    AcceptFailure::Resources | AcceptFailure::Listener => return,
                },
            }
            if taken % self.burst == 0 {
                yield_now().await;
            }
        }
    }

    #[inline]
    fn start<F: Future + 'static>(&self, connection: F) {
        bump(&self.counts.accepted);
        let slot = ConnectionSlot(self.counts.clone());
        let connection = async move {
            let _slot = slot; // until the connection's state has been dropped
            connection.await;
        };
        // It is not awaited: the runtime's policy handles a panic.
        drop(self.shutdown.spawn_at(connection, Site::current()));
    }
}

/// Counts in `row` how many came without a pause.
#[inline]
async fn in_a_row<T>(accept: impl Future<Output = T>, row: &mut usize) -> T {
    let mut accept = pin!(accept);
    poll_fn(|cx| {
        let poll = accept.as_mut().poll(cx);
        *row = if poll.is_pending() { 0 } else { *row + 1 };
        poll
    })
    .await
}

#[inline]
pub(crate) fn bump(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

impl std::fmt::Debug for AcceptCounts {
    #[inline]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServeCounts")
            .field("accepted", &self.accepted.get())
            .field("open", &self.open())
            .field("failed", &self.failed.get())
            .field("exhausted", &self.exhausted.get())
            .field("full", &self.full.get())
            .finish()
    }
}

#[cfg(test)]
mod tests;
