//! Many datagrams by one system call: `recvmmsg`, `sendmmsg`, and one buffer that the kernel cuts into segments.
//!
//! * A [`Batch`] owns the receive memory and is reused from call to call. The kernel's structures, full of pointers,
//!   are built on the stack for each call, so no pointer is kept.
//! * With GRO several datagrams may arrive in one buffer, with a control record that says where to cut. If the record
//!   is lost they look like one datagram, so there is room for all records that the kernel puts before it.

use super::address::RawAddress;
use super::ancillary::first_record;
use super::option::known;
use super::transfer::message;
use super::{Fd, check_len, uninterrupted};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;

/// How many datagrams one call moves at most. Beyond a few dozen the cost of the call is negligible.
pub const BATCH_MAX: usize = 64;

/// A record with one `int` in it: `CMSG_SPACE(4)`.
const RECORD: usize = HEADER + 8;

/// Room for the control records of each received datagram.
///
/// The record of GRO follows those of `SOL_SOCKET` and precedes those of IP (`udp_recvmsg` in the kernel). The owner
/// of the socket may have enabled all of the former: a time stamp (32), `SO_TIMESTAMPING` (64) and its `OPT_PKTINFO`
/// (32), `SO_RXQ_OVFL`, `SO_RCVMARK`, `SO_RCVPRIORITY` and `SO_WIFI_STATUS` (24 each), which are 224 bytes. Truncated
/// records of IP lose nothing.
const CONTROL: usize = 256;

/// Memory for datagrams of a fixed maximum size, and the datagrams received into it.
#[derive(Debug)]
pub struct Batch {
    memory: Box<[u8]>,
    /// [`CONTROL`] bytes for each.
    control: Box<[u8]>,
    /// The room for each.
    size: usize,
    room: usize,
    received: Vec<Received>,
}

/// The position of a datagram in a [`Batch`], and what the kernel reports about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    /// How many bytes of it are in the batch.
    pub len: usize,
    /// The sender.
    pub from: SocketAddr,
    /// It was longer than its room; or it may be several datagrams and the segment size is lost.
    pub truncated: bool,
    /// The length of each coalesced datagram but the last, if the kernel has coalesced several here.
    pub segment: Option<usize>,
}

impl Batch {
    /// Creates room for `datagrams` of up to `size` bytes. One call fills no more than [`BATCH_MAX`] of them.
    ///
    /// # Panics
    ///
    /// When either is 0, or the memory exceeds the address space.
    #[inline]
    #[track_caller]
    pub fn new(datagrams: usize, size: usize) -> Batch {
        assert!(datagrams > 0 && size > 0, "a batch without room receives nothing");
        let room = datagrams.min(BATCH_MAX);
        let memory = vec![0; room.checked_mul(size).expect("a batch that fits into memory")];
        let control = vec![0; room * CONTROL].into();
        Batch { memory: memory.into(), control, size, room, received: Vec::with_capacity(room) }
    }

    /// Returns how many datagrams fit.
    #[inline]
    pub fn room(&self) -> usize {
        self.room
    }

    /// Forgets what was received.
    #[cfg(feature = "sim")]
    #[inline]
    pub(in crate::sys) fn clear(&mut self) {
        self.received.clear();
    }

    /// Adds a datagram, cut at the size of a buffer.
    #[cfg(feature = "sim")]
    #[inline]
    pub(in crate::sys) fn put(&mut self, whole: &[u8], from: SocketAddr) {
        let start = self.received.len() * self.size;
        let len = whole.len().min(self.size);
        self.memory[start..start + len].copy_from_slice(&whole[..len]);
        self.received.push(Received { len, from, truncated: whole.len() > len, segment: None });
    }

    /// Returns the datagrams of the last call.
    #[inline]
    pub fn received(&self) -> &[Received] {
        &self.received
    }

    /// Returns the bytes of the datagram with this number.
    #[inline]
    pub fn bytes(&self, number: usize) -> &[u8] {
        let start = number * self.size;
        &self.memory[start..start + self.received[number].len]
    }
}

