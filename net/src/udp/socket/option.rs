//! The options of a [`UdpSocket`].

use super::UdpSocket;
use std::io;

/// # Options
///
/// Other options are set through [`AsFd`](std::os::fd::AsFd) and a library of socket options, such as
/// `socket2::SockRef::from(&socket)`; those that must be set before the socket is bound, by
/// [`udp::Builder`](crate::udp::Builder).
///
/// See [`socket(7)`](https://man7.org/linux/man-pages/man7/socket.7.html) and
/// [`ip(7)`](https://man7.org/linux/man-pages/man7/ip.7.html). Unless a method says otherwise, its errors are those of
/// [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html): none in practice.
impl UdpSocket {
    /// Returns the time to live of sent IPv4 packets, in hops, `IP_TTL`.
    #[inline]
    pub fn ttl(&self) -> io::Result<u32> {
        self.registration.get_ref().ttl()
    }

    /// Sets the time to live of sent IPv4 packets, in hops.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) outside of 1 to 255.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let socket = egret_net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_ttl(33)?;
    /// assert_eq!(socket.ttl()?, 33);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.registration.get_ref().set_ttl(ttl)
    }

    /// Returns the type of service of IPv4 packets, `IP_TOS`: the byte of the header
    /// ([RFC 2474, 3](https://www.rfc-editor.org/rfc/rfc2474#section-3)).
    #[inline]
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.registration.get_ref().tos_v4()
    }

    /// Sets the type of service of IPv4 packets. [`InvalidInput`](io::ErrorKind::InvalidInput) above 255.
    #[inline]
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.registration.get_ref().set_tos_v4(tos)
    }

    /// [`tos_v4`](UdpSocket::tos_v4), under tokio's older name.
    #[inline]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// [`set_tos_v4`](UdpSocket::set_tos_v4), under tokio's older name.
    #[inline]
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// Returns the traffic class of IPv6 packets, `IPV6_TCLASS`; `EOPNOTSUPP` on an IPv4 socket.
    #[inline]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.registration.get_ref().tclass_v6()
    }

    /// Sets the traffic class of IPv6 packets; `ENOPROTOOPT` on an IPv4 socket.
    #[inline]
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.registration.get_ref().set_tclass_v6(tclass)
    }

    /// Returns the size of the send buffer in bytes, `SO_SNDBUF`: on Linux twice the value set.
    #[inline]
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.registration.get_ref().send_buffer_size()
    }

    /// Sets the size of the send buffer in bytes, up to `net.core.wmem_max`.
    #[inline]
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.registration.get_ref().set_send_buffer_size(size)
    }

    /// Returns the size of the receive buffer in bytes, `SO_RCVBUF`: on Linux twice the value set. The kernel drops
    /// datagrams that arrive when it is full.
    #[inline]
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.registration.get_ref().recv_buffer_size()
    }

    /// Sets the size of the receive buffer in bytes, up to `net.core.rmem_max`.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.set_recv_buffer_size(16 * 1024)?;
    /// assert_eq!(socket.recv_buffer_size()?, 32 * 1024);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.registration.get_ref().set_recv_buffer_size(size)
    }

    /// Returns the processor whose packets the socket takes, `SO_INCOMING_CPU`; `None` before the first packet.
    #[inline]
    pub fn incoming_cpu(&self) -> io::Result<Option<u32>> {
        self.registration.get_ref().incoming_cpu()
    }

    /// Makes sockets that share an address by `SO_REUSEPORT` distribute datagrams by the receiving processor.
    #[inline]
    pub fn set_incoming_cpu(&self, cpu: u32) -> io::Result<()> {
        self.registration.get_ref().set_incoming_cpu(cpu)
    }

    /// Returns the mark of sent packets for routing and firewalls, `SO_MARK`.
    #[inline]
    pub fn mark(&self) -> io::Result<u32> {
        self.registration.get_ref().mark()
    }

    /// Sets the mark of sent packets.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) without `CAP_NET_ADMIN`, or, since Linux 5.17,
    /// `CAP_NET_RAW`.
    #[inline]
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        self.registration.get_ref().set_mark(mark)
    }

    /// Returns whether the socket excludes IPv4, `IPV6_V6ONLY`; `EOPNOTSUPP` on an IPv4 socket. It must be set before
    /// the socket is bound: by [`Builder::only_v6`](crate::udp::Builder::only_v6).
    #[inline]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.registration.get_ref().only_v6()
    }

    /// Returns the interface that the socket is bound to, `SO_BINDTODEVICE`.
    #[inline]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.registration.get_ref().device()
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
        self.registration.get_ref().bind_device(interface)
    }

    /// Takes the pending error of the socket, `SO_ERROR`: the next operation then does not report it.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// # use egret_net::UdpSocket;
    /// # let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// # let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// # client.connect(server.local_addr()?).await?;
    /// assert!(client.take_error()?.is_none());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.registration.get_ref().take_error()
    }
}
