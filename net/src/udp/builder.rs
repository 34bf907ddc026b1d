//! [`Builder`]: options that a UDP socket must have before it is bound.

use crate::UdpSocket;
use crate::addr::{self, ToSocketAddrs};
use egret_runtime::io::Site;
use egret_runtime::sys::{Backend, Domain, Type};
use std::io;
use std::net::SocketAddr;

/// A UDP socket to be: the options that count when it is bound.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::udp::Builder;
///
/// // Two sockets with one address, as two processes would have: the kernel distributes the datagrams.
/// let one = Builder::new().set_reuseport(true).bind("127.0.0.1:0").await?;
/// let other = Builder::new().set_reuseport(true).bind(one.local_addr()?).await?;
/// assert_eq!(one.local_addr()?, other.local_addr()?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder makes no socket until it is bound"]
pub struct Builder {
    reuseaddr: bool,
    reuseport: bool,
    only_v6: Option<bool>,
    device: Option<Vec<u8>>,
    recv_buffer_size: Option<u32>,
}

impl Builder {
    /// Creates a builder without an option set.
    #[inline]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Sets whether other sockets with this option may have the address too, `SO_REUSEADDR`. For UDP: each of them
    /// gets the multicasts of a group, and one of them the rest.
    #[inline]
    pub fn set_reuseaddr(mut self, reuseaddr: bool) -> Builder {
        self.reuseaddr = reuseaddr;
        self
    }

    /// Sets whether other sockets of this user with this option may have the address too, `SO_REUSEPORT`: the kernel
    /// distributes datagrams by their sender. See [`UdpShares`](crate::UdpShares) for one socket on each core.
    #[inline]
    pub fn set_reuseport(mut self, reuseport: bool) -> Builder {
        self.reuseport = reuseport;
        self
    }

    /// Sets whether a socket of IPv6 excludes IPv4, `IPV6_V6ONLY`; no effect on one of IPv4. Without it, the host
    /// decides (`net.ipv6.bindv6only`).
    #[inline]
    pub fn only_v6(mut self, only: bool) -> Builder {
        self.only_v6 = Some(only);
        self
    }

    /// Sets the interface to send and receive on, `SO_BINDTODEVICE`: see [`UdpSocket::bind_device`].
    #[inline]
    pub fn bind_device(mut self, interface: &[u8]) -> Builder {
        self.device = Some(interface.to_vec());
        self
    }

    /// Sets the size of the receive buffer in bytes, before the first datagram can be dropped: see
    /// [`UdpSocket::set_recv_buffer_size`].
    #[inline]
    pub fn recv_buffer_size(mut self, bytes: u32) -> Builder {
        self.recv_buffer_size = Some(bytes);
        self
    }

    /// Binds a socket with these options to an address: see [`UdpSocket::bind`].
    ///
    /// # Errors
    ///
    /// As [`UdpSocket::bind`], and those of the options:
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) or `ENODEV` of
    /// [`bind_device`](Builder::bind_device).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, there is no socket.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn bind<A: ToSocketAddrs>(&self, addr: A) -> impl Future<Output = io::Result<UdpSocket>> {
        Site::caller().within(async move {
            let mut last = None;
            for address in addr::resolve(&addr).await? {
                match self.bound_to(&address) {
                    Ok(socket) => return Ok(socket),
                    Err(error) => last = Some(error),
                }
            }
            Err(addr::all_failed(last))
        })
    }

    #[inline]
    fn bound_to(&self, address: &SocketAddr) -> io::Result<UdpSocket> {
        let fd = Backend::current().socket(Domain::of(address), Type::Datagram)?;
        if self.reuseaddr {
            fd.set_reuseaddr(true)?;
        }
        if self.reuseport {
            fd.set_reuseport(true)?;
        }
        if let Some(only) = self.only_v6.filter(|_| address.is_ipv6()) {
            fd.set_only_v6(only)?;
        }
        if let Some(interface) = &self.device {
            fd.bind_device(Some(interface))?;
        }
        if let Some(bytes) = self.recv_buffer_size {
            fd.set_recv_buffer_size(bytes)?;
        }
        fd.bind(address)?;
        UdpSocket::new(fd)
    }
}
