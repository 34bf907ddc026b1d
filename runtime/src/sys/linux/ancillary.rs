//! Messages of a Unix socket with more than bytes in them: descriptors and credentials, by `sendmsg` and `recvmsg`.
//!
//! The kernel writes what came beside the bytes as a row of records ([`cmsg(3)`]): a header of 16 bytes with the
//! length of the record, its level and its type, then the data, padded to 8 bytes. They are put together and taken
//! apart here as bytes. Every descriptor that the kernel has installed is owned before anything else is done,
//! because one that nobody owns is open until the process ends; so a record that is cut short gives what is in it.
//! Two kinds of record have descriptors: `SCM_RIGHTS`, which a peer sends, and `SCM_PIDFD`, the peer itself, which
//! comes with every message when somebody has set `SO_PASSPIDFD` on the descriptor (Linux 6.5). The latter is closed.
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
/// How many descriptors a message has at most: `SCM_MAX_FD` of the kernel.
const SCM_MAX_FD: usize = 253;
/// `SCM_PIDFD` of Linux 6.5, which not every libc has.
const SCM_PIDFD: libc::c_int = 4;

const _: () = assert!(size_of::<libc::cmsghdr>() == HEADER && HEADER == 16);
const _: () = assert!(std::mem::offset_of!(libc::cmsghdr, cmsg_level) == 8);
const _: () = assert!(std::mem::offset_of!(libc::cmsghdr, cmsg_type) == 12);

/// Room for what comes beside the bytes of a message, and what came in it.
#[derive(Debug, Default)]
pub struct Ancillary {
    /// For how many descriptors there is room.
    descriptors: usize,
    control: Box<[u8]>,
    received: Vec<OwnedFd>,
    credentials: Option<Credentials>,
}

/// What [`Fd::recv_message`](crate::sys::Fd::recv_message) has received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// How many bytes are in the buffers.
    pub len: usize,
    /// Who sent it, where the socket is one of datagrams.
    pub from: UnixAddress,
    /// Bytes of the message were dropped, because the buffers had no room for them: not of a stream.
    pub truncated: bool,
    /// Descriptors were closed or credentials dropped, because there was no room for them.
    pub ancillary_truncated: bool,
}

impl Ancillary {
    /// Room for so many descriptors, for credentials, and for a pidfd.
    ///
    /// For a pidfd because Linux before 6.17 installs one also where there is no room to say which number it has, and
    /// then nobody can close it. (A peer that sends more descriptors than there is room for takes that room too.)
    ///
    /// No message has more than 253 descriptors, so there is memory for no more.
    #[inline]
    pub fn with_room_for(descriptors: usize) -> Ancillary {
        let room = record_len(CREDENTIALS)
            + record_len(descriptors.min(SCM_MAX_FD) * DESCRIPTOR)
            + record_len(DESCRIPTOR);
        Ancillary { descriptors, control: vec![0; room].into(), ..Ancillary::default() }
    }

    /// How many descriptors there is room for.
    #[inline]
    pub fn room(&self) -> usize {
        self.descriptors
    }

    /// The descriptors of the last message that were not taken yet.
    #[inline]
    pub fn descriptors(&self) -> &[OwnedFd] {
        &self.received
    }

    /// Takes the descriptors of the last message, in the order in which they were sent.
    #[inline]
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.received)
    }

    /// The credentials of the last message.
    #[inline]
    pub fn credentials(&self) -> Option<Credentials> {
        self.credentials
    }

    /// Takes what another kernel has passed, in the place of what was there.
    #[cfg(feature = "sim")]
    #[inline]
    pub(in crate::sys) fn fill(&mut self, descriptors: Vec<OwnedFd>, credentials: Option<Credentials>) {
        self.received = descriptors;
        self.credentials = credentials;
    }

    /// Forgets the last message; descriptors that were not taken are closed.
    #[inline]
    fn clear(&mut self) {
        self.received.clear();
        self.credentials = None;
    }

    /// Takes over what the kernel has written to the first `len` bytes. Says whether all of it had room.
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
                    // In the place of a pidfd that could not be made stands the error.
                    let installed = numbers.filter(|number| *number >= 0).map(|raw| {
                        // SAFETY: the caller promises that the kernel has just installed this descriptor for us and
                        // written its number here, and that it is read by this call alone, which reads each number
                        // once: nothing else owns it.
                        unsafe { OwnedFd::from_raw_fd(raw) }
                    });
                    match kind {
                        SCM_PIDFD => installed.for_each(drop), // not asked for here
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
                _ => {} // not asked for
            }
        }
        // Without credentials in it, the room for them can hold descriptors that were not to come.
        whole &= self.received.len() <= self.descriptors;
        self.received.truncate(self.descriptors);
        whole
    }
}

