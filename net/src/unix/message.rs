//! Descriptors and credentials as control data of a [`UnixStream`].

use super::ancillary::{self, RecvAncillary, RecvMessage, SendAncillary};
use super::stream::UnixStream;
use egret_runtime::io::Site;
use std::io::{self, IoSlice, IoSliceMut};

/// # Descriptors and credentials
impl UnixStream {
    /// Writes as much of `bufs` as there is room for, at least one byte, with descriptors or credentials. They go
    /// with the first byte: they are sent when this returns, and the rest of `bufs` must be written without them.
    ///
    /// # Errors
    ///
    /// As [`write`](UnixStream::write); [`InvalidInput`](io::ErrorKind::InvalidInput) for control data without a
    /// byte, and (`EINVAL`) for more than 253 descriptors; `ETOOMANYREFS` when this user has more descriptors in
    /// flight than it may have open; [`PermissionDenied`](io::ErrorKind::PermissionDenied) for the credentials of
    /// another process.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was sent.
    ///
    /// See [`SendAncillary`] for an example, and
    /// [`sendmsg(2)`](https://man7.org/linux/man-pages/man2/sendmsg.2.html).
    #[doc(alias = "sendmsg")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn send_message(
        &self,
        bufs: &[IoSlice<'_>],
        control: &SendAncillary<'_>,
    ) -> impl Future<Output = io::Result<usize>> {
        Site::caller().within(async move {
            ancillary::needs_a_byte(bufs, control)?;
            ancillary::send_message(self.registration(), bufs, control).await
        })
    }

    /// Reads the queued bytes with their descriptors or credentials. A message with control data is never read
    /// together with the next.
    ///
    /// Other read methods close the descriptors and drop the credentials.
    ///
    /// # Errors
    ///
    /// As [`read`](UnixStream::read). Control data that did not fit is no error: see
    /// [`RecvMessage::ancillary_truncated`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, nothing was taken.
    ///
    /// See [`SendAncillary`] for an example, and
    /// [`recvmsg(2)`](https://man7.org/linux/man-pages/man2/recvmsg.2.html).
    #[doc(alias = "recvmsg")]
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn recv_message(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        control: &mut RecvAncillary,
    ) -> impl Future<Output = io::Result<RecvMessage>> {
        Site::caller()
            .within(async move { ancillary::recv_message(self.registration(), bufs, control).await })
    }

    /// Returns whether messages carry the credentials of their sender, `SO_PASSCRED`.
    ///
    /// # Errors
    ///
    /// Those of [`getsockopt(2)`](https://man7.org/linux/man-pages/man2/getsockopt.2.html); none in practice.
    #[inline]
    pub fn passcred(&self) -> io::Result<bool> {
        self.fd().passcred()
    }

    /// Makes messages sent from now on carry the credentials of their sender, for
    /// [`recv_message`](UnixStream::recv_message).
    ///
    /// # Errors
    ///
    /// As [`passcred`](UnixStream::passcred).
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// use egret_net::UnixStream;
    /// use egret_net::unix::RecvAncillary;
    /// use std::io::IoSliceMut;
    ///
    /// let (mut ours, theirs) = UnixStream::pair()?;
    /// theirs.set_passcred(true)?;
    /// ours.write_all(b"who am I?").await?;
    /// let (mut bytes, mut control) = ([0; 16], RecvAncillary::with_room_for(0));
    /// theirs.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut control).await?;
    /// assert_eq!(control.credentials(), Some(theirs.peer_cred()?));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn set_passcred(&self, passcred: bool) -> io::Result<()> {
        self.fd().set_passcred(passcred)
    }
}
