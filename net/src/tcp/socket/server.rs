//! The options of a [`TcpSocket`] for servers: keepalive, and how connections are accepted.

use super::TcpSocket;
use std::io;
use std::time::Duration;

/// # Options for servers
///
/// Those of [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html),
/// [`socket(7)`](https://man7.org/linux/man-pages/man7/socket.7.html) and
/// [`ipv6(7)`](https://man7.org/linux/man-pages/man7/ipv6.7.html). Accepted connections inherit the keepalive times.
/// Other options are set through [`AsFd`](std::os::fd::AsFd) and a library of socket options, such as
/// `socket2::SockRef::from(&socket)`. Unless a method says otherwise, its errors are those of
/// [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html): none in practice.
///
/// The dozen options that servers need are methods here, so that they need no such dependency.
impl TcpSocket {
    /// Returns how long a connection is idle before it is probed, when [`set_keepalive`](TcpSocket::set_keepalive) is
    /// on, `TCP_KEEPIDLE`, in whole seconds.
    #[inline]
    pub fn keepalive_time(&self) -> io::Result<Duration> {
        self.fd.keepalive_time()
    }

    /// Sets how long a connection is idle before it is probed, rounded up to whole seconds.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) outside of 1 to 32767 seconds.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// use std::time::Duration;
    ///
    /// // A peer that is silent for a minute and then for three probes, ten seconds apart, is given up.
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_keepalive(true)?;
    /// socket.set_keepalive_time(Duration::from_secs(60))?;
    /// socket.set_keepalive_interval(Duration::from_secs(10))?;
    /// socket.set_keepalive_retries(3)?;
    /// assert_eq!(socket.keepalive_time()?, Duration::from_secs(60));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_keepalive_time(&self, time: Duration) -> io::Result<()> {
        self.fd.set_keepalive_time(time)
    }

    /// Returns the time between two probes, `TCP_KEEPINTVL`, in whole seconds.
    #[inline]
    pub fn keepalive_interval(&self) -> io::Result<Duration> {
        self.fd.keepalive_interval()
    }

    /// Sets the time between two probes, rounded up to whole seconds.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) outside of 1 to 32767 seconds.
    #[inline]
    pub fn set_keepalive_interval(&self, interval: Duration) -> io::Result<()> {
        self.fd.set_keepalive_interval(interval)
    }

    /// Returns how many unanswered probes end the connection, `TCP_KEEPCNT`.
    #[inline]
    pub fn keepalive_retries(&self) -> io::Result<u32> {
        self.fd.keepalive_retries()
    }

    /// Sets how many unanswered probes end the connection.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) outside of 1 to 127.
    #[inline]
    pub fn set_keepalive_retries(&self, retries: u32) -> io::Result<()> {
        self.fd.set_keepalive_retries(retries)
    }

    /// Returns how many connections with data in their SYN may be queued, `TCP_FASTOPEN` ([RFC
    /// 7413](https://www.rfc-editor.org/rfc/rfc7413)); 0: none.
    #[inline]
    pub fn fastopen(&self) -> io::Result<u32> {
        self.fd.fastopen()
    }

    /// Lets clients send data with their SYN, up to `queue` queued connections at a time. The host must allow it too:
    /// bit 1 of `net.ipv4.tcp_fastopen`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on a connected socket.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_fastopen(256)?;
    /// assert_eq!(socket.fastopen()?, 256);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_fastopen(&self, queue: u32) -> io::Result<()> {
        self.fd.set_fastopen(queue)
    }

    /// Returns how long `accept` waits for the first data of a connection, `TCP_DEFER_ACCEPT`, in whole seconds;
    /// zero: not at all. The kernel counts in retransmissions, so this is the value set, or more.
    #[inline]
    pub fn defer_accept(&self) -> io::Result<Duration> {
        self.fd.defer_accept()
    }

    /// Accepts a connection when its first data has arrived, or after about this time, rounded up to the kernel's
    /// unit. A server whose clients send first is then woken once for a connection and its request.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// use std::time::Duration;
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_defer_accept(Duration::from_secs(5))?;
    /// assert!(socket.defer_accept()? >= Duration::from_secs(5));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_defer_accept(&self, wait: Duration) -> io::Result<()> {
        self.fd.set_defer_accept(wait)
    }

    /// Returns the processor whose packets the socket takes, `SO_INCOMING_CPU`; `None` before the first packet.
    #[inline]
    pub fn incoming_cpu(&self) -> io::Result<Option<u32>> {
        self.fd.incoming_cpu()
    }

    /// Makes listeners that share an address by [`set_reuseport`](TcpSocket::set_reuseport) distribute connections by
    /// the receiving processor: for a runtime on each core.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_incoming_cpu(0)?;
    /// assert_eq!(socket.incoming_cpu()?, Some(0));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_incoming_cpu(&self, cpu: u32) -> io::Result<()> {
        self.fd.set_incoming_cpu(cpu)
    }

    /// Returns the mark of sent packets for routing and firewalls, `SO_MARK`.
    #[inline]
    pub fn mark(&self) -> io::Result<u32> {
        self.fd.mark()
    }

    /// Sets the mark of sent packets.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) without `CAP_NET_ADMIN`, or, since Linux 5.17,
    /// `CAP_NET_RAW`.
    #[inline]
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        self.fd.set_mark(mark)
    }

    /// Returns whether the socket excludes IPv4, `IPV6_V6ONLY`; `EOPNOTSUPP` on an IPv4 socket.
    #[inline]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.fd.only_v6()
    }

    /// Sets whether an IPv6 socket excludes IPv4 in mapped addresses.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when the socket is bound, `ENOPROTOOPT` on an IPv4 socket.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let Ok(socket) = TcpSocket::new_v6() else { return Ok(()) }; // a host without IPv6
    /// socket.set_only_v6(true)?;
    /// assert!(socket.only_v6()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_only_v6(&self, only: bool) -> io::Result<()> {
        self.fd.set_only_v6(only)
    }
}
