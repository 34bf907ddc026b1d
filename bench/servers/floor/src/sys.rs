//! The system calls of the floor server, and all of its unsafe code.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Events taken at a time.
const BATCH: usize = 256;

/// A send would find room.
pub const WRITABLE: u32 = libc::EPOLLOUT as u32;

/// Edges after which a connection is read until EAGAIN or the end.
pub const UNTIL_DRY: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLPRI) as u32;

const INTEREST: u32 =
    (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLPRI | libc::EPOLLET) as u32;

/// An epoll instance and the batch it last returned.
pub struct Epoll {
    fd: OwnedFd,
    events: Box<[libc::epoll_event; BATCH]>,
}

impl Epoll {
    pub fn new() -> Result<Epoll> {
        // SAFETY: takes a flag, touches no memory of ours.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        Ok(Epoll { fd: own(fd)?, events: Box::new([libc::epoll_event { events: 0, u64: 0 }; BATCH]) })
    }

    pub fn add(&self, fd: RawFd) -> Result<()> {
        let mut event = libc::epoll_event { events: INTEREST, u64: fd as u64 };
        // SAFETY: `event` lives through the call, which only reads it.
        let result = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) };
        if result < 0 {
            return Err(Error::last_os_error());
        }
        Ok(())
    }

    /// Waits for the next batch and says how many events it has.
    pub fn wait(&mut self) -> Result<usize> {
        loop {
            // SAFETY: `events` has room for the `BATCH` events that the kernel may write.
            let count =
                unsafe { libc::epoll_wait(self.fd.as_raw_fd(), self.events.as_mut_ptr(), BATCH as i32, -1) };
            if count >= 0 {
                return Ok(count as usize);
            }
            let error = Error::last_os_error();
            if error.kind() != ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// The descriptor and the mask of an event of the last batch.
    pub fn event(&self, index: usize) -> (RawFd, u32) {
        let event = self.events[index];
        (event.u64 as RawFd, event.events)
    }
}

/// The next connection, or `None` when there is no other.
pub fn accept(listener: RawFd) -> Result<Option<OwnedFd>> {
    loop {
        // SAFETY: null pointers ask the kernel not to report the peer's address.
        let fd = unsafe {
            libc::accept4(
                listener,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            )
        };
        match own(fd) {
            Ok(fd) => return Ok(Some(fd)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(None),
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                _ => return Err(error),
            },
        }
    }
}

/// What a read found.
pub enum Received {
    Bytes(usize),
    /// Nothing, for now.
    Dry,
    /// The peer closed, or the connection failed.
    End,
}

pub fn recv(fd: RawFd, buffer: &mut [u8]) -> Received {
    loop {
        // SAFETY: the kernel writes at most `len` bytes to a buffer that is borrowed for the call.
        let count = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        if count > 0 {
            return Received::Bytes(count as usize);
        }
        if count == 0 {
            return Received::End;
        }
        match Error::last_os_error().kind() {
            ErrorKind::WouldBlock => return Received::Dry,
            ErrorKind::Interrupted => {}
            _ => return Received::End,
        }
    }
}

pub fn send(fd: RawFd, bytes: &[u8]) -> Result<usize> {
    loop {
        // SAFETY: the kernel reads at most `len` bytes from a slice that is borrowed for the call.
        let count = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
        if count >= 0 {
            return Ok(count as usize);
        }
        let error = Error::last_os_error();
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn own(fd: RawFd) -> Result<OwnedFd> {
    if fd < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the call that returned `fd` has just opened it, and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
