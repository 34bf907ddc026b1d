//! [`ToSocketAddrs`]: arguments that name addresses; [`lookup_host`]: the addresses of a name.

use crate::resolver;
use egret_runtime::io::Site;
use egret_runtime::sys::Backend;
use egret_runtime::task::{JoinHandle, consume_budget, spawn_look_up};
use egret_runtime::time::sleep;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::slice;
use std::vec;

/// A value that yields one or several addresses, or a name to look up: the argument of
/// [`TcpListener::bind`](crate::TcpListener::bind) and [`TcpStream::connect`](crate::TcpStream::connect).
///
/// The types are those of [`std::net::ToSocketAddrs`]: [`SocketAddr`] and its two variants, an IP address with a
/// port, slices of addresses, `"host:port"`, `("host", port)`, and references to them. An address costs no
/// allocation. A string is an address if it parses as one (`"[::1]:80"`), and a name otherwise; so is one with an
/// interface (`"[fe80::1%eth0]:80"`), whose index the look-up finds. The trait is sealed.
///
/// # Names
///
/// A name is looked up by the C library's [`getaddrinfo(3)`], which reads `/etc/hosts` and queries name servers as
/// the host is configured. It blocks, for many seconds where no server answers, and therefore runs on a thread of
/// [`spawn_blocking`](egret_runtime::task::spawn_blocking) while the loop goes on. Addresses, also as strings, use no
/// thread. [`set_resolver`](crate::set_resolver) puts a function of the program in its place.
///
/// A running look-up cannot be stopped: a cancelled one keeps its thread until it ends. So at most 32 run at a time,
/// and no more than half of the [threads](egret_runtime::runtime::Builder::max_blocking_threads): a name server that
/// does not answer delays other look-ups, but no other blocking job. Look-ups beyond the limit are queued; one
/// cancelled in the queue takes no thread.
///
/// # Errors
///
/// Functions that take one fail with [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no port, or when the
/// slice is empty; and when the look-up fails, with an error whose message has the name.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::TcpListener;
/// use std::net::{Ipv4Addr, SocketAddr};
///
/// TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
/// TcpListener::bind("127.0.0.1:0").await?;
/// TcpListener::bind(("127.0.0.1", 0)).await?;
/// let addresses = [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 2], 0))];
/// TcpListener::bind(&addresses[..]).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// [`getaddrinfo(3)`]: https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
pub trait ToSocketAddrs: sealed::ToTarget {}

/// The argument, before a look-up.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub enum Target<'a> {
    One(SocketAddr),
    Many(&'a [SocketAddr]),
    Name(Name<'a>),
}

/// A host to look up, and its port.
///
/// It brings the function along: a program whose addresses are never names is linked without the look-up and the threads for it,
/// and the future of a `connect` has no room for one.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    host: &'a str,
    port: u16,
    look_up: fn(&str, u16) -> LookUp,
}

/// A look-up that goes on.
type LookUp = Pin<Box<dyn Future<Output = io::Result<vec::IntoIter<SocketAddr>>>>>;

impl<'a> Name<'a> {
    #[inline]
    fn new(host: &'a str, port: u16) -> Name<'a> {
        Name { host, port, look_up: |host, port| Box::pin(look_up(host.to_owned(), port)) }
    }
}

mod sealed {
    pub trait ToTarget {
        fn to_target(&self) -> std::io::Result<super::Target<'_>>;
    }
}

/// The addresses to try, in order.
#[derive(Debug)]
pub(crate) enum Candidates<'a> {
    One(Option<SocketAddr>),
    Many(slice::Iter<'a, SocketAddr>),
    Found(vec::IntoIter<SocketAddr>),
}

/// Resolves `target`, and charges the task's budget: without a look-up it is ready at once, as are many operations on
/// an address.
#[inline]
pub(crate) async fn resolve<A: ToSocketAddrs>(target: &A) -> io::Result<Candidates<'_>> {
    consume_budget().await;
    resolve_uncharged(target).await
}

/// [`resolve`] without the charge, for callers whose next operation charges. Each look-up of this crate passes here.
#[inline]
pub(crate) async fn resolve_uncharged<A: ToSocketAddrs>(target: &A) -> io::Result<Candidates<'_>> {
    Ok(match target.to_target()? {
        Target::One(address) => Candidates::One(Some(address)),
        Target::Many(addresses) => Candidates::Many(addresses.iter()),
        Target::Name(name) => Candidates::Found((name.look_up)(name.host, name.port).await?),
    })
}

/// Looks a name up by the resolver that the program has set, or on a blocking thread.
#[inline]
async fn look_up(host: String, port: u16) -> io::Result<vec::IntoIter<SocketAddr>> {
    let Some(asked) = resolver::ask(&host) else { return look_up_on_thread(host, port).await };
    let found = asked.await.map_err(|error| FailedLookUp { host, error }.into_error())?;
    let with_port = found.into_iter().map(|ip| SocketAddr::new(ip, port));
    Ok(with_port.collect::<Vec<_>>().into_iter())
}

#[inline]
async fn look_up_on_thread(host: String, port: u16) -> io::Result<vec::IntoIter<SocketAddr>> {
    /// Removes a look-up that has not begun from the queue when its waiter is gone.
    struct LookUp<T>(JoinHandle<T>);

    impl<T> Drop for LookUp<T> {
        #[inline]
        fn drop(&mut self) {
            self.0.abort();
        }
    }

    if let Some(takes) = Backend::current().look_up_takes(&host) {
        Box::pin(sleep(takes)).await; // boxed: only in a simulation
    }
    let find = move || {
        let found = Backend::current().look_up(&host, port);
        found.map_err(|error| FailedLookUp { host, error }.into_error())
    };
    let mut found = LookUp(spawn_look_up(find));
    match (&mut found.0).await {
        Ok(found) => found.map(Vec::into_iter),
        Err(error) => Err(io::Error::other(format!("the look-up of the name has no result: {error}"))),
    }
}

