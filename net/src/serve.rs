//! [`Serve`]: the accept loop of a server, with the policy that such a loop needs.

use crate::accept_loop::{AcceptLoop, Counts, Source};
use crate::family::{Family, Tcp};
use crate::listener::Listener;
use crate::stream::Stream;
use egret_runtime::shutdown::Shutdown;
use egret_runtime::sys::AcceptFailure;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

/// How many connections are accepted in a row where [`Serve::burst`] says nothing.
const BURST: usize = 32;

/// Accepts the connections of a listener and spawns a task for each, until it is told to stop. Made by
/// [`Listener::serve`].
///
/// What a loop of `accept` and `spawn` leaves to its author:
///
/// * **Errors.** Those of one connection are stepped over. With no descriptors or memory left it waits,
///   5 ms at first, twice as long each time and 1 s at most, or until one of its own connections ends, and tries
///   again: the client waits in the backlog meanwhile. So it does after each 64 errors with no connection between,
///   for a few of their numbers may stay (`EPERM`, of a filter of system calls). All are [counted](Serve::counts).
/// * **A cap.** With [so many](Serve::max_connections) open it accepts no more until one ends.
/// * **Bursts.** After [so many](Serve::burst) in a row every task that is ready is polled once, so that
///   a flood of new connections does not starve those that are open.
/// * **The end.** When the shutdown is requested it takes what waits in the backlog, for those clients have been told
///   that they are connected, closes the listener, and is done. A connection that the kernel completes in
///   the moment before it is closed is reset, which nothing short of a second listener on the port can help.
///
/// The tasks are [spawned by the shutdown](Shutdown::spawn): a drain waits for them, and aborts them at its
/// deadline. They do not end by themselves when it is requested. So a connection asks: while it waits for its peer,
/// by [`run_until_requested`](Shutdown::run_until_requested). A peer that keeps its connection may be sending in
/// that very moment; where a request must not be lost, read once more then, with a short
/// [timeout](egret_runtime::time::timeout), before closing.
///
/// A connection has no time limits but those that it sets itself, around each read and each write. With one around
/// writes, call [`set_notsent_lowat`](crate::TcpStream::set_notsent_lowat) first: otherwise a client that takes its answers slowly
/// and steadily is like one that has stopped.
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
    listener: L,
    accept_loop: AcceptLoop,
}

/// What a [`Serve`] has done so far. Clones look at the same one, also while it runs.
#[derive(Clone)]
pub struct ServeCounts {
    counts: Rc<Counts>,
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
    pub fn serve(self, shutdown: &Shutdown) -> Serve<Listener<F>> {
        Serve::new(self, shutdown)
    }
}

impl<L> Serve<L> {
    #[inline]
    fn new(listener: L, shutdown: &Shutdown) -> Serve<L> {
        let accept_loop = AcceptLoop {
            shutdown: shutdown.clone(),
            counts: Rc::default(),
            most: usize::MAX,
            burst: BURST,
            backlog: Listener::<Tcp>::DEFAULT_BACKLOG as usize,
        };
        Serve { listener, accept_loop }
    }

    /// Has at most `most` connections open at a time. Without this there is no limit but that of descriptors.
    ///
    /// Below the limit of open files (`RLIMIT_NOFILE`), less what the server needs besides, it never runs into
    /// that.
    ///
    /// # Panics
    ///
    /// When `most` is 0.
    #[inline]
    #[track_caller]
    pub fn max_connections(mut self, most: usize) -> Serve<L> {
        assert_ne!(most, 0, "a server with no connections serves nobody: give max_connections at least 1");
        self.accept_loop.most = most;
        self
    }

    /// Accepts at most `most` connections in a row before the other tasks have a turn. 32 without this.
    ///
    /// A connection costs about ten microseconds to accept, to register and to spawn for, so a row of 32 delays
    /// what else is ready by a third of a millisecond. A loop of plain `accept` calls is held by nothing but the
    /// budget of its task: 128 in a row, as with any I/O; a burst beyond that is cut into such pieces.
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

    /// What it does, to be looked at while it runs.
    #[inline]
    pub fn counts(&self) -> ServeCounts {
        ServeCounts { counts: self.accept_loop.counts.clone() }
    }
}

impl<F: Family> Serve<Listener<F>> {
    /// Accepts connections, calls `connection` for each, and spawns the future that it returns.
    ///
    /// Returns when the shutdown is requested and the listener closed; the connections go on until they end or are
    /// drained. The file of a Unix listener, if it has one, is left where it is.
    ///
    /// # Errors
    ///
    /// Those of the listener that will not go away, such as `EINVAL` when somebody has shut it down or it never listened,
    /// `EOPNOTSUPP` when it is a socket of datagrams, and `Other` when the runtime is gone. The listener is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the listener is closed, and clients that wait to be accepted are reset. The
    /// connections go on.
    ///
    /// # Panics
    ///
    /// As `connection` does when it is called; what it returns panics in its own task.
    #[inline]
    pub async fn run<C, T>(self, mut connection: C) -> io::Result<()>
    where
        C: FnMut(Stream<F>, F::Addr) -> T,
        T: Future + 'static,
    {
        self.accept_loop.run(self.listener, |(stream, peer)| connection(stream, peer)).await
    }
}

impl<F: Family> Source for Listener<F> {
    type Connection = (Stream<F>, F::Addr);

    async fn accept(&self) -> io::Result<Self::Connection> {
        Listener::accept(self).await
    }

    fn accept_waiting(&self) -> io::Result<Option<Self::Connection>> {
        Listener::accept_waiting(self)
    }

    fn failure(&self, error: &io::Error) -> AcceptFailure {
        AcceptFailure::of_listener(error, self.as_fd())
    }
}

impl ServeCounts {
    /// Connections that were accepted.
    #[inline]
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.get()
    }

    /// Connections whose task is not over.
    #[inline]
    pub fn open(&self) -> usize {
        self.counts.open()
    }

    /// Times that `accept` failed for the connection that it was about: given up by the peer, in nearly all cases.
    ///
    /// Up to 64 of those in a row are stepped over within one call, and not seen here.
    #[inline]
    pub fn failed(&self) -> u64 {
        self.counts.failed.get()
    }

    /// Times that there was no descriptor or no memory left, and it waited.
    #[inline]
    pub fn exhausted(&self) -> u64 {
        self.counts.exhausted.get()
    }

    /// Times that it stopped accepting because as many were open as may be.
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
