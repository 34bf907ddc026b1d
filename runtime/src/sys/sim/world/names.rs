//! Names of hosts and addresses, as programs look them up.

use super::super::host::HostId;
use super::super::kernel::Kernel;
use super::super::plan::Fault;
use super::super::trace::Outcome;
use super::World;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The result of a look-up of a name: see [`Sim::name`](crate::sim::Sim::name).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Name {
    /// These addresses, in an order that the seed draws for each look-up; none is as [`NotFound`](Name::NotFound).
    Addresses(Vec<IpAddr>),
    /// The name does not exist: `EAI_NONAME`.
    NotFound,
    /// A name server says that it has failed: `EAI_AGAIN`, at once.
    Failure,
    /// No name server answers: `EAI_AGAIN` after ten seconds, two tries of five
    /// ([resolv.conf(5)](https://man7.org/linux/man-pages/man5/resolv.conf.5.html)).
    Silence,
}

impl<const N: usize> From<[IpAddr; N]> for Name {
    fn from(addresses: [IpAddr; N]) -> Name {
        Name::Addresses(addresses.into())
    }
}

impl From<Vec<IpAddr>> for Name {
    fn from(addresses: Vec<IpAddr>) -> Name {
        Name::Addresses(addresses)
    }
}

/// How long a resolver waits for a name server before it asks again, and how often it asks.
const TRY: Duration = Duration::from_secs(5);
const TRIES: u32 = 2;

impl World {
    /// Sets what a look-up of `name` returns, on one host or on all that have none of their own.
    pub(crate) fn set_name(&self, host: Option<HostId>, name: &str, answer: Name) {
        self.ask(|kernel| {
            kernel.note("name", None, Outcome::Text(format!("{name} is {answer:?}").into()));
            kernel.names.insert((host, name.to_owned()), answer);
        });
    }

    /// Returns how long a look-up takes that begins now.
    pub(crate) fn look_up_takes(&self, name: &str) -> Duration {
        self.ask(|kernel| match kernel.name_is(name) {
            Some(Name::Silence) => TRY * TRIES,
            // One question or its answer is lost.
            _ if kernel.fault(Fault::NameDelay) => TRY,
            _ => Duration::ZERO,
        })
    }

    /// Resolves a name.
    pub(crate) fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found = |kernel: &mut Kernel| {
            if kernel.fault(Fault::NameFailure) {
                return Err(libc::EAGAIN);
            }
            match kernel.name_is(name) {
                Some(Name::Addresses(mut addresses)) if !addresses.is_empty() => {
                    for last in (1..addresses.len()).rev() {
                        let other = kernel.choices.below(last + 1);
                        addresses.swap(last, other);
                    }
                    Ok(addresses)
                }
                Some(Name::Addresses(_) | Name::NotFound) | None => Err(libc::ENOENT),
                Some(Name::Failure | Name::Silence) => Err(libc::EAGAIN),
            }
        };
        let text = |found: &Vec<IpAddr>| {
            let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
            Outcome::Text(texts.join(" ").into())
        };
        let found = self.call("look up", None, found, text).map_err(|error| {
            io::Error::other(match error.raw_os_error() {
                Some(libc::EAGAIN) => {
                    "failed to lookup address information: Temporary failure in name resolution"
                }
                _ => "failed to lookup address information: Name or service not known",
            })
        })?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

impl Kernel {
    /// Returns the answer for the host whose program runs: what the test has set, else an address that `name` is, or
    /// that of a host.
    fn name_is(&self, name: &str) -> Option<Name> {
        let set = |host| self.names.get(&(host, name.to_owned())).cloned();
        let own = self.here().and_then(|host| set(Some(host)));
        let loopback = || (name == "localhost").then(|| IpAddr::from([127, 0, 0, 1]));
        let host = || self.hosts.iter().find(|host| *host.name == *name).map(|host| host.address);
        own.or_else(|| set(None))
            .or_else(|| name.parse().ok().or_else(loopback).or_else(host).map(|address| [address].into()))
    }
}
