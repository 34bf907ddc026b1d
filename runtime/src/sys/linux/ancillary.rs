//! Messages of a Unix socket with control data: descriptors and credentials, by `sendmsg` and `recvmsg`.
//!
//! * Control data is a row of records ([`cmsg(3)`]): a 16-byte header (length, level, type), then the data, padded to
//!   8 bytes. They are built and parsed here as bytes.
//! * Each descriptor that the kernel has installed gets its owner first, because one without an owner stays open
//!   until the process ends. A truncated record therefore yields the descriptors in it.
//! * Two kinds of record carry descriptors: `SCM_RIGHTS`, sent by a peer, and `SCM_PIDFD`, the peer itself, which
//!   arrives with each message once `SO_PASSPIDFD` is set (Linux 6.5). The latter is closed.
//!
//! [`cmsg(3)`]: https://man7.org/linux/man-pages/man3/cmsg.3.html

use super::transfer::message;
use super::unix_address::{RawUnix, UnixAddress};
use super::unix_socket::Credentials;
use super::{Fd, check_len, uninterrupted};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The length as the kernel writes it, the level and the type.
const HEADER: usize = size_of::<usize>() + 2 * size_of::<i32>();
const CREDENTIALS: usize = size_of::<libc::ucred>();
const DESCRIPTOR: usize = size_of::<libc::c_int>();
/// The most descriptors in one message: `SCM_MAX_FD` of the kernel.
const SCM_MAX_FD: usize = 253;
/// `SCM_PIDFD` of Linux 6.5, missing in some versions of libc.
const SCM_PIDFD: libc::c_int = 4;

const _: () = assert!(size_of::<libc::cmsghdr>() == HEADER && HEADER == 16);
const _: () = assert!(std::mem::offset_of!(libc::cmsghdr, cmsg_level) == 8);
const _: () = assert!(std::mem::offset_of!(libc::cmsghdr, cmsg_type) == 12);

/// Room for the control data of a message, and what was received in it.
#[derive(Debug, Default)]
pub struct Ancillary {
    /// How many descriptors there is room for.
    descriptors: usize,
    control: Box<[u8]>,
    received: Vec<OwnedFd>,
    credentials: Option<Credentials>,
}

/// The result of [`Fd::recv_message`](crate::sys::Fd::recv_message).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// How many bytes are in the buffers.
    pub len: usize,
    /// The sender, for a datagram socket.
    pub from: UnixAddress,
    /// Bytes of the message were dropped because the buffers were too small; never on a stream.
    pub truncated: bool,
    /// Descriptors were closed or credentials dropped because there was no room for them.
    pub ancillary_truncated: bool,
}

impl Ancillary {
    /// Creates room for `descriptors`, for credentials, and for a pidfd.
    ///
    /// The pidfd needs room because Linux before 6.17 installs one even without room for its number, and then it
    /// cannot be closed. (A peer that sends more descriptors than expected uses up that room too.) A message has at
    /// most 253 descriptors, so no memory is allocated for more.
    #[inline]
    pub fn with_room_for(descriptors: usize) -> Ancillary {
        let room = record_len(CREDENTIALS)
            + record_len(descriptors.min(SCM_MAX_FD) * DESCRIPTOR)
            + record_len(DESCRIPTOR);
        Ancillary { descriptors, control: vec![0; room].into(), ..Ancillary::default() }
    }

    /// Returns how many descriptors there is room for.
    #[inline]
    pub fn room(&self) -> usize {
        self.descriptors
    }

    /// Returns the descriptors of the last message that are not yet taken.
    #[inline]
    pub fn descriptors(&self) -> &[OwnedFd] {
        &self.received
    }

