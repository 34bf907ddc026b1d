//! [`UCred`]: who a process is.

use super::{gid_t, pid_t, uid_t};
use egret_runtime::sys::Credentials;

/// The process at the other end, and the user and the group that it runs as, as the kernel says: by
/// [`UnixStream::peer_cred`](crate::UnixStream::peer_cred), or with a message.
///
/// ```
/// # egret_runtime::block_on(async {
/// let (ours, _theirs) = egret_net::UnixStream::pair()?;
/// let peer = ours.peer_cred()?;
/// assert_eq!(peer.pid(), Some(std::process::id() as i32));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UCred(pub(super) Credentials);

impl UCred {
    /// The credentials to [send](super::SendAncillary::credentials) with a message. The kernel lets nobody without
    /// the privilege claim what is not so.
    #[inline]
    pub fn new(pid: pid_t, uid: uid_t, gid: gid_t) -> UCred {
        UCred(Credentials { pid, uid, gid })
    }

    /// The user that the process runs as.
    #[inline]
    pub fn uid(&self) -> uid_t {
        self.0.uid
    }

    /// The group that the process runs as.
    #[inline]
    pub fn gid(&self) -> gid_t {
        self.0.gid
    }

    /// The number of the process. `None` for one of another namespace, which has no number here. By the time that
    /// it is asked for, the process may be gone and the number another's.
    #[inline]
    pub fn pid(&self) -> Option<pid_t> {
        (self.0.pid != 0).then_some(self.0.pid)
    }
}
