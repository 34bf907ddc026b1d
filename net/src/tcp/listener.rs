//! [`TcpListener`]: constructors and options.

use crate::addr::{self, ToSocketAddrs};
use crate::family::Tcp;
use crate::listener::Listener;
use egret_runtime::io::Site;
use egret_runtime::sys::{Backend, Domain, Type};
use std::io;
use std::net::{self, SocketAddr};

/// A TCP socket that listens for connections.
///
/// ```no_run
/// use egret_net::TcpListener;
///
/// # egret_runtime::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// loop {
///     let (mut stream, peer) = listener.accept().await?;
///     egret_runtime::spawn(async move {
///         let greeting = format!("hello, {peer}\n");
///         stream.write_all(greeting.as_bytes()).await
///     });
/// }
/// # #[allow(unreachable_code)]
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// See [`listen(2)`](https://man7.org/linux/man-pages/man2/listen.2.html) and
/// [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html).
pub type TcpListener = Listener<Tcp>;

impl TcpListener {
    /// Listens on an address; port 0 picks a free one, see [`local_addr`](TcpListener::local_addr).
    ///
    /// If `addr` yields several addresses, they are tried in order until one can be bound. `SO_REUSEADDR` is set, so
    /// that a server can be restarted while connections of its predecessor are in TIME-WAIT; on Linux it does not let
    /// two sockets listen on one address. Other options are set through [`TcpSocket`](crate::TcpSocket).
    ///
    /// A name is looked up on another thread; see [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// That of the last address tried: [`AddrInUse`](io::ErrorKind::AddrInUse),
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) for an address of another host,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a port below 1024 without the privilege; others by
    /// [`bind(2)`](https://man7.org/linux/man-pages/man2/bind.2.html), with their errno.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address to try.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing listens.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::TcpListener;
    /// use std::io::ErrorKind;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let taken = TcpListener::bind(listener.local_addr()?).await;
    /// assert_eq!(taken.unwrap_err().kind(), ErrorKind::AddrInUse);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpListener>> {
        Site::caller().within(async move {
            let mut last = None;
            for address in addr::resolve(&addr).await? {
                match listen_on(&address) {
                    Ok(listener) => return Ok(listener),
                    Err(error) => last = Some(error),
                }
            }
            Err(addr::all_failed(last))
        })
    }

    /// Returns the time to live of sent IPv4 packets, in hops, `IP_TTL`. IPv6 has a separate limit.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let listener = egret_net::TcpListener::bind("127.0.0.1:0").await?;
    /// listener.set_ttl(33)?;
    /// assert_eq!(listener.ttl()?, 33);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn ttl(&self) -> io::Result<u32> {
        self.fd().ttl()
    }

    /// Sets the time to live of IPv4 packets, in hops, for this socket and the connections accepted from now
    /// on.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) outside of 1 to 255.
    #[inline]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.fd().set_ttl(ttl)
    }
}

#[inline]
fn listen_on(address: &SocketAddr) -> io::Result<TcpListener> {
    let fd = Backend::current().socket(Domain::of(address), Type::Stream)?;
    fd.set_reuseaddr(true)?;
    fd.bind(address)?;
    fd.listen(TcpListener::DEFAULT_BACKLOG)?;
    TcpListener::new(fd)
}

impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// [`TcpListener::from_std`].
    #[track_caller]
    #[inline]
    fn try_from(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}
