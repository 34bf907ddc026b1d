//! [`Shares`]: the sockets of all cores.

use super::Sharing;
use super::fed::Fed;
use super::hub::Hub;
use super::share::Share;
use crate::family::{Family, Tcp, Unix};
use crate::listener::Listener;
use crate::unix::SocketAddr as UnixAddr;
use egret_runtime::cores::Core;
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::fmt;
use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A listening address that cores share: [`TcpShares`], [`UnixShares`].
///
/// It listens from the first [`share`](Shares::share) on. Dropped after the cores have ended, it closes what is left.
pub struct Shares<F: Family> {
    address: F::Addr,
    sharing: Sharing,
    sockets: Mutex<Sockets<F>>,
}

/// A TCP address that cores share: see the [module](super).
pub type TcpShares = Shares<Tcp>;

/// A Unix address that cores share, by [`Sharing::FewestOpen`]: the kernel has no groups of Unix sockets.
pub type UnixShares = Shares<Unix>;

enum Sockets<F: Family> {
    /// Bound, until the number of cores is known.
    Bound(Fd),
    /// One that listens for each core; `None` where it was taken.
    Group(Vec<Option<Fd>>),
    /// One for all.
    Hub(Arc<Hub<F>>),
}

impl TcpShares {
    /// Binds a socket to an address; port 0 picks a free one. It listens from the first share on.
    ///
    /// If `address` yields several, they are tried in order until one can be bound. A name is looked up on this thread,
    /// which waits. `SO_REUSEADDR` is set, as by [`TcpListener::bind`](crate::TcpListener::bind).
    ///
    /// # Errors
    ///
    /// As [`TcpListener::bind`](crate::TcpListener::bind).
    #[inline]
    pub fn bind(address: impl ToSocketAddrs, sharing: Sharing) -> io::Result<TcpShares> {
        let mut last = None;
        for address in address.to_socket_addrs()? {
            match stream_socket(&address, sharing) {
                Ok(fd) => return Shares::bound(fd, sharing),
                Err(error) => last = Some(error),
            }
        }
        Err(crate::addr::all_failed(last))
    }

    /// Takes over a listener of the standard library, such as one that another process has handed over. It is shared by
    /// [`Sharing::FewestOpen`].
    ///
    /// # Errors
    ///
    /// Those of `ioctl(2)`; none in practice.
    #[inline]
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpShares> {
        Shares::listening(OwnedFd::from(listener))
    }
}

impl UnixShares {
    /// Binds a socket to a path, or, if `path` starts with a zero byte, to the abstract name after it. It listens from
    /// the first share on.
    ///
    /// # Errors
    ///
    /// As [`UnixListener::bind`](crate::UnixListener::bind).
    #[inline]
    pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<UnixShares> {
        let fd = Backend::current().socket(Domain::Unix, Type::Stream)?;
        fd.bind_unix(UnixAddr::from_path_or_name(path.as_ref())?.raw())?;
        Shares::bound(fd, Sharing::FewestOpen)
    }

    /// Takes over a listener of the standard library.
    ///
    /// # Errors
    ///
    /// Those of `ioctl(2)`; none in practice.
    #[inline]
    pub fn from_std_unix(listener: unix::net::UnixListener) -> io::Result<UnixShares> {
        Shares::listening(OwnedFd::from(listener))
    }
}

impl<F: Family> Shares<F> {
    #[inline]
    fn bound(fd: Fd, sharing: Sharing) -> io::Result<Shares<F>> {
        let address = F::local_addr(&fd)?;
        Ok(Shares { address, sharing, sockets: Mutex::new(Sockets::Bound(fd)) })
    }

    #[inline]
    fn listening(fd: OwnedFd) -> io::Result<Shares<F>> {
        let fd = Fd::from(fd);
        fd.set_nonblocking(true)?;
        Shares::bound(fd, Sharing::FewestOpen)
    }

    /// Returns the local address, the same for all cores.
    #[inline]
    pub fn local_addr(&self) -> &F::Addr {
        &self.address
    }

    /// Returns the share of a core. The first call binds the sockets of all cores, and then makes them listen: no
    /// client is queued in a group that cannot be completed.
    ///
    /// Each core has to take and serve its share: the kernel also gives connections to the socket of one that does not.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when the core has taken its share before,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when it belongs to a larger [`Builder`](egret_runtime::cores::Builder)
    /// than the first; those of `socket(2)`, `bind(2)`, `listen(2)` and `epoll_ctl(2)`.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn share(&self, core: &Core) -> io::Result<Share<F>> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Sockets::Bound(first) = &*sockets {
            let others = match self.sharing {
                Sharing::FewestOpen => Vec::new(),
                Sharing::Group | Sharing::ByProcessor => {
                    group(core.count(), first.local_addr()?, |address| stream_socket(address, self.sharing))?
                }
            };
            // All are bound by now: a group that cannot be completed has no clients.
            for fd in std::iter::once(first).chain(&others) {
                fd.listen(Listener::<F>::DEFAULT_BACKLOG)?;
            }
            // After `listen`, by which a TCP socket joins the group: without a group the call fails.
            if self.sharing == Sharing::ByProcessor {
                first.steer_by_processor(core.count() as u32)?;
            }
            let nothing = Sockets::Group(Vec::new());
            let Sockets::Bound(first) = std::mem::replace(&mut *sockets, nothing) else { unreachable!() };
            *sockets = match self.sharing {
                Sharing::FewestOpen => Sockets::Hub(Hub::new(core.count(), first)),
                _ => Sockets::Group(std::iter::once(first).chain(others).map(Some).collect()),
            };
        }
        match &mut *sockets {
            Sockets::Group(group) => {
                let fd = take_place(group.get_mut(core.index()).map(Option::take), core, &self.address)?;
                Ok(Share::own(Listener::new(fd)?))
            }
            Sockets::Hub(hub) => {
                let fed = take_place(
                    hub.has(core.index()).then(|| Fed::join(hub, core.index())),
                    core,
                    &self.address,
                )?;
                Ok(Share::fed(fed))
            }
            Sockets::Bound(_) => unreachable!("it was replaced above"),
        }
    }
}

/// Returns the share at the place of a core: an error where there is no such place, or nothing in it any more.
#[inline]
pub(super) fn take_place<T>(
    place: Option<Option<T>>,
    core: &Core,
    address: &impl fmt::Debug,
) -> io::Result<T> {
    let index = core.index();
    match place {
        Some(Some(there)) => Ok(there),
        Some(None) => {
            let message = format!("core {index} has taken its share of {address:?} before");
            Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
        }
        None => {
            let message = format!("{address:?} is shared by fewer cores than {}", core.count());
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    }
}

/// Returns the other sockets of a group, all bound.
#[inline]
pub(super) fn group(
    count: usize,
    address: SocketAddr,
    socket: impl Fn(&SocketAddr) -> io::Result<Fd>,
) -> io::Result<Vec<Fd>> {
    (1..count).map(|_| socket(&address)).collect()
}

/// Creates a socket that is bound to `address`.
#[inline]
fn stream_socket(address: &SocketAddr, sharing: Sharing) -> io::Result<Fd> {
    let fd = Backend::current().socket(Domain::of(address), Type::Stream)?;
    fd.set_reuseaddr(true)?;
    fd.set_reuseport(sharing != Sharing::FewestOpen)?;
    fd.bind(address)?;
    Ok(fd)
}

impl<F: Family> fmt::Debug for Shares<F> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").field("addr", &self.address).field("sharing", &self.sharing).finish()
    }
}
