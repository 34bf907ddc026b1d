//! [`Command`]: std's builder for this module's children.

use super::Child;
use super::orphan;
use crate::executor::running;
use crate::observe::site::Site;
use crate::sys::Backend;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

/// Which program to run, and how.
///
/// [`std::process::Command`] with the same methods; others are set through [`as_std_mut`](Command::as_std_mut), such
/// as `pre_exec`, which is unsafe. The child starts with an empty signal mask and the default action for `SIGPIPE`,
/// inherits no descriptors of egret, and has the timer slack that this thread had before its loop changed it (see
/// [`time`](crate::time)).
///
/// Spawning blocks this thread until the program has been loaded or has failed to, some hundred microseconds, as in
/// std: `execve(2)` reports a missing file in no other way.
///
/// ```
/// use egret_runtime::process::Command;
///
/// # egret_runtime::block_on(async {
/// let status = Command::new("sh").args(["-c", "exit $CODE"]).env("CODE", "7").status().await?;
/// assert_eq!(status.code(), Some(7));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Command {
    std: std::process::Command,
    kill_on_drop: bool,
}

impl Command {
    /// Runs `program`, searched in `PATH`, without arguments, and with the environment, the working directory and the
    /// standard streams of this process.
    #[inline]
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        std::process::Command::new(program).into()
    }

    /// Returns the underlying std command.
    #[inline]
    pub fn as_std(&self) -> &std::process::Command {
        &self.std
    }

    /// Returns the underlying std command, mutably: for what only std has, such as a function that runs in the child.
    ///
    /// ```
    /// use std::os::unix::process::CommandExt;
    ///
    /// # egret_runtime::block_on(async {
    /// let mut command = egret_runtime::process::Command::new("true");
    /// // SAFETY: the function makes no call that is not async-signal-safe: it makes none.
    /// unsafe { command.as_std_mut().pre_exec(|| Err(std::io::Error::from_raw_os_error(13))) }; // EACCES
    /// assert_eq!(command.status().await.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    /// # });
    /// ```
    #[inline]
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Unwraps the std command.
    #[inline]
    pub fn into_std(self) -> std::process::Command {
        self.std
    }

    /// Adds an argument.
    #[inline]
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    #[inline]
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets the program's `argv[0]`.
    #[inline]
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        std::os::unix::process::CommandExt::arg0(&mut self.std, arg);
        self
    }

    /// Sets an environment variable.
    #[inline]
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets environment variables.
    #[inline]
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Removes an environment variable.
    #[inline]
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Starts with an empty environment.
    #[inline]
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Sets the working directory.
    #[inline]
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// Sets standard input. Inherited by default; by [`output`](Command::output), too.
    #[inline]
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdin(cfg);
        self
    }

    /// Sets standard output. Inherited by default.
    #[inline]
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdout(cfg);
        self
    }

    /// Sets standard error. Inherited by default.
    #[inline]
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stderr(cfg);
        self
    }

    /// Sets whether the child is killed when it is dropped before it was waited for; false by default. It is reaped
    /// either way.
    ///
    /// Its own children are not killed. To kill them too, start it with [`process_group(0)`](Command::process_group)
    /// and call [`Child::start_kill_group`] before the drop.
    ///
    /// ```
    /// use egret_runtime::process::Command;
    ///
    /// # egret_runtime::block_on(async {
    /// let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn()?;
    /// drop(child);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[inline]
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// Returns whether the child is killed when it is dropped.
    #[inline]
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// Sets the process group, 0 for a new one that the child leads, which [`Child::kill_group`] kills as a whole: see
    /// [`setpgid(2)`](https://man7.org/linux/man-pages/man2/setpgid.2.html).
    ///
    /// A child in its own group gets no Ctrl-C from the terminal, and is stopped when it reads from it.
    #[inline]
    pub fn process_group(&mut self, pgroup: i32) -> &mut Command {
        std::os::unix::process::CommandExt::process_group(&mut self.std, pgroup);
        self
    }

    /// Sets the user. Supplementary groups are dropped if this process is root's.
    #[inline]
    pub fn uid(&mut self, id: u32) -> &mut Command {
        std::os::unix::process::CommandExt::uid(&mut self.std, id);
        self
    }

    /// Sets the group.
    #[inline]
    pub fn gid(&mut self, id: u32) -> &mut Command {
        std::os::unix::process::CommandExt::gid(&mut self.std, id);
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) when there is no such program or no such directory,
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied), `EAGAIN` at the limit of processes, `EMFILE`; those of
    /// [`execve(2)`](https://man7.org/linux/man-pages/man2/execve.2.html). On an error no process is left,
    /// though one may have been started and killed if there was a descriptor for it and none for its pidfd, or, on a
    /// kernel without pidfds, no thread to wait for it. In a simulated host a program that the test has
    /// not installed is `NotFound`, and [`current_dir`](Command::current_dir) or a descriptor as a stream
    /// [`Unsupported`](io::ErrorKind::Unsupported).
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime and a stream is `Stdio::piped()`.
    #[track_caller]
    #[inline]
    pub fn spawn(&mut self) -> io::Result<Child> {
        orphan::attend();
        let _blunt = running::blunt_waits();
        Child::new(Backend::current().spawn(&mut self.std)?, self.kill_on_drop)
    }

    /// Starts the program and waits until it has ended. Its pipes, if any, are closed at once.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn) and [`Child::wait`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the child is dropped: see [`kill_on_drop`](Command::kill_on_drop). The call starts
    /// the program, not the first poll.
    #[track_caller]
    #[inline]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        Site::caller().within(async {
            let mut child = child?;
            drop((child.stdout.take(), child.stderr.take()));
            child.wait().await
        })
    }

    /// Starts the program, waits until it and its pipes have ended, and returns its standard output and standard
    /// error, which are always pipes. Standard input is inherited by default.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn) and [`Child::wait_with_output`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the child is dropped: see [`kill_on_drop`](Command::kill_on_drop). The call starts
    /// the program, not the first poll.
    #[track_caller]
    #[inline]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped());
        self.std.stderr(Stdio::piped());
        let child = self.spawn();
        Site::caller().within(async { child?.wait_with_output().await })
    }
}

impl From<std::process::Command> for Command {
    #[inline]
    fn from(std: std::process::Command) -> Command {
        Command { std, kill_on_drop: false }
    }
}
