//! The page of a running server: what its tasks wait for, which one holds the loop, what happened in the last second.
//! With feature `inspect`.
//!
//! - [`serve`] starts a thread with a runtime of its own, so the page answers while the loops that it shows are stuck.
//! - Each path is read-only. A loop is asked for a dump when a viewer wants one, at most four times a second and for
//!   at most 2 % of its time, and for its counts when `/metrics` is scraped. Histograms and recordings are read
//!   without it.
//!
//! | path | what |
//! |---|---|
//! | `/` | the page |
//! | `/dump` | [`Dump`](egret_runtime::inspect::Dump) as text |
//! | `/tasks` | JSON: tasks, by `q`, `is`, `sort`, `desc=1`, `offset`, `limit` up to 1000 |
//! | `/metrics` | counts and histograms of all loops, in the text format of OpenMetrics |
//! | `/trace` | the recorder as a Chrome trace, for Perfetto |
//! | `/overview`, `/groups`, `/task?id=`, `/sources`, `/timers`, `/blocking`, `/timeline` | JSON: what the page shows |
//!
//! `loop=1` asks for the second of the loops. `docs/inspecting.md` shows the page and what it finds.

mod answer; // the head and the body of an answer
mod connection; // one request after the other
mod door; // the checks of a request
mod feed; // where what is shown comes from
mod groups; // tasks and waits by line
mod lists; // sources, timers, blocking jobs
mod look; // the last dump of a loop
mod metrics; // the text of `/metrics`
mod overview; // a row for each loop
mod pulse; // the counts of a loop
mod query; // what stands behind the `?`
mod recordings; // the last recordings of a loop
mod routes; // a path to an answer
mod search; // which tasks match
mod tasks; // tasks, sorted and cut into pages
mod timeline; // a part of a recording in columns
mod track; // a recording, sorted by kind
mod waiting; // connections without a request make room

use crate::TcpListener;
use connection::{MOST, PageConnection};
use door::Door;
use egret_runtime::runtime::{Handle, Runtime};
use egret_runtime::shutdown::Shutdown;
use feed::Feed;
use routes::Routes;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use waiting::WaitingConnections;

/// The least length of a token.
const LEAST_TOKEN: usize = 16;
/// For answers in flight when the server is stopped.
const DRAIN: Duration = Duration::from_secs(1);

/// Serves the page of these runtimes on a loopback address, from a thread of its own: [`Options::serve`] with the
/// default options.
///
/// ```
/// use egret_runtime::runtime::Handle;
///
/// egret_runtime::block_on(async {
///     let page = egret_net::inspect::serve("127.0.0.1:0", [Handle::current()])?;
///     println!("look at http://{}", page.local_addr());
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
///
/// As [`Options::serve`].
pub fn serve(address: impl ToSocketAddrs, handles: impl IntoIterator<Item = Handle>) -> io::Result<Server> {
    Options::new().serve(address, handles)
}

/// How the page is served, and to whom.
#[derive(Clone, Default)]
#[must_use = "the page is served when `serve` is called"]
pub struct Options {
    token: Option<String>,
    hosts: Vec<String>,
}

/// The thread that serves the page, from [`serve`].
///
/// Dropping this leaves it running until the process ends; [`stop`](Server::stop) ends it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    handle: Handle,
    thread: JoinHandle<()>,
}

impl Options {
    /// Creates options for loopback only, without a token.
    pub fn new() -> Options {
        Options::default()
    }

