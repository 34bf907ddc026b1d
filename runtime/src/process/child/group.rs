//! Kills a child with the children that it has started.

use super::{Child, ChildState};
use crate::observe::site::Site;
use crate::sys::has_no_process;
use std::future::Future;
use std::io;

impl Child {
    /// Kills the process group of the process by `SIGKILL` without waiting.
    ///
    /// The child must lead a group: start it with [`process_group(0)`](crate::process::Command::process_group). Its children
    /// are in its group unless they have left it by `setpgid(2)` or `setsid(2)`, as daemons and the jobs of an
    /// interactive shell do.
    ///
    /// Call this before [`wait`](Child::wait): the number of the group is not reused before the child is reaped.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when the child leads no group or has been reaped, and nothing
    /// was killed; [`PermissionDenied`](io::ErrorKind::PermissionDenied) when each process of the group now belongs
    /// to another user. See [`kill(2)`](https://man7.org/linux/man-pages/man2/kill.2.html).
    ///
    /// ```
    /// use egret_runtime::process::Command;
    ///
    /// # egret_runtime::block_on(async {
    /// // A shell that waits for a child of its own.
    /// let mut shell = Command::new("sh").args(["-c", "sleep 1000; true"]).process_group(0).spawn()?;
    /// shell.start_kill_group()?; // the sleep is killed too
    /// assert!(!shell.wait().await?.success());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn start_kill_group(&mut self) -> io::Result<()> {
        let (ChildState::Running(process), Some(pid)) = (&self.state, self.pid) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the process has been waited for: the number of its group may be another's",
            ));
        };
        match process.kill_group(pid) {
            Err(error) if has_no_process(&error) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the process leads no group: start it with Command::process_group(0)",
            )),
            sent => sent,
        }
    }

    /// Kills the process group of the process by `SIGKILL`, and waits until the process has ended.
    ///
    /// ```
    /// use egret_runtime::process::Command;
    ///
    /// # egret_runtime::block_on(async {
    /// let mut shell = Command::new("sh").args(["-c", "sleep 1000; true"]).process_group(0).spawn()?;
    /// shell.kill_group().await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_kill_group`](Child::start_kill_group) and [`wait`](Child::wait).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the group has been killed; [`wait`](Child::wait) for the child.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn kill_group(&mut self) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(async move {
            self.start_kill_group()?;
            self.wait().await?;
            Ok(())
        })
    }
}
