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

mod group;

use super::orphan;
use super::stdio::{ChildStderr, ChildStdin, ChildStdout};
use crate::io::{Direction, Registration, Start};
use crate::observe::site::Site;
use crate::reactor::label::SourceLabel;
use crate::signal::unix::SignalKind;
use crate::sys::signal::number::KILL;
use crate::sys::{Process, Spawned, has_no_process};
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
    /// Takes over a child. On an error it is killed.
    #[track_caller]
    #[inline]
    pub(super) fn new(spawned: Spawned, kill_on_drop: bool) -> io::Result<Child> {
        let Spawned { pid, process, pipes: [stdin, stdout, stderr] } = spawned;
        // From here on a failure drops the child, which kills or reaps it.
        let state = ChildState::Running(process);
        let mut child =
            Child { pid: Some(pid), state, kill_on_drop: true, stdin: None, stdout: None, stderr: None };
        // Not in `map`, so that a panic names the caller.
        if let Some(pipe) = stdin {
            child.stdin = Some(ChildStdin::from_fd(pipe)?);
        }
        if let Some(pipe) = stdout {
            child.stdout = Some(ChildStdout::from_fd(pipe)?);
        }
        if let Some(pipe) = stderr {
            child.stderr = Some(ChildStderr::from_fd(pipe)?);
        }
        child.kill_on_drop = kill_on_drop;
        Ok(child)
    }

    /// Returns the pid; `None` once it has been reaped, because the pid may be reused.
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
            watched.set_label(self.pid.map_or(SourceLabel::Plain, SourceLabel::Child));
            let reaped = watched.io(Direction::Read, |_| process.reap()).await;
            drop(watched);
            self.reaped(reaped)?;
        }
        match self.state {
            ChildState::Done(status) => Ok(status),
            ChildState::Running(_) => unreachable!("it has been waited for"),
        }
    }

    /// Returns the exit status, if the process has ended.
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
        self.send_signal(SignalKind::from_raw(KILL))
    }

    /// Sends a signal to the process: `SIGTERM`, say, at which a server ends what it has begun.
    ///
    /// As [`start_kill`](Child::start_kill) it goes by the pidfd, and once the process has been reaped this does nothing and
    /// returns `Ok`.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied) for a process that now belongs to another user,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a number that is no signal.
    ///
    /// ```
    /// use egret_runtime::process::Command;
    /// use egret_runtime::signal::unix::SignalKind;
    /// use std::os::unix::process::ExitStatusExt;
    ///
    /// # egret_runtime::block_on(async {
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// child.send_signal(SignalKind::terminate())?;
    /// assert_eq!(child.wait().await?.signal(), Some(15));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn send_signal(&mut self, kind: SignalKind) -> io::Result<()> {
        match &self.state {
            ChildState::Done(_) => Ok(()),
            ChildState::Running(process) => match process.send_signal(kind.as_raw_value()) {
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

/// Returns whether there is no pipe, or it has ended and is now closed.
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
            let _ = process.send_signal(KILL);
        }
        // Any status will do: it is never read.
        let done = ChildState::Done(ExitStatus::default());
        if let ChildState::Running(process) = std::mem::replace(&mut self.state, done) {
            orphan::adopt(process);
        }
    }
}
