//! [`UdpShares`]: a UDP address with a socket for each core.

use super::Sharing;
use super::bind::{group, take_place};
use crate::udp::socket::UdpSocket;
use egret_runtime::cores::Core;
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};

/// A UDP address that cores share by a group of `SO_REUSEPORT`: each core has a socket, and the datagrams of one peer
/// arrive at one of them while the group does not change.
///
/// ```
/// use egret_net::{Sharing, UdpShares};
/// use egret_runtime::cores;
/// use std::io;
///
/// let shares = UdpShares::bind("127.0.0.1:0", Sharing::Group)?;
/// cores::Builder::new().count(2).run(async |core| {
///     let socket = shares.share(&core)?;
///     assert_eq!(socket.local_addr()?, shares.local_addr());
///     io::Result::Ok(())
/// })?;
/// # io::Result::Ok(())
/// ```
pub struct UdpShares {
    address: SocketAddr,
    sharing: Sharing,
    /// The first alone until the number of cores is known; `None` where it was taken.
    sockets: Mutex<(bool, Vec<Option<Fd>>)>,
}

impl UdpShares {
    /// Binds the socket of the first core; port 0 picks a free one. The others are bound by the first
    /// [`share`](UdpShares::share).
    ///
    /// If `address` yields several, they are tried in order until one can be bound. A name is looked up on this thread,
    /// which waits.
    ///
    /// # Errors
    ///
    /// As [`UdpSocket::bind`]; [`InvalidInput`](io::ErrorKind::InvalidInput) for [`Sharing::FewestOpen`], as datagrams
    /// have no connections to hand over.
    #[inline]
    pub fn bind(address: impl ToSocketAddrs, sharing: Sharing) -> io::Result<UdpShares> {
        if sharing == Sharing::FewestOpen {
            let message = "datagrams have no connections to hand over: share a UDP address by Sharing::Group";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut last = None;
        for address in address.to_socket_addrs()? {
            match datagram_socket(&address) {
                Ok(fd) => {
                    let address = fd.local_addr()?;
                    return Ok(UdpShares { address, sharing, sockets: Mutex::new((false, vec![Some(fd)])) });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(crate::addr::all_failed(last))
    }

    /// Returns the local address, the same for all cores.
    #[inline]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the socket of a core.
    ///
    /// # Errors
    ///
    /// As [`Shares::share`](super::Shares::share).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn share(&self, core: &Core) -> io::Result<UdpSocket> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let (complete, group_of_all) = &mut *sockets;
        if !*complete {
            let others = group(core.count(), self.address, datagram_socket)?;
            if let (Sharing::ByProcessor, Some(Some(first))) = (self.sharing, group_of_all.first()) {
                first.steer_by_processor(core.count() as u32)?;
            }
            group_of_all.extend(others.into_iter().map(Some));
            *complete = true;
        }
        let place = group_of_all.get_mut(core.index()).map(Option::take);
        UdpSocket::new(take_place(place, core, &self.address)?)
    }
}

#[inline]
fn datagram_socket(address: &SocketAddr) -> io::Result<Fd> {
    let fd = Backend::current().socket(Domain::of(address), Type::Datagram)?;
    fd.set_reuseport(true)?;
    fd.bind(address)?;
    Ok(fd)
}

impl fmt::Debug for UdpShares {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpShares").field("addr", &self.address).field("sharing", &self.sharing).finish()
    }
}
