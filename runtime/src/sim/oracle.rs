//! The oracles: invariants of each simulation, whatever the program does.

use super::drive::Machine;
use super::{Failure, Sim};
use crate::reactor::epoll::inspect::InspectedWait;
use crate::reactor::readiness::Direction;
use crate::runtime::Runtime;
use crate::sys::mask;
use crate::sys::sim::names;
use crate::wake::key::TaskKey;
use std::fmt::Write as _;
use std::time::Duration;

/// Every so many descriptors the interval between two checks of a loop grows by one sleep.
const MANY: u64 = 100;

/// How long a deadlock waits for a real thread, in steps of a millisecond.
const PATIENCE: u32 = 10;

/// Returns the event bits that make a direction worth trying.
fn bits(direction: Direction) -> u32 {
    match direction {
        Direction::Read => mask::IN | mask::RDHUP | mask::HUP | mask::ERR,
        Direction::Write => mask::OUT | mask::HUP | mask::ERR,
    }
}

impl Sim {
    /// Checks that no wake-up is lost: if the kernel has something ready for a waiter, an edge for it is pending.
    ///
    /// Checked when the loop falls asleep: before that, a task may have been woken and not polled. A loop with many
    /// descriptors is not checked each time, because the check visits all of them.
    pub(super) fn check_waits(&self, host: &str, runtime: &Runtime, sleeps: u64) -> Result<(), Failure> {
        let reactor = &runtime.executor().reactor;
        let Some(poll) = reactor.simulated() else { return Ok(()) };
        if sleeps % (1 + reactor.sources_alive() as u64 / MANY) != 0 {
            return Ok(());
        }
        let lost = reactor.find_wait(|wait| {
            // A copy waits for its writer to end while there is room in it.
            let known = if wait.direction == Direction::Write { wait.cached(Direction::Write) } else { 0 };
            let bits = bits(wait.direction) & !known;
            let (state, is_pending) = self.shared.world.holds(poll, wait.fd(), wait.token(), bits)?;
            (state & bits != 0 && !is_pending).then(|| {
                format!(
                    "a wake-up is lost on {host}: {} waits to {:?} {}, which the kernel holds ready ({}) and will not \
                     report again; cached is {}\n",
                    waiters(runtime, &wait.tasks()),
                    wait.direction,
                    self.shared.world.describe(wait.fd()),
                    names(state),
                    cached_readiness(&wait),
                )
            })
        });
        lost.map_or(Ok(()), |report| Err(Failure::new("lost wake-up", report)))
    }

    /// Checks that each reported event of a deleted registration was recognised as stale, and no other.
    pub(super) fn check_stale(&self, runtime: &Runtime) -> Result<(), Failure> {
        let reactor = &runtime.executor().reactor;
        let Some(poll) = reactor.simulated() else { return Ok(()) };
        let (reported, stale) = self.shared.world.reported(poll);
        let (taken, recognised) = (reactor.reported.get(), reactor.stale.get());
        if (reported, stale) == (taken, recognised) {
            return Ok(());
        }
        let report = format!(
            "the kernel has reported {reported} events, {stale} of them of registrations that are over; the reactor \
             has counted {taken} and {recognised}\n"
        );
        Err(Failure::new("stale event", report))
    }

    /// Checks that no wake comes from a real thread, which the simulation does not wait for.
    pub(super) fn check_real_threads(&self) -> Result<(), Failure> {
        for _ in 0..PATIENCE {
            for machine in self.shared.machines.borrow().iter() {
                if machine.runtime().is_some_and(|runtime| runtime.executor().has_mail()) {
                    let report = format!(
                        "a real thread has woken a task of {}: real threads are outside of the simulation, which waits for \
                         none; use spawn_blocking or Host::thread\n{}",
                        machine.name,
                        self.parked()
                    );
                    return Err(Failure::new("real thread", report));
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Checks that finished programs have closed their descriptors.
    pub(super) fn check_left_open(&self) -> Result<(), Failure> {
        let mut report = String::new();
        for machine in self.shared.machines.borrow().iter() {
            for file in self.shared.world.left_open(machine.id) {
                let _ = writeln!(report, "{} has left open {file}", machine.name);
            }
        }
        if report.is_empty() { Ok(()) } else { Err(Failure::new("leak", report)) }
    }

    /// Returns each task that waits for a descriptor, with the cached readiness and the true state; all unread data;
    /// and each live task.
    pub(super) fn parked(&self) -> String {
        let mut text = String::new();
        for machine in self.shared.machines.borrow().iter() {
            self.parked_on(machine, &mut text);
        }
        text
    }

    fn parked_on(&self, machine: &Machine, text: &mut String) {
        let Some(runtime) = machine.runtime() else {
            let state = self.shared.world.how_ended(machine.id).unwrap_or_else(|| "no program".to_owned());
            let _ = writeln!(text, "{}: {state}", machine.name);
            return;
        };
        if self.shared.world.is_paused(machine.id) {
            let _ = writeln!(text, "{}: paused", machine.name);
        }
        let executor = runtime.executor();
        let poll = executor.reactor.simulated();
        executor.reactor.find_wait(|wait| {
            let bits = bits(wait.direction);
            let held = poll.and_then(|poll| self.shared.world.holds(poll, wait.fd(), wait.token(), bits));
            let held = held.map_or("what it does not say".to_owned(), |(state, _)| names(state));
            let _ = writeln!(
                text,
                "{}: {} waits to {:?} {}; cached is {}, the kernel holds {held}",
                machine.name,
                waiters(runtime, &wait.tasks()),
                wait.direction,
                self.shared.world.describe(wait.fd()),
                cached_readiness(&wait),
            );
            None::<()>
        });
        for unread in self.shared.world.unread(machine.id) {
            let _ = writeln!(text, "{}: {unread}", machine.name);
        }
        let alive = executor.alive();
        for task in &alive.tasks {
            let _ = writeln!(text, "{}: alive is {}", machine.name, task.in_full());
        }
        let _ = writeln!(
            text,
            "{}: {} timers, {} blocking jobs",
            machine.name, alive.timers, alive.blocking_jobs
        );
    }
}

/// Returns the cached readiness of a descriptor, by name.
fn cached_readiness(wait: &InspectedWait) -> String {
    let [read, write] = [Direction::Read, Direction::Write].map(|direction| names(wait.cached(direction)));
    format!("{read} to read and {write} to write")
}

fn waiters(runtime: &Runtime, tasks: &[Option<TaskKey>]) -> String {
    let name = |key: &Option<TaskKey>| match key {
        Some(key) => runtime.executor().name_of(key.index()),
        None => "somebody who is no task".to_owned(),
    };
    tasks.iter().map(name).collect::<Vec<_>>().join(", ")
}
