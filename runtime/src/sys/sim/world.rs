//! [`World`]: a kernel, the threads of its hosts, and the world of this thread.

mod epoll; // the calls on an epoll instance
mod hosts; // what a test does to hosts and links
mod names; // name resolution
mod oracle; // questions of oracles and tests

use super::dice::Dice;
use super::disk::{self, Disk};
use super::host::{CLOCK_START, HostId};
use super::kernel::{FileId, Kernel};
use super::plan::{Fault, Plan, nanoseconds};
use super::program::{Loop, ProgramId};
use super::spawn::{Begin, NewProgram};
use super::trace::Outcome;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

thread_local! {
    /// The simulation of this thread.
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

pub use names::Name;

/// One simulation.
pub(crate) struct World {
    kernel: RefCell<Kernel>,
    /// Simulated descriptors are duplicates of this one.
    spare: OwnedFd,
    /// Threads that will run: when, on which host, which closure.
    threads: RefCell<Vec<Thread>>,
    pub(super) schedule: RefCell<Dice>,
    seed: u64,
    /// Those of the hosts whose programs have used them.
    disks: RefCell<BTreeMap<HostId, Disk>>,
    started: Cell<u64>,
    /// The programs that hosts can start, by name, and those that they have started.
    pub(super) programs: RefCell<BTreeMap<(HostId, String), Begin>>,
    pub(super) born: RefCell<Vec<NewProgram>>,
    /// The places of `sometimes!` that were reached, and whether their conditions held.
    seen: RefCell<BTreeMap<Sighting, bool>>,
}

/// A place of `sometimes!`: the file, the line and the condition.
pub(crate) type Sighting = (&'static str, u32, &'static str);

struct Thread {
    at: u64,
    number: u64,
    program: ProgramId,
    run: Box<dyn FnOnce()>,
}

/// The next step of a simulation.
pub(crate) enum Next {
    /// The loop of this program.
    Program(ProgramId),
    /// This thread of this program.
    Thread(ProgramId, Box<dyn FnOnce()>),
    /// Nothing before the given time, which is now.
    Later,
    /// Nothing, ever.
    Nothing,
}

/// Returns the world of this thread.
pub(crate) fn current() -> Option<Rc<World>> {
    WORLD.try_with(|world| world.borrow().clone()).ok().flatten()
}

/// Returns the world of this thread, while it runs the program of one of its hosts.
pub(crate) fn program() -> Option<Rc<World>> {
    current().filter(|world| world.kernel.borrow().current.is_some())
}

/// Returns the kernel of this thread, unless it is asked already. Allocates nothing and does not panic.
#[cfg(all(feature = "sim-std", target_env = "gnu", not(miri)))]
pub(super) fn try_kernel<R>(question: impl FnOnce(&mut Kernel) -> R) -> Option<R> {
    let ask = |world: &RefCell<Option<Rc<World>>>| {
        let world = world.try_borrow().ok()?;
        let mut kernel = world.as_ref()?.kernel.try_borrow_mut().ok()?;
        Some(question(&mut kernel))
    };
    WORLD.try_with(ask).ok()?
}

/// A descriptor is closed: the world forgets its number.
pub(crate) fn close(number: RawFd) {
    let Some(world) = current() else { return };
    let known = world.kernel.borrow().file_of(number);
    if let Ok(file) = known {
        let close = |kernel: &mut Kernel| {
            kernel.close(number);
            Ok(())
        };
        let _ = world.call("close", Some(file), close, |()| Outcome::Done);
    }
}

/// Keeps this thread in a world until dropped.
pub(crate) struct EnteredWorld {
    before: Option<Rc<World>>,
    #[cfg(all(feature = "sim-std", target_env = "gnu", not(miri)))]
    _random: super::c_library::Before,
}

impl Drop for EnteredWorld {
    fn drop(&mut self) {
        let before = self.before.take();
        let world = WORLD.with(|world| world.replace(before));
        drop(world);
    }
}

impl World {
    pub(crate) fn new(seed: u64, plan: Plan) -> io::Result<Rc<World>> {
        Ok(Rc::new(World {
            kernel: RefCell::new(Kernel::new(seed, plan)),
            spare: OpenOptions::new().read(true).custom_flags(libc::O_PATH).open("/")?.into(),
            threads: RefCell::default(),
            schedule: RefCell::new(Dice::new(seed, "schedule")),
            seed,
            disks: RefCell::default(),
            started: Cell::new(0),
            programs: RefCell::default(),
            born: RefCell::default(),
            seen: RefCell::default(),
        }))
    }

    /// Enters this world on the thread.
    pub(crate) fn enter(self: &Rc<World>) -> EnteredWorld {
        EnteredWorld {
            before: WORLD.with(|world| world.replace(Some(self.clone()))),
            #[cfg(all(feature = "sim-std", target_env = "gnu", not(miri)))]
            _random: super::c_library::begin(self.seed),
        }
    }

    /// Performs a system call.
    pub(super) fn call<R>(
        &self,
        name: &'static str,
        file: Option<FileId>,
        call: impl FnOnce(&mut Kernel) -> Result<R, i32>,
        value: impl FnOnce(&R) -> Outcome,
    ) -> io::Result<R> {
        let result = self.kernel.borrow_mut().call(name, file, call, value);
        result.map_err(io::Error::from_raw_os_error)
    }

    /// [`call`](World::call) for calls that a signal may interrupt.
    pub(super) fn interruptible<R>(
        &self,
        name: &'static str,
        file: Option<FileId>,
        mut call: impl FnMut(&mut Kernel) -> Result<R, i32>,
        value: impl Fn(&R) -> Outcome,
    ) -> io::Result<R> {
        crate::sys::linux::uninterrupted(|| {
            let interrupted = |kernel: &mut Kernel| {
                if kernel.fault(Fault::Interrupt) { Err(libc::EINTR) } else { call(kernel) }
            };
            self.call(name, file, interrupted, &value)
        })
    }

    /// A query that takes no time and leaves no trace.
    pub(super) fn ask<R>(&self, question: impl FnOnce(&mut Kernel) -> R) -> R {
        let mut kernel = self.kernel.borrow_mut();
        kernel.catch_up();
        question(&mut kernel)
    }

    /// Makes a descriptor of a file.
    pub(super) fn name(&self, file: FileId) -> io::Result<OwnedFd> {
        let fd = self.spare.as_fd().try_clone_to_owned()?;
        self.kernel.borrow_mut().name(file, fd.as_raw_fd());
        Ok(fd)
    }

    /// Returns the disk of a host, empty at its first use.
    ///
    /// # Panics
    ///
    /// When this machine has no directory for it.
    pub(super) fn disk_of<R>(&self, host: HostId, f: impl FnOnce(&mut Disk) -> R) -> R {
        let name = self.ask(|kernel| kernel.hosts[usize::from(host)].name.clone());
        let mut disks = self.disks.borrow_mut();
        let made = || Disk::new(disk::dice(self.seed, &name));
        let made = || made().unwrap_or_else(|error| panic!("no directory for the disk of {name}: {error}"));
        f(disks.entry(host).or_insert_with(made))
    }

    // Calls of the seam that concern no descriptor.

    /// Returns the time by the host's clock, or by that of a new host while none runs.
    pub(crate) fn monotonic(&self) -> u64 {
        self.ask(|kernel| match kernel.here() {
            Some(host) => kernel.hosts[usize::from(host)].clock(kernel.now),
            None => CLOCK_START + kernel.now,
        })
    }

    /// Returns the wall clock of the host whose program runs.
    pub(crate) fn wall_clock(&self) -> SystemTime {
        let nanoseconds = self.ask(|kernel| {
            kernel.here().map_or(0, |host| kernel.hosts[usize::from(host)].wall_clock(kernel.now))
        });
        let since = |nanoseconds: i128| Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        match nanoseconds {
            0.. => SystemTime::UNIX_EPOCH + since(nanoseconds),
            _ => SystemTime::UNIX_EPOCH - since(-nanoseconds),
        }
    }

    /// Returns the descriptor limit of the program that runs.
    pub(crate) fn descriptor_limit(&self) -> u64 {
        self.ask(|kernel| kernel.current.map_or(0, |program| kernel.program(program).limit as u64))
    }

    /// Returns whether the program that runs has its loop.
    pub(crate) fn has_loop(&self) -> bool {
        self.ask(|kernel| {
            let poll = kernel.current.and_then(|program| kernel.program(program).poll);
            poll.is_some_and(|poll| kernel.polls[poll].is_some())
        })
    }

    /// Starts a thread of the current program: a closure that runs later, when nothing else does.
    pub(crate) fn start_thread(&self, run: Box<dyn FnOnce()>) {
        let program = self.ask(|kernel| kernel.current).expect("a program starts a thread");
        let after = self.schedule.borrow_mut().within(&(1_000..=5_000_000));
        self.start_thread_after(program, after, run);
    }

    /// Runs `run` as a thread of `program` after `after` nanoseconds.
    pub(crate) fn start_thread_after(&self, program: ProgramId, after: u64, run: Box<dyn FnOnce()>) {
        let number = self.started.get();
        self.started.set(number + 1);
        let at = self.ask(|kernel| kernel.now).saturating_add(after);
        self.threads.borrow_mut().push(Thread { at, number, program, run });
    }

    /// Drops threads that have not started.
    pub(crate) fn drop_threads(&self) {
        let threads = std::mem::take(&mut *self.threads.borrow_mut());
        drop(threads);
    }

    // Scheduling.

    /// Returns whether its host or a signal stops a program.
    pub(crate) fn is_paused(&self, program: ProgramId) -> bool {
        self.ask(|kernel| kernel.is_paused(program))
    }

    /// Returns the time of the next event, if no loop runs.
    fn next_time(&self) -> Option<u64> {
        let threads = self.threads.borrow();
        let runs = threads.iter().filter(|thread| !self.is_paused(thread.program));
        let threads = runs.map(|thread| thread.at).min();
        self.ask(|kernel| kernel.next_happening()).into_iter().chain(threads).min()
    }

    /// Returns a thread that is due: the earliest.
    fn due_thread(&self) -> Option<Thread> {
        let now = self.ask(|kernel| kernel.now);
        let mut threads = self.threads.borrow_mut();
        let is_due = |thread: &Thread| thread.at <= now && !self.is_paused(thread.program);
        let due = threads.iter().enumerate().filter(|(_, thread)| is_due(thread));
        let first = due.min_by_key(|(_, thread)| (thread.at, thread.number)).map(|(at, _)| at)?;
        Some(threads.swap_remove(first))
    }

    /// Returns the next step. Time passes until something can run, the test has an action, or `limit` is reached.
    pub(crate) fn next(&self, action: Option<u64>, limit: u64) -> Next {
        loop {
            if let Some(thread) = self.due_thread() {
                let alive = self.ask(|kernel| kernel.is_alive(thread.program));
                if alive {
                    return Next::Thread(thread.program, thread.run);
                }
                continue; // its host has crashed, or its program was killed
            }
            let (ready, wake) = self.ask(|kernel| kernel.ready_programs());
            if !ready.is_empty() {
                let chosen = ready[self.schedule.borrow_mut().below(ready.len())];
                return Next::Program(chosen);
            }
            let happens = self.next_time().into_iter().chain(wake).min();
            let Some(next) = happens.into_iter().chain(action).min() else { return Next::Nothing };
            self.ask(|kernel| kernel.advance(next.min(limit)));
            if next >= limit || action == Some(next) {
                return Next::Later;
            }
        }
    }

    /// Lets `time` nanoseconds pass and runs the events due; threads do not start meanwhile.
    pub(crate) fn pass(&self, time: u64) {
        self.ask(|kernel| kernel.advance(kernel.now.saturating_add(time)));
    }

    /// Runs `f` as a program.
    pub(crate) fn as_program<R>(&self, program: ProgramId, f: impl FnOnce() -> R) -> R {
        struct Back<'a>(&'a World, Option<ProgramId>);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.ask(|kernel| kernel.current = self.1);
            }
        }
        let _back = Back(self, self.ask(|kernel| kernel.current.replace(program)));
        f()
    }

    /// The loop of `program` is in `epoll_wait`, for at most `timeout`.
    pub(crate) fn fall_asleep(&self, program: ProgramId, timeout: Option<Duration>) {
        self.ask(|kernel| {
            let entry = &kernel.hosts[usize::from(kernel.programs[usize::from(program)].host)];
            let until = timeout.map(|timeout| entry.deadline(kernel.now, nanoseconds(timeout)));
            kernel.program(program).loop_state = Loop::Asleep { until };
            let before = kernel.current.replace(program);
            kernel.note("sleep", None, until.map_or(Outcome::Done, Outcome::Value));
            kernel.current = before;
        });
    }

    /// The loop of `program` has work, or has ended.
    pub(crate) fn set_loop(&self, program: ProgramId, state: Loop) {
        self.ask(|kernel| kernel.program(program).loop_state = state);
    }
}
