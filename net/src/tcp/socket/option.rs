//! The options of a [`TcpSocket`].

use super::TcpSocket;
use std::io;
use std::time::Duration;

/// # Options
///
/// See [`tcp(7)`](https://man7.org/linux/man-pages/man7/tcp.7.html),
/// [`ip(7)`](https://man7.org/linux/man-pages/man7/ip.7.html) and
/// [`socket(7)`](https://man7.org/linux/man-pages/man7/socket.7.html). Unless a method says otherwise, its errors are
/// those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html): none in practice.
impl TcpSocket {
    /// Returns whether [`bind`](TcpSocket::bind) accepts an address with connections in TIME-WAIT, `SO_REUSEADDR`.
    #[inline]
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.fd.reuseaddr()
    }

    /// Lets [`bind`](TcpSocket::bind) accept an address with connections in TIME-WAIT; on Linux never one that
    /// another socket listens on.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_reuseaddr(true)?;
    /// assert!(socket.reuseaddr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.fd.set_reuseaddr(reuseaddr)
    }

    /// Returns whether several sockets may listen on one address, `SO_REUSEPORT`.
    #[inline]
    pub fn reuseport(&self) -> io::Result<bool> {
        self.fd.reuseport()
    }

    /// Lets several sockets of one user listen on one address, if each sets this before it is bound; the kernel
    /// distributes the connections. So a runtime on each core can have its own listener.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let one = TcpSocket::new_v4()?;
    /// let two = TcpSocket::new_v4()?;
    /// one.set_reuseport(true)?;
    /// two.set_reuseport(true)?;
    /// one.bind("127.0.0.1:0".parse().unwrap())?;
    /// two.bind(one.local_addr()?)?;
    /// let _listeners = (one.listen(16)?, two.listen(16)?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.fd.set_reuseport(reuseport)
    }

    /// Returns the size of the send buffer in bytes, `SO_SNDBUF`: on Linux twice the value set.
    #[inline]
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.fd.send_buffer_size()
    }

    /// Sets the size of the send buffer in bytes. The kernel caps it at `net.core.wmem_max`, doubles it for its own
    /// bookkeeping, and stops tuning it.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_send_buffer_size(16 * 1024)?;
    /// assert_eq!(socket.send_buffer_size()?, 32 * 1024);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.fd.set_send_buffer_size(size)
    }

    /// Returns the size of the receive buffer in bytes, `SO_RCVBUF`: on Linux twice the value set.
    #[inline]
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.fd.recv_buffer_size()
    }

    /// Sets the size of the receive buffer in bytes, as [`set_send_buffer_size`](TcpSocket::set_send_buffer_size).
    /// Before `listen` and `connect` it also limits the offered window ([RFC 7323, 2.3]).
    ///
    /// [RFC 7323, 2.3]: https://www.rfc-editor.org/rfc/rfc7323#section-2.3
    #[inline]
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.fd.set_recv_buffer_size(size)
    }

    /// Returns whether an idle connection is probed, `SO_KEEPALIVE`.
    #[inline]
    pub fn keepalive(&self) -> io::Result<bool> {
        self.fd.keepalive()
    }

    /// Probes an idle connection (by default after two hours, `net.ipv4.tcp_keepalive_time`) and ends it with
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the peer does not answer.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_keepalive(true)?;
    /// assert!(socket.keepalive()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.fd.set_keepalive(keepalive)
    }

    /// [`TcpStream::nodelay`](crate::TcpStream::nodelay), before the connection.
    #[inline]
    pub fn nodelay(&self) -> io::Result<bool> {
        self.fd.nodelay()
    }

    /// [`TcpStream::set_nodelay`](crate::TcpStream::set_nodelay), before the connection. Accepted connections inherit
    /// it.
    #[inline]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.fd.set_nodelay(nodelay)
    }

    /// [`TcpStream::notsent_lowat`](crate::TcpStream::notsent_lowat), before the connection.
    #[inline]
    pub fn notsent_lowat(&self) -> io::Result<u32> {
        self.fd.notsent_lowat()
    }

    /// [`TcpStream::set_notsent_lowat`](crate::TcpStream::set_notsent_lowat), before the connection. Accepted
    /// connections inherit it.
    #[inline]
    pub fn set_notsent_lowat(&self, bytes: u32) -> io::Result<()> {
        self.fd.set_notsent_lowat(bytes)
    }

    /// [`TcpStream::user_timeout`](crate::TcpStream::user_timeout), before the connection.
    #[inline]
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.fd.user_timeout()
    }

    /// [`TcpStream::set_user_timeout`](crate::TcpStream::set_user_timeout), before the connection. Accepted
    /// connections inherit it.
    #[inline]
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.fd.set_user_timeout(timeout)
    }

    /// [`TcpStream::recv_lowat`](crate::TcpStream::recv_lowat), before the connection.
    #[inline]
    pub fn recv_lowat(&self) -> io::Result<u32> {
        self.fd.recv_lowat()
    }

    /// [`TcpStream::set_recv_lowat`](crate::TcpStream::set_recv_lowat), before the connection. Accepted connections
    /// inherit it.
    #[inline]
    pub fn set_recv_lowat(&self, bytes: u32) -> io::Result<()> {
        self.fd.set_recv_lowat(bytes)
    }

    /// [`TcpStream::linger`](crate::TcpStream::linger), before the connection.
    #[inline]
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.fd.linger()
    }

    /// [`TcpStream::set_linger`](crate::TcpStream::set_linger), before the connection: a close may then block the
    /// thread.
    #[inline]
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.fd.set_linger(linger)
    }

    /// [`TcpStream::set_zero_linger`](crate::TcpStream::set_zero_linger), before the connection.
    #[inline]
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.fd.set_linger(Some(Duration::ZERO))
    }

    /// Returns the type of service of IPv4 packets, `IP_TOS`: the byte of the header
    /// ([RFC 2474, 3](https://www.rfc-editor.org/rfc/rfc2474#section-3)).
    #[inline]
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.fd.tos_v4()
    }

    /// Sets the type of service of IPv4 packets. [`InvalidInput`](io::ErrorKind::InvalidInput) above 255.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::TcpSocket;
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_tos_v4(0x10)?;
    /// assert_eq!(socket.tos_v4()?, 0x10);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.fd.set_tos_v4(tos)
    }

    /// [`tos_v4`](Self::tos_v4), under tokio's older name.
    #[inline]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// [`set_tos_v4`](Self::set_tos_v4), under tokio's older name.
    #[inline]
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// Returns the traffic class of IPv6 packets, `IPV6_TCLASS`; `EOPNOTSUPP` on an IPv4 socket.
    #[inline]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.fd.tclass_v6()
    }

    /// Sets the traffic class of IPv6 packets; `ENOPROTOOPT` on an IPv4 socket.
    #[inline]
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.fd.set_tclass_v6(tclass)
    }

    /// Returns the interface that the socket is bound to, `SO_BINDTODEVICE`.
    #[inline]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.fd.device()
    }

    /// Binds the socket to an interface, so that it sends and receives only there; `None` removes the binding.
    ///
    /// # Errors
    ///
    /// `ENODEV` when there is no such interface (or the name exceeds 15 bytes or has a zero in it),
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) when it is bound to another and the privilege to change
    /// that is missing.
    #[inline]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.fd.bind_device(interface)
    }
}
