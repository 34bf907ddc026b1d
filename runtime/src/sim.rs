//! A kernel that a test controls, under the real runtime (feature `sim`).
//!
//! The program under test is the real one: the same `TcpStream`, the same reactor, the same executor. What is simulated
//! is what is below the system calls: sockets, `epoll`, the clock, the network between hosts. A seed decides all that a
//! real kernel or a network is free to decide, so that a run is repeated by its seed, and a thousand seeds are a
//! thousand different days in production.
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
//! [`check`] runs a scenario for each seed, under oracles that are always on (see `oracle.rs` and `docs/sim.md`):
//!
//! * a lost wake-up is reported at the moment when it is lost: a loop falls asleep while the kernel holds ready what a
//!   task waits for, and no edge is to come;
//! * a deadlock: nothing is going to happen, and a client is not done;
//! * a spin: a loop turns and turns and moves nothing;
//! * a leak: a program is over and has left descriptors open;
//! * a stream that ends with other bytes taken than were sent;
//! * stale events are all recognised, and none else;
//! * the same seed gives the same trace.
//!
//! A failure names the seed, as the setting that replays it, and is made smaller first: fewer faults, fewer of what the
//! scenario asked [`Sim::up_to`] for.
//!
//! This module owns the hosts and their runtimes, and drives one loop at a time, on the thread of the test. What is
//! simulated itself is in `sys/sim`. The loop of a host is stepped by [`Runtime::turn`](crate::runtime::Runtime::turn),
//! and falls asleep by the same call of the executor with which a real one does.

mod check;
mod drive;
mod host;
mod oracle;
mod seeds;

pub use crate::sys::sim::{EdgePolicy, Fault, Faults};
pub use check::check;
pub use host::Host;
pub use seeds::Seeds;

use crate::sys::sim::{Entered, HostId, Plan, World, nanoseconds};
use drive::Machine;
use host::Shared;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

/// One simulation: hosts, what is between them, and a seed.
///
/// What is said of the network, the faults and the edges holds from the moment at which it is said.
pub struct Sim {
    shared: Rc<Shared>,
    seed: u64,
    smaller: Smaller,
    actions: RefCell<Vec<Action>>,
    _entered: Entered,
}

/// What was taken away to make a failure smaller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Smaller {
    pub(crate) without: Vec<Fault>,
    pub(crate) at_most: Option<usize>,
}

/// How old a simulation gets unless something else is said.
const DAY: u64 = 86_400_000_000_000;

/// Something that the test does at a time.
struct Action {
    at: u64,
    run: Box<dyn FnOnce(&Sim)>,
}

/// Why a simulation ended before its time.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What tells two failures apart when one is made smaller.
    pub(crate) kind: &'static str,
    pub(crate) report: String,
}

impl Sim {
    /// A simulation with one seed, for those who want to look at it afterwards; [`check`] is the usual way.
    ///
    /// The thread is in the simulation until this is dropped.
    ///
    /// # Panics
    ///
    /// When no descriptor can be had.
    pub fn new(seed: u64) -> Sim {
        Sim::smaller(seed, Smaller::default())
    }

    pub(crate) fn smaller(seed: u64, smaller: Smaller) -> Sim {
        let world = World::new(seed, Plan::default());
        let world = world.unwrap_or_else(|error| panic!("no descriptor for a simulation: {error}"));
        let entered = world.enter();
        let shared = Rc::new(Shared { world, machines: RefCell::default(), age_limit: Cell::new(DAY) });
        Sim { shared, seed, smaller, actions: RefCell::default(), _entered: entered }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A number of the range, chosen by the seed: for what a scenario varies.
    pub fn choose(&self, range: RangeInclusive<u64>) -> u64 {
        self.shared.world.choose(&range)
    }

    /// `n`, or fewer while a failure is made smaller: for how many clients, requests or bytes a scenario has.
    pub fn up_to(&self, n: usize) -> usize {
        self.smaller.at_most.map_or(n, |most| n.min(most.max(1)))
    }

    /// How long things travel between hosts; 50 to 500 us unless something else is said.
    pub fn latency(&self, range: RangeInclusive<Duration>) {
        let range = nanoseconds(*range.start())..=nanoseconds(*range.end());
        self.shared.world.with_plan(|plan| plan.latency = range);
    }

    /// How many bytes a second a link carries; a gigabit unless something else is said.
    pub fn bandwidth(&self, bytes_per_second: u64) {
        self.shared.world.with_plan(|plan| plan.bandwidth = bytes_per_second);
    }

    /// How large the buffers of sockets are that are made from now on; 64 KiB unless something else is said.
    pub fn buffers(&self, send: usize, receive: usize) {
        self.shared.world.with_plan(|plan| {
            (plan.send_buffer, plan.receive_buffer) = (send.max(1), receive.max(1));
        });
    }

    /// What may go wrong; nothing unless something else is said.
    pub fn faults(&self, faults: Faults) {
        let faults = self.smaller.without.iter().fold(faults, |faults, fault| faults.without(*fault));
        self.shared.world.with_plan(|plan| plan.faults = faults);
    }

    /// When the kernel reports an edge.
    pub fn edges(&self, policy: EdgePolicy) {
        self.shared.world.with_plan(|plan| plan.edges = policy);
    }

    /// A new host. Others find it by its name, with [`lookup_host`](https://docs.rs/egret) or `connect("name:80")`.
    ///
    /// # Panics
    ///
    /// When there is one with this name.
    pub fn host(&self, name: &str) -> Host {
        let taken = self.shared.machines.borrow().iter().any(|machine| machine.name == name);
        assert!(!taken, "there is a host {name:?} already");
        let id = self.shared.world.add_host(name);
        self.shared.machines.borrow_mut().push(Machine::new(name, id));
        Host::new(self.shared.clone(), id)
    }

    /// Nothing gets through between these two from now on. What TCP has on its way is sent again until it is let
    /// through or the kernel gives up, after a quarter of an hour.
    pub fn partition(&self, one: &Host, other: &Host) {
        self.shared.world.set_link(one.id(), other.id(), true);
    }

    /// Lets everything through again.
    pub fn heal(&self, one: &Host, other: &Host) {
        self.shared.world.set_link(one.id(), other.id(), false);
    }

    /// Does something when the simulation is as old as `after`: a partition, a crash, a signal.
    pub fn at(&self, after: Duration, action: impl FnOnce(&Sim) + 'static) {
        self.actions.borrow_mut().push(Action { at: nanoseconds(after), run: Box::new(action) });
    }

    /// Lets time pass, and happen what is under way meanwhile, with no program running: for tests of the kernel itself.
    #[doc(hidden)]
    pub fn pass(&self, time: Duration) {
        self.shared.world.pass(nanoseconds(time));
    }

    /// How old the simulation is.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.shared.world.now())
    }

    /// Ends the simulation with a failure when it gets as old as this and a client is not done; a day unless
    /// something else is said.
    pub fn time_limit(&self, limit: Duration) {
        self.shared.age_limit.set(nanoseconds(limit));
    }

    /// A number that two runs share when the same happened in both at the same times.
    pub fn trace_hash(&self) -> u64 {
        self.shared.world.trace_hash()
    }

    /// What happened, one line each: when, on which host, what, to which open file, and how it went.
    pub fn trace(&self) -> String {
        self.shared.world.trace_text(usize::MAX)
    }

    /// Runs until every client is done, ends the servers, and looks for what was left behind: what [`check`] does after
    /// the scenario.
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

    /// The address of a host.
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
