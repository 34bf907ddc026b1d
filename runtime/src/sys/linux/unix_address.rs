//! [`UnixAddress`]: the address of a socket of the Unix domain, byte for byte.
//!
//! A `sockaddr_un` has a family and up to 108 bytes; their number and first byte tell three kinds apart
//! ([`unix(7)`]):
//!
//! * no bytes: the socket has no name;
//! * first byte 0: an abstract name, which is all the bytes, including zeros inside and at the end;
//! * else a path, which ends at a zero, or at the 108th byte without one.
//!
//! A wrong reading would cut a path of 108 bytes, drop zeros of an abstract name, or take an unnamed peer for the
//! empty path.
//!
//! [`unix(7)`]: https://man7.org/linux/man-pages/man7/unix.7.html

use super::address::RawAddress;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::mem::offset_of;

/// The kernel's limit.
const PATH_LEN: usize = 108;
const FAMILY_LEN: usize = 2;

/// The kernel's layout, or room for it.
pub(super) type RawUnix = RawAddress<{ FAMILY_LEN + PATH_LEN }>;

// The offsets that `from` and `from_raw` write as numbers.
const _: () = assert!(size_of::<libc::sockaddr_un>() == FAMILY_LEN + PATH_LEN);
const _: () = assert!(offset_of!(libc::sockaddr_un, sun_family) == 0);
const _: () = assert!(offset_of!(libc::sockaddr_un, sun_path) == FAMILY_LEN);
const _: () = assert!(align_of::<RawUnix>() >= align_of::<libc::sockaddr_un>());

/// The address of a Unix socket: a path, an abstract name, or none.
#[derive(Clone, Copy)]
pub struct UnixAddress {
    /// Without the zero that ends a path, with the one that starts an abstract name. Zero from `len` on.
    bytes: [u8; PATH_LEN],
    len: u8,
}

impl UnixAddress {
    /// The longest path.
    pub const MAX_PATH: usize = PATH_LEN;
    /// The longest abstract name: the zero before it takes one byte.
    pub const MAX_ABSTRACT: usize = PATH_LEN - 1;
    /// The address of a socket that is not bound.
    pub const UNNAMED: UnixAddress = UnixAddress { bytes: [0; PATH_LEN], len: 0 };

    /// Creates the address of a path. `None` when it is empty, has a zero in it or is longer than
    /// [`MAX_PATH`](UnixAddress::MAX_PATH).
    #[inline]
    pub fn from_path(path: &[u8]) -> Option<UnixAddress> {
        if path.is_empty() || path.contains(&0) { None } else { UnixAddress::from_bytes(path) }
    }

    /// Creates the address of an abstract name, given without the zero before it. `None` when it is longer than
    /// [`MAX_ABSTRACT`](UnixAddress::MAX_ABSTRACT).
    #[inline]
    pub fn from_abstract_name(name: &[u8]) -> Option<UnixAddress> {
        let mut bytes = [0; PATH_LEN];
        bytes.get_mut(1..=name.len())?.copy_from_slice(name);
        Some(UnixAddress { bytes, len: name.len() as u8 + 1 })
    }

    #[inline]
    fn from_bytes(given: &[u8]) -> Option<UnixAddress> {
        let mut bytes = [0; PATH_LEN];
        bytes.get_mut(..given.len())?.copy_from_slice(given);
        Some(UnixAddress { bytes, len: given.len() as u8 })
    }

    /// Returns the path, if it is one.
    #[inline]
    pub fn as_path(&self) -> Option<&[u8]> {
        self.bytes().first().is_some_and(|first| *first != 0).then(|| self.bytes())
    }

