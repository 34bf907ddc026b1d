//! `splice(2)` and `sendfile(2)` between sockets, pipes and files.

use super::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{FromRawFd, OwnedFd};

#[inline]
fn pair() -> (Fd, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    (OwnedFd::from(ours).into(), peer)
}

/// Repeats the call while it returns `EAGAIN`: loopback delivery is asynchronous.
#[inline]
fn insist(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            result => return result,
        }
    }
}

#[test]
fn bytes_go_from_socket_to_pipe_to_socket() {
    let ((from, mut sender), (to, mut receiver)) = (pair(), pair());
    let (reader, writer) = Backend::current().pipe().unwrap();
    sender.write_all(b"hello").unwrap();
    assert_eq!(insist(|| from.splice_into(&writer, 65536)).unwrap(), 5);
    assert_eq!(reader.splice_out_to(&to, 3).unwrap(), 3);
    assert_eq!(reader.splice_out_to(&to, 65536).unwrap(), 2);
    let empty = reader.splice_out_to(&to, 1).unwrap_err();
    assert_eq!(empty.raw_os_error(), Some(libc::EAGAIN));
    let mut got = [0; 5];
    receiver.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"hello");
    drop(sender);
    assert_eq!(insist(|| from.splice_into(&writer, 1)).unwrap(), 0);
}

// Documented by `splice_into`; a copy depends on it: EAGAIN with bytes queued.
#[test]
fn a_splice_does_not_pass_an_urgent_mark_and_calls_that_eagain() {
    let (from, mut sender) = pair();
    let (_reader, writer) = Backend::current().pipe().unwrap();
    // SAFETY: the pointer and the length are those of a static byte.
    let sent = unsafe { libc::send(sender.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    assert_eq!(sent, 1);
    sender.write_all(b"BBB").unwrap();
    let mut seen = [0; 8];
    while !matches!(from.peek(&mut seen), Ok(3)) {
        std::thread::yield_now(); // `recv` passes the mark, and so does a peek
    }
    assert_eq!(from.splice_into(&writer, 65536).unwrap_err().raw_os_error(), Some(libc::EAGAIN));
    assert_eq!(from.recv(&mut seen).unwrap(), 3);
    assert_eq!(&seen[..3], b"BBB");
}

// 0 that is not the end.
#[test]
fn a_splice_at_an_urgent_mark_is_0_when_the_end_has_come_behind_it() {
    let (from, sender) = pair();
    let sender = Fd::from(OwnedFd::from(sender));
    let (_reader, writer) = Backend::current().pipe().unwrap();
    sender.send_urgent(b'!').unwrap();
    sender.send(b"BBB").unwrap();
    sender.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(insist(|| from.splice_into(&writer, 65536)).unwrap(), 0);
    assert!(!from.is_at_end());
    let mut seen = [0; 8];
    assert_eq!(from.recv(&mut seen).unwrap(), 3);
    assert_eq!(&seen[..3], b"BBB");
    assert_eq!(from.splice_into(&writer, 65536).unwrap(), 0);
    assert!(from.is_at_end());
}

#[test]
fn a_pipe_and_a_terminal_end_by_a_splice_of_0() {
    let (reader, writer) = Backend::current().pipe().unwrap();
    let (from, to) = Backend::current().pipe().unwrap();
    drop(to);
    assert_eq!(from.splice_into(&writer, 1).unwrap(), 0);
    assert!(from.is_at_end());

    let (mut user, mut terminal) = (-1, -1);
    let (name, modes, size) = (std::ptr::null_mut(), std::ptr::null(), std::ptr::null());
    // SAFETY: the call writes two numbers, for which there is room; the pointers that may be null are.
    check(unsafe { libc::openpty(&raw mut user, &raw mut terminal, name, modes, size) }).unwrap();
    // SAFETY: it has just been made, so nothing else owns it.
    let mut user = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(user) });
    // SAFETY: as above.
    let terminal = Fd::from(unsafe { OwnedFd::from_raw_fd(terminal) });
    terminal.set_nonblocking(true).unwrap();
    user.write_all(b"hello\n\x04").unwrap(); // Ctrl-D
    assert_eq!(insist(|| terminal.splice_into(&writer, 64)).unwrap(), 6);
    assert_eq!(insist(|| terminal.splice_into(&writer, 64)).unwrap(), 0);
    assert!(terminal.is_at_end());
    assert_eq!(terminal.read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 6);
}

// The same with a reset: the order that `splice_into` documents.
#[test]
fn a_splice_at_an_urgent_mark_gives_the_reset_before_what_is_behind_the_mark() {
    let (from, sender) = pair();
    let sender = Fd::from(OwnedFd::from(sender));
    let (_reader, writer) = Backend::current().pipe().unwrap();
    sender.send_urgent(b'!').unwrap();
    sender.send(b"BBB").unwrap();
    sender.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(sender);
    let reset = insist(|| from.splice_into(&writer, 65536)).unwrap_err();
    assert_eq!(reset.raw_os_error(), Some(libc::ECONNRESET));
    assert_eq!(from.recv(&mut [0; 8]).unwrap(), 3);
}