    /// Takes the descriptors of the last message, in the order they were sent.
    #[inline]
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.received)
    }

    /// Returns the credentials of the last message.
    #[inline]
    pub fn credentials(&self) -> Option<Credentials> {
        self.credentials
    }

    /// Replaces the content by that of a message from the simulated kernel.
    #[cfg(feature = "sim")]
    #[inline]
    pub(in crate::sys) fn fill(&mut self, descriptors: Vec<OwnedFd>, credentials: Option<Credentials>) {
        self.received = descriptors;
        self.credentials = credentials;
    }

    /// Drops the last message; closes descriptors that were not taken.
    #[inline]
    fn clear(&mut self) {
        self.received.clear();
        self.credentials = None;
    }

    /// Takes over the records in the first `len` bytes. Returns whether none was dropped.
    ///
    /// # Safety
    ///
    /// A `recvmsg` of this thread has just written these bytes, and they have not been parsed since: a second call would
    /// own each descriptor a second time.
    #[inline]
    unsafe fn parse(&mut self, len: usize) -> bool {
        let mut whole = true;
        let mut rest = self.control.get(..len).unwrap_or(&self.control);
        while let Some((level, kind, data, next)) = first_record(rest) {
            rest = next;
            match (level, kind) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS | SCM_PIDFD) => {
                    let raw = data.chunks_exact(DESCRIPTOR);
                    let numbers = raw.map(|raw| libc::c_int::from_ne_bytes(raw.try_into().expect("4 bytes")));
                    // A pidfd that could not be made is replaced by its (negative) error.
                    let installed = numbers.filter(|number| *number >= 0).map(|raw| {
                        // SAFETY: the caller promises that the kernel has just installed this descriptor for us and
                        // written its number here, and that it is read by this call alone, which reads each number
                        // once: nothing else owns it.
                        unsafe { OwnedFd::from_raw_fd(raw) }
                    });
                    match kind {
                        SCM_PIDFD => installed.for_each(drop), // not requested
                        _ => self.received.extend(installed),
                    }
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if data.len() >= CREDENTIALS => {
                    let part = |at: usize| std::array::from_fn(|i| data[at + i]);
                    self.credentials = Some(Credentials {
                        pid: i32::from_ne_bytes(part(0)),
                        uid: u32::from_ne_bytes(part(4)),
                        gid: u32::from_ne_bytes(part(8)),
                    });
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => whole = false,
                _ => {} // not requested
            }
        }
        // If no credentials came, their room may hold surplus descriptors.
        whole &= self.received.len() <= self.descriptors;
        self.received.truncate(self.descriptors);
        whole
    }
}

impl Fd {
    /// Receives a message, or what a stream has queued, with its control data, by [`recvmsg(2)`]. Descriptors are
    /// close-on-exec.
    ///
    /// Control data of an earlier message in `ancillary` is dropped.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv). A descriptor that could not be installed at the limit of open files sets
    /// [`ancillary_truncated`](Message::ancillary_truncated) and is no error.
    ///
    /// [`recvmsg(2)`]: https://man7.org/linux/man-pages/man2/recvmsg.2.html
    #[inline]
    pub fn recv_message(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        ancillary: &mut Ancillary,
    ) -> io::Result<Message> {
        ancillary.clear();
        let mut from = RawUnix::room();
        let mut received = message(bufs.as_mut_ptr().cast(), bufs.len());
        let len = uninterrupted(|| {
            received.msg_namelen = from.len();
            received.msg_name = from.as_mut_ptrs().0.cast();
            // Without room pass no pointer: with one, Linux before 6.17 installs a pidfd whose number is lost.
            received.msg_control = match ancillary.control.len() {
                0 => std::ptr::null_mut(),
                _ => ancillary.control.as_mut_ptr().cast(),
            };
            received.msg_controllen = ancillary.control.len() as _;
            // SAFETY: an `IoSliceMut` is laid out as an `iovec` (std promises it), and `received` names as many of
            // them as `bufs` has, or fewer. Each borrows its memory mutably, as do `from` and `ancillary`, whose
            // lengths are set above; all of them live across the call.
            check_len(unsafe { libc::recvmsg(self.as_raw_fd(), &raw mut received, libc::MSG_CMSG_CLOEXEC) })
        })?;
        from.len = received.msg_namelen;
        #[allow(clippy::unnecessary_cast, reason = "in musl it is an u32")]
        let len_beside = received.msg_controllen as usize;
        // SAFETY: the call above has succeeded and written these bytes, and this is the only place that parses them.
        let whole = unsafe { ancillary.parse(len_beside) };
        Ok(Message {
            len,
            from: UnixAddress::from_raw(&from)?,
            truncated: received.msg_flags & libc::MSG_TRUNC != 0,
            ancillary_truncated: !whole || received.msg_flags & libc::MSG_CTRUNC != 0,
        })
    }

