//! Messages with control data: descriptors and credentials.
//!
//! A passed file counts as if it had one more descriptor, from the send until the receiver has its descriptor or the
//! message is dropped. Only simulated files can be passed.

use super::descriptor::{SimDescriptor, unix_address};
use super::kernel::Kernel;
use super::trace::Outcome;
use super::unix::{Control, UnixReceived};
use crate::sys::linux::{Ancillary, Credentials, Message, UnixAddress};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

impl SimDescriptor {
    /// `sendmsg(2)` of a Unix socket. Claimed credentials are not checked.
    pub(crate) fn send_message(
        &self,
        bytes: &[u8],
        descriptors: &[BorrowedFd<'_>],
        sender: Option<Credentials>,
        to: Option<&UnixAddress>,
    ) -> io::Result<usize> {
        let call = |kernel: &mut Kernel| {
            let files =
                descriptors.iter().map(|fd| kernel.file_of(fd.as_raw_fd())).collect::<Result<_, _>>()?;
            kernel.unix_send(self.file, bytes, to.map(UnixAddress::bytes), Control { files, sender })
        };
        self.world.interruptible("sendmsg", Some(self.file), call, |n| Outcome::Value(*n as u64))
    }

    /// `recvmsg(2)` of a Unix socket. `take` gets the bytes.
    pub(crate) fn recv_message(
        &self,
        len: usize,
        ancillary: &mut Ancillary,
        take: impl FnOnce(&[u8]),
    ) -> io::Result<Message> {
        ancillary.fill(Vec::new(), None);
        let call = |kernel: &mut Kernel| kernel.unix_recv(self.file, len, false);
        let value = |received: &UnixReceived| Outcome::Value(received.bytes.len() as u64);
        let received = self.world.interruptible("recvmsg", Some(self.file), call, value)?;
        let mut descriptors = Vec::new();
        let mut whole = true;
        for file in received.files {
            let has_room = descriptors.len() < ancillary.room();
            if has_room && self.world.ask(Kernel::check_limit).is_ok() {
                descriptors.push(self.world.name(file)?);
            } else {
                whole = false;
            }
            self.world.ask(|kernel| kernel.release(file));
        }
        take(&received.bytes);
        ancillary.fill(descriptors, received.sender);
        Ok(Message {
            len: received.bytes.len(),
            from: unix_address(&received.from),
            truncated: received.truncated,
            ancillary_truncated: !whole,
        })
    }

    /// `recvmsg(2)` of a Unix stream without room for control data: the bytes, and whether `MSG_CTRUNC` is set.
    pub(crate) fn receive_unix(&self, len: usize) -> io::Result<(Vec<u8>, bool)> {
        let call = |kernel: &mut Kernel| {
            let asks = kernel.has_set(self.file, (libc::SOL_SOCKET, libc::SO_PASSCRED), &[1]);
            let received = kernel.unix_recv(self.file, len, false)?;
            let cut = asks || !received.files.is_empty();
            received.files.into_iter().for_each(|passed| kernel.release(passed));
            Ok((received.bytes, cut))
        };
        let value = |(bytes, _): &(Vec<u8>, bool)| Outcome::Value(bytes.len() as u64);
        self.world.interruptible("recvmsg", Some(self.file), call, value)
    }

    /// `SO_PEERCRED`. All programs of a host are one process.
    pub(crate) fn peer_credentials(&self) -> io::Result<Credentials> {
        Ok(self.world.ask(|kernel| kernel.credentials()))
    }
}