// A13 of docs/pitfalls.md, with the default action in place.
#[test]
fn splice_and_sendfile_to_a_socket_that_is_shut_are_epipe_and_no_signal() {
    // SAFETY: the default action is a valid one; no test of this process depends on the other.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (to, _peer) = pair();
    to.shutdown(std::net::Shutdown::Write).unwrap();
    let (reader, writer) = Backend::current().pipe().unwrap();
    writer.write(b"x").unwrap();
    assert_eq!(reader.splice_out_to(&to, 1).unwrap_err().raw_os_error(), Some(libc::EPIPE));
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    assert_eq!(to.sendfile(file.as_fd(), 0, 1).unwrap_err().raw_os_error(), Some(libc::EPIPE));
}

/// A socket whose peer has closed without notice: the first bytes sent are answered by a reset.
#[inline]
fn half_closed() -> Fd {
    let (to, peer) = pair();
    drop(peer);
    assert_eq!(insist(|| to.peek(&mut [0])).unwrap(), 0);
    to
}

#[inline]
fn kernel_is_older_than(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap());
    [numbers.next().unwrap(), numbers.next().unwrap()] < [major, minor]
}

// The kernel moves 64 KiB, receives the reset, and finds the socket closed at the next 64 KiB: the call returns
// the bytes moved, with a signal pending.
#[test]
fn a_reset_in_the_middle_of_a_batch_is_a_partial_transfer_and_no_signal() {
    const BATCH: usize = 1 << 20;
    // SAFETY: the default action is a valid one; no test of this process depends on the other.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let path = std::env::temp_dir().join(format!("egret-batch-{}", std::process::id()));
    let mut file = std::fs::File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(&vec![b'x'; BATCH]).unwrap();
    let to = half_closed();
    let sent = to.sendfile(file.as_fd(), 0, BATCH).unwrap();
    assert!(0 < sent && sent < BATCH, "{sent}");
    assert_eq!(to.sendfile(file.as_fd(), 0, 1).unwrap_err().raw_os_error(), Some(libc::EPIPE));

    let (reader, writer) = Backend::current().pipe().unwrap();
    assert_eq!(writer.resize_pipe(BATCH).unwrap(), BATCH);
    assert_eq!(writer.write(&vec![b'x'; BATCH]).unwrap(), BATCH);
    let to = half_closed();
    let sent = reader.splice_out_to(&to, BATCH).unwrap();
    if kernel_is_older_than(6, 5) {
        // It sends nothing before the last page of the pipe, so the reset comes after the transfer.
        assert_eq!(sent, BATCH);
        writer.write(b"x").unwrap();
    } else {
        assert!(0 < sent && sent < BATCH, "{sent}");
    }
    assert_eq!(reader.splice_out_to(&to, 1).unwrap_err().raw_os_error(), Some(libc::EPIPE));
}

#[test]
fn a_file_is_sent_from_an_offset_and_its_own_position_stays() {
    use std::io::{Seek, SeekFrom};
    let (to, mut peer) = pair();
    let mut file = std::fs::File::open("/proc/self/exe").unwrap();
    let mut whole = Vec::new();
    file.read_to_end(&mut whole).unwrap();
    file.seek(SeekFrom::Start(7)).unwrap();
    assert_eq!(to.sendfile(file.as_fd(), 3, 1000).unwrap(), 1000);
    let mut got = [0; 1000];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(got, whole[3..1003]);
    assert_eq!(file.stream_position().unwrap(), 7);
    assert_eq!(to.sendfile(file.as_fd(), whole.len() as u64, 10).unwrap(), 0);
}

#[test]
fn any_count_and_any_offset_have_the_documented_outcome() {
    let (to, mut peer) = pair();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let len = file.metadata().unwrap().len();
    let send = |offset, count| to.sendfile(file.as_fd(), offset, count);
    assert_eq!(send(len - 7, usize::MAX).unwrap(), 7);
    assert_eq!(send(len - 7, isize::MAX as usize).unwrap(), 7);
    peer.read_exact(&mut [0; 14]).unwrap();
    for offset in [len, 1 << 45, 1 << 62, i64::MAX as u64 - 1, i64::MAX as u64] {
        for count in [1, 10, usize::MAX] {
            assert_eq!(send(offset, count).unwrap(), 0, "{count} bytes at {offset}");
        }
    }
    for offset in [1 << 63, u64::MAX] {
        for count in [0, 10, usize::MAX] {
            let refused = send(offset, count).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EINVAL), "{count} bytes at {offset}");
        }
    }
    let (reader, writer) = Backend::current().pipe().unwrap();
    writer.write(b"x").unwrap();
    let (socket, _peer) = pair();
    for no_pages in [&reader, &socket] {
        let refused = to.sendfile(no_pages.as_fd(), 0, 10).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
    }
}

#[test]
fn a_splice_takes_any_length() {
    let ((from, mut sender), (to, mut receiver)) = (pair(), pair());
    let (reader, writer) = Backend::current().pipe().unwrap();
    sender.write_all(b"hello").unwrap();
    assert_eq!(insist(|| from.splice_into(&writer, usize::MAX)).unwrap(), 5);
    assert_eq!(reader.splice_out_to(&to, usize::MAX).unwrap(), 5);
    receiver.read_exact(&mut [0; 5]).unwrap();
}