    /// Asks each client for this token, and so allows an address that is not loopback.
    ///
    /// A browser asks the person for a name and a password: any name, and the token. Programs send it as
    /// `Authorization: Bearer`. It travels in the clear: across a network that others can read, put a TLS proxy
    /// or an SSH tunnel in front. On loopback a token keeps out the other users of the machine.
    ///
    /// ```
    /// use egret_net::inspect::Options;
    /// use egret_runtime::runtime::Runtime;
    ///
    /// let rt = Runtime::new()?;
    /// let open = Options::new().serve("0.0.0.0:0", [rt.handle()]);
    /// assert_eq!(open.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    ///
    /// let page = Options::new().token("read-from-a-secret-file").serve("0.0.0.0:0", [rt.handle()])?;
    /// page.stop();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn token(mut self, token: impl Into<String>) -> Options {
        self.token = Some(token.into());
        self
    }

    /// Allows a name in the `Host` field of requests, for a page behind a proxy or under a name of the network. May be
    /// called several times.
    ///
    /// IP addresses and `localhost` are always allowed. Other names are refused, because a web site could point its
    /// name here and read the answers (DNS rebinding).
    pub fn host(mut self, name: impl Into<String>) -> Options {
        self.hosts.push(name.into());
        self
    }

    /// Listens on `address` and starts the thread, named `egret-inspect`. The first address that can be bound is used;
    /// port 0 picks a free one.
    ///
    /// The thread does not keep the runtimes alive. For one that has ended the page says so.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an address that is not loopback without a
    /// [token](Options::token), and for a token below 16 bytes or with characters other than printable ASCII;
    /// [`AddrInUse`](ErrorKind::AddrInUse) and others of
    /// [`bind(2)`](https://man7.org/linux/man-pages/man2/bind.2.html); those of
    /// [`Builder::build`](egret_runtime::runtime::Builder::build) and of starting a thread.
    pub fn serve(
        self,
        address: impl ToSocketAddrs,
        handles: impl IntoIterator<Item = Handle>,
    ) -> io::Result<Server> {
        let feeds = handles.into_iter().map(|handle| Box::new(handle) as Box<dyn Feed>).collect();
        self.serve_feeds(address, feeds)
    }

    fn serve_feeds(self, address: impl ToSocketAddrs, feeds: Vec<Box<dyn Feed>>) -> io::Result<Server> {
        self.check_token()?;
        let listener = self.bind(address)?;
        let address = listener.local_addr()?;
        let door = Door { token: self.token, hosts: self.hosts };
        let (say, said) = mpsc::channel();
        let thread =
            thread::Builder::new().name("egret-inspect".to_owned()).spawn(move || match Runtime::new() {
                Err(error) => drop(say.send(Err(error))),
                Ok(runtime) => {
                    drop(say.send(Ok(runtime.handle())));
                    runtime.block_on(run(listener, door, feeds));
                }
            })?;
        let handle = said.recv().map_err(|_| io::Error::other("the thread of the page has panicked"))??;
        Ok(Server { address, handle, thread })
    }

    fn check_token(&self) -> io::Result<()> {
        match &self.token {
            Some(token) if token.len() < LEAST_TOKEN => {
                Err(invalid(format!("the token has {} bytes: it needs at least {LEAST_TOKEN}", token.len())))
            }
            Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(invalid("the token has characters other than printable ASCII".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn bind(&self, address: impl ToSocketAddrs) -> io::Result<net::TcpListener> {
        let mut last = None;
        for address in address.to_socket_addrs()? {
            if self.token.is_none() && !address.ip().to_canonical().is_loopback() {
                return Err(invalid(format!(
                    "{address} is not a loopback address: every host that reaches it could read the page. Set \
                     inspect::Options::token, or listen on 127.0.0.1 and use an SSH tunnel"
                )));
            }
            match net::TcpListener::bind(address) {
                Ok(listener) => return Ok(listener),
                Err(error) => last = Some(io::Error::new(error.kind(), format!("{address}: {error}"))),
            }
        }
        Err(last.unwrap_or_else(|| invalid("there is no address to listen on".to_owned())))
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, text)
}

/// Serves until the shutdown of this thread is requested.
async fn run(listener: net::TcpListener, door: Door, feeds: Vec<Box<dyn Feed>>) {
    let shutdown = SHUTDOWN.with(Shutdown::clone);
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let (door, routes, waiting) =
        (Rc::new(door), Rc::new(Routes::new(feeds)), Rc::new(WaitingConnections::default()));
    let theirs = shutdown.clone();
    let connection = move |stream, _peer| {
        let (door, routes, waiting) = (door.clone(), routes.clone(), waiting.clone());
        let shutdown = theirs.clone();
        async move {
            // An error means that the client has gone.
            let _ = PageConnection::new(stream).serve(&door, &routes, &waiting, &shutdown).await;
        }
    };
    // It ends with the shutdown: an error of the listener itself is none that a bound socket has.
    let _ = listener.serve(&shutdown).max_connections(MOST).run(connection).await;
    let _ = shutdown.drain(DRAIN).await; // what is left is cut off by the end of the runtime
}

thread_local! {
    /// The shutdown of the server of this thread.
    static SHUTDOWN: Shutdown = Shutdown::new();
}

impl Server {
    /// Returns the address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener, lets answers in flight end for up to a second, and waits for the thread.
    ///
    /// # Panics
    ///
    /// When the thread has panicked.
    pub fn stop(self) {
        drop(self.handle.spawn_with(|| async { SHUTDOWN.with(Shutdown::request) }));
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

impl fmt::Debug for Options {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_token = self.token.is_some();
        f.debug_struct("Options").field("has_token", &has_token).field("hosts", &self.hosts).finish()
    }
}

#[cfg(test)]
mod tests;