impl Fd {
    /// Receives a message, or from a stream what has come, with what came beside the bytes, by [`recvmsg(2)`].
    /// Descriptors are close-on-exec.
    ///
    /// What `ancillary` held of an earlier message is dropped.
    ///
    /// # Errors
    ///
    /// As [`recv`](Fd::recv). A descriptor that could not be installed, because the process has as many as it may,
    /// is no error but [`ancillary_truncated`](Message::ancillary_truncated).
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
            // No room is no pointer: with one, Linux before 6.17 installs a pidfd whose number has no room.
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

    /// Sends a message, or on a stream as many bytes as there is room for, with duplicates of `descriptors` and with
    /// `credentials` beside it, by [`sendmsg(2)`].
    ///
    /// On a stream what goes beside goes with the first byte, and not at all when there is none.
    ///
    /// # Errors
    ///
    /// As [`send_to_unix`](Fd::send_to_unix) and [`send`](Fd::send); `EINVAL` for more than 253 descriptors,
    /// `ETOOMANYREFS` when more are on their way than the limit of open files, `EPERM` for the credentials of another
    /// without the privilege, `EISCONN` for an address on a connected socket that is no datagram's.
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

/// The level, the type and the data of the first record, and what is behind it.
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

/// How much room a record with so much data takes; none for no data.
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
mod tests {
    use super::super::{Backend, Type};
    use super::*;
    use std::io::ErrorKind;
    use std::os::fd::AsFd;

    fn pair() -> (Fd, Fd) {
        Backend::current().socket_pair(Type::SeqPacket).unwrap()
    }

    fn send(fd: &Fd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
        assert_eq!(fd.send_message(&[IoSlice::new(bytes)], descriptors, None, None).unwrap(), bytes.len());
    }

