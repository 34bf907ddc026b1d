//! Socket options, one typed pair of methods each: [`socket(7)`], [`tcp(7)`], [`ip(7)`], [`ipv6(7)`].
//!
//! A failure is an errno of `getsockopt` or `setsockopt`: `ENOPROTOOPT` where the kernel or the socket's kind
//! has no such option, `EINVAL` and `EDOM` for a value out of range. The methods name only what they add.
//!
//! [`socket(7)`]: https://man7.org/linux/man-pages/man7/socket.7.html
//! [`tcp(7)`]: https://man7.org/linux/man-pages/man7/tcp.7.html
//! [`ip(7)`]: https://man7.org/linux/man-pages/man7/ip.7.html
//! [`ipv6(7)`]: https://man7.org/linux/man-pages/man7/ipv6.7.html

mod datagram; // options of datagram sockets
pub(super) mod known; // the options that there are, and the two calls
mod server; // options that servers set
mod steering; // which socket of a group gets a connection

use super::{Fd, check};
use known::KnownOption;
use libc::{c_int, socklen_t};
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Every method: see the errors of `getsockopt` at the head of this module's file.
impl Fd {
    /// Takes the pending error of the socket, `SO_ERROR`; the kernel clears it.
    #[inline]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let [errno] = self.get(known::SO_ERROR)?;
        Ok((errno != 0).then(|| io::Error::from_raw_os_error(errno)))
    }

    /// Returns whether a small segment is sent before the previous one is acknowledged, `TCP_NODELAY`.
    #[inline]
    pub fn nodelay(&self) -> io::Result<bool> {
        self.get_flag(known::TCP_NODELAY)
    }

    /// Sets `TCP_NODELAY`.
    #[inline]
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::TCP_NODELAY, on)
    }

    /// Returns whether acknowledgements are sent at once, `TCP_QUICKACK`. Not permanent: the kernel may leave the mode.
    #[inline]
    pub fn quickack(&self) -> io::Result<bool> {
        self.get_flag(known::TCP_QUICKACK)
    }

    /// Sets `TCP_QUICKACK`.
    #[inline]
    pub fn set_quickack(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::TCP_QUICKACK, on)
    }

    /// Returns the bound of the unsent bytes in the send queue, `TCP_NOTSENT_LOWAT`; 0 for `net.ipv4.tcp_notsent_lowat`.
    #[inline]
    pub fn notsent_lowat(&self) -> io::Result<u32> {
        let [bytes] = self.get(known::TCP_NOTSENT_LOWAT)?;
        Ok(bytes as u32)
    }

    /// Sets `TCP_NOTSENT_LOWAT` in bytes.
    #[inline]
    pub fn set_notsent_lowat(&self, bytes: u32) -> io::Result<()> {
        self.set(known::TCP_NOTSENT_LOWAT, [bytes as c_int])
    }

    /// Returns how long sent bytes may stay unacknowledged, or unsent behind a closed window, `TCP_USER_TIMEOUT`;
    /// `None` for what the host says.
    #[inline]
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        let milliseconds = self.get_number(known::TCP_USER_TIMEOUT)?;
        Ok((milliseconds != 0).then_some(Duration::from_millis(milliseconds.into())))
    }

    /// Sets `TCP_USER_TIMEOUT`: rounded up to milliseconds, and at most 24 days; a zero, which would be the default, is
    /// a millisecond.
    #[inline]
    pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        let milliseconds = |timeout: Duration| {
            u32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
        };
        self.set_number(known::TCP_USER_TIMEOUT, timeout.map_or(0, milliseconds))
    }

    /// Returns how many bytes make a socket readable, `SO_RCVLOWAT`.
    #[inline]
    pub fn recv_lowat(&self) -> io::Result<u32> {
        self.get_number(known::SO_RCVLOWAT)
    }

    /// Sets `SO_RCVLOWAT`; 0 is 1.
    #[inline]
    pub fn set_recv_lowat(&self, bytes: u32) -> io::Result<()> {
        self.set_number(known::SO_RCVLOWAT, bytes)
    }

    /// Returns whether `bind` accepts an address with connections in `TIME_WAIT`, `SO_REUSEADDR`.
    #[inline]
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.get_flag(known::SO_REUSEADDR)
    }

    /// Sets `SO_REUSEADDR`.
    #[inline]
    pub fn set_reuseaddr(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::SO_REUSEADDR, on)
    }

    /// Returns whether several sockets may listen on one address and share its connections, `SO_REUSEPORT`.
    #[inline]
    pub fn reuseport(&self) -> io::Result<bool> {
        self.get_flag(known::SO_REUSEPORT)
    }

    /// Sets `SO_REUSEPORT`.
    #[inline]
    pub fn set_reuseport(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::SO_REUSEPORT, on)
    }

    /// Returns whether an idle connection is probed, `SO_KEEPALIVE`.
    #[inline]
    pub fn keepalive(&self) -> io::Result<bool> {
        self.get_flag(known::SO_KEEPALIVE)
    }

    /// Sets `SO_KEEPALIVE`.
    #[inline]
    pub fn set_keepalive(&self, on: bool) -> io::Result<()> {
        self.set_flag(known::SO_KEEPALIVE, on)
    }

    /// Returns the size of the send buffer in bytes, `SO_SNDBUF`: twice what was set, for the kernel's own needs.
    #[inline]
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.get_number(known::SO_SNDBUF)
    }

    /// Sets `SO_SNDBUF` in bytes; the kernel caps it at `net.core.wmem_max`, doubles it and stops tuning it.
    #[inline]
    pub fn set_send_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.set_number(known::SO_SNDBUF, bytes)
    }

    /// Returns the size of the receive buffer in bytes, `SO_RCVBUF`: twice what was set, for the kernel's own needs.
    #[inline]
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.get_number(known::SO_RCVBUF)
    }

    /// Sets `SO_RCVBUF` in bytes; the kernel caps it at `net.core.rmem_max`, doubles it and stops tuning it.
    #[inline]
    pub fn set_recv_buffer_size(&self, bytes: u32) -> io::Result<()> {
        self.set_number(known::SO_RCVBUF, bytes)
    }

    /// Returns the time to live of IPv4 packets, `IP_TTL`, in hops.
    #[inline]
    pub fn ttl(&self) -> io::Result<u32> {
        self.get_number(known::IP_TTL)
    }

    /// Sets `IP_TTL`. `EINVAL` outside of 1 to 255.
    #[inline]
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.set_number(known::IP_TTL, hops)
    }

    /// Returns the type of service of IPv4 packets, `IP_TOS`.
    #[inline]
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.get_number(known::IP_TOS)
    }

    /// Sets `IP_TOS`. `EINVAL` above 255.
    #[inline]
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        // The kernel would take the low byte.
        if tos > 0xff {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        self.set_number(known::IP_TOS, tos)
    }

    /// Returns the traffic class of IPv6 packets, `IPV6_TCLASS`.
    #[inline]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.get_number(known::IPV6_TCLASS)
    }

    /// Sets `IPV6_TCLASS`.
    #[inline]
    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        self.set_number(known::IPV6_TCLASS, class)
    }

    /// Returns how long a close waits for unsent bytes, `SO_LINGER`; `None` for "sent in the background".
    #[inline]
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        let [on, seconds] = self.get(known::SO_LINGER)?;
        Ok((on != 0).then(|| Duration::from_secs(seconds.max(0) as u64)))
    }

    /// Sets `SO_LINGER`, in whole seconds: rounded up, because 0 has a meaning of its own, and capped at `i32::MAX`.
    ///
    /// Zero makes a close discard what is unsent and reset the connection. Anything longer makes it block the
    /// thread, on a non-blocking socket too.
    #[inline]
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        let on = c_int::from(linger.is_some());
        let linger = linger.unwrap_or_default();
        let seconds = linger.as_secs().saturating_add(u64::from(linger.subsec_nanos() > 0));
        let seconds = c_int::try_from(seconds).unwrap_or(c_int::MAX);
        self.set(known::SO_LINGER, [on, seconds])
    }

    /// Returns the name of the interface that the socket is bound to, `SO_BINDTODEVICE`.
    #[inline]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        let mut name = [0u8; libc::IFNAMSIZ];
        let mut len = name.len() as socklen_t;
        // SAFETY: the kernel writes at most `len` bytes to `name`, which has that many; both live across the call.
        check(unsafe {
            libc::getsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_BINDTODEVICE,
                name.as_mut_ptr().cast(),
                &raw mut len,
            )
        })?;
        let name = name[..len as usize].split(|&byte| byte == 0).next().unwrap_or_default();
        Ok((!name.is_empty()).then(|| name.to_vec()))
    }

    /// Binds the socket to the interface of this name, or, with `None`, to none, `SO_BINDTODEVICE`.
    ///
    /// `ENODEV` when there is no such interface, `EPERM` for one process taking what another has bound.
    #[inline]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        let name = interface.unwrap_or_default();
        // The kernel would cut the name at a zero or at the 16th byte and find another interface.
        if name.len() >= libc::IFNAMSIZ || name.contains(&0) {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        // SAFETY: the kernel reads at most `name.len()` bytes of `name`, which lives across the call.
        check(unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_BINDTODEVICE,
                name.as_ptr().cast(),
                name.len() as socklen_t,
            )
        })?;
        Ok(())
    }

    #[inline]
    pub(super) fn get_flag(&self, option: KnownOption<1>) -> io::Result<bool> {
        let [value] = self.get(option)?;
        Ok(value != 0)
    }

    #[inline]
    pub(super) fn set_flag(&self, option: KnownOption<1>, on: bool) -> io::Result<()> {
        self.set(option, [c_int::from(on)])
    }

    /// Returns an option that is a count: never negative.
    #[inline]
    pub(super) fn get_number(&self, option: KnownOption<1>) -> io::Result<u32> {
        let [value] = self.get(option)?;
        Ok(value.max(0) as u32)
    }

    #[inline]
    pub(super) fn set_number(&self, option: KnownOption<1>, value: u32) -> io::Result<()> {
        self.set(option, [c_int::try_from(value).unwrap_or(c_int::MAX)])
    }
}

