//! The system calls of the proxy by hand.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

fn check(value: libc::c_int) -> libc::c_int {
    assert!(value >= 0, "{}", io::Error::last_os_error());
    value
}

fn owned(raw: libc::c_int) -> OwnedFd {
    // SAFETY: every caller passes what the kernel has just made for it, so nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(check(raw)) }
}

pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn new() -> Epoll {
        // SAFETY: the call takes no pointer.
        Epoll(owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }))
    }

    /// Reports every change of `fd`.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) {
        let events = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32;
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: `event` lives across the call, which copies it.
        check(unsafe {
            libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event)
        });
    }

    /// Waits, and calls `each` with the token of each event.
    pub(crate) fn wait(&self, mut each: impl FnMut(u64)) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 256];
        // SAFETY: the kernel writes at most 256 events to the array, which has as many.
        let n = check(unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), 256, -1) });
        events[..n as usize].iter().for_each(|event| each(event.u64));
    }
}

pub(crate) struct Pipe {
    pub(crate) reader: OwnedFd,
    pub(crate) writer: OwnedFd,
}

impl Pipe {
    /// As large as egret's.
    pub(crate) const SIZE: usize = 256 * 1024;

    pub(crate) fn new() -> Pipe {
        let mut ends = [-1; 2];
        // SAFETY: the kernel writes two numbers to `ends`, which has room for two.
        check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) });
        let pipe = Pipe { reader: owned(ends[0]), writer: owned(ends[1]) };
        let size = Pipe::SIZE as libc::c_int;
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::fcntl(pipe.writer.as_raw_fd(), libc::F_SETPIPE_SZ, size) });
        pipe
    }
}

pub(crate) enum Spliced {
    Bytes(usize),
    WouldBlock,
}

pub(crate) fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> Spliced {
    let nowhere = std::ptr::null_mut();
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    // SAFETY: null pointers for the offsets mean "where the file is"; no memory of ours is touched.
    let n = unsafe { libc::splice(from.as_raw_fd(), nowhere, to.as_raw_fd(), nowhere, len, flags) };
    match usize::try_from(n) {
        Ok(n) => Spliced::Bytes(n),
        Err(_) => {
            let error = io::Error::last_os_error();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
            Spliced::WouldBlock
        }
    }
}

pub(crate) fn shut_writing(stream: &TcpStream) {
    match stream.shutdown(Shutdown::Write) {
        Err(error) if error.kind() != io::ErrorKind::NotConnected => panic!("{error}"),
        _ => {}
    }
}

pub(crate) fn processor_time_of_this_thread() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which lives across the call.
    check(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) });
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