    /// Sends a message, or as many bytes as a stream has room for, with duplicates of `descriptors` and with
    /// `credentials` as control data, by [`sendmsg(2)`].
    ///
    /// On a stream the control data goes with the first byte, and is not sent when there are no bytes.
    ///
    /// # Errors
    ///
    /// As [`send_to_unix`](Fd::send_to_unix) and [`send`](Fd::send); `EINVAL` for more than 253 descriptors,
    /// `ETOOMANYREFS` when more than the limit of open files are in flight, `EPERM` for the credentials of another
    /// process without the privilege, `EISCONN` for an address on a connected socket other than a datagram socket.
    ///
    /// [`sendmsg(2)`]: https://man7.org/linux/man-pages/man2/sendmsg.2.html
    #[inline]
    pub fn send_message(
        &self,
        bufs: &[IoSlice<'_>],
        descriptors: &[BorrowedFd<'_>],
        credentials: Option<Credentials>,
        to: Option<&UnixAddress>,
    ) -> io::Result<usize> {
        let mut control = records(descriptors, credentials);
        let mut to = to.map(RawUnix::from);
        let mut sent = message(bufs.as_ptr().cast_mut().cast(), bufs.len());
        if let Some(to) = &mut to {
            sent.msg_namelen = to.len;
            sent.msg_name = to.as_mut_ptrs().0.cast();
        }
        if !control.is_empty() {
            sent.msg_control = control.as_mut_ptr().cast();
            sent.msg_controllen = control.len() as _;
        }
        uninterrupted(|| {
            // SAFETY: an `IoSlice` is laid out as an `iovec` (std promises it), and `sent` names as many of them as
            // `bufs` has, or fewer. The kernel reads the buffers, the address and the records, with the lengths set
            // above; all of them live across the call.
            check_len(unsafe { libc::sendmsg(self.as_raw_fd(), &raw const sent, libc::MSG_NOSIGNAL) })
        })
    }
}

/// Returns the level, type and data of the first record, and the bytes after it.
#[inline]
pub(super) fn first_record(control: &[u8]) -> Option<(i32, i32, &[u8], &[u8])> {
    let (header, _) = control.split_at_checked(HEADER)?;
    let len = usize::from_ne_bytes(header[..8].try_into().expect("8 bytes"));
    let level = i32::from_ne_bytes(header[8..12].try_into().expect("4 bytes"));
    let kind = i32::from_ne_bytes(header[12..].try_into().expect("4 bytes"));
    let data = control.get(HEADER..len)?;
    let next = control.get(len.next_multiple_of(size_of::<usize>())..).unwrap_or_default();
    Some((level, kind, data, next))
}

/// Returns the space that a record with `data` bytes takes; 0 for no data.
#[inline]
fn record_len(data: usize) -> usize {
    if data == 0 { 0 } else { HEADER.saturating_add(data).next_multiple_of(size_of::<usize>()) }
}

#[inline]
fn records(descriptors: &[BorrowedFd<'_>], credentials: Option<Credentials>) -> Vec<u8> {
    let mut control = Vec::new();
    if !descriptors.is_empty() {
        let raw = descriptors.iter().flat_map(|fd| fd.as_raw_fd().to_ne_bytes());
        push_record(&mut control, libc::SCM_RIGHTS, raw, descriptors.len() * DESCRIPTOR);
    }
    if let Some(Credentials { pid, uid, gid }) = credentials {
        let raw = [pid.to_ne_bytes(), uid.to_ne_bytes(), gid.to_ne_bytes()];
        push_record(&mut control, libc::SCM_CREDENTIALS, raw.into_iter().flatten(), CREDENTIALS);
    }
    control
}

#[inline]
fn push_record(control: &mut Vec<u8>, kind: i32, data: impl Iterator<Item = u8>, len: usize) {
    control.extend((HEADER + len).to_ne_bytes());
    control.extend(libc::SOL_SOCKET.to_ne_bytes());
    control.extend(kind.to_ne_bytes());
    control.extend(data);
    control.resize(control.len().next_multiple_of(size_of::<usize>()), 0);
}

#[cfg(test)]
mod tests;
