//! The supported socket options, each with the size of its value, and the two calls.
//!
//! * `getsockopt` and `setsockopt` take any number, and not each option is made of integers: `SO_ATTACH_FILTER` is
//!   set by a structure with a pointer, `SO_GET_FILTER` takes its length in instructions and writes eight bytes for
//!   each.
//! * The fields of [`KnownOption`] are private to this file, so the calls are made only with an option of the table below.
//! * Read an option's man page before you add it.
//! * With feature `sim` the two calls on a simulated socket go to the simulation (`sim/option.rs`).

use super::super::{Fd, check};
#[cfg(feature = "sim")]
use crate::sys::sim::SimDescriptor;
use libc::{c_int, socklen_t};
use std::io;
use std::os::fd::AsRawFd;

/// An option whose value is `N` integers, none of which is a pointer; the kernel reads and writes no more.
#[derive(Clone, Copy, Debug)]
pub(in crate::sys::linux) struct KnownOption<const N: usize> {
    level: c_int,
    name: c_int,
    /// The name as text, for a trace.
    #[cfg(feature = "sim")]
    text: &'static str,
}

macro_rules! table {
    ($($name:ident: $len:literal = $level:ident;)*) => {
        $(pub(in crate::sys::linux) const $name: KnownOption<$len> = KnownOption {
            level: libc::$level,
            name: libc::$name,
            #[cfg(feature = "sim")]
            text: stringify!($name),
        };)*
    };
}

table! {
    SO_ACCEPTCONN: 1 = SOL_SOCKET;
    SO_BROADCAST: 1 = SOL_SOCKET;
    SO_DOMAIN: 1 = SOL_SOCKET;
    SO_ERROR: 1 = SOL_SOCKET;
    SO_INCOMING_CPU: 1 = SOL_SOCKET;
    SO_KEEPALIVE: 1 = SOL_SOCKET;
    SO_LINGER: 2 = SOL_SOCKET;
    SO_MARK: 1 = SOL_SOCKET;
    SO_PASSCRED: 1 = SOL_SOCKET;
    SO_PEERCRED: 3 = SOL_SOCKET;
    SO_RCVBUF: 1 = SOL_SOCKET;
    SO_RCVLOWAT: 1 = SOL_SOCKET;
    SO_REUSEADDR: 1 = SOL_SOCKET;
    SO_REUSEPORT: 1 = SOL_SOCKET;
    SO_SNDBUF: 1 = SOL_SOCKET;
    SO_TYPE: 1 = SOL_SOCKET;
    TCP_DEFER_ACCEPT: 1 = IPPROTO_TCP;
    TCP_FASTOPEN: 1 = IPPROTO_TCP;
    TCP_KEEPCNT: 1 = IPPROTO_TCP;
    TCP_KEEPIDLE: 1 = IPPROTO_TCP;
    TCP_KEEPINTVL: 1 = IPPROTO_TCP;
    TCP_NODELAY: 1 = IPPROTO_TCP;
    TCP_NOTSENT_LOWAT: 1 = IPPROTO_TCP;
    TCP_QUICKACK: 1 = IPPROTO_TCP;
    TCP_USER_TIMEOUT: 1 = IPPROTO_TCP;
    IP_ADD_MEMBERSHIP: 2 = IPPROTO_IP;
    IP_DROP_MEMBERSHIP: 2 = IPPROTO_IP;
    IP_MULTICAST_IF: 1 = IPPROTO_IP;
    IP_MULTICAST_LOOP: 1 = IPPROTO_IP;
    IP_MULTICAST_TTL: 1 = IPPROTO_IP;
    IP_PKTINFO: 1 = IPPROTO_IP;
    IP_RECVTOS: 1 = IPPROTO_IP;
    IP_TOS: 1 = IPPROTO_IP;
    IP_TTL: 1 = IPPROTO_IP;
    IPV6_ADD_MEMBERSHIP: 5 = IPPROTO_IPV6;
    IPV6_DROP_MEMBERSHIP: 5 = IPPROTO_IPV6;
    IPV6_MULTICAST_HOPS: 1 = IPPROTO_IPV6;
    IPV6_MULTICAST_IF: 1 = IPPROTO_IPV6;
    IPV6_MULTICAST_LOOP: 1 = IPPROTO_IPV6;
    IPV6_RECVPKTINFO: 1 = IPPROTO_IPV6;
    IPV6_RECVTCLASS: 1 = IPPROTO_IPV6;
    IPV6_TCLASS: 1 = IPPROTO_IPV6;
    IPV6_V6ONLY: 1 = IPPROTO_IPV6;
    UDP_GRO: 1 = SOL_UDP;
    UDP_SEGMENT: 1 = SOL_UDP;
}

// For the tests of datagrams.
#[cfg(test)]
table! {
    SO_RXQ_OVFL: 1 = SOL_SOCKET;
    SO_TIMESTAMPING: 1 = SOL_SOCKET;
    SO_TIMESTAMPNS: 1 = SOL_SOCKET;
    SO_WIFI_STATUS: 1 = SOL_SOCKET;
    IP_RECVORIGDSTADDR: 1 = IPPROTO_IP;
    IP_RECVTTL: 1 = IPPROTO_IP;
    IPV6_MTU: 1 = IPPROTO_IPV6;
}
// The libc crate does not define these.
#[cfg(test)]
pub(in crate::sys::linux) const SO_RCVMARK: KnownOption<1> = KnownOption { name: 75, ..SO_TYPE };
#[cfg(test)]
pub(in crate::sys::linux) const SO_RCVPRIORITY: KnownOption<1> = KnownOption { name: 82, ..SO_TYPE };

impl Fd {
    #[inline]
    pub(in crate::sys::linux) fn get<const N: usize>(
        &self,
        option: KnownOption<N>,
    ) -> io::Result<[c_int; N]> {
        #[cfg(feature = "sim")]
        if let Some(simulated) = SimDescriptor::at(self.as_raw_fd()) {
            return simulated.option(option.level, option.name);
        }
        let mut value = [0; N];
        let mut len = size_of_val(&value) as socklen_t;
        let to = value.as_mut_ptr().cast();
        // SAFETY: for an option of the table the kernel writes at most `len` bytes to `value`, which has that many and of
        // which any bytes are a value; both live across the call.
        check(unsafe { libc::getsockopt(self.as_raw_fd(), option.level, option.name, to, &raw mut len) })?;
        Ok(value)
    }

    #[inline]
    pub(in crate::sys::linux) fn set<const N: usize>(
        &self,
        option: KnownOption<N>,
        value: [c_int; N],
    ) -> io::Result<()> {
        #[cfg(feature = "sim")]
        if let Some(simulated) = SimDescriptor::at(self.as_raw_fd()) {
            return simulated.set_option(option.text, option.level, option.name, &value);
        }
        let len = size_of_val(&value) as socklen_t;
        let from = value.as_ptr().cast();
        // SAFETY: for an option of the table the kernel reads at most `len` bytes of `value`, which has that many and lives
        // across the call; no integer of the value is a pointer.
        check(unsafe { libc::setsockopt(self.as_raw_fd(), option.level, option.name, from, len) })?;
        Ok(())
    }
}