/// A look-up that found nothing, with the name.
#[derive(Debug)]
struct FailedLookUp {
    host: String,
    error: io::Error,
}

impl FailedLookUp {
    #[cold]
    fn into_error(self) -> io::Error {
        io::Error::new(self.error.kind(), self)
    }
}

impl fmt::Display for FailedLookUp {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.host, self.error)
    }
}

impl Error for FailedLookUp {
    #[inline]
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// Returns the addresses of `host`, in the order in which to try them.
///
/// As [`std::net::ToSocketAddrs`], without blocking the loop; see [`ToSocketAddrs`] for the forms of `host` and for
/// the look-up. Nothing is cached.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no port. When the name is not found, or no name server
/// answers, the error that [`std::net::ToSocketAddrs`] makes of the result of [`getaddrinfo(3)`] (its kind is
/// unspecified), with the name before it. `Other` when no thread is available, or the runtime is being dropped.
///
/// # Cancel safety
///
/// Dropped before it resolves, it has no effect; a running look-up goes on, and its result is dropped.
///
/// # Panics
///
/// When `host` is a name and this thread is not in a runtime.
///
/// ```
/// # egret_runtime::block_on(async {
/// for address in egret_net::lookup_host("localhost:80").await? {
///     assert_eq!(address.port(), 80);
///     assert!(address.ip().is_loopback());
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// [`getaddrinfo(3)`]: https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
#[inline]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn lookup_host<A: ToSocketAddrs>(
    host: A,
) -> impl Future<Output = io::Result<impl Iterator<Item = SocketAddr>>> {
    Site::caller().within(async move {
        Ok(match resolve(&host).await? {
            Candidates::Found(addresses) => addresses,
            given => given.collect::<Vec<_>>().into_iter(),
        })
    })
}

/// Returns the error after trying each address: that of the last, if any.
#[inline]
pub(crate) fn all_failed(last: Option<io::Error>) -> io::Error {
    last.unwrap_or_else(|| invalid("no address to try: the slice, or the answer to the look-up, is empty"))
}

#[inline]
fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl Iterator for Candidates<'_> {
    type Item = SocketAddr;

    #[inline]
    fn next(&mut self) -> Option<SocketAddr> {
        match self {
            Candidates::One(address) => address.take(),
            Candidates::Many(addresses) => addresses.next().copied(),
            Candidates::Found(addresses) => addresses.next(),
        }
    }
}

#[inline]
fn host_and_port(host: &str, port: u16) -> Target<'_> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Target::One(SocketAddr::new(ip, port)),
        Err(_) => Target::Name(Name::new(host, port)),
    }
}

/// Returns the host of an IPv6 address with an interface, `[fe80::1%eth0]`, as [`getaddrinfo(3)`] takes it: it looks the
/// interface up. Any other host as it is.
///
/// [`getaddrinfo(3)`]: https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
#[inline]
fn without_brackets(host: &str) -> &str {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_address = |inside: &&str| {
        inside
            .split_once('%')
            .is_some_and(|(ip, interface)| ip.parse::<Ipv6Addr>().is_ok() && !interface.is_empty())
    };
    inside.filter(is_address).unwrap_or(host)
}

impl ToSocketAddrs for SocketAddr {}
impl sealed::ToTarget for SocketAddr {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(Target::One(*self))
    }
}

impl ToSocketAddrs for SocketAddrV4 {}
impl sealed::ToTarget for SocketAddrV4 {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(Target::One((*self).into()))
    }
}

impl ToSocketAddrs for SocketAddrV6 {}
impl sealed::ToTarget for SocketAddrV6 {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(Target::One((*self).into()))
    }
}

impl ToSocketAddrs for (IpAddr, u16) {}
impl sealed::ToTarget for (IpAddr, u16) {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(Target::One((*self).into()))
    }
}

impl ToSocketAddrs for (Ipv4Addr, u16) {}
impl sealed::ToTarget for (Ipv4Addr, u16) {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(Target::One((*self).into()))
    }
}

impl ToSocketAddrs for (Ipv6Addr, u16) {}
impl sealed::ToTarget for (Ipv6Addr, u16) {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(Target::One((*self).into()))
    }
}

impl ToSocketAddrs for [SocketAddr] {}
impl sealed::ToTarget for [SocketAddr] {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(Target::Many(self))
    }
}

impl ToSocketAddrs for (&str, u16) {}
impl sealed::ToTarget for (&str, u16) {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(host_and_port(self.0, self.1))
    }
}

impl ToSocketAddrs for (String, u16) {}
impl sealed::ToTarget for (String, u16) {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        Ok(host_and_port(&self.0, self.1))
    }
}

impl ToSocketAddrs for str {}
impl sealed::ToTarget for str {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        if let Ok(address) = self.parse() {
            return Ok(Target::One(address));
        }
        // The colons of an IPv6 address are within its brackets.
        let (host, port) = self
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'))
            .ok_or_else(|| invalid("no port in the address; write it as \"host:port\""))?;
        let port =
            port.parse().map_err(|_| invalid("the port in the address is no number from 0 to 65535"))?;
        Ok(Target::Name(Name::new(without_brackets(host), port)))
    }
}

impl ToSocketAddrs for String {}
impl sealed::ToTarget for String {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        self.as_str().to_target()
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}
impl<T: ToSocketAddrs + ?Sized> sealed::ToTarget for &T {
    #[inline]
    fn to_target(&self) -> io::Result<Target<'_>> {
        (**self).to_target()
    }
}

#[cfg(test)]
mod tests;
