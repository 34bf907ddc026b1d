//! Reads and writes of sockets.

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
