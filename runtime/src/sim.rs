//! A kernel that a test controls, under the real runtime (feature `sim`).
//!
//! The program under test is real: the same `TcpStream`, reactor and executor. The layer below the system calls is
//! simulated: sockets, `epoll`, the clock, the network between hosts. A seed decides all that a real kernel or
//! network may decide, so a seed repeats its run, and a thousand seeds are a thousand different days in production.
//!
//! ```
//! use egret_runtime::sim;
//! use std::time::Duration;
//!
//! sim::check(0..20, |sim| {
//!     sim.faults(sim::Faults::all());
//!     let patient = sim.host("patient");
//!     patient.client(async {
//!         egret_runtime::time::sleep(Duration::from_secs(3600)).await; // takes no time
//!     });
//! });
//! ```
//!
//! [`check`] runs a scenario for each seed, under oracles that are always on (see `oracle.rs` and `docs/sim.md`).
//! They report:
//!
//! * a lost wake-up, when it is lost: a loop falls asleep while the kernel has something ready for a waiting task,
//!   and no edge is pending;
//! * a deadlock: no event is pending, and a client is not done;
//! * a spin: a loop turns again and again without progress;
//! * a leak: a finished program has left descriptors open;
//! * a stream whose reader got other bytes than were sent;
//! * a stale event that was not recognised, or another that was taken for one;
//! * a seed that gives two different traces.
//!
//! A failure is run again first: one that is not repeatable says so, with the first line in which the two traces
//! differ. Another names the seed, as the setting that replays it, and is shrunk: fewer faults, smaller numbers from
//! [`Sim::up_to`].
//!
//! This module owns the hosts and their runtimes, and drives one loop at a time, on the thread of the test. The
//! simulated kernel is in `sys/sim`. A host's loop is stepped by [`Runtime::turn`](crate::runtime::Runtime::turn),
//! and falls asleep by the same call of the executor as a real one.

mod check; // a scenario with many seeds
mod compare; // where two runs of a seed part
mod corpus; // the seeds that see something new
mod drive; // turns the loops, in simulated time
mod host; // a machine, as a test sees it
mod link; // the network between two machines, as a test sees it
mod oracle; // the invariants
mod picture; // the trace as text, timeline or diagram
mod process; // more programs on a host, and signals to them
mod program; // what a program under test says to its simulation
mod search; // runs the seeds on all cores
mod seeds; // which seeds
mod shrink; // a failure with fewer faults and smaller numbers

pub use crate::sys::sim::{EdgePolicy, Fault, Faults, Name};
pub use check::check;
pub use host::Host;
pub use link::Link;
pub use process::Process;
pub use program::{is_simulated, macro_support, maybe, note, random, sometimes};
pub use seeds::Seeds;

use crate::sys::sim::{EnteredWorld, HostId, Plan, World, nanoseconds};
use drive::Machine;
use host::SimShared;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

/// One simulation: hosts, links, and a seed.
///
/// Settings of the network, the faults and the edges take effect at once.
pub struct Sim {
    shared: Rc<SimShared>,
    seed: u64,
    smaller: Smaller,
    /// The results of the calls of `up_to`.
    sizes: RefCell<Vec<usize>>,
    actions: RefCell<Vec<TimedAction>>,
    /// The warning about a turn that took long in real time.
    slow: Cell<Option<String>>,
    _entered: EnteredWorld,
}

/// The faults and numbers that were removed to shrink a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Smaller {
    pub(crate) without: Vec<Fault>,
    /// The limit of each call of [`Sim::up_to`], `None` for none; the last one is that of all further calls.
    pub(crate) at_most: Vec<Option<usize>>,
}

impl Smaller {
    /// Returns the limit of the call of [`Sim::up_to`] with this number.
    fn cap(&self, call: usize) -> Option<usize> {
        self.at_most.get(call).or(self.at_most.last()).copied().flatten()
    }
}

/// The default time limit of a simulation, in nanoseconds.
const DAY: u64 = 86_400_000_000_000;

