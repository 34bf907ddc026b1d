//! [`Child`]: a spawned process, until it is reaped.
//!
//! * It owns the pidfd, or its substitute on an older kernel (`sys/linux/process.rs`).
//! * Opening a pidfd after the spawn is no race: a pid is not reused before its parent reaps it, and in this process
//!   only the `Child` reaps this one (std's handle is dropped by then). A pidfd from the spawn itself, nightly only
//!   in std, would also cover programs that wait for any child.
//! * The pidfd is registered for a wait, not for the life of the child: two cheap system calls per wait, and a child
//!   that outlives its runtime can be waited for in the next one.
//!
//! ```text
//!                  reap (waitid answers)
//!     Running ----------------------------> Done
//!        |  |
//!        |  +--- ECHILD ---> Running without a number: something else has waited for it
//!        |
//!        +--- drop ---> orphan.rs (killed first, by `kill_on_drop`)
//! ```

use super::orphan;
use super::stdio::{ChildStderr, ChildStdin, ChildStdout};
use crate::io::{Direction, Registration, Start};
use crate::observe::site::Site;
use crate::reactor::label::Label;
use crate::sys::{Backend, Process, has_no_process};
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::AsFd;
use std::pin::pin;
use std::process::{ExitStatus, Output};
use std::task::Poll;

/// A child process.
///
/// Made by [`Command::spawn`](super::Command::spawn). When dropped, it goes on running unless
/// [`kill_on_drop`](super::Command::kill_on_drop) is set, and is reaped when it ends.
///
/// ```
/// use egret_runtime::process::Command;
/// use std::process::Stdio;
///
/// # egret_runtime::block_on(async {
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
///
/// stdin.write_all(b"hello").await?;
/// drop(stdin); // the end of its input, at which cat ends
/// let mut echo = Vec::new();
/// stdout.read_to_end(&mut echo).await?;
/// assert_eq!(echo, b"hello");
/// assert!(child.wait().await?.success());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Child {
    /// `None` once the kernel reports that other code has reaped it: the pid may be reused.
    pid: Option<u32>,
    state: ChildState,
    kill_on_drop: bool,
    /// The pipe to its standard input, if `Stdio::piped()` was set.
    pub stdin: Option<ChildStdin>,
    /// The pipe from its standard output, if `Stdio::piped()` was set.
    pub stdout: Option<ChildStdout>,
    /// The pipe from its standard error, if `Stdio::piped()` was set.
    pub stderr: Option<ChildStderr>,
}

#[derive(Debug)]
enum ChildState {
    /// Not reaped, whether it runs or not: the pid is its own.
    Running(Process),
    Done(ExitStatus),
}

impl Child {
    /// Takes over std's child. On an error the process has been killed and reaped.
    #[track_caller]
    #[inline]
    pub(super) fn new(mut std: std::process::Child, kill_on_drop: bool) -> io::Result<Child> {
        let pid = std.id();
        let pipes = (std.stdin.take(), std.stdout.take(), std.stderr.take());
        match Backend::current().process(pid) {
            Ok(process) => {
                // Dropping std's handle does nothing; it is not needed any more.
                drop(std);
                // From here on a failure drops the child, which kills or reaps it.
                let state = ChildState::Running(process);
                let mut child = Child {
                    pid: Some(pid),
                    state,
                    kill_on_drop: true,
                    stdin: None,
                    stdout: None,
                    stderr: None,
                };
                // Not in `map`, so that a panic names the caller.
                if let Some(pipe) = pipes.0 {
                    child.stdin = Some(ChildStdin::from_std(pipe)?);
                }
                if let Some(pipe) = pipes.1 {
                    child.stdout = Some(ChildStdout::from_std(pipe)?);
                }
                if let Some(pipe) = pipes.2 {
                    child.stderr = Some(ChildStderr::from_std(pipe)?);
                }
                child.kill_on_drop = kill_on_drop;
                Ok(child)
            }
            Err(error) => {
                // A killed process ends at once: this wait is as short as the spawn was.
                let _ = std.kill();
                let _ = std.wait();
                Err(error)
            }
        }
    }

    /// The pid; `None` once it has been reaped, because the pid may be reused.
    ///
    /// That includes a wait by other code of this process, once a method of this type has found out (`ECHILD` or
    /// `ESRCH`).
    #[inline]
    pub fn id(&self) -> Option<u32> {
        match self.state {
            ChildState::Running(_) => self.pid,
            ChildState::Done(_) => None,
        }
    }

    /// Keeps the result of a reap.
    #[inline]
    fn reaped(&mut self, reaped: io::Result<ExitStatus>) -> io::Result<ExitStatus> {
        match &reaped {
            Ok(status) => self.state = ChildState::Done(*status),
            Err(error) if has_no_process(error) => self.pid = None,
            Err(_) => {}
        }
        reaped
    }

