//! A read of a Unix stream that stops early, with more queued and no other edge to come. The rows are K1 and K2.

#![allow(missing_docs)]

use crate::support::{Trace, turn};
use egret_runtime::io::AsyncFd;
use egret_runtime::runtime::Runtime;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// Sends `bytes` with a descriptor.
fn send_with_descriptor(to: &UnixStream, bytes: &[u8], fd: i32) {
    #[repr(C)]
    struct Control {
        header: libc::cmsghdr,
        fd: libc::c_int,
        // CMSG_SPACE rounds up to the alignment of the header.
        _padding: libc::c_int,
    }
    // SAFETY: every field is an integer, musl's padding among them, for which zero bytes are a value.
    let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
    header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<libc::c_int>()) as _;
    header.cmsg_level = libc::SOL_SOCKET;
    header.cmsg_type = libc::SCM_RIGHTS;
    let mut control = Control { header, fd, _padding: 0 };
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: every field is an integer or a pointer, for which all-zero bytes are a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: the kernel reads the message, its one part and its control data, all of which live across the call.
    let sent = unsafe { libc::sendmsg(to.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
    assert_eq!(sent, bytes.len() as isize, "{}", std::io::Error::last_os_error());
}

/// A task that reads `ours` with room for everything, and the result of each read.
fn reading(rt: &Runtime, ours: UnixStream) -> Trace<Vec<u8>> {
    let reads = Trace::new();
    let log = reads.clone();
    ours.set_nonblocking(true).unwrap();
    let _inside = rt.enter();
    let fd = AsyncFd::new(ours).unwrap();
    drop(rt.spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let n = fd.read_with(|mut stream| stream.read(&mut buffer)).await.unwrap();
            log.push(buffer[..n].to_vec());
        }
    }));
    turn(rt);
    turn(rt);
    assert_eq!(reads.take(), [b""; 0]);
    reads
}

// K1
#[test]
#[cfg_attr(miri, ignore = "no sendmsg")]
fn a_read_that_stops_at_a_passed_descriptor_is_not_the_last() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let reads = reading(&rt, ours);
    (&theirs).write_all(b"one").unwrap();
    send_with_descriptor(&theirs, b"two", theirs.as_raw_fd());
    (&theirs).write_all(b"three").unwrap();
    assert_eq!(turn(&rt), (1, 1, 1));
    assert_eq!(reads.take(), [&b"onetwo"[..], b"three"]);
    assert_eq!(turn(&rt), (0, 0, 0));
}

// K2
#[test]
#[cfg_attr(miri, ignore = "no processes")]
fn a_read_that_stops_at_the_bytes_of_another_process_is_not_the_last() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let on: libc::c_int = 1;
    let (level, option) = (libc::SOL_SOCKET, libc::SO_PASSCRED);
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads one `int` at the pointer, which is that of `on`, alive across the call.
    let set = unsafe { libc::setsockopt(ours.as_raw_fd(), level, option, (&raw const on).cast(), len) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    let reads = reading(&rt, ours);
    (&theirs).write_all(b"1").unwrap();
    let output = Stdio::from(OwnedFd::from(theirs.try_clone().unwrap()));
    let child = Command::new("sh").args(["-c", "printf 2"]).stdout(output).status().unwrap();
    assert!(child.success());
    assert_eq!(turn(&rt), (1, 1, 1));
    assert_eq!(reads.take(), [b"1", b"2"]);
    assert_eq!(turn(&rt), (0, 0, 0));
}
