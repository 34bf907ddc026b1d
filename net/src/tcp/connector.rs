//! [`Connector`]: connecting to several addresses at a time, by RFC 8305.

use super::connect::connect;
use super::stream::TcpStream;
use crate::addr::{self, ToSocketAddrs};
use egret_runtime::io::Site;
use egret_runtime::sys::{Backend, Domain, Type};
use egret_runtime::time::{Duration, sleep, timeout};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

/// The default of [`Connector::attempt_delay`]: what RFC 8305 recommends in section 5.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Its least: section 8 forbids less, which would flood a slow network with attempts.
const LEAST_DELAY: Duration = Duration::from_millis(10);

/// Connects to the first of several addresses that answers, as
/// [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305) (Happy Eyeballs) has it.
///
/// [`TcpStream::connect`] tries one address after the other, and one that does not answer takes it about two minutes. Here
/// the next attempt begins when the one before has failed or a quarter of a second has passed, and the first connection
/// wins. IPv6 and IPv4 alternate, beginning with the family of the first address.
///
/// ```
/// # egret_runtime::block_on(async {
/// use egret_net::TcpListener;
/// use egret_net::tcp::Connector;
/// use egret_runtime::time::Duration;
///
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let live = listener.local_addr()?;
/// let refuses = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
///
/// let connector = Connector::new().address_limit(Duration::from_secs(5));
/// let stream = connector.connect(&[refuses, live][..]).await?;
/// assert_eq!(stream.peer_addr()?, live);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a connector connects nothing until it is asked to"]
pub struct Connector {
    attempt_delay: Duration,
    address_limit: Option<Duration>,
}

impl Default for Connector {
    #[inline]
    fn default() -> Connector {
        Connector::new()
    }
}

/// The next event among the attempts.
enum ConnectOutcome {
    Connected(TcpStream),
    Failed(io::Error),
    DelayIsOver,
}

impl Connector {
    /// Creates a connector with a delay of 250 milliseconds between attempts, and no limit for an address.
    #[inline]
    pub fn new() -> Connector {
        Connector { attempt_delay: ATTEMPT_DELAY, address_limit: None }
    }

    /// Sets how long an attempt is alone before the next one begins: at least 10 milliseconds; RFC 8305 advises 100
    /// milliseconds to 2 seconds.
    #[inline]
    pub fn attempt_delay(mut self, delay: Duration) -> Connector {
        self.attempt_delay = delay.max(LEAST_DELAY);
        self
    }

    /// Sets how long each address may take to answer. Without a limit the kernel decides (`net.ipv4.tcp_syn_retries`,
    /// about two minutes). For a limit of the whole, use [`timeout`].
    #[inline]
    pub fn address_limit(mut self, limit: Duration) -> Connector {
        self.address_limit = Some(limit);
        self
    }

    /// Connects to the first of the addresses that answers, and closes the other attempts.
    ///
    /// A name is looked up on another thread; see [`ToSocketAddrs`].
    ///
    /// # Errors
    ///
    /// That of the attempt that failed last: see [`TcpStream::connect`]. [`TimedOut`](io::ErrorKind::TimedOut), with the
    /// address, after the [limit](Connector::address_limit). [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no
    /// address to try.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, all attempts are cancelled and their sockets closed.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[cfg_attr(feature = "inspect", track_caller)]
    #[inline]
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> impl Future<Output = io::Result<TcpStream>> {
        Site::caller().within(async move {
            let mut waiting = alternating(addr::resolve(&addr).await?).into_iter();
            let mut attempts = Vec::new();
            let mut last = None;
            loop {
                match waiting.next() {
                    Some(address) => attempts.push(Box::pin(self.attempt(address))),
                    None if attempts.is_empty() => return Err(addr::all_failed(last)),
                    None => {}
                }
                let delay = (waiting.len() != 0).then_some(self.attempt_delay);
                match first_of(&mut attempts, delay).await {
                    ConnectOutcome::Connected(stream) => return Ok(stream),
                    ConnectOutcome::Failed(error) => last = Some(error),
                    ConnectOutcome::DelayIsOver => {}
                }
            }
        })
    }

    #[inline]
    async fn attempt(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let fd = Backend::current().socket(Domain::of(&address), Type::Stream)?;
        let Some(limit) = self.address_limit else { return connect(fd, &address).await };
        let late = |_| {
            let message = format!("{address} has not answered within {limit:?}");
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        };
        timeout(limit, connect(fd, &address)).await.unwrap_or_else(late)
    }
}

/// Waits until one of `attempts` ends, which is then taken out, or `delay` has passed.
#[inline]
async fn first_of<A>(attempts: &mut Vec<Pin<Box<A>>>, delay: Option<Duration>) -> ConnectOutcome
where
    A: Future<Output = io::Result<TcpStream>>,
{
    let mut delay = delay.map(|delay| Box::pin(sleep(delay)));
    poll_fn(|cx| {
        for at in 0..attempts.len() {
            if let Poll::Ready(ended) = attempts[at].as_mut().poll(cx) {
                drop(attempts.remove(at));
                return Poll::Ready(ended.map_or_else(ConnectOutcome::Failed, ConnectOutcome::Connected));
            }
        }
        match &mut delay {
            Some(delay) => delay.as_mut().poll(cx).map(|()| ConnectOutcome::DelayIsOver),
            None => Poll::Pending,
        }
    })
    .await
}

/// Returns the addresses with their families alternating for as long as there are both, each family in its order.
/// (Section 4)
#[inline]
fn alternating(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.peekable();
    let is_first = addresses.peek().map(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.partition(|address| Some(address.is_ipv6()) == is_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() != 0 {
        all.extend(first.next());
        all.extend(second.next());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families(of: &str) -> String {
        let address = |(port, family): (usize, char)| match family {
            '4' => SocketAddr::from(([127, 0, 0, 1], port as u16)),
            _ => SocketAddr::from(([0u16; 8], port as u16)),
        };
        let sorted = alternating(of.chars().enumerate().map(address));
        for v6 in [false, true] {
            let ports = sorted.iter().filter(|address| address.is_ipv6() == v6).map(SocketAddr::port);
            assert!(ports.is_sorted(), "each family keeps its order");
        }
        sorted.iter().map(|address| if address.is_ipv6() { '6' } else { '4' }).collect()
    }

    #[test]
    fn the_families_alternate_beginning_with_the_first_and_the_rest_follows() {
        for (given, expected) in [
            ("", ""),
            ("4", "4"),
            ("666444", "646464"),
            ("4466", "4646"),
            ("66664", "64666"),
            ("4666", "4666"),
        ] {
            assert_eq!(families(given), expected, "{given}");
        }
    }

    #[test]
    fn a_delay_has_a_least() {
        assert_eq!(Connector::new().attempt_delay(Duration::ZERO).attempt_delay, LEAST_DELAY);
        assert_eq!(Connector::default().attempt_delay, ATTEMPT_DELAY);
    }
}
