//! Bytes through a socket: `recv`, `send` and their vectored forms.
//!
//! Not `read` and `write`: a write to a peer that is gone would raise `SIGPIPE`, and only the socket calls take
//! `MSG_NOSIGNAL`. Each request costs these two calls, so they are `#[inline]` and only call and check the result.

use super::{Fd, ReadBuf, check_len, uninterrupted};
use crate::sys::Moved;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;

/// The most buffers of one vectored call: `UIO_MAXIOV`; with more it is `EMSGSIZE`. A caller that checks for a short
/// transfer must not count buffers beyond these.
pub const IOV_MAX: usize = 1024;

/// The most bytes of one call: `MAX_RW_COUNT` of the kernel, 2 GiB less a page.
pub const TRANSFER_MAX: usize = 0x7fff_f000;

impl Fd {
    /// Receives up to `buf.len()` bytes, by [`recv(2)`].
    ///
    /// 0 means that the peer will send no more, or that `buf` is empty. A short read does not mean that the queue is
    /// empty: a TCP urgent mark and, on a Unix socket, passed descriptors end a `recv` early.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when nothing is queued, `ECONNRESET`, `ETIMEDOUT`, `ENOTCONN`, `ENOMEM`.
    ///
    /// [`recv(2)`]: https://man7.org/linux/man-pages/man2/recv.2.html
    #[inline]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| {
            // SAFETY: the kernel writes at most `buf.len()` bytes to `buf`, which is borrowed mutably meanwhile.
            check_len(unsafe { libc::recv(self.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), 0) })
        })
    }

    /// [`recv`](Fd::recv) into memory that need not be zeroed. Fills as many bytes of `buf` as it returns.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    #[inline]
    pub fn recv_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        let recv = |to: *mut u8, room: usize| {
            // SAFETY: called by `fill_with` below alone, with a pointer to as many writable bytes as `room`
            // says; the kernel writes no more, and reads none of them.
            uninterrupted(|| check_len(unsafe { libc::recv(self.as_raw_fd(), to.cast(), room, 0) }))
        };
        // SAFETY: `recv` returns how many bytes the kernel wrote at the pointer, never more than the room.
        unsafe { buf.fill_with(recv) }
    }

    /// [`recv`](Fd::recv) that leaves the bytes in the queue, by `MSG_PEEK`.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    #[inline]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let flags = libc::MSG_PEEK;
        uninterrupted(|| {
            // SAFETY: the kernel writes at most `buf.len()` bytes to `buf`, which is borrowed mutably meanwhile.
            check_len(unsafe { libc::recv(self.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
        })
    }

    /// [`recv`](Fd::recv) into several buffers, each filled before the next is begun, by [`recvmsg(2)`].
    /// Buffers beyond the first 1024 are left alone.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    ///
    /// [`recvmsg(2)`]: https://man7.org/linux/man-pages/man2/recvmsg.2.html
    #[inline]
    pub fn recv_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if cfg!(miri) {
            return one_by_one(bufs.iter_mut().map(|buf| (buf.len(), self.recv(buf))));
        }
        let mut message = message(bufs.as_mut_ptr().cast(), bufs.len());
        // SAFETY: an `IoSliceMut` is laid out as an `iovec` (std promises it), and `message` names as many of
        // them as `bufs` has, or fewer. Each borrows its memory mutably, so the kernel may write there, and
        // `bufs` itself is borrowed for the whole call. No address and no control data are asked for.
        uninterrupted(|| check_len(unsafe { libc::recvmsg(self.as_raw_fd(), &raw mut message, 0) }))
    }

    /// [`recv`](Fd::recv) from a Unix stream, with whether it may have stopped early, by [`recvmsg(2)`].
    ///
    /// A read stops behind a message with descriptors, and with `SO_PASSCRED` where the sender changes. There is no room
    /// for control data here, so the kernel drops it and says so (`MSG_CTRUNC`): in each of these cases, and always
    /// with a socket option that asks for control data.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    ///
    /// [`recvmsg(2)`]: https://man7.org/linux/man-pages/man2/recvmsg.2.html
    #[inline]
    pub fn recv_unix(&self, buf: &mut [u8]) -> io::Result<Moved> {
        let mut part = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
        // SAFETY: the part is of `buf`, which is borrowed mutably for the whole call.
        unsafe { self.recv_parts(&raw mut part, 1) }
    }

    /// [`recv_unix`](Fd::recv_unix) into memory that need not be zeroed, as [`recv_uninit`](Fd::recv_uninit).
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    #[inline]
    pub fn recv_unix_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<Moved> {
        let mut cut = false;
        let recv = |to: *mut u8, room: usize| {
            let mut part = libc::iovec { iov_base: to.cast(), iov_len: room };
            // SAFETY: called by `fill_with` below alone, with a pointer to as many writable bytes as `room` says.
            let moved = unsafe { self.recv_parts(&raw mut part, 1) }?;
            cut = moved.cut;
            Ok(moved.bytes)
        };
        // SAFETY: `recv` returns how many bytes the kernel wrote at the pointer, never more than the room.
        let bytes = unsafe { buf.fill_with(recv) }?;
        Ok(Moved { bytes, cut })
    }

    /// [`recv_unix`](Fd::recv_unix) into several buffers, as [`recv_vectored`](Fd::recv_vectored).
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv).
    #[inline]
    pub fn recv_unix_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        if cfg!(miri) {
            return self.recv_vectored(bufs).map(|bytes| Moved { bytes, cut: true });
        }
        // SAFETY: an `IoSliceMut` is laid out as an `iovec` (std promises it). Each borrows its memory mutably, and
        // `bufs` itself is borrowed for the whole call.
        unsafe { self.recv_parts(bufs.as_mut_ptr().cast(), bufs.len()) }
    }

    /// Receives without room for an address and for control data.
    ///
    /// # Safety
    ///
    /// `parts` is valid for `len` elements, and each names memory that may be written to during the call.
    #[inline]
    unsafe fn recv_parts(&self, parts: *mut libc::iovec, len: usize) -> io::Result<Moved> {
        if cfg!(miri) {
            // SAFETY: `parts` is valid for the one part, as the caller promises.
            let part = unsafe { *parts };
            // SAFETY: the part names memory that may be written to, as the caller promises.
            let received = check_len(unsafe { libc::recv(self.as_raw_fd(), part.iov_base, part.iov_len, 0) });
            return received.map(|bytes| Moved { bytes, cut: true });
        }
        let mut message = message(parts, len);
        // SAFETY: the kernel writes to the parts, as the caller allows, and to `message`, which lives across the call.
        let received =
            uninterrupted(|| check_len(unsafe { libc::recvmsg(self.as_raw_fd(), &raw mut message, 0) }));
        received.map(|bytes| Moved { bytes, cut: message.msg_flags & libc::MSG_CTRUNC != 0 })
    }

    /// Sends up to `buf.len()` bytes, by [`send(2)`]. Returns how many the kernel has taken.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is no room, `EPIPE` after the connection or its writing side was shut (and never a
    /// `SIGPIPE`), `ECONNRESET`, `ETIMEDOUT`, `ENOTCONN`, `ENOBUFS`, `ENOMEM`.
    ///
    /// [`send(2)`]: https://man7.org/linux/man-pages/man2/send.2.html
    #[inline]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        const FLAGS: libc::c_int = libc::MSG_NOSIGNAL;
        uninterrupted(|| {
            // SAFETY: the kernel reads at most `buf.len()` bytes of `buf`, which is borrowed meanwhile.
            check_len(unsafe { libc::send(self.as_raw_fd(), buf.as_ptr().cast(), buf.len(), FLAGS) })
        })
    }

    /// Sends one byte of urgent data, by `MSG_OOB`: to TCP, a mark at which the receiver's `recv` stops ([`tcp(7)`]).
    ///
    /// # Errors
    ///
    /// As [`send`](Fd::send).
    ///
    /// [`tcp(7)`]: https://man7.org/linux/man-pages/man7/tcp.7.html
    #[inline]
    pub fn send_urgent(&self, byte: u8) -> io::Result<usize> {
        let flags = libc::MSG_OOB | libc::MSG_NOSIGNAL;
        uninterrupted(|| {
            // SAFETY: the kernel reads one byte at the pointer, which is that of `byte`, alive across the call.
            check_len(unsafe { libc::send(self.as_raw_fd(), (&raw const byte).cast(), 1, flags) })
        })
    }

    /// [`send`](Fd::send) of several buffers, in order, as one, by [`sendmsg(2)`]. Buffers beyond the first
    /// 1024 are left for the next call.
    ///
    /// # Errors
    ///
    /// As [`send`](Fd::send).
    ///
    /// [`sendmsg(2)`]: https://man7.org/linux/man-pages/man2/sendmsg.2.html
    #[inline]
    pub fn send_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if cfg!(miri) {
            return one_by_one(bufs.iter().map(|buf| (buf.len(), self.send(buf))));
        }
        let message = message(bufs.as_ptr().cast_mut().cast(), bufs.len());
        let flags = libc::MSG_NOSIGNAL;
        // SAFETY: an `IoSlice` is laid out as an `iovec` (std promises it), and `message` names as many of them
        // as `bufs` has, or fewer. The kernel reads the buffers and their list, both borrowed for the whole
        // call, and writes to neither. No address and no control data are passed.
        uninterrupted(|| check_len(unsafe { libc::sendmsg(self.as_raw_fd(), &raw const message, flags) }))
    }
}

