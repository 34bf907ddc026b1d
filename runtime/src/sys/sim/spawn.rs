//! `process::Command` on a simulated host: starts a program that the test has installed there.
//!
//! * The kernel has the new program at once. The driver makes its runtime later, from [`World::take_born`].
//! * std does not tell what `Command::stdin` was given, except in the `Debug` output of the whole command:
//!   [`setting`] reads it, and `tests/sim/processes.rs` fails when std changes it. Any other setting is refused.

use super::descriptor::SimDescriptor;
use super::kernel::{FileId, Kernel};
use super::plan::Fault;
use super::program::{Loop, ProgramId};
use super::trace::Outcome;
use super::unsupported;
use super::world::{World, program};
use crate::sys::Fd;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, ExitStatus};
use std::rc::Rc;

/// The arguments and descriptors that a program is started with.
pub(crate) struct Given {
    pub(crate) pid: u32,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: BTreeMap<OsString, OsString>,
    /// Its ends of the pipes for its standard input, output and error.
    pub(crate) pipes: [Option<Fd>; 3],
}

/// Makes the main future of an installed program, in its runtime.
pub(crate) type Begin = Rc<dyn Fn(Given) -> Pin<Box<dyn Future<Output = u8>>>>;

/// A program that has no runtime yet.
pub(crate) struct NewProgram {
    pub(crate) program: ProgramId,
    pub(crate) begin: Begin,
    pub(crate) given: Given,
}

/// The parent's view of a child: its pid, its pidfd, and the ends of the pipes.
pub(crate) type Parental = (u32, Fd, [Option<Fd>; 3]);

/// How long `execve(2)` takes until the program runs, in nanoseconds.
const LOADING: std::ops::RangeInclusive<u64> = 100_000..=3_000_000;

const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];

/// Starts a program on the host of the current one; `None` without one, for a real process.
pub(crate) fn spawn(command: &Command) -> Option<io::Result<Parental>> {
    let world = program()?;
    Some(world.spawn(command))
}

/// Returns a setting of a command, by std's `Debug` output of it: one line has the name, the next one the value.
fn setting<'a>(command: &'a str, name: &str) -> Option<&'a str> {
    let head = format!("    {name}: Some(");
    let mut lines = command.lines().skip_while(|line| *line != head);
    lines.nth(1).map(|value| value.trim().trim_end_matches(','))
}

impl World {
    fn spawn(&self, command: &Command) -> io::Result<Parental> {
        let begin = self.installed(command)?;
        if command.get_current_dir().is_some() {
            return Err(unsupported("the directory of a process (Command::current_dir)"));
        }
        let settings = format!("{command:#?}");
        let group = setting(&settings, "pgroup").and_then(|group| group.parse().ok());
        let (mut ours, mut theirs) = ([const { None }; 3], [const { None }; 3]);
        for (at, name) in STREAMS.into_iter().enumerate() {
            match setting(&settings, name) {
                None | Some("Inherit" | "Null") => {}
                Some("MakePipe") => {
                    let (reader, writer) = super::pipe().expect("a program runs")?;
                    let (reader, writer) = (Fd::from(reader), Fd::from(writer));
                    let (our, their) = if at == 0 { (writer, reader) } else { (reader, writer) };
                    (ours[at], theirs[at]) = (Some(our), Some(their));
                }
                Some(_) => return Err(unsupported(&format!("a descriptor as the {name} of a process"))),
            }
        }
        let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
        let open = |kernel: &mut Kernel| match kernel.fault(Fault::NoMemory) {
            true => Err(libc::ENOMEM),
            false => kernel.child_open(&name, group),
        };
        let told = |(_, pidfd): &(ProgramId, FileId)| Outcome::Text(format!("{name} as #{pidfd}").into());
        let (child, file) = self.call("spawn", None, open, told)?;
        let pidfd = self.name(file);
        let Ok(pidfd) = pidfd.map(Fd::from) else {
            self.ask(|kernel| kernel.end(child, libc::SIGKILL));
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        };
        let loading = self.schedule.borrow_mut().within(&LOADING);
        let pid = self.ask(|kernel| {
            theirs.iter().flatten().for_each(|end| kernel.give(end.as_raw_fd(), child));
            let now = kernel.now;
            let entry = kernel.program(child);
            (entry.loop_state, entry.not_before) = (Loop::Awake, now + loading);
            entry.pid
        });
        let args = command.get_args().map(OsString::from).collect();
        let env = command.get_envs().filter_map(|(name, value)| Some((name.into(), value?.into()))).collect();
        let given = Given { pid, args, env, pipes: theirs };
        self.born.borrow_mut().push(NewProgram { program: child, begin, given });
        Ok((pid, pidfd, ours))
    }

    /// Returns the program of this name on the current host; a path stands for its last part.
    fn installed(&self, command: &Command) -> io::Result<Begin> {
        let name = command.get_program();
        let last = Path::new(name).file_name().unwrap_or_default();
        let host = self.ask(|kernel| kernel.here()).expect("a program starts another");
        let installed = self.programs.borrow();
        let found =
            [name, last].into_iter().find_map(|name| installed.get(&(host, name.to_str()?.to_owned())));
        found.cloned().ok_or_else(|| {
            let host = self.ask(|kernel| kernel.hosts[usize::from(host)].name.clone());
            let why = format!(
                "host {host:?} has no program {name:?}: the test gives it one by Host::install({last:?}, ..)"
            );
            io::Error::new(io::ErrorKind::NotFound, why)
        })
    }

    /// Returns the programs that were started since the last call.
    pub(crate) fn take_born(&self) -> Vec<NewProgram> {
        self.born.take()
    }
}

impl Kernel {
    /// Another program owns a descriptor from now on.
    fn give(&mut self, number: RawFd, to: ProgramId) {
        let Some((_, owner)) = self.numbers.get_mut(number as usize).and_then(Option::as_mut) else { return };
        let before = std::mem::replace(owner, to);
        self.program(before).descriptors -= 1;
        self.program(to).descriptors += 1;
    }
}

/// The calls on a pidfd.
impl SimDescriptor {
    pub(crate) fn reap(&self) -> io::Result<ExitStatus> {
        let status = |status: &i32| Outcome::Value(*status as u64);
        let reap = |kernel: &mut Kernel| kernel.child_reap(self.file);
        self.world.interruptible("waitid", Some(self.file), reap, status).map(ExitStatus::from_raw)
    }

    pub(crate) fn send_signal(&self, signal: i32) -> io::Result<()> {
        let send = |kernel: &mut Kernel| kernel.child_signal(self.file, signal);
        self.world.call("kill", Some(self.file), send, |()| Outcome::Value(signal as u64))
    }

    pub(crate) fn kill_group(&self) -> io::Result<()> {
        let kill = |kernel: &mut Kernel| kernel.child_kill_group(self.file);
        self.world.call("kill group", Some(self.file), kill, |()| Outcome::Done)
    }
}
