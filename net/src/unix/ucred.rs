//! [`UCred`]: the credentials of a process.

use super::{gid_t, pid_t, uid_t};
use egret_runtime::sys::Credentials;

/// The process at the other end, its user and its group, from the kernel: by
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
    /// Creates the credentials to [send](super::SendAncillary::credentials) with a message. The kernel refuses false
    /// claims without the privilege.
    #[inline]
    pub fn new(pid: pid_t, uid: uid_t, gid: gid_t) -> UCred {
        UCred(Credentials { pid, uid, gid })
    }

    /// Returns the user of the process.
    #[inline]
    pub fn uid(&self) -> uid_t {
        self.0.uid
    }

    /// Returns the group of the process.
    #[inline]
    pub fn gid(&self) -> gid_t {
        self.0.gid
    }

    /// Returns the pid. `None` for a process of another namespace, which has no pid here. The process may be gone by
    /// now, and the pid reused.
    #[inline]
    pub fn pid(&self) -> Option<pid_t> {
        (self.0.pid != 0).then_some(self.0.pid)
    }
}