/// A message of at most `len` buffers with no address, no control data and no flags.
#[inline]
pub(super) fn message(buffers: *mut libc::iovec, len: usize) -> libc::msghdr {
    // SAFETY: every field is an integer or a raw pointer, for which all-zero bytes are a value; musl's
    // private padding rules out a literal.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers;
    message.msg_iovlen = len.min(IOV_MAX) as _;
    message
}

/// Replaces `recvmsg` and `sendmsg`, which Miri lacks: goes on until a transfer is short, as they do.
#[inline]
fn one_by_one(transfers: impl Iterator<Item = (usize, io::Result<usize>)>) -> io::Result<usize> {
    let mut moved = 0;
    for (wanted, result) in transfers.filter(|(wanted, _)| *wanted != 0) {
        match result {
            Ok(n) => {
                moved += n;
                if n < wanted {
                    break;
                }
            }
            Err(e) if moved == 0 => return Err(e),
            Err(_) => break,
        }
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::mem::MaybeUninit;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    /// Our socket, still blocking, so that a test need not wait for an edge; and the peer.
    fn pair() -> (Fd, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        (OwnedFd::from(ours).into(), peer)
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let (fd, mut peer) = pair();
        assert_eq!(fd.send(b"ping").unwrap(), 4);
        let mut got = [0; 4];
        peer.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"ping");

        peer.write_all(b"pong").unwrap();
        let mut buf = [0; 16];
        assert_eq!(fd.peek(&mut buf[..2]).unwrap(), 2);
        assert_eq!(fd.recv(&mut buf).unwrap(), 4);
        assert_eq!(&buf[..4], b"pong");
    }

    #[test]
    fn unwritten_memory_is_filled_by_as_much_as_came() {
        let (fd, mut peer) = pair();
        let mut memory = [MaybeUninit::uninit(); 16];
        let mut buf = ReadBuf::uninit(&mut memory);
        for part in ["one", "two"] {
            peer.write_all(part.as_bytes()).unwrap();
            assert_eq!(fd.recv_uninit(&mut buf).unwrap(), 3);
        }
        assert_eq!(buf.remaining(), 10);
        assert_eq!(buf.into_filled(), b"onetwo");
    }

    #[test]
    fn several_buffers_are_filled_and_sent_in_order() {
        let (fd, mut peer) = pair();
        let parts = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        let sent = fd.send_vectored(&parts).unwrap();
        let mut got = vec![0; sent];
        peer.read_exact(&mut got).unwrap();
        assert_eq!(got, b"abcde"[..sent]);

        peer.write_all(b"abcde").unwrap();
        let (mut first, mut second) = ([0; 2], [0; 8]);
        let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let received = fd.recv_vectored(&mut parts).unwrap();
        assert_eq!([&first[..], &second].concat()[..received], b"abcde"[..received]);
        assert!(cfg!(miri) || (sent == 5 && received == 5));
    }

    #[test]
    fn no_buffers_and_empty_buffers_carry_nothing() {
        let (fd, _peer) = pair();
        assert_eq!(fd.send(b"").unwrap(), 0);
        assert_eq!(fd.send_vectored(&[]).unwrap(), 0);
        assert_eq!(fd.send_vectored(&[IoSlice::new(b"")]).unwrap(), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "one buffer at a time there")]
    fn more_buffers_than_the_kernel_takes_are_sent_in_part() {
        let (fd, mut peer) = pair();
        let parts = vec![IoSlice::new(b"x"); IOV_MAX + 1];
        assert_eq!(fd.send_vectored(&parts).unwrap(), IOV_MAX);
        peer.read_exact(&mut [0; IOV_MAX]).unwrap();

        peer.write_all(&[b'y'; IOV_MAX + 1]).unwrap();
        let mut memory = [0; IOV_MAX + 1];
        // Wait until all has arrived, so that the limit cuts the read.
        while fd.peek(&mut memory).unwrap() <= IOV_MAX {}
        let mut parts: Vec<_> = memory.chunks_mut(1).map(IoSliceMut::new).collect();
        assert_eq!(fd.recv_vectored(&mut parts).unwrap(), IOV_MAX);
    }

    // A13 of docs/pitfalls.md. A test binary ignores SIGPIPE, as any Rust program does. With the default action a
    // signal would end the process here, so the test covers the flag.
    #[test]
    #[cfg_attr(miri, ignore = "no signals")]
    fn a_send_after_shutdown_is_epipe_and_no_signal() {
        // SAFETY: the default action is a valid one; nothing else in this process depends on the other.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (fd, _peer) = pair();
        fd.shutdown(Shutdown::Write).unwrap();
        assert_eq!(fd.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        let parts = [IoSlice::new(b"x")];
        assert_eq!(fd.send_vectored(&parts).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    /// The reading end, non-blocking, and the other.
    fn unix() -> (Fd, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (OwnedFd::from(ours).into(), theirs)
    }

    fn plain(bytes: usize) -> Moved {
        Moved { bytes, cut: false }
    }

    #[test]
    #[cfg_attr(miri, ignore = "no recvmsg")]
    fn a_plain_read_of_a_unix_stream_is_not_cut_whichever_buffer_it_fills() {
        let (fd, mut peer) = unix();
        let (mut buf, mut memory) = ([0; 16], [MaybeUninit::uninit(); 16]);
        peer.write_all(b"one").unwrap();
        assert_eq!((fd.recv_unix(&mut buf).unwrap(), &buf[..3]), (plain(3), &b"one"[..]));
        let mut room = ReadBuf::uninit(&mut memory);
        peer.write_all(b"two").unwrap();
        assert_eq!(fd.recv_unix_uninit(&mut room).unwrap(), plain(3));
        assert_eq!(room.into_filled(), b"two");
        peer.write_all(b"three").unwrap();
        let (first, second) = buf.split_at_mut(2);
        let parts = &mut [IoSliceMut::new(first), IoSliceMut::new(second)];
        assert_eq!((fd.recv_unix_vectored(parts).unwrap(), &buf[..5]), (plain(5), &b"three"[..]));
        assert_eq!(fd.recv_unix(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(peer);
        assert_eq!(fd.recv_unix(&mut buf).unwrap(), plain(0));
    }

    /// `SO_PASSCRED`, and `SO_PASSSEC` and `SO_PASSPIDFD` where the kernel has them.
    #[test]
    #[cfg_attr(miri, ignore = "no such options")]
    fn a_read_with_an_option_that_asks_for_control_data_is_always_cut() {
        const OPTIONS: [libc::c_int; 3] = [libc::SO_PASSCRED, 34, 76];
        for option in OPTIONS {
            let (fd, mut peer) = unix();
            let (on, len): (libc::c_int, _) = (1, size_of::<libc::c_int>() as libc::socklen_t);
            let level = libc::SOL_SOCKET;
            // SAFETY: the kernel reads one `int` at the pointer, which is that of `on`, alive across the call.
            let set = unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const on).cast(), len) };
            if set != 0 && option != libc::SO_PASSCRED {
                continue;
            }
            assert_eq!(set, 0, "{}", io::Error::last_os_error());
            peer.write_all(b"x").unwrap();
            assert_eq!(fd.recv_unix(&mut [0; 16]).unwrap(), Moved { bytes: 1, cut: true }, "{option}");
        }
    }

    #[test]
    fn the_end_of_the_stream_is_zero() {
        let (fd, peer) = pair();
        drop(peer);
        assert_eq!(fd.recv(&mut [0; 4]).unwrap(), 0);
        assert_eq!(fd.recv(&mut [0; 4]).unwrap(), 0);
    }
}