/// An action of the test at a given time.
struct TimedAction {
    at: u64,
    run: Box<dyn FnOnce(&Sim)>,
}

/// Why a simulation failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// Two failures of one kind count as the same when one is shrunk.
    pub(crate) kind: &'static str,
    pub(crate) report: String,
}

impl Sim {
    /// Creates a simulation with one seed, for tests that inspect it afterwards; [`check`] is the usual way.
    ///
    /// The thread is in the simulation until this is dropped.
    ///
    /// # Panics
    ///
    /// When no descriptor is available.
    pub fn new(seed: u64) -> Sim {
        Sim::smaller(seed, Smaller::default())
    }

    pub(crate) fn smaller(seed: u64, smaller: Smaller) -> Sim {
        let world = World::new(seed, Plan::default());
        let world = world.unwrap_or_else(|error| panic!("no descriptor for a simulation: {error}"));
        let entered = world.enter();
        let shared = Rc::new(SimShared {
            world,
            machines: RefCell::default(),
            places: RefCell::default(),
            age_limit: Cell::new(DAY),
        });
        let (sizes, actions) = (RefCell::default(), RefCell::default());
        Sim { shared, seed, smaller, sizes, actions, slow: Cell::default(), _entered: entered }
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns a number of the range, chosen by the seed: for the parameters of a scenario.
    pub fn choose(&self, range: RangeInclusive<u64>) -> u64 {
        self.shared.world.choose(&range)
    }

    /// `n`, or less while a failure is shrunk: for the number of clients, requests or bytes. Each call of a scenario is
    /// a size of its own, by its place in the order of the calls.
    pub fn up_to(&self, n: usize) -> usize {
        let mut sizes = self.sizes.borrow_mut();
        let size = self.smaller.cap(sizes.len()).map_or(n, |most| n.min(most.max(1)));
        sizes.push(size);
        size
    }

    /// Sets the latency between hosts; 50 to 500 us by default.
    pub fn latency(&self, range: RangeInclusive<Duration>) {
        let range = nanoseconds(*range.start())..=nanoseconds(*range.end());
        self.shared.world.with_plan(|plan| plan.latency = range);
    }

    /// Sets the bandwidth of a link in bytes per second; a gigabit by default.
    pub fn bandwidth(&self, bytes_per_second: u64) {
        self.shared.world.with_plan(|plan| plan.bandwidth = bytes_per_second);
    }

    /// Sets the buffer sizes of sockets made from now on; 64 KiB by default.
    pub fn buffers(&self, send: usize, receive: usize) {
        self.shared.world.with_plan(|plan| {
            (plan.send_buffer, plan.receive_buffer) = (send.max(1), receive.max(1));
        });
    }

    /// Sets the faults; none by default.
    pub fn faults(&self, faults: Faults) {
        let faults = self.smaller.without.iter().fold(faults, |faults, fault| faults.without(*fault));
        self.shared.world.with_plan(|plan| plan.faults = faults);
    }

    /// Sets faults of these that the seed draws: about half of them, each as likely as it is here, four times as
    /// likely or a quarter. Some seed then shows what all faults together hide, such as a full queue, when
    /// connections die before.
    pub fn swarm(&self, faults: Faults) {
        self.faults(faults.swarm(self.seed));
    }

    /// Sets when the kernel reports an edge.
    pub fn edges(&self, policy: EdgePolicy) {
        self.shared.world.with_plan(|plan| plan.edges = policy);
    }

    /// Creates a new host. Others find it by its name, with [`lookup_host`](https://docs.rs/egret) or
    /// `connect("name:80")`.
    ///
    /// # Panics
    ///
    /// When a host has this name already.
    pub fn host(&self, name: &str) -> Host {
        let taken = self.shared.machines.borrow().iter().any(|machine| machine.name == name);
        assert!(!taken, "there is a host {name:?} already");
        let (id, main) = self.shared.world.add_host(name);
        self.shared.add_machine(Machine::new(name, id, main));
        Host::new(self.shared.clone(), id, main)
    }

    /// Sets what a look-up of `name` returns from now on, in place of the host of this name.
    /// [`Host::name`] sets it for one host.
    ///
    /// ```
    /// use egret_runtime::sim::{self, Name};
    ///
    /// sim::check(0..1, |sim| {
    ///     let [one, other] = ["one", "other"].map(|name| sim.host(name));
    ///     sim.name("db.example", [one.ip(), other.ip()]);
    ///     sim.name("gone.example", Name::NotFound);
    ///     other.name("db.example", Name::Silence); // this host's name server is down
    /// });
    /// ```
    pub fn name(&self, name: &str, answer: impl Into<Name>) {
        self.shared.world.set_name(None, name, answer.into());
    }

    /// Returns the link between these two, in both directions.
    ///
    /// ```
    /// use egret_runtime::{sim, time};
    /// use std::time::Duration;
    ///
    /// sim::check(0..1, |sim| {
    ///     let (near, far) = (sim.host("near"), sim.host("far"));
    ///     sim.link(&near, &far).latency(Duration::from_millis(80)..=Duration::from_millis(90)).loss(0.01);
    ///     // The way back only: what `far` sends is lost.
    ///     sim.link_to(&far, &near).cut();
    ///     near.client(async { time::sleep(Duration::from_secs(1)).await });
    /// });
    /// ```
    pub fn link(&self, one: &Host, other: &Host) -> Link {
        Link::new(self.shared.clone(), vec![(one.id(), other.id()), (other.id(), one.id())])
    }

    /// Returns the direction of a link in which `from` sends.
    pub fn link_to(&self, from: &Host, to: &Host) -> Link {
        Link::new(self.shared.clone(), vec![(from.id(), to.id())])
    }

    /// Cuts the link between these two. TCP resends its bytes in flight until the link is healed or the kernel gives
    /// up, after a quarter of an hour.
    pub fn partition(&self, one: &Host, other: &Host) {
        self.link(one, other).cut();
    }

    /// Restores the link.
    pub fn heal(&self, one: &Host, other: &Host) {
        self.link(one, other).heal();
    }

    /// Runs an action when the simulation is as old as `after`: a partition, a crash, a signal.
    pub fn at(&self, after: Duration, action: impl FnOnce(&Sim) + 'static) {
        self.actions.borrow_mut().push(TimedAction { at: nanoseconds(after), run: Box::new(action) });
    }

    /// Lets time pass and runs pending events, with no program running: for tests of the kernel.
    #[doc(hidden)]
    pub fn pass(&self, time: Duration) {
        self.shared.world.pass(nanoseconds(time));
    }

    /// Returns how old the simulation is.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.shared.world.now())
    }

    /// Fails the simulation when it gets as old as this and a client is not done; a day by default.
    pub fn time_limit(&self, limit: Duration) {
        self.shared.age_limit.set(nanoseconds(limit));
    }

    /// Returns a number that is equal for two runs in which the same happened at the same times.
    pub fn trace_hash(&self) -> u64 {
        self.shared.world.trace_hash()
    }

    /// Returns the trace, one line each: when, on which host, what, to which open file, with which result.
    pub fn trace(&self) -> String {
        self.shared.world.trace_text()
    }

    /// Runs until each client is done, ends the servers, and checks for leaks: what [`check`] does after the
    /// scenario.
    ///
    /// # Panics
    ///
    /// When a program panics or an oracle finds something.
    #[track_caller]
    pub fn run(&self) {
        if let Err(failure) = self.drive() {
            panic!("{}: {}", failure.kind, failure.report);
        }
    }

    /// Returns the address of a host.
    pub(crate) fn address_of(world: &World, id: HostId) -> IpAddr {
        world.with_host(id, |host| host.address)
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed)
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

impl Failure {
    pub(crate) fn new(kind: &'static str, report: impl Into<String>) -> Failure {
        Failure { kind, report: report.into() }
    }
}