    /// Returns the abstract name, if it is one, without the zero before it.
    #[inline]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.bytes().strip_prefix(&[0])
    }

    /// Returns whether there is no name.
    #[inline]
    pub fn is_unnamed(&self) -> bool {
        self.len == 0
    }

    /// Returns the bytes as the kernel counts them: an abstract name begins with a zero.
    #[inline]
    pub(in crate::sys) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Parses the bytes that the kernel wrote.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` for another family.
    #[inline]
    pub(super) fn from_raw(raw: &RawUnix) -> io::Result<UnixAddress> {
        let len = (raw.len as usize).min(raw.bytes.len());
        if len == 0 {
            return Ok(UnixAddress::UNNAMED); // a datagram from an unnamed socket has no address at all
        }
        let family = libc::c_int::from(u16::from_ne_bytes([raw.bytes[0], raw.bytes[1]]));
        if len < FAMILY_LEN || family != libc::AF_UNIX {
            return Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT));
        }
        let name = &raw.bytes[FAMILY_LEN..len];
        let end = match name.first() {
            Some(0) | None => name.len(),
            Some(_) => name.iter().position(|byte| *byte == 0).unwrap_or(name.len()),
        };
        Ok(UnixAddress::from_bytes(&name[..end]).expect("no longer than the room"))
    }
}

impl From<&UnixAddress> for RawUnix {
    #[inline]
    fn from(address: &UnixAddress) -> RawUnix {
        let mut raw = RawUnix::room();
        raw.bytes[..FAMILY_LEN].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
        raw.bytes[FAMILY_LEN..].copy_from_slice(&address.bytes);
        let len = usize::from(address.len);
        // Pass the zero that ends a path if it fits.
        let end = usize::from(address.as_path().is_some() && len < PATH_LEN);
        raw.len = (FAMILY_LEN + len + end) as libc::socklen_t;
        raw
    }
}

impl PartialEq for UnixAddress {
    #[inline]
    fn eq(&self, other: &UnixAddress) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for UnixAddress {}

impl Hash for UnixAddress {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl fmt::Debug for UnixAddress {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.as_path() {
            write!(f, "\"{}\" (path)", path.escape_ascii())
        } else if let Some(name) = self.as_abstract_name() {
            write!(f, "\"{}\" (abstract)", name.escape_ascii())
        } else {
            f.write_str("(unnamed)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(address: &UnixAddress) -> UnixAddress {
        UnixAddress::from_raw(&RawUnix::from(address)).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 512 }))]

        #[test]
        fn a_path_survives_the_round_trip_byte_for_byte(path in prop::collection::vec(1u8.., 1..=108)) {
            let address = UnixAddress::from_path(&path).unwrap();
            prop_assert_eq!(there_and_back(&address), address);
            prop_assert_eq!(address.as_path(), Some(&path[..]));
            prop_assert_eq!(address.as_abstract_name(), None);
            prop_assert!(!address.is_unnamed());
        }

        #[test]
        fn an_abstract_name_survives_with_its_zeros(name in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..=107)) {
            let address = UnixAddress::from_abstract_name(&name).unwrap();
            prop_assert_eq!(there_and_back(&address), address);
            prop_assert_eq!(address.as_abstract_name(), Some(&name[..]));
            prop_assert_eq!(address.as_path(), None);
            prop_assert!(!address.is_unnamed());
        }
    }

    #[test]
    fn no_name_survives_and_is_neither_a_path_nor_abstract() {
        let unnamed = there_and_back(&UnixAddress::UNNAMED);
        assert_eq!(unnamed, UnixAddress::UNNAMED);
        assert!(unnamed.is_unnamed() && unnamed.as_path().is_none() && unnamed.as_abstract_name().is_none());
        assert_ne!(unnamed, UnixAddress::from_abstract_name(b"").unwrap());
        let nothing = RawUnix { len: 0, ..RawUnix::room() };
        assert_eq!(UnixAddress::from_raw(&nothing).unwrap(), UnixAddress::UNNAMED);
    }

    #[test]
    fn the_longest_fit_and_one_more_byte_does_not() {
        assert_eq!(RawUnix::from(&UnixAddress::from_path(&[b'p'; 107]).unwrap()).len, 110);
        let longest = UnixAddress::from_path(&[b'p'; 108]).unwrap();
        assert_eq!(RawUnix::from(&longest).len, 110);
        assert_eq!(UnixAddress::from_path(&[b'p'; 109]), None);
        assert_eq!(RawUnix::from(&UnixAddress::from_abstract_name(&[b'a'; 107]).unwrap()).len, 110);
        assert_eq!(UnixAddress::from_abstract_name(&[b'a'; 108]), None);
        // The kernel counts a zero after the longest path but has no room to write it.
        let told = RawUnix { len: 111, ..RawUnix::from(&longest) };
        assert_eq!(UnixAddress::from_raw(&told).unwrap(), longest);
    }

    #[test]
    fn what_is_no_path_is_refused_and_another_family_too() {
        assert_eq!(UnixAddress::from_path(b""), None);
        assert_eq!(UnixAddress::from_path(b"a\0b"), None);
        let mut other = RawUnix::from(&UnixAddress::UNNAMED);
        other.bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        assert_eq!(UnixAddress::from_raw(&other).unwrap_err().raw_os_error(), Some(libc::EAFNOSUPPORT));
        let short = RawUnix { len: 1, ..other };
        assert_eq!(UnixAddress::from_raw(&short).unwrap_err().raw_os_error(), Some(libc::EAFNOSUPPORT));
    }

    #[test]
    fn what_is_printed_tells_the_three_kinds_apart() {
        let printed = |address: Option<UnixAddress>| format!("{:?}", address.unwrap());
        assert_eq!(printed(UnixAddress::from_path(b"/run/x")), r#""/run/x" (path)"#);
        assert_eq!(printed(UnixAddress::from_abstract_name(b"a\0b")), r#""a\x00b" (abstract)"#);
        assert_eq!(printed(Some(UnixAddress::UNNAMED)), "(unnamed)");
    }
}
