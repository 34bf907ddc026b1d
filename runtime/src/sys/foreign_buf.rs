//! The buffers of tokio and hyper, filled without zeroing (features `tokio-io` and `hyper`).
//!
//! * Both lend a reader memory for which "these bytes are initialised" is an unsafe call. The functions here lend it
//!   as a type that counts by itself, and make that call afterwards, so the crate of the sockets needs no unsafe
//!   code.

use super::ReadBuf;
#[cfg(all(feature = "hyper", feature = "tokio-io"))]
use super::lend::check;
use super::lend::lend;

/// Lends the unfilled part of `buf` to `read`, and advances `buf` by the bytes that `read` filled.
///
/// # Panics
///
/// When `read` leaves another buffer in place of the one that it was lent.
#[cfg(feature = "tokio-io")]
#[inline]
pub fn lend_tokio<R>(buf: &mut tokio::io::ReadBuf<'_>, read: impl FnOnce(&mut ReadBuf<'_>) -> R) -> R {
    // SAFETY: bytes that are initialised must stay so. A `ReadBuf` gives its memory to nothing but system calls,
    // which write bytes to it.
    let memory = unsafe { buf.unfilled_mut() };
    let (result, filled) = lend(memory, read);
    // SAFETY: `lend` says how many bytes at the start of `memory` are filled, and so initialised.
    unsafe { buf.assume_init(filled) };
    buf.advance(filled);
    result
}

/// Lends the unfilled part of `cursor` to `read`, and advances it by the bytes that `read` filled.
///
/// # Panics
///
/// When `read` leaves another buffer in place of the one that it was lent.
#[cfg(feature = "hyper")]
#[inline]
pub fn lend_hyper<R>(
    cursor: &mut hyper::rt::ReadBufCursor<'_>,
    read: impl FnOnce(&mut ReadBuf<'_>) -> R,
) -> R {
    // SAFETY: as in `lend_tokio`: the memory goes to system calls, which write bytes to it.
    let memory = unsafe { cursor.as_mut() };
    let (result, filled) = lend(memory, read);
    // SAFETY: `lend` says how many bytes at the start of `memory` are filled, and so initialised.
    unsafe { cursor.advance(filled) };
    result
}

/// Lends the unfilled part of `cursor` to `read` as tokio's buffer, and advances it by the bytes that `read` filled.
///
/// # Panics
///
/// When `read` leaves another buffer in place of the one that it was lent.
#[cfg(all(feature = "hyper", feature = "tokio-io"))]
#[inline]
pub fn lend_hyper_as_tokio<R>(
    cursor: &mut hyper::rt::ReadBufCursor<'_>,
    read: impl FnOnce(&mut tokio::io::ReadBuf<'_>) -> R,
) -> R {
    // SAFETY: bytes that are initialised must stay so. tokio's buffer asks the same of code that takes the
    // memory out of it, by unsafe functions.
    let memory = unsafe { cursor.as_mut() };
    let lent = (memory.as_ptr(), memory.len());
    let mut buf = tokio::io::ReadBuf::uninit(memory);
    let result = read(&mut buf);
    let filled = buf.filled().len();
    check(lent, buf.filled());
    // SAFETY: the buffer is the one that was lent, so its filled bytes are the first of `memory`, and initialised.
    unsafe { cursor.advance(filled) };
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Fd;
    use std::io::Write;
    use std::mem::MaybeUninit;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;

    fn pair() -> (Fd, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        (OwnedFd::from(ours).into(), peer)
    }

    #[test]
    #[cfg(feature = "tokio-io")]
    fn a_buffer_of_tokio_grows_by_what_came_and_only_that_is_initialised() {
        let (fd, mut peer) = pair();
        peer.write_all(b"ping").unwrap();
        let mut memory = [MaybeUninit::uninit(); 16];
        let mut buf = tokio::io::ReadBuf::uninit(&mut memory);
        buf.put_slice(b"> ");
        assert_eq!(lend_tokio(&mut buf, |buf| fd.recv_uninit(buf)).unwrap(), 4);
        assert_eq!((buf.filled(), buf.initialized().len()), (&b"> ping"[..], 6));
    }

    #[test]
    #[cfg(feature = "hyper")]
    fn a_buffer_of_hyper_grows_by_what_came_and_not_by_an_error() {
        let (fd, mut peer) = pair();
        peer.write_all(b"ping").unwrap();
        let mut memory = [MaybeUninit::uninit(); 16];
        let mut buf = hyper::rt::ReadBuf::uninit(&mut memory);
        let mut cursor = buf.unfilled();
        cursor.put_slice(b"> ");
        assert_eq!(lend_hyper(&mut cursor, |buf| fd.recv_uninit(buf)).unwrap(), 4);
        let failed: std::io::Result<()> =
            lend_hyper(&mut cursor, |_| Err(std::io::ErrorKind::WouldBlock.into()));
        assert!(failed.is_err());
        assert_eq!(cursor.remaining(), 10);
        assert_eq!(buf.filled(), b"> ping");
    }

    #[test]
    #[cfg(feature = "tokio-io")]
    #[cfg_attr(miri, ignore = "it leaks the other buffer")]
    #[should_panic = "another buffer"]
    fn a_buffer_that_was_exchanged_is_noticed() {
        let (fd, mut peer) = pair();
        peer.write_all(b"pong").unwrap();
        let mut buf = tokio::io::ReadBuf::uninit(&mut []);
        lend_tokio(&mut buf, |buf| {
            let mut other = ReadBuf::uninit(Box::leak(Box::new([MaybeUninit::uninit(); 16])));
            fd.recv_uninit(&mut other).unwrap();
            *buf = other;
        });
    }

    #[test]
    #[cfg(all(feature = "hyper", feature = "tokio-io"))]
    #[cfg_attr(miri, ignore = "it leaks the other buffer")]
    #[should_panic = "another buffer"]
    fn a_buffer_of_tokio_that_was_exchanged_is_noticed() {
        let mut memory = [MaybeUninit::uninit(); 16];
        let mut buf = hyper::rt::ReadBuf::uninit(&mut memory);
        lend_hyper_as_tokio(&mut buf.unfilled(), |buf| {
            *buf = tokio::io::ReadBuf::new(Box::leak(Box::new([0; 16])));
            buf.advance(16);
        });
    }
}