    fn recv(fd: &Fd, room: usize, ancillary: &mut Ancillary) -> Message {
        let mut memory = vec![0; room];
        fd.recv_message(&mut [IoSliceMut::new(&mut memory)], ancillary).unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "no recvmsg")]
    fn as_many_descriptors_come_out_as_there_is_room_for_and_no_more() {
        let (ours, theirs) = pair();
        for room in 0..=6 {
            for sent in 0..=6 {
                send(&ours, b"x", &vec![ours.as_fd(); sent]);
                let mut ancillary = Ancillary::with_room_for(room);
                let message = recv(&theirs, 1, &mut ancillary);
                assert_eq!(ancillary.descriptors().len(), sent.min(room), "{sent} into {room}");
                assert_eq!(message.ancillary_truncated, sent > room, "{sent} into {room}");
                assert!(!message.truncated && message.from.is_unnamed() && ancillary.credentials().is_none());
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "no recvmsg")]
    fn room_for_any_number_of_descriptors_takes_the_most_that_a_message_has() {
        let (ours, theirs) = pair();
        for room in [SCM_MAX_FD, usize::MAX] {
            send(&ours, b"x", &[ours.as_fd(); SCM_MAX_FD]);
            let mut ancillary = Ancillary::with_room_for(room);
            assert_eq!(ancillary.room(), room);
            assert!(!recv(&theirs, 1, &mut ancillary).ancillary_truncated);
            assert_eq!(ancillary.descriptors().len(), SCM_MAX_FD);
        }
        let refused = ours.send_message(&[IoSlice::new(b"x")], &[ours.as_fd(); SCM_MAX_FD + 1], None, None);
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }

    #[test]
    #[cfg_attr(miri, ignore = "no recvmsg")]
    fn a_message_that_is_cut_says_so_and_the_next_one_is_whole() {
        let (ours, theirs) = pair();
        send(&ours, b"four", &[]);
        send(&ours, b"four", &[]);
        let mut ancillary = Ancillary::default();
        let cut = recv(&theirs, 3, &mut ancillary);
        assert_eq!((cut.len, cut.truncated, cut.ancillary_truncated), (3, true, false));
        let whole = recv(&theirs, 4, &mut ancillary);
        assert_eq!((whole.len, whole.truncated), (4, false));
        let mut memory = [0; 4];
        let none = theirs.recv_message(&mut [IoSliceMut::new(&mut memory)], &mut ancillary);
        assert_eq!(none.unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    #[cfg_attr(miri, ignore = "no recvmsg")]
    fn credentials_come_when_they_are_asked_for_and_their_loss_is_told() {
        let (ours, theirs) = pair();
        theirs.set_passcred(true).unwrap();
        let me = theirs.peer_credentials().unwrap();
        assert_eq!(me.pid, std::process::id() as i32);
        for descriptors in [0, 1] {
            send(&ours, b"x", &vec![ours.as_fd(); descriptors]);
            let mut ancillary = Ancillary::with_room_for(1);
            let message = recv(&theirs, 1, &mut ancillary);
            assert_eq!(ancillary.credentials(), Some(me));
            assert_eq!(ancillary.take_descriptors().len(), descriptors);
            assert!(!message.ancillary_truncated);
        }
        send(&ours, b"x", &[]);
        let mut no_room = Ancillary::default();
        assert!(recv(&theirs, 1, &mut no_room).ancillary_truncated);
        assert_eq!(no_room.credentials(), None);
    }

    // A13 of docs/pitfalls.md: as the test of `send` in `transfer.rs`, of the calls that are here and beside.
    #[test]
    #[cfg_attr(miri, ignore = "no signals")]
    fn a_message_to_nobody_is_epipe_and_no_signal() {
        // SAFETY: the default action is a valid one; nothing else in this process depends on the other.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        for kind in [Type::Stream, Type::SeqPacket] {
            let (ours, theirs) = Backend::current().socket_pair(kind).unwrap();
            drop(theirs);
            let message = ours.send_message(&[IoSlice::new(b"x")], &[ours.as_fd()], None, None);
            assert_eq!(message.unwrap_err().kind(), ErrorKind::BrokenPipe);
            assert_eq!(ours.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        }
        let (ours, theirs) = Backend::current().socket_pair(Type::Datagram).unwrap();
        theirs.shutdown(std::net::Shutdown::Read).unwrap();
        assert_eq!(ours.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        let to = UnixAddress::from_abstract_name(format!("egret-epipe-{}", std::process::id()).as_bytes())
            .unwrap();
        theirs.bind_unix(&to).unwrap();
        assert_eq!(ours.send_to_unix(b"x", &to).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn records_are_taken_apart_as_they_were_put_together() {
        let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
        let descriptors = [stdin.as_fd(), stdout.as_fd(), stdin.as_fd()];
        let me = Credentials { pid: 1, uid: 2, gid: 3 };
        let control = records(&descriptors, Some(me));
        let (level, kind, data, rest) = first_record(&control).unwrap();
        assert_eq!((level, kind), (libc::SOL_SOCKET, libc::SCM_RIGHTS));
        assert_eq!(data, [0i32, 1, 0].map(i32::to_ne_bytes).concat());
        let (_, kind, data, rest) = first_record(rest).unwrap();
        assert_eq!((kind, data), (libc::SCM_CREDENTIALS, &[1i32, 2, 3].map(i32::to_ne_bytes).concat()[..]));
        assert_eq!(first_record(rest), None);
        // Whatever length stands there, nothing is read that is not there.
        for len in (0..64).chain([usize::MAX, usize::MAX - 7]) {
            let mut broken = control.clone();
            broken[..8].copy_from_slice(&len.to_ne_bytes());
            if let Some((_, _, data, rest)) = first_record(&broken) {
                assert!(data.len() + rest.len() < broken.len());
            }
        }
    }
}