// SO_LINGER is read and written as two integers.
const _: () = assert!(size_of::<libc::linger>() == size_of::<[c_int; 2]>());
const _: () = assert!(std::mem::offset_of!(libc::linger, l_linger) == size_of::<c_int>());

#[cfg(test)]
mod tests {
    use super::super::{Backend, Domain, Type};
    use super::*;

    fn socket(domain: Domain) -> Fd {
        Backend::current().socket(domain, Type::Stream).unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows few options")]
    fn a_flag_reads_back_as_it_was_set() {
        let fd = socket(Domain::V4);
        type Get = fn(&Fd) -> io::Result<bool>;
        type Set = fn(&Fd, bool) -> io::Result<()>;
        let flags: [(Get, Set); 5] = [
            (Fd::nodelay, Fd::set_nodelay),
            (Fd::reuseaddr, Fd::set_reuseaddr),
            (Fd::reuseport, Fd::set_reuseport),
            (Fd::keepalive, Fd::set_keepalive),
            (Fd::quickack, Fd::set_quickack),
        ];
        for (get, set) in flags {
            let before = get(&fd).unwrap();
            set(&fd, !before).unwrap();
            assert_eq!(get(&fd).unwrap(), !before);
            set(&fd, before).unwrap();
            assert_eq!(get(&fd).unwrap(), before);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows few options")]
    fn a_number_reads_back_and_one_out_of_range_is_refused() {
        let fd = socket(Domain::V4);
        fd.set_ttl(33).unwrap();
        assert_eq!(fd.ttl().unwrap(), 33);
        assert_eq!(fd.set_ttl(256).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(fd.set_ttl(u32::MAX).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        fd.set_tos_v4(0x10).unwrap();
        assert_eq!(fd.tos_v4().unwrap(), 0x10);
        for beyond in [0x100, u32::MAX] {
            assert_eq!(fd.set_tos_v4(beyond).unwrap_err().raw_os_error(), Some(libc::EINVAL));
            assert_eq!(fd.tos_v4().unwrap(), 0x10);
        }
        fd.set_send_buffer_size(16 << 10).unwrap();
        assert_eq!(fd.send_buffer_size().unwrap(), 32 << 10);
        fd.set_recv_buffer_size(16 << 10).unwrap();
        assert_eq!(fd.recv_buffer_size().unwrap(), 32 << 10);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows few options")]
    fn a_linger_is_rounded_up_so_that_it_never_becomes_a_reset() {
        let fd = socket(Domain::V4);
        assert_eq!(fd.linger().unwrap(), None);
        let cases = [
            (Duration::ZERO, Duration::ZERO),
            (Duration::from_nanos(1), Duration::from_secs(1)),
            (Duration::from_millis(1500), Duration::from_secs(2)),
        ];
        for (set, got) in cases {
            fd.set_linger(Some(set)).unwrap();
            assert_eq!(fd.linger().unwrap(), Some(got));
        }
        fd.set_linger(Some(Duration::MAX)).unwrap();
        assert!(fd.linger().unwrap() > Some(Duration::from_secs(1 << 30)));
        fd.set_linger(None).unwrap();
        assert_eq!(fd.linger().unwrap(), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows few options")]
    fn an_unknown_interface_is_refused_and_none_is_none() {
        let fd = socket(Domain::V4);
        assert_eq!(fd.device().unwrap(), None);
        assert!(fd.bind_device(Some(b"no-such-if")).is_err());
        // Names that the kernel would cut.
        for longer in [&b"lo\0"[..], b"lo\0junk", b"lo\0-and-more-than-16", &[b'x'; 16], &[0; 1]] {
            let refused = fd.bind_device(Some(longer)).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::ENODEV), "{longer:?}");
        }
        assert_eq!(fd.device().unwrap(), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows few options")]
    fn an_option_of_the_other_family_is_an_error_with_its_errno() {
        let v6 = socket(Domain::V6);
        v6.set_tclass_v6(0x20).unwrap();
        assert_eq!(v6.tclass_v6().unwrap(), 0x20);
        let v4 = socket(Domain::V4);
        assert_eq!(v4.set_tclass_v6(0x20).unwrap_err().raw_os_error(), Some(libc::ENOPROTOOPT));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows few options")]
    fn a_fresh_socket_has_no_error_to_take() {
        assert!(socket(Domain::V4).take_error().unwrap().is_none());
    }
}
