//! [`set_resolver`]: a function of the program that looks names up, in place of `getaddrinfo` on a thread.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;

type ResolveFuture = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>>>>;
type Resolve = Rc<dyn Fn(String) -> ResolveFuture>;

thread_local! {
    static RESOLVER: RefCell<Option<Resolve>> = const { RefCell::new(None) };
}

/// Looks the names of this thread up by `resolve`, until the guard is dropped.
///
/// Each name that [`lookup_host`](crate::lookup_host), a `connect`, a `bind` or a `send_to` is given goes to `resolve`, in the place of
/// the C library's `getaddrinfo(3)` and its thread: see [`ToSocketAddrs`](crate::ToSocketAddrs#names). The future is polled by the task
/// that asks, and dropped with what asked. It returns the addresses in the order in which to try them. Made for a resolver
/// that queries name servers by sockets of egret, such as hickory-resolver, or for a table of names in a test.
///
/// Not asked about are addresses, also as strings, and those with an interface (`fe80::1%eth0`), which are the kernel's. All other names
/// are, `localhost` among them: whether `/etc/hosts` counts is the function's affair. It must not look a name up by this
/// crate itself, which would ask it again, without end.
///
/// The guard restores what was set before, and is meant to live as long as the runtime whose sockets `resolve` uses. With a
/// runtime on each of several threads, each sets its own.
///
/// # Errors
///
/// An error of `resolve` is that of the operation, with the name before it and the same kind.
///
/// ```
/// use std::io;
/// use std::net::Ipv4Addr;
///
/// # egret_runtime::block_on(async {
/// let _names = egret_net::set_resolver(async |host| match host.as_str() {
///     "database.test" => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
///     _ => Err(io::Error::new(io::ErrorKind::NotFound, "it is not in the table")),
/// });
/// let mut found = egret_net::lookup_host("database.test:5432").await?;
/// assert_eq!(found.next().unwrap().to_string(), "127.0.0.1:5432");
/// let error = egret_net::TcpStream::connect("cache.test:6379").await.unwrap_err();
/// assert_eq!(error.to_string(), "\"cache.test\": it is not in the table");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[inline]
pub fn set_resolver<F, R>(resolve: F) -> ResolverGuard
where
    F: Fn(String) -> R + 'static,
    R: Future<Output = io::Result<Vec<IpAddr>>> + 'static,
{
    let resolve: Resolve = Rc::new(move |host| Box::pin(resolve(host)));
    ResolverGuard { before: RESOLVER.replace(Some(resolve)), _on_its_thread: PhantomData }
}

/// Restores the resolver that was there before [`set_resolver`].
#[must_use = "the resolver is taken away when the guard is dropped"]
pub struct ResolverGuard {
    before: Option<Resolve>,
    _on_its_thread: PhantomData<Rc<()>>,
}

impl Drop for ResolverGuard {
    #[inline]
    fn drop(&mut self) {
        let before = self.before.take();
        // Outside of the borrow: the function may own anything.
        drop(RESOLVER.try_with(|resolver| resolver.replace(before)));
    }
}

impl fmt::Debug for ResolverGuard {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolverGuard").finish_non_exhaustive()
    }
}

/// Asks the resolver of this thread; `None` if there is none, or the name is the kernel's.
#[inline]
pub(crate) fn ask(host: &str) -> Option<ResolveFuture> {
    let resolve = RESOLVER.with_borrow(Clone::clone)?;
    (!host.contains('%')).then(|| resolve(host.to_owned()))
}
