//! The control data of a message: [`SendAncillary`], [`RecvAncillary`] and [`RecvMessage`].

use super::{SocketAddr, UCred};
use egret_runtime::io::{Direction, Registration};
use egret_runtime::sys::{Ancillary, Fd, UnixAddress};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};

/// Control data to send with a message: descriptors, which the receiver gets as duplicates, and credentials.
///
/// ```
/// use egret_net::UnixStream;
/// use egret_net::unix::{RecvAncillary, SendAncillary};
/// use std::io::{IoSlice, IoSliceMut, Read};
/// use std::os::fd::AsFd;
///
/// # egret_runtime::block_on(async {
/// let (ours, theirs) = UnixStream::pair()?;
/// let file = std::fs::File::open("/proc/self/comm")?;
/// let descriptors = [file.as_fd()];
/// let control = SendAncillary::new().descriptors(&descriptors);
/// ours.send_message(&[IoSlice::new(b"here")], &control).await?;
///
/// let mut bytes = [0; 16];
/// let mut control = RecvAncillary::with_room_for(1);
/// let message = theirs.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut control).await?;
/// assert_eq!(&bytes[..message.len], b"here");
/// assert!(!message.ancillary_truncated);
/// let file = control.take_descriptors().remove(0);
/// std::fs::File::from(file).read_to_string(&mut String::new())?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct SendAncillary<'a> {
    descriptors: &'a [BorrowedFd<'a>],
    credentials: Option<UCred>,
}

impl<'a> SendAncillary<'a> {
    /// Creates an instance without control data.
    #[inline]
    pub fn new() -> SendAncillary<'a> {
        SendAncillary::default()
    }

    /// Adds these descriptors, at most 253 (`SCM_RIGHTS`). They stay open here; the receiver gets duplicates.
    #[inline]
    pub fn descriptors(mut self, descriptors: &'a [BorrowedFd<'a>]) -> SendAncillary<'a> {
        self.descriptors = descriptors;
        self
    }

    /// Adds these credentials (`SCM_CREDENTIALS`). Without this the kernel sends the real ones when the receiver
    /// requests them; it is for processes that may [claim](UCred::new) others.
    #[inline]
    pub fn credentials(mut self, credentials: UCred) -> SendAncillary<'a> {
        self.credentials = Some(credentials);
        self
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.descriptors.is_empty() && self.credentials.is_none()
    }
}

/// Reusable room for the control data of a message, and what was received in it.
///
/// Descriptors that are not taken are closed by the next receive or the drop.
#[derive(Default, Debug)]
pub struct RecvAncillary(Ancillary);

impl RecvAncillary {
    /// Creates room for `descriptors`, and for credentials. A message has at most 253 descriptors.
    ///
    /// [`default`](Default::default) has no room: descriptors that arrive are closed, and the message says so.
    #[inline]
    pub fn with_room_for(descriptors: usize) -> RecvAncillary {
        RecvAncillary(Ancillary::with_room_for(descriptors))
    }

    /// Returns the descriptors of the last message that are not yet taken.
    #[inline]
    pub fn descriptors(&self) -> &[OwnedFd] {
        self.0.descriptors()
    }

    /// Takes the descriptors of the last message, in the order they were sent. They are close-on-exec.
    #[inline]
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        self.0.take_descriptors()
    }

    /// Returns the sender of the last message, if [`set_passcred`](crate::UnixStream::set_passcred) is on.
    #[inline]
    pub fn credentials(&self) -> Option<UCred> {
        self.0.credentials().map(UCred)
    }
}

/// A received message: its metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecvMessage {
    /// How many bytes are in the buffers. 0 is the end of a stream; on a message socket also an empty message.
    pub len: usize,
    /// The sender, if the socket is a datagram socket and the sender has a name.
    pub from: SocketAddr,
    /// The message was longer than the buffers, and the rest is lost. Never on a stream.
    pub truncated: bool,
    /// There was more control data than room, or the process is at its limit of descriptors: some descriptors were
    /// closed, or the credentials dropped. The content of the [`RecvAncillary`] is valid.
    pub ancillary_truncated: bool,
}

#[inline]
pub(super) async fn recv_message(
    registration: &Registration<Fd>,
    bufs: &mut [IoSliceMut<'_>],
    ancillary: &mut RecvAncillary,
) -> io::Result<RecvMessage> {
    let received = registration.io(Direction::Read, |fd| fd.recv_message(bufs, &mut ancillary.0)).await?;
    Ok(RecvMessage {
        len: received.len,
        from: received.from.into(),
        truncated: received.truncated,
        ancillary_truncated: received.ancillary_truncated,
    })
}

#[inline]
pub(super) async fn send_message(
    registration: &Registration<Fd>,
    bufs: &[IoSlice<'_>],
    ancillary: &SendAncillary<'_>,
) -> io::Result<usize> {
    registration.io(Direction::Write, |fd| send(fd, bufs, ancillary, None)).await
}

/// Without bytes the kernel would silently send nothing on a stream.
#[inline]
pub(super) fn needs_a_byte(bufs: &[IoSlice<'_>], ancillary: &SendAncillary<'_>) -> io::Result<()> {
    if ancillary.is_empty() || bufs.iter().any(|buf| !buf.is_empty()) {
        return Ok(());
    }
    let message = "control data on a stream needs at least one byte to go with it";
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

#[inline]
pub(super) fn send(
    fd: &Fd,
    bufs: &[IoSlice<'_>],
    ancillary: &SendAncillary<'_>,
    to: Option<&UnixAddress>,
) -> io::Result<usize> {
    fd.send_message(bufs, ancillary.descriptors, ancillary.credentials.map(|cred| cred.0), to)
}
