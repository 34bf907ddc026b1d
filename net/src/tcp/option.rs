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
    /// Returns whether Nagle's algorithm is off, `TCP_NODELAY`.
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

    /// Disables Nagle's algorithm, or enables it, the default. With it a small segment waits until the previous one
    /// is acknowledged ([RFC 9293, 3.7.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4)): good for many small
    /// writes, bad for requests in two writes.
    #[inline]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.fd().set_nodelay(nodelay)
    }

    /// Returns the limit of unsent bytes in the send queue, `TCP_NOTSENT_LOWAT`. 0, the default, means the host's:
    /// `net.ipv4.tcp_notsent_lowat`, by default no limit.
    #[inline]
    pub fn notsent_lowat(&self) -> io::Result<u32> {
        self.fd().notsent_lowat()
    }

    /// Limits the unsent bytes in the send queue. With `bytes` or more of them a write waits until less than half of
    /// that is left. Sent bytes that are not acknowledged do not count.
    ///
    /// Without a limit the queue grows to the size of the send buffer, some megabytes (`net.ipv4.tcp_wmem`), and a
    /// write that found it full waits until a third of it is free. A peer that reads 40 kB a second makes that room
    /// in half a minute, so a time limit on a write takes it for a stopped one. With a limit of 16 KiB the write goes
    /// on when the peer has opened its window, and the kernel buffers less for a slow peer.
    ///
    /// A peer opens its window in steps: Linux's by at least a sixteenth of its receive buffer. A time limit must
    /// allow for that, not for this limit.
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

    /// Returns how long sent bytes may stay unacknowledged, `TCP_USER_TIMEOUT`; `None`, the default, means what the
    /// host's retransmissions allow (`net.ipv4.tcp_retries2`, about 15 minutes).
    #[inline]
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.fd().user_timeout()
    }

    /// Ends the connection when sent bytes stay unacknowledged for so long, or unsent behind a window that the peer
    /// keeps closed: reads and writes then fail with [`TimedOut`](io::ErrorKind::TimedOut). For a peer that is gone
    /// without a word. An idle connection has nothing unacknowledged; for it there is
    /// [keepalive](crate::TcpSocket::set_keepalive), whose probes are then limited by this time instead of their
    /// number.
    ///
    /// It is rounded up to milliseconds, the least is one, and the most 24 days. See
    /// [RFC 5482](https://www.rfc-editor.org/rfc/rfc5482).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # use egret_runtime::time::Duration;
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let client = TcpStream::connect(listener.local_addr()?).await?;
    /// client.set_user_timeout(Some(Duration::from_secs(30)))?;
    /// assert_eq!(client.user_timeout()?, Some(Duration::from_secs(30)));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.fd().set_user_timeout(timeout)
    }

    /// Returns how many bytes make the stream readable, `SO_RCVLOWAT`: by default 1.
    #[inline]
    pub fn recv_lowat(&self) -> io::Result<u32> {
        self.fd().recv_lowat()
    }

    /// Makes the stream readable when so many bytes are queued, or it has ended: fewer wake-ups for messages of a known
    /// length. A read that is tried before takes what there is. 0 is 1; the kernel bounds it by half of the receive buffer.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let client = TcpStream::connect(listener.local_addr()?).await?;
    /// client.set_recv_lowat(16)?;
    /// assert_eq!(client.recv_lowat()?, 16);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_recv_lowat(&self, bytes: u32) -> io::Result<()> {
        self.fd().set_recv_lowat(bytes)
    }

    /// Returns whether acknowledgements are sent at once, `TCP_QUICKACK`.
    #[inline]
    pub fn quickack(&self) -> io::Result<bool> {
        self.fd().quickack()
    }

    /// Sends acknowledgements at once, or delayed. Not permanent: the kernel may change the mode.
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

    /// Returns how long a close waits for unsent bytes, `SO_LINGER`, in whole seconds. `None`: it does not wait, and the
    /// kernel goes on sending.
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

    /// Sets how long a close waits for unsent bytes, rounded up to whole seconds.
    ///
    /// **The close then blocks the thread**, and with it the loop, for up to that time, although the socket is
    /// non-blocking. Zero does not wait but resets; use [`set_zero_linger`](TcpStream::set_zero_linger) for that.
    #[inline]
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.fd().set_linger(linger)
    }

    /// Makes a close reset the connection and discard unsent bytes.
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

    /// Returns the time to live of sent IPv4 packets, in hops, `IP_TTL`. IPv6 has a separate limit.
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

    /// Sets the time to live of sent IPv4 packets, in hops.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) outside of 1 to 255.
    #[inline]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.fd().set_ttl(ttl)
    }
}
