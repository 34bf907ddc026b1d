//! [`Serve`]: the accept loop of a server, with its policy.

use crate::accept_loop::{AcceptCounts, AcceptLoop, ConnectionSource};
use crate::family::{Family, Tcp};
use crate::listener::Listener;
use crate::stream::Stream;
use egret_runtime::io::Site;
use egret_runtime::shutdown::Shutdown;
use egret_runtime::sys::AcceptFailure;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

/// The default of [`Serve::burst`].
const BURST: usize = 32;

/// Accepts the connections of a listener and spawns a task for each, until shutdown. Made by [`Listener::serve`].
///
/// In addition to a loop of `accept` and `spawn`:
///
/// * **Errors.** Those of one connection are skipped. With no descriptors or memory left it pauses, 5 ms at first,
///   twice as long each time and 1 s at most, or until one of its own connections ends, and retries; the client waits
///   in the backlog. It also pauses after each 64 errors without a connection between, because some may be permanent
///   (`EPERM` from a seccomp filter). All are [counted](Serve::counts).
/// * **A limit.** With [`max_connections`](Serve::max_connections) open it accepts no more until one ends.
/// * **Bursts.** After [`burst`](Serve::burst) connections in a row each ready task is polled once, so that a flood
///   of new connections does not starve the open ones.
/// * **The end.** On shutdown it accepts what is queued in the backlog, because those clients are already connected,
///   closes the listener, and ends. A connection that the kernel completes just before the close is reset; only a
///   second listener on the port can prevent that.
///
/// The tasks are [spawned by the shutdown](Shutdown::spawn): a drain waits for them, and aborts them at its deadline.
/// They do not end by themselves on shutdown: a connection checks while it waits for its peer, by
/// [`run_until_requested`](Shutdown::run_until_requested). A peer that keeps its connection may be sending at that
/// moment; where a request must not be lost, read once more, with a short [timeout](egret_runtime::time::timeout),
/// before closing.
///
/// A connection has only the time limits that it sets itself, around each read and each write. With one around
/// writes, call [`set_notsent_lowat`](crate::TcpStream::set_notsent_lowat) first: otherwise a client that reads
/// slowly and steadily looks like one that has stopped.
///
/// ```
/// use egret_net::{TcpListener, TcpStream};
/// use egret_runtime::shutdown::{Drained, Shutdown};
/// use std::time::Duration;
///
/// # egret_runtime::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// let shutdown = Shutdown::new();
///
/// let serve = listener.serve(&shutdown).max_connections(1000);
/// let counts = serve.counts();
/// let theirs = shutdown.clone();
/// let server = egret_runtime::spawn(serve.run(move |mut stream, _peer| {
///     let shutdown = theirs.clone();
///     async move {
///         let mut buffer = [0; 1024];
///         // Echoes until the client is done, or the server is to end and nothing is in flight.
///         while let Some(Ok(n @ 1..)) = shutdown.run_until_requested(stream.read(&mut buffer)).await {
///             if stream.write_all(&buffer[..n]).await.is_err() {
///                 break;
///             }
///         }
///     }
/// }));
///
/// let mut client = TcpStream::connect(address).await?;
/// client.write_all(b"hello").await?;
/// let mut answer = [0; 5];
/// client.read_exact(&mut answer).await?;
/// assert_eq!((&answer, counts.accepted(), counts.open()), (b"hello", 1, 1));
///
/// // What a signal handler would do:
/// assert_eq!(shutdown.drain(Duration::from_secs(10)).await, Drained::Clean);
/// server.await.unwrap()?;
/// assert_eq!(client.read(&mut answer).await?, 0);
/// assert_eq!(counts.open(), 0);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[must_use = "it serves when it is run"]
pub struct Serve<L = Listener<Tcp>> {
    pub(crate) listener: L,
    pub(crate) accept_loop: AcceptLoop,
}

/// The statistics of a [`Serve`]. Clones share them, also while it runs.
#[derive(Clone)]
pub struct ServeCounts {
    counts: Rc<AcceptCounts>,
}

impl<F: Family> Listener<F> {
    /// Accepts connections and spawns a task for each, until `shutdown` is requested: see [`Serve`].
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::{UnixListener, UnixStream};
    /// use egret_runtime::shutdown::{Drained, Shutdown};
    ///
    /// # let name = format!("\0egret-doc-serve-{}", std::process::id());
    /// let shutdown = Shutdown::new();
    /// let serve = UnixListener::bind(&name)?.serve(&shutdown);
    /// let server = egret_runtime::spawn(serve.run(|mut stream, _peer| async move {
    ///     let _ = stream.write_all(b"hello").await;
    /// }));
    /// let mut client = UnixStream::connect(&name).await?;
    /// client.read_exact(&mut [0; 5]).await?;
    /// assert_eq!(shutdown.drain(std::time::Duration::from_secs(10)).await, Drained::Clean);
    /// server.await.unwrap()
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn serve(self, shutdown: &Shutdown) -> Serve<Listener<F>> {
        Serve::new(self, shutdown)
    }
}

