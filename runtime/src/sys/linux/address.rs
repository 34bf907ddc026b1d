//! Socket addresses between std's types and the kernel's bytes.
//!
//! The kernel reads and writes a `sockaddr_in` or a `sockaddr_in6` ([`ip(7)`], [`ipv6(7)`]). Their layouts are fixed,
//! so they are built and parsed here as bytes, without casts between structures or a union; otherwise a
//! `sockaddr_in6` could be read where the kernel wrote the shorter `sockaddr_in`.
//!
//! [`ip(7)`]: https://man7.org/linux/man-pages/man7/ip.7.html
//! [`ipv6(7)`]: https://man7.org/linux/man-pages/man7/ipv6.7.html

use std::io;
use std::mem::offset_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

const V4_LEN: usize = size_of::<libc::sockaddr_in>();
const V6_LEN: usize = size_of::<libc::sockaddr_in6>();

// The offsets that `from` and `to_std` write as numbers.
const _: () = assert!(V4_LEN == 16 && V6_LEN == 28);
const _: () = assert!(offset_of!(libc::sockaddr_in, sin_family) == 0);
const _: () = assert!(offset_of!(libc::sockaddr_in, sin_port) == 2);
const _: () = assert!(offset_of!(libc::sockaddr_in, sin_addr) == 4);
const _: () = assert!(offset_of!(libc::sockaddr_in6, sin6_family) == 0);
const _: () = assert!(offset_of!(libc::sockaddr_in6, sin6_port) == 2);
const _: () = assert!(offset_of!(libc::sockaddr_in6, sin6_flowinfo) == 4);
const _: () = assert!(offset_of!(libc::sockaddr_in6, sin6_addr) == 8);
const _: () = assert!(offset_of!(libc::sockaddr_in6, sin6_scope_id) == 24);
const _: () = assert!(align_of::<RawAddress>() >= align_of::<libc::sockaddr_in6>());

/// The bytes of one address, or room for one, and their length: by default for the longer of the two layouts here;
/// `unix_address.rs` has its own.
#[derive(Clone, Copy, Debug)]
#[repr(align(8))]
pub(super) struct RawAddress<const N: usize = V6_LEN> {
    pub(super) bytes: [u8; N],
    /// The length passed to or returned by the kernel. The kernel returns the length before truncation, so it may
    /// exceed the room.
    pub(super) len: libc::socklen_t,
}

impl<const N: usize> RawAddress<N> {
    /// Creates room for the longest address of the family.
    #[inline]
    pub(super) const fn room() -> RawAddress<N> {
        RawAddress { bytes: [0; N], len: N as libc::socklen_t }
    }

    /// Returns where the bytes start, for a call that reads them.
    #[inline]
    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        self.bytes.as_ptr().cast()
    }

    /// Returns how many bytes there are.
    #[inline]
    pub(super) fn len(&self) -> libc::socklen_t {
        self.len
    }

    /// Returns where the kernel writes the bytes and their length; the length says how much room there is.
    #[inline]
    pub(super) fn as_mut_ptrs(&mut self) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        (self.bytes.as_mut_ptr().cast(), &raw mut self.len)
    }
}

impl RawAddress {
    /// Returns the address as std knows it.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` for a family other than IPv4 and IPv6.
    #[inline]
    pub(super) fn to_std(self) -> io::Result<SocketAddr> {
        let family = libc::c_int::from(u16::from_ne_bytes(self.part(0)));
        let port = u16::from_be_bytes(self.part(2));
        let len = self.len as usize;
        if family == libc::AF_INET && len >= V4_LEN {
            let ip = Ipv4Addr::from(self.part::<4>(4));
            Ok(SocketAddrV4::new(ip, port).into())
        } else if family == libc::AF_INET6 && len >= V6_LEN {
            let flowinfo = u32::from_ne_bytes(self.part(4));
            let ip = Ipv6Addr::from(self.part::<16>(8));
            let scope_id = u32::from_ne_bytes(self.part(24));
            Ok(SocketAddrV6::new(ip, port, flowinfo, scope_id).into())
        } else {
            Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT))
        }
    }

    #[inline]
    fn part<const P: usize>(&self, at: usize) -> [u8; P] {
        std::array::from_fn(|i| self.bytes[at + i])
    }

    #[inline]
    fn put<const P: usize>(&mut self, at: usize, part: [u8; P]) {
        self.bytes[at..at + P].copy_from_slice(&part);
    }
}

impl From<&SocketAddr> for RawAddress {
    #[inline]
    fn from(address: &SocketAddr) -> RawAddress {
        let mut raw = RawAddress::room();
        raw.put(2, address.port().to_be_bytes());
        match address {
            SocketAddr::V4(v4) => {
                raw.put(0, (libc::AF_INET as u16).to_ne_bytes());
                raw.put(4, v4.ip().octets());
                raw.len = V4_LEN as libc::socklen_t;
            }
            SocketAddr::V6(v6) => {
                raw.put(0, (libc::AF_INET6 as u16).to_ne_bytes());
                // std keeps the flow information as the kernel has it, in network order, and so do we.
                raw.put(4, v6.flowinfo().to_ne_bytes());
                raw.put(8, v6.ip().octets());
                raw.put(24, v6.scope_id().to_ne_bytes());
            }
        }
        raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_address_survives_the_round_trip() {
        let addresses = [
            "127.0.0.1:8080".parse().unwrap(),
            "0.0.0.0:0".parse().unwrap(),
            "255.254.253.252:65535".parse().unwrap(),
            "[::]:0".parse().unwrap(),
            "[2001:db8::1:2:3]:443".parse().unwrap(),
            SocketAddr::from(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0x0102_0304, 0xa0b0_c0d0)),
        ];
        for address in addresses {
            assert_eq!(RawAddress::from(&address).to_std().unwrap(), address);
        }
    }

    #[test]
    fn an_address_is_laid_out_as_libc_says() {
        let v4 = RawAddress::from(&SocketAddr::from(([10, 1, 2, 3], 0x1234)));
        assert_eq!(v4.len(), 16);
        assert_eq!(v4.bytes[2..8], [0x12, 0x34, 10, 1, 2, 3]);

        let v6 = SocketAddrV6::new(Ipv6Addr::from([7; 16]), 0x1234, 0, 0x0506);
        let v6 = RawAddress::from(&SocketAddr::from(v6));
        assert_eq!(v6.len(), 28);
        assert_eq!(v6.bytes[2..4], [0x12, 0x34]);
        assert_eq!(v6.bytes[8..24], [7; 16]);
        assert_eq!(v6.bytes[24..28], 0x0506u32.to_ne_bytes());
    }

    #[test]
    fn another_family_and_a_truncated_address_are_refused_with_an_errno() {
        let mut unix = RawAddress::room();
        unix.put(0, (libc::AF_UNIX as u16).to_ne_bytes());
        assert_eq!(unix.to_std().unwrap_err().raw_os_error(), Some(libc::EAFNOSUPPORT));

        let mut short = RawAddress::from(&"[::1]:1".parse().unwrap());
        short.len = V4_LEN as libc::socklen_t;
        assert_eq!(short.to_std().unwrap_err().raw_os_error(), Some(libc::EAFNOSUPPORT));
    }
}
