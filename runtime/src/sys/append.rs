//! [`Append`]: the buffers that a read appends to, without zeroing them first.
//!
//! * Without feature `bytes` that is `Vec<u8>` (`append/vec.rs`), with it every `bytes::BufMut` (`append/bytes.rs`),
//!   `Vec<u8>` among them.
//! * The memory is lent to a system call as a type that counts by itself, so the sockets need no unsafe code.

use super::ReadBuf;

#[cfg(feature = "bytes")]
#[path = "append/bytes.rs"]
mod kind;

#[cfg(not(feature = "bytes"))]
#[path = "append/vec.rs"]
mod kind;

/// A buffer that a read appends to: `Vec<u8>`, and with feature `bytes` every `bytes::BufMut`.
///
/// A read takes the room that the buffer has, once. A `Vec` without spare capacity grows by at least 64 bytes, which is
/// little: [`reserve`](Vec::reserve) what a datagram or a read is to have room for.
pub trait Append: sealed::Lend {}

impl<B: sealed::Lend + ?Sized> Append for B {}

mod sealed {
    use super::ReadBuf;

    pub trait Lend {
        /// Lends room to `read`, and appends what it has filled.
        fn lend<R>(&mut self, read: impl FnOnce(&mut ReadBuf<'_>) -> R) -> R;
    }
}

/// Lends the room of `buf` to `read`, and appends the bytes that `read` filled.
///
/// # Panics
///
/// When `read` leaves another buffer in place of the one that it was lent.
#[inline]
pub fn lend_append<B: Append + ?Sized, R>(buf: &mut B, read: impl FnOnce(&mut ReadBuf<'_>) -> R) -> R {
    buf.lend(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Fd;
    use std::io::{self, ErrorKind, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;

    // Of TCP, which Miri has too.
    fn pair() -> (Fd, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        (OwnedFd::from(ours).into(), peer)
    }

    #[test]
    fn bytes_are_appended_and_an_error_appends_none() {
        let (fd, mut peer) = pair();
        let mut buf = Vec::with_capacity(16);
        buf.extend_from_slice(b"> ");
        let failed: io::Result<usize> = lend_append(&mut buf, |_| Err(ErrorKind::WouldBlock.into()));
        let error = failed.unwrap_err();
        assert_eq!((error.kind(), &buf[..]), (ErrorKind::WouldBlock, &b"> "[..]));
        peer.write_all(b"ping").unwrap();
        assert_eq!(lend_append(&mut buf, |room| fd.recv_uninit(room)).unwrap(), 4);
        assert_eq!((&buf[..], buf.capacity()), (&b"> ping"[..], 16));
    }

    #[test]
    fn a_full_vector_grows_by_64_bytes_and_one_with_room_does_not_grow() {
        let (fd, mut peer) = pair();
        peer.write_all(&[7; 100]).unwrap();
        let mut buf = Vec::new();
        assert!(lend_append(&mut buf, |room| fd.recv_uninit(room)).unwrap() >= 64);
        let mut one = Vec::with_capacity(1);
        let room = one.capacity();
        assert_eq!(lend_append(&mut one, |buf| fd.recv_uninit(buf)).unwrap(), room.min(36));
        assert_eq!(one.capacity(), room);
    }

    #[test]
    #[cfg(feature = "bytes")]
    fn a_buffer_of_bytes_is_appended_to_and_one_without_room_takes_nothing() {
        let (fd, mut peer) = pair();
        peer.write_all(b"pingpong").unwrap();
        let mut buf = bytes::BytesMut::from(&b"> "[..]);
        buf.reserve(16);
        assert_eq!(lend_append(&mut buf, |room| fd.recv_uninit(room)).unwrap(), 8);
        assert_eq!(&buf[..], b"> pingpong");
        let mut memory = [0; 4];
        let mut slice = &mut memory[..];
        peer.write_all(b"more").unwrap();
        assert_eq!(lend_append(&mut slice, |room| fd.recv_uninit(room)).unwrap(), 4);
        assert_eq!(lend_append(&mut slice, |room| room.remaining()), 0);
        assert_eq!(&memory, b"more");
    }
}