impl<L> Serve<L> {
    #[inline]
    pub(crate) fn new(listener: L, shutdown: &Shutdown) -> Serve<L> {
        let accept_loop = AcceptLoop {
            shutdown: shutdown.clone(),
            counts: Rc::default(),
            most: usize::MAX,
            burst: BURST,
            backlog: Listener::<Tcp>::DEFAULT_BACKLOG as usize,
        };
        Serve { listener, accept_loop }
    }

    /// Limits the open connections to `most`. By default only descriptors limit them.
    ///
    /// Below the limit of open files (`RLIMIT_NOFILE`), less what the server needs otherwise, it never runs into that
    /// limit.
    ///
    /// # Panics
    ///
    /// When `most` is 0.
    #[inline]
    #[track_caller]
    pub fn max_connections(mut self, most: usize) -> Serve<L> {
        assert_ne!(most, 0, "a server with no connections serves no client: give max_connections at least 1");
        self.accept_loop.most = most;
        self
    }

    /// Accepts at most `most` connections in a row before other tasks run; 32 by default.
    ///
    /// Accepting, registering and spawning a connection costs about ten microseconds, so a burst of 32 delays other
    /// tasks by a third of a millisecond. Plain `accept` calls are limited only by the budget of their task: 128 in a
    /// row, as for any I/O; a longer burst is cut into such pieces.
    ///
    /// # Panics
    ///
    /// When `most` is 0.
    #[inline]
    #[track_caller]
    pub fn burst(mut self, most: usize) -> Serve<L> {
        assert_ne!(most, 0, "a burst of nothing accepts nothing: give burst at least 1");
        self.accept_loop.burst = most;
        self
    }

    /// Returns the statistics, to be read while it runs.
    #[inline]
    pub fn counts(&self) -> ServeCounts {
        ServeCounts { counts: self.accept_loop.counts.clone() }
    }
}

impl<F: Family> Serve<Listener<F>> {
    /// Accepts connections, calls `connection` for each, and spawns the future that it returns.
    ///
    /// Returns when shutdown is requested and the listener closed; the connections go on until they end or are
    /// drained. The file of a Unix listener is not removed.
    ///
    /// # Errors
    ///
    /// Permanent errors of the listener, such as `EINVAL` when it was shut down or never listened, `EOPNOTSUPP` when
    /// it is a datagram socket, and `Other` when the runtime is gone. The listener is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the listener is closed, and queued clients are reset. The connections go on.
    ///
    /// # Panics
    ///
    /// When a call of `connection` panics; the returned future panics in its own task.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn run<C, T>(self, mut connection: C) -> impl Future<Output = io::Result<()>>
    where
        C: FnMut(Stream<F>, F::Addr) -> T,
        T: Future + 'static,
    {
        Site::caller().within(async move {
            self.accept_loop.run(self.listener, |(stream, peer)| connection(stream, peer)).await
        })
    }
}

impl<F: Family> ConnectionSource for Listener<F> {
    type Connection = (Stream<F>, F::Addr);

    #[inline]
    async fn accept(&self) -> io::Result<Self::Connection> {
        Listener::accept(self).await
    }

    #[inline]
    fn accept_waiting(&self) -> io::Result<Option<Self::Connection>> {
        Listener::accept_waiting(self)
    }

    #[inline]
    fn failure(&self, error: &io::Error) -> AcceptFailure {
        AcceptFailure::of_listener(error, self.as_fd())
    }
}

impl ServeCounts {
    /// Returns how many connections were accepted.
    #[inline]
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.get()
    }

    /// Returns how many connections have a running task.
    #[inline]
    pub fn open(&self) -> usize {
        self.counts.open()
    }

    /// Returns how often `accept` failed for the connection itself: in nearly all cases the peer gave it up.
    ///
    /// Up to 64 of those in a row are skipped within one call and not counted here.
    #[inline]
    pub fn failed(&self) -> u64 {
        self.counts.failed.get()
    }

    /// Returns how often it paused because no descriptor or memory was left.
    #[inline]
    pub fn exhausted(&self) -> u64 {
        self.counts.exhausted.get()
    }

    /// Returns how often it stopped accepting at the limit of open connections.
    #[inline]
    pub fn full(&self) -> u64 {
        self.counts.full.get()
    }
}

impl<L: fmt::Debug> fmt::Debug for Serve<L> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("listener", &self.listener).field("counts", &self.counts()).finish()
    }
}

impl fmt::Debug for ServeCounts {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.fmt(f)
    }
}
