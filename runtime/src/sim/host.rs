//! [`Host`]: a test's handle of a simulated machine.

use super::Sim;
use super::drive::{HostProgram, Machine, Main};
use crate::sys::sim::{HostId, Name, ProgramId, World};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::panic::Location;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// State shared by a simulation and its hosts.
pub(crate) struct SimShared {
    pub(crate) world: Rc<World>,
    pub(crate) machines: RefCell<Vec<Machine>>,
    /// Where the test has installed each program.
    pub(crate) places: RefCell<BTreeMap<(HostId, String), &'static Location<'static>>>,
    /// The time limit.
    pub(crate) age_limit: Cell<u64>,
}

/// A simulated machine, by [`Sim::host`]: a name, an address, a clock, a disk, and a program on its own runtime; or
/// another program on it, by [`Host::program`].
#[derive(Clone)]
pub struct Host {
    pub(super) shared: Rc<SimShared>,
    id: HostId,
    program: ProgramId,
}

impl Host {
    pub(super) fn new(shared: Rc<SimShared>, id: HostId, program: ProgramId) -> Host {
        Host { shared, id, program }
    }

    pub(super) fn id(&self) -> HostId {
        self.id
    }

    pub(super) fn main(&self) -> ProgramId {
        self.program
    }

    /// Returns the address of the host.
    pub fn ip(&self) -> IpAddr {
        Sim::address_of(&self.shared.world, self.id)
    }

    /// Returns an address with this port.
    pub fn port(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip(), port)
    }

    /// Sets what a look-up of `name` returns on this host from now on, in place of what it is for all: see
    /// [`Sim::name`](super::Sim::name).
    pub fn name(&self, name: &str, answer: impl Into<Name>) -> &Host {
        self.shared.world.set_name(Some(self.id), name, answer.into());
        self
    }

    /// Sets a server program: `main` makes it, again after each [`restart`](Host::restart), and the simulation does
    /// not wait for it.
    ///
    /// # Panics
    ///
    /// When it already has a program.
    #[track_caller]
    pub fn server<F>(&self, main: impl Fn() -> F + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let main: Main = Rc::new(move || Box::pin(main()));
        self.start(HostProgram::Server(main));
    }

    /// Sets a program that the simulation waits for.
    ///
    /// # Panics
    ///
    /// When it already has a program.
    #[track_caller]
    pub fn client(&self, main: impl Future<Output = ()> + 'static) {
        self.start(HostProgram::Client(Some(Box::pin(main))));
    }

    #[track_caller]
    fn start(&self, program: HostProgram) {
        let mut machines = self.shared.machines.borrow_mut();
        let machine = &mut machines[usize::from(self.program)];
        let name = &machine.name;
        assert!(machine.program.is_none(), "host {name:?} has a program already; Host::program adds one");
        machine.program = Some(program);
        machine.program_at = Some(Location::caller());
    }

    /// Sets how many descriptors its program may have open; 1024 by default.
    pub fn descriptor_limit(&self, descriptors: usize) -> &Host {
        self.shared.world.with_program(self.program, |program| program.limit = descriptors);
        self
    }

    /// Sets its clock ahead of others. Its program must not have started.
    pub fn clock_ahead(&self, by: Duration) -> &Host {
        self.shared.world.with_host(self.id, |host| {
            host.clock_start = host.clock_start.saturating_add(crate::sys::sim::nanoseconds(by));
        });
        self
    }

    /// Makes its clock fast by so many parts per million, or slow if negative, from now on: also in a run, and without a jump.
    ///
    /// # Panics
    ///
    /// When the clock would stop or go backwards.
    pub fn clock_drift(&self, millionths: i64) -> &Host {
        assert!(millionths > -1_000_000, "a clock that stands still never reaches a deadline");
        self.shared.world.set_drift(self.id, millionths);
        self
    }

    /// Sets its wall clock, by which [`system_now`](crate::time::system_now) goes: a step, if its program runs. It starts
    /// in September 2001, and drifts with the other clock.
    pub fn wall_clock(&self, at: SystemTime) -> &Host {
        let nanoseconds = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
        let since = match at.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => nanoseconds(since),
            Err(before) => -nanoseconds(before.duration()),
        };
        self.shared.world.set_wall_clock(self.id, since);
        self
    }

    /// Stops its programs and their threads, as SIGSTOP does, or a hypervisor that moves the machine. Its kernel goes on: it
    /// acknowledges, and queues what comes. Clocks go on too.
    pub fn pause(&self) {
        self.shared.world.pause(self.id, true);
    }

    /// Lets it go on after a [`pause`](Host::pause). Events that became due in the pause happen at once.
    pub fn resume(&self) {
        self.shared.world.pause(self.id, false);
    }

    /// Returns the directory of this machine in which its files are, as its program sees them: for files that it has
    /// at its start, and to look at what it wrote. What is put there by `std` is on its disk at once.
    ///
    /// It is in [`std::env::temp_dir`], and removed with the simulation.
    pub fn disk(&self) -> PathBuf {
        self.shared.world.disk_root(self.id)
    }

    /// Powers it off: its programs vanish without closing anything, and a peer notices when it sends and gets no
    /// answer. What its program has not synced by `egret::fs` may be on its disk, or in part, or not.
    pub fn crash(&self) {
        self.shared.world.crash(self.id);
        let mut machines = self.shared.machines.borrow_mut();
        machines
            .iter_mut()
            .filter(|machine| machine.host == self.id)
            .for_each(|machine| machine.has_crashed = true);
    }

    /// Starts it again after a crash, and its servers that a signal has ended. A server's program is made anew; a client's is
    /// not, because it was one future; nor are those that other programs had started.
    pub fn restart(&self) {
        self.shared.world.with_host(self.id, |host| host.up = true);
        let mut machines = self.shared.machines.borrow_mut();
        for machine in machines.iter_mut().filter(|machine| machine.host == self.id) {
            machine.is_to_start |= machine.has_crashed || machine.runtime().is_none();
        }
    }

    /// Runs `f` as the program of the host, at once and outside of a loop: for tests of the kernel.
    #[doc(hidden)]
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.shared.world.as_program(self.program, f)
    }

    /// Returns the files that its program has open: for tests of the kernel.
    #[doc(hidden)]
    pub fn left_open(&self) -> Vec<String> {
        self.shared.world.left_open(self.program)
    }

    /// Runs `f` on another thread of the host, `after` from now. It is no task and in no runtime: its wakes are those
    /// of a foreign thread.
    pub fn thread(&self, after: Duration, f: impl FnOnce() + 'static) {
        self.shared.world.start_thread_after(self.program, crate::sys::sim::nanoseconds(after), Box::new(f));
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("address", &self.ip()).finish_non_exhaustive()
    }
}
