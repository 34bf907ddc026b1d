//! The options of a [`TcpStream`].

use super::stream::TcpStream;
use std::io;
use std::time::Duration;

/// # Options
///
/// The options are those of [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html),
/// [`ip(7)`](https://man7.org/linux/man-pages/man7/ip.7.html) and
/// [`socket(7)`](https://man7.org/linux/man-pages/man7/socket.7.html). Unless a method says otherwise, its errors
/// are those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html): none in practice.
impl TcpStream {
    /// Whether Nagle's algorithm is off, `TCP_NODELAY`.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// client.set_nodelay(true)?;
    /// assert!(client.nodelay()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn nodelay(&self) -> io::Result<bool> {
        self.fd().nodelay()
    }

    /// Switches Nagle's algorithm off, or on again, which is how a socket starts. While it is on, a small
    /// segment waits until the one before it is acknowledged
    /// ([RFC 9293, 3.7.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4)): good for many small writes, bad
    /// for requests in two of them.
    #[inline]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.fd().set_nodelay(nodelay)
    }

    /// The bound of the unsent bytes in the send queue, `TCP_NOTSENT_LOWAT`. 0, which is how a socket starts,
    /// stands for the host's: `net.ipv4.tcp_notsent_lowat`, by default no bound.
    #[inline]
    pub fn notsent_lowat(&self) -> io::Result<u32> {
        self.fd().notsent_lowat()
    }

    /// Bounds the bytes in the send queue that have not been sent yet. With `bytes` or more of them a write
    /// waits until less than half of that is left. Bytes that were sent and are not acknowledged do not count.
    ///
    /// Without a bound the queue grows to the size of the send buffer, some megabytes
    /// (`net.ipv4.tcp_wmem`), and a write that found it full waits until a third of it is free. A peer that takes
    /// 40 kB a second makes that room in half a minute, so a time limit on a write takes it for one that has
    /// stopped. With a bound of 16 KiB the write goes on when the peer has opened its window, and the kernel holds
    /// less for a peer that is slow.
    ///
    /// A peer opens its window in steps: Linux's by a sixteenth of its receive buffer at least. That, and not this
    /// bound, is what a time limit must leave room for.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// server.set_notsent_lowat(16 * 1024)?;
    /// assert_eq!(server.notsent_lowat()?, 16 * 1024);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_notsent_lowat(&self, bytes: u32) -> io::Result<()> {
        self.fd().set_notsent_lowat(bytes)
    }

    /// Whether acknowledgements are sent at once, `TCP_QUICKACK`.
    #[inline]
    pub fn quickack(&self) -> io::Result<bool> {
        self.fd().quickack()
    }

    /// Has acknowledgements sent at once, or delayed. Not for good: the kernel changes the mode as it sees fit.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// client.set_quickack(true)?;
    /// assert!(client.quickack()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.fd().set_quickack(quickack)
    }

    /// How long closing the stream waits for what is unsent, `SO_LINGER`, in whole seconds. `None`: it does
    /// not, and the kernel goes on sending.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// assert_eq!(client.linger()?, None);
    /// client.set_zero_linger()?;
    /// assert_eq!(client.linger()?, Some(std::time::Duration::ZERO));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.fd().linger()
    }

    /// Sets how long closing the stream waits for what is unsent, rounded up to whole seconds.
    ///
    /// **Closing then blocks the thread**, and with it the loop, for up to that time: non-blocking is no help
    /// against it. A duration of zero does not wait, it resets; say
    /// [`set_zero_linger`](TcpStream::set_zero_linger) for that.
    #[inline]
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.fd().set_linger(linger)
    }

    /// Has the connection reset when it is closed, and what is unsent discarded.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// client.set_zero_linger()?;
    /// drop(client);
    /// let reset = server.read(&mut [0; 16]).await.unwrap_err();
    /// assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.fd().set_linger(Some(Duration::ZERO))
    }

    /// The time to live of IPv4 packets that are sent, in hops, `IP_TTL`. IPv6 has a limit of its own, which
    /// this is not.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// client.set_ttl(33)?;
    /// assert_eq!(client.ttl()?, 33);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn ttl(&self) -> io::Result<u32> {
        self.fd().ttl()
    }

    /// Sets the time to live of IPv4 packets that are sent, in hops.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) outside of 1 to 255.
    #[inline]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.fd().set_ttl(ttl)
    }
}