impl Fd {
    /// Receives the queued datagrams that fit into `batch`, by [`recvmmsg(2)`]. Returns how many, at least one. Drops
    /// those of an earlier call.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Fd::recv_from), when the error precedes the first datagram; a later one is kept for the next
    /// call.
    ///
    /// [`recvmmsg(2)`]: https://man7.org/linux/man-pages/man2/recvmmsg.2.html
    #[inline]
    pub fn recv_batch(&self, batch: &mut Batch) -> io::Result<usize> {
        batch.received.clear();
        let mut from: [RawAddress; BATCH_MAX] = [RawAddress::room(); BATCH_MAX];
        let mut buffers = [EMPTY; BATCH_MAX];
        let mut messages =
            [libc::mmsghdr { msg_hdr: message(std::ptr::null_mut(), 0), msg_len: 0 }; BATCH_MAX];
        let places = batch.memory.chunks_exact_mut(batch.size).zip(batch.control.chunks_exact_mut(CONTROL));
        for (i, (memory, control)) in places.enumerate() {
            buffers[i] = libc::iovec { iov_base: memory.as_mut_ptr().cast(), iov_len: memory.len() };
            let header = &mut messages[i].msg_hdr;
            header.msg_iov = &raw mut buffers[i];
            header.msg_iovlen = 1;
            header.msg_namelen = from[i].len;
            header.msg_name = from[i].as_mut_ptrs().0.cast();
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = CONTROL as _;
        }
        let received = uninterrupted(|| {
            // SAFETY: the first `room` of `messages` each name a buffer, an address and room for records, with their
            // lengths, all of which live in the arrays above or in `batch` and are borrowed mutably for the whole
            // call; no time limit is given. Every argument has the width of a register, as `syscall` wants it.
            check_len(unsafe {
                libc::syscall(
                    libc::SYS_recvmmsg,
                    libc::c_long::from(self.as_raw_fd()),
                    messages.as_mut_ptr(),
                    batch.room,
                    0 as libc::c_long,
                    std::ptr::null_mut::<libc::timespec>(),
                )
            } as libc::ssize_t)
        })?;
        for (i, message) in messages[..received].iter().enumerate() {
            from[i].len = message.msg_hdr.msg_namelen;
            #[allow(clippy::unnecessary_cast, reason = "in musl it is an u32")]
            let control_len = message.msg_hdr.msg_controllen as usize;
            let from = match from[i].len {
                0 => (Ipv4Addr::UNSPECIFIED, 0).into(),
                _ => from[i].to_std()?,
            };
            let control = &batch.control[i * CONTROL..][..control_len.min(CONTROL)];
            let flags = message.msg_hdr.msg_flags;
            let segment = segment_of(control, flags & libc::MSG_CTRUNC != 0);
            let lost = segment.is_err() && self.udp_gro().unwrap_or(false);
            batch.received.push(Received {
                len: message.msg_len as usize,
                from,
                truncated: flags & libc::MSG_TRUNC != 0 || lost,
                segment: segment.unwrap_or(None),
            });
        }
        Ok(received)
    }

    /// Sends datagrams in order, each to its address or, without one, to the connected peer, by [`sendmmsg(2)`].
    /// Returns how many were sent: at least one, unless there are none, and at most [`BATCH_MAX`].
    ///
    /// # Errors
    ///
    /// As [`send_to`](Fd::send_to), when it is about the first; an error of a later datagram ends the call before it.
    ///
    /// [`sendmmsg(2)`]: https://man7.org/linux/man-pages/man2/sendmmsg.2.html
    #[inline]
    pub fn send_batch(&self, datagrams: &[(&[u8], Option<SocketAddr>)]) -> io::Result<usize> {
        let datagrams = &datagrams[..datagrams.len().min(BATCH_MAX)];
        let mut to: [RawAddress; BATCH_MAX] = [RawAddress::room(); BATCH_MAX];
        let mut buffers = [EMPTY; BATCH_MAX];
        let mut messages =
            [libc::mmsghdr { msg_hdr: message(std::ptr::null_mut(), 0), msg_len: 0 }; BATCH_MAX];
        for (i, (bytes, address)) in datagrams.iter().enumerate() {
            buffers[i] = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
            let header = &mut messages[i].msg_hdr;
            header.msg_iov = &raw mut buffers[i];
            header.msg_iovlen = 1;
            if let Some(address) = address {
                to[i] = RawAddress::from(address);
                header.msg_namelen = to[i].len;
                header.msg_name = to[i].as_mut_ptrs().0.cast();
            }
        }
        uninterrupted(|| {
            // SAFETY: the first `datagrams.len()` of `messages`, no more than there are, each name a buffer and an
            // address, or none, with their lengths; the kernel reads those, all of which live across the call, and
            // writes the number of bytes sent to `messages`. Every argument has the width of a register, as `syscall`
            // wants it.
            check_len(unsafe {
                libc::syscall(
                    libc::SYS_sendmmsg,
                    libc::c_long::from(self.as_raw_fd()),
                    messages.as_mut_ptr(),
                    datagrams.len(),
                    libc::c_long::from(libc::MSG_NOSIGNAL),
                )
            } as libc::ssize_t)
        })
    }

