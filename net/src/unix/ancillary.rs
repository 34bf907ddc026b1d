//! What goes beside the bytes of a message: [`SendAncillary`], [`RecvAncillary`] and [`RecvMessage`].

use super::{SocketAddr, UCred};
use egret_runtime::io::{Direction, Registration};
use egret_runtime::sys::{Ancillary, Fd, UnixAddress};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};

/// What to send beside the bytes of a message: descriptors, of which the receiver gets duplicates, and credentials.
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
/// let beside = SendAncillary::new().descriptors(&descriptors);
/// ours.send_message(&[IoSlice::new(b"here")], &beside).await?;
///
/// let mut bytes = [0; 16];
/// let mut beside = RecvAncillary::with_room_for(1);
/// let message = theirs.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut beside).await?;
/// assert_eq!(&bytes[..message.len], b"here");
/// assert!(!message.ancillary_truncated);
/// let file = beside.take_descriptors().remove(0);
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
    /// Nothing.
    #[inline]
    pub fn new() -> SendAncillary<'a> {
        SendAncillary::default()
    }

    /// With these descriptors, 253 at most (`SCM_RIGHTS`). They stay ours; those that the receiver gets are
    /// duplicates.
    #[inline]
    pub fn descriptors(mut self, descriptors: &'a [BorrowedFd<'a>]) -> SendAncillary<'a> {
        self.descriptors = descriptors;
        self
    }

    /// With these credentials (`SCM_CREDENTIALS`). Without this the kernel sends the right ones when the receiver
    /// asks for some; it is for those who may [claim](UCred::new) others.
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

/// Room for what comes beside the bytes of a message, and what came. To be used again for the next message.
///
/// Descriptors that are not taken are closed when the next message is received or this is dropped.
#[derive(Default, Debug)]
pub struct RecvAncillary(Ancillary);

impl RecvAncillary {
    /// Room for so many descriptors, and for credentials. A message can have 253 descriptors at most.
    ///
    /// [`default`](Default::default) has room for nothing at all: descriptors that come are closed, and that is told.
    #[inline]
    pub fn with_room_for(descriptors: usize) -> RecvAncillary {
        RecvAncillary(Ancillary::with_room_for(descriptors))
    }

    /// The descriptors of the last message that were not taken.
    #[inline]
    pub fn descriptors(&self) -> &[OwnedFd] {
        self.0.descriptors()
    }

    /// Takes the descriptors of the last message, in the order in which they were sent. They are close-on-exec.
    #[inline]
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        self.0.take_descriptors()
    }

    /// Who sent the last message, where [`set_passcred`](crate::UnixStream::set_passcred) asked for that.
    #[inline]
    pub fn credentials(&self) -> Option<UCred> {
        self.0.credentials().map(UCred)
    }
}

/// A message that was received: what is not in the buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecvMessage {
    /// How many bytes are in the buffers. 0 is the end of a stream; of a socket of messages also an empty one.
    pub len: usize,
    /// Who sent it, if the socket is one of datagrams and the sender has a name.
    pub from: SocketAddr,
    /// The message was longer than the buffers, and the rest of it is gone. Never of a stream.
    pub truncated: bool,
    /// There was more beside the bytes than room for it, or the process has as many descriptors as it may: some
    /// descriptors were closed, or the credentials dropped. What is in the [`RecvAncillary`] is good.
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

/// Without bytes the kernel would send nothing on a stream, and say nothing of it.
#[inline]
pub(super) fn needs_a_byte(bufs: &[IoSlice<'_>], ancillary: &SendAncillary<'_>) -> io::Result<()> {
    if ancillary.is_empty() || bufs.iter().any(|buf| !buf.is_empty()) {
        return Ok(());
    }
    let message = "what goes beside the bytes of a stream needs one byte at least to go with";
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