    /// Waits until the process has ended. Its standard input is closed first, so that a child which reads to its end
    /// gets there.
    ///
    /// Later calls resolve to the same status. A grandchild may still have the pipes open.
    ///
    /// # Errors
    ///
    /// `ECHILD` when other code of this process has reaped the child, or `SIGCHLD` is ignored; those of
    /// `epoll_ctl(2)`; `Other` when the runtime ends meanwhile: wait again in another.
    ///
    /// # Panics
    ///
    /// When it has to wait and this thread is not in a runtime.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost, except that standard input is closed.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn wait(&mut self) -> impl Future<Output = io::Result<ExitStatus>> {
        Site::caller().within(async move {
            drop(self.stdin.take());
            self.ended().await
        })
    }

    #[inline]
    async fn ended(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        if let ChildState::Running(process) = &self.state {
            // If it has ended since, this registration reports that at once.
            let watched = Registration::new(process.as_fd(), Start::Empty).map_err(|(_, error)| error)?;
            watched.set_label(self.pid.map_or(Label::Plain, Label::Child));
            let reaped = watched.io(Direction::Read, |_| process.reap()).await;
            drop(watched);
            self.reaped(reaped)?;
        }
        match self.state {
            ChildState::Done(status) => Ok(status),
            ChildState::Running(_) => unreachable!("it has been waited for"),
        }
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    ///
    /// `ECHILD` as [`wait`](Child::wait).
    #[inline]
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let process = match &self.state {
            ChildState::Done(status) => return Ok(Some(*status)),
            ChildState::Running(process) => process,
        };
        match process.reap() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            reaped => self.reaped(reaped).map(Some),
        }
    }

    /// Kills the process by `SIGKILL` without waiting. [`wait`](Child::wait) for it afterwards.
    ///
    /// The signal goes by the pidfd, so it cannot hit another process. Once the process has been reaped this does
    /// nothing and returns `Ok`, as in std and tokio.
    ///
    /// The process's children are not killed: see [`start_kill_group`](Child::start_kill_group).
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a process that now belongs to another user.
    #[inline]
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &self.state {
            ChildState::Done(_) => Ok(()),
            ChildState::Running(process) => match process.kill() {
                Err(error) if has_no_process(&error) => {
                    self.pid = None;
                    Ok(())
                }
                sent => sent,
            },
        }
    }

    /// Kills the process by `SIGKILL` and waits until it has ended.
    ///
    /// The process's children are not killed: see [`kill_group`](Child::kill_group).
    ///
    /// # Errors
    ///
    /// As [`start_kill`](Child::start_kill) and [`wait`](Child::wait).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the process has been killed; [`wait`](Child::wait) for it.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn kill(&mut self) -> impl Future<Output = io::Result<()>> {
        Site::caller().within(async move {
            self.start_kill()?;
            self.wait().await?;
            Ok(())
        })
    }

    /// Kills the process group of the process by `SIGKILL` without waiting.
    ///
    /// The child must lead a group: start it with [`process_group(0)`](super::Command::process_group). Its children
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

    /// Waits until the process **and** its pipes have ended, and returns their output. Its standard input is closed
    /// first.
    ///
    /// A pipe that was not created, or was taken out, gives an empty vector. While a grandchild has one open this
    /// waits, even if the child has ended.
    ///
    /// # Errors
    ///
    /// As [`wait`](Child::wait), and those of `read(2)`.
    ///
    /// # Cancel safety
    ///
    /// None: dropped before it resolves, the child is dropped, and the output read so far is lost.
    #[inline]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn wait_with_output(mut self) -> impl Future<Output = io::Result<Output>> {
        Site::caller().within(async move {
            drop(self.stdin.take());
            let mut pipes = (self.stdout.take(), self.stderr.take());
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            let mut status = None;
            {
                let mut ended = pin!(self.ended());
                poll_fn(|cx| {
                    // Poll all three: a child blocked on a full pipe does not end.
                    if drained(&mut pipes.0, |pipe| pipe.poll_read_to_end(cx, &mut stdout))?
                        & drained(&mut pipes.1, |pipe| pipe.poll_read_to_end(cx, &mut stderr))?
                        & has_ended(&mut status, || ended.as_mut().poll(cx))?
                    {
                        Poll::Ready(io::Result::Ok(()))
                    } else {
                        Poll::Pending
                    }
                })
                .await?;
            }
            let status = status.expect("it has ended");
            Ok(Output { status, stdout, stderr })
        })
    }
}

/// Whether there is no pipe, or it has ended and is now closed.
#[inline]
fn drained<P>(pipe: &mut Option<P>, read: impl FnOnce(&mut P) -> Poll<io::Result<()>>) -> io::Result<bool> {
    if let Some(open) = pipe {
        match read(open) {
            Poll::Pending => return Ok(false),
            Poll::Ready(result) => result?,
        }
        *pipe = None;
    }
    Ok(true)
}

#[inline]
fn has_ended(
    status: &mut Option<ExitStatus>,
    wait: impl FnOnce() -> Poll<io::Result<ExitStatus>>,
) -> io::Result<bool> {
    if status.is_none() {
        match wait() {
            Poll::Pending => return Ok(false),
            Poll::Ready(result) => *status = Some(result?),
        }
    }
    Ok(true)
}

impl Drop for Child {
    #[inline]
    fn drop(&mut self) {
        let ChildState::Running(process) = &self.state else { return };
        if self.kill_on_drop {
            // The error cannot be reported. A process that could not be killed is reaped when it ends.
            let _ = process.kill();
        }
        // Any status will do: it is never read.
        let done = ChildState::Done(ExitStatus::default());
        if let ChildState::Running(process) = std::mem::replace(&mut self.state, done) {
            orphan::adopt(process);
        }
    }
}