    /// Returns whether the kernel supports segments (Linux 4.18). An earlier one ignores the segment size of
    /// [`send_segmented`](Fd::send_segmented) and sends one long datagram, so callers check first.
    #[inline]
    pub fn knows_segments(&self) -> bool {
        self.get(known::UDP_SEGMENT).is_ok()
    }

    /// Sends `buf` as datagrams of `segment` bytes, the last of which may be shorter, by one [`sendmsg(2)`] with
    /// `UDP_SEGMENT` ([`udp(7)`]). Returns whether the kernel did: all of them, or none.
    ///
    /// It does not where the device of the route cannot (`EIO`), where a segment exceeds the MTU of the route
    /// (`EINVAL`, since Linux 6.14 `EMSGSIZE`), and for more than 64 segments (`EINVAL`). The caller can then send
    /// them one by one. Invalid targets such as port 0 give the same errno (`EINVAL`); then sending one by one fails
    /// too. None of these errors predicts the next call.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Fd::send_to).
    ///
    /// [`sendmsg(2)`]: https://man7.org/linux/man-pages/man2/sendmsg.2.html
    /// [`udp(7)`]: https://man7.org/linux/man-pages/man7/udp.7.html
    #[inline]
    pub fn send_segmented(&self, buf: &[u8], segment: u16, to: Option<&SocketAddr>) -> io::Result<bool> {
        let mut to: Option<RawAddress> = to.map(RawAddress::from);
        let mut control = [0u8; RECORD];
        control[..8].copy_from_slice(&(HEADER + size_of::<u16>()).to_ne_bytes());
        control[8..12].copy_from_slice(&libc::SOL_UDP.to_ne_bytes());
        control[12..16].copy_from_slice(&libc::UDP_SEGMENT.to_ne_bytes());
        control[16..18].copy_from_slice(&segment.to_ne_bytes());
        let mut buffer = libc::iovec { iov_base: buf.as_ptr().cast_mut().cast(), iov_len: buf.len() };
        let mut sent = message(&raw mut buffer, 1);
        if let Some(to) = &mut to {
            sent.msg_namelen = to.len;
            sent.msg_name = to.as_mut_ptrs().0.cast();
        }
        sent.msg_control = control.as_mut_ptr().cast();
        sent.msg_controllen = control.len() as _;
        let result = uninterrupted(|| {
            // SAFETY: `sent` names one buffer, an address or none, and one record, with their lengths; the kernel
            // reads those, all of which live across the call.
            check_len(unsafe { libc::sendmsg(self.as_raw_fd(), &raw const sent, libc::MSG_NOSIGNAL) })
        });
        match result {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE)) => {
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }
}

const HEADER: usize = size_of::<libc::cmsghdr>();
const EMPTY: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

// Records are read and written as bytes, at these offsets.
const _: () = assert!(HEADER == 16);

/// A record was truncated that may have been the one of `UDP_GRO`.
#[derive(Debug, PartialEq, Eq)]
struct Lost;

/// Returns the segment size from the record of `UDP_GRO`, if any. `cut_short`: the records were truncated.
#[inline]
fn segment_of(mut control: &[u8], cut_short: bool) -> Result<Option<usize>, Lost> {
    while let Some((level, kind, data, rest)) = first_record(control) {
        match (level, kind) {
            (libc::SOL_UDP, libc::UDP_GRO) => {
                let Some(segment) = data.first_chunk() else { return Err(Lost) };
                let segment = usize::try_from(i32::from_ne_bytes(*segment)).ok();
                return Ok(segment.filter(|segment| *segment != 0));
            }
            (libc::IPPROTO_IP | libc::IPPROTO_IPV6, _) => return Ok(None), // these follow it
            _ => control = rest,
        }
    }
    if cut_short { Err(Lost) } else { Ok(None) }
}

#[cfg(test)]
mod tests;
