//! Drives the loops of all hosts, one turn at a time, in virtual time.
//!
//! A loop has two states. Awake, it is between the end of one wait and the start of the next, and is stepped by a
//! turn. When a turn leaves nothing to run, it prepares to sleep as a real one does. From then on a wake from another
//! thread writes to its eventfd. It goes on when the kernel has an event for it or its deadline has passed, with the
//! second half of the same wait.

use super::{Failure, Sim};
use crate::runtime::{Builder, Runtime, UnhandledPanic};
use crate::sys::sim::{HostId, Loop, Next, Outcome, ProgramId};
use crate::task::Id;
use crate::task::join::JoinHandle;
use crate::time::pause::Turns as _;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(super) type Main = Rc<dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>>;

/// A program of a host.
pub(super) enum HostProgram {
    Server(Main),
    /// Taken at its start.
    Client(Option<Pin<Box<dyn Future<Output = ()>>>>),
    /// One that another has started, taken at its start, and its exit code.
    Child(Option<Main>, Rc<Cell<u8>>),
}

/// The driver's state of a program of a host.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) host: HostId,
    pub(super) id: ProgramId,
    pub(super) program: Option<HostProgram>,
    /// Where the test set the program; reports show it as the spawn location of its first task.
    pub(super) program_at: Option<&'static Location<'static>>,
    pub(super) runtime: Option<Rc<Runtime>>,
    pub(super) main: Option<JoinHandle<()>>,
    pub(super) has_crashed: bool,
    pub(super) is_to_start: bool,
    /// A client that is done, or a child whose main future is.
    pub(super) is_over: bool,
    /// Turns without progress, and the time of the first.
    idle_turns: u64,
    sleeps: u64,
    idle_since: u64,
    progress: u64,
    /// The only task that is queued after a turn without progress, and after how many in a row.
    lone: (Option<u32>, u64),
}

/// A turn that takes longer, in real time, is mentioned in the report of a failure.
const SLOW: Duration = Duration::from_millis(100);

/// A loop that makes this many turns within a second without progress spins.
const SPIN: u64 = 10_000;
/// And one in which a task that wakes itself is all that is polled, after so many. Tasks that send each other messages
/// are polled in turn, so they are not this.
const LONE_SPIN: u64 = 2_000;
const SPIN_TIME: u64 = 1_000_000_000;

impl Machine {
    pub(super) fn new(name: &str, host: HostId, id: ProgramId) -> Machine {
        Machine {
            name: name.to_owned(),
            host,
            id,
            program: None,
            program_at: None,
            runtime: None,
            main: None,
            has_crashed: false,
            is_to_start: true,
            is_over: false,
            idle_turns: 0,
            sleeps: 0,
            idle_since: 0,
            progress: 0,
            lone: (None, 0),
        }
    }

    pub(super) fn runtime(&self) -> Option<&Runtime> {
        self.runtime.as_deref()
    }

    /// A child whose main future is done, and that has its runtime.
    pub(super) fn is_to_exit(&self) -> bool {
        self.is_over && self.runtime.is_some() && matches!(self.program, Some(HostProgram::Child(..)))
    }

    fn waits_for_it(&self) -> bool {
        match &self.program {
            Some(HostProgram::Client(_)) => !self.is_over,
            _ => false,
        }
    }
}

impl Drop for Sim {
    /// Destructors run while the thread is still in the simulation; their effects are not checked.
    fn drop(&mut self) {
        self.shared.world.drop_threads();
        let machines = std::mem::take(&mut *self.shared.machines.borrow_mut());
        for machine in machines {
            let id = machine.id;
            let _ = contained(|| self.shared.world.as_program(id, || drop(machine)));
        }
    }
}

impl Sim {
    /// Runs until each client is done, then ends the servers and checks for leaks.
    pub(crate) fn drive(&self) -> Result<(), Failure> {
        self.drive_to_the_end().map_err(|mut failure| {
            if let Some(slow) = self.slow.take() {
                failure.report = format!("{}\n{slow}\n", failure.report.trim_end());
            }
            failure
        })
    }

    fn drive_to_the_end(&self) -> Result<(), Failure> {
        while self.shared.machines.borrow().iter().any(Machine::waits_for_it) {
            self.start_machines()?;
            self.act()?;
            self.step()?;
        }
        self.end()
    }

    /// Starts pending programs, and ends those whose host has crashed or that were killed.
    fn start_machines(&self) -> Result<(), Failure> {
        self.shared.adopt();
        self.bury()?;
        let count = self.shared.machines.borrow().len();
        for number in 0..count {
            let (crashed, start) = {
                let machine = &mut self.shared.machines.borrow_mut()[number];
                let crashed = std::mem::take(&mut machine.has_crashed);
                let gone = if crashed { (machine.runtime.take(), machine.main.take()) } else { (None, None) };
                (gone, machine.is_to_start && machine.program.is_some())
            };
            let id = self.shared.machines.borrow()[number].id;
            // The destructors of a crashed program run to free memory; their calls fail.
            self.shared.world.as_program(id, || drop(crashed));
            if start {
                self.start_machine(number)?;
            }
        }
        Ok(())
    }

    fn start_machine(&self, number: usize) -> Result<(), Failure> {
        let (id, at, main) = {
            let machine = &mut self.shared.machines.borrow_mut()[number];
            machine.is_to_start = false;
            let main = match &mut machine.program {
                Some(HostProgram::Server(main)) => Some(main.clone()),
                Some(HostProgram::Client(main)) => match main.take() {
                    Some(main) => {
                        let main = std::cell::RefCell::new(Some(main));
                        let once = move || main.borrow_mut().take().expect("a client starts once");
                        Some(Rc::new(once) as Main)
                    }
                    None => None,
                },
                Some(HostProgram::Child(main, _)) => main.take(),
                None => None,
            };
            (machine.id, machine.program_at, main)
        };
        let (Some(main), Some(at)) = (main, at) else { return Ok(()) };
        self.shared.world.with_program(id, |program| program.ended = None);
        let started = self.shared.world.as_program(id, || {
            let runtime = Builder::new().unhandled_panic(UnhandledPanic::Shutdown).build();
            let runtime = runtime.map_err(|error| Failure::new("start", format!("no runtime: {error}")))?;
            let _in_runtime = runtime.enter();
            let main = catch_unwind(AssertUnwindSafe(|| runtime.executor().spawn(main(), Id::next(), at)));
            let main = main.map_err(|payload| Failure::new("panic", message(&*payload)))?;
            drop(_in_runtime);
            Ok((runtime, main))
        });
        let (runtime, main) = started?;
        self.shared.world.set_loop(id, Loop::Awake);
        let machine = &mut self.shared.machines.borrow_mut()[number];
        machine.runtime = Some(Rc::new(runtime));
        machine.main = Some(main);
        Ok(())
    }

    /// Runs the test's actions that are due.
    fn act(&self) -> Result<(), Failure> {
        loop {
            let now = self.shared.world.now();
            let due = {
                let mut actions = self.actions.borrow_mut();
                let due = actions.iter().enumerate().filter(|(_, action)| action.at <= now);
                let first = due.min_by_key(|(at, action)| (action.at, *at)).map(|(at, _)| at);
                first.map(|first| actions.remove(first))
            };
            let Some(action) = due else { break };
            (action.run)(self);
            self.start_machines()?;
        }
        Ok(())
    }

    fn next_action(&self) -> Option<u64> {
        self.actions.borrow().iter().map(|action| action.at).min()
    }

    /// Advances to the next event and runs it.
    fn step(&self) -> Result<(), Failure> {
        let world = &self.shared.world;
        let limit = self.shared.age_limit.get();
        if world.now() >= limit {
            let report = format!("a client is not done after {:?}\n{}", self.elapsed(), self.parked());
            return Err(Failure::new("time limit", report));
        }
        match world.next(self.next_action(), limit) {
            Next::Program(id) => {
                self.turn(id)?;
                self.exit(id)
            }
            Next::Thread(id, run) => contained(|| world.as_program(id, run)),
            Next::Later => Ok(()),
            Next::Nothing => {
                self.check_all_waits()?;
                self.check_real_threads()?;
                let report = format!(
                    "nothing is going to happen, and a client is not done\n{}real threads are outside of the simulation: a \
                     later wake of one is not seen\n",
                    self.parked()
                );
                Err(Failure::new("deadlock", report))
            }
        }
    }

    /// Runs one turn of the loop of a program.
    fn turn(&self, id: ProgramId) -> Result<(), Failure> {
        let world = &self.shared.world;
        let number = usize::from(id);
        let Some(runtime) = self.shared.machines.borrow()[number].runtime.clone() else {
            world.set_loop(id, Loop::Absent);
            return Ok(());
        };
        world.set_loop(id, Loop::Awake);
        let started = Instant::now();
        let turned =
            catch_unwind(AssertUnwindSafe(|| world.as_program(id, || runtime.turn(Some(Duration::ZERO)))));
        if world.has_ended(id) {
            return Ok(()); // it was killed in this turn, and what it did after that has no effect
        }
        let turn = turned.map_err(|payload| Failure::new("panic", message(&*payload)))?;
        if started.elapsed() >= SLOW {
            let host = self.shared.machines.borrow()[number].name.clone();
            self.slow.set(Some(format!(
                "a turn of {host} took {:?} of real time: a task computes, or blocks the thread (thread::sleep, a blocking \
                 recv, a lock), which stops every host",
                started.elapsed()
            )));
        }
        world.polls_end();
        if turn.polled > 0 {
            world.as_program(id, || world.note("polled", Outcome::Value(turn.polled as u64)));
        }
        if let Some(report) = world.violation() {
            return Err(Failure::new("kernel", report));
        }
        self.check_stale(&runtime)?;
        self.check_spin(number, turn.polled > 0, turn.timers_fired > 0)?;
        self.check_main(number)?;
        let executor = runtime.executor();
        if !executor.is_quiet() || self.shared.machines.borrow()[number].is_to_exit() {
            return Ok(());
        }
        let timeout = world.as_program(id, || {
            let _in_runtime = runtime.enter();
            executor.prepare(u64::MAX)
        });
        if timeout == 0 {
            return Ok(()); // not asleep: there is mail, or a deadline has passed
        }
        let (name, sleeps) = {
            let machine = &mut self.shared.machines.borrow_mut()[number];
            machine.sleeps += 1;
            (machine.name.clone(), machine.sleeps)
        };
        self.check_waits(&name, &runtime, sleeps)?;
        world.fall_asleep(id, (timeout != u64::MAX).then(|| Duration::from_nanos(timeout)));
        Ok(())
    }

    fn check_all_waits(&self) -> Result<(), Failure> {
        for machine in self.shared.machines.borrow().iter() {
            let Some(runtime) = machine.runtime() else { continue };
            self.check_waits(&machine.name, runtime, 0)?;
        }
        Ok(())
    }

    /// Fails the simulation when a program has panicked.
    fn check_main(&self, number: usize) -> Result<(), Failure> {
        let machine = &mut self.shared.machines.borrow_mut()[number];
        let Some(main) = machine.main.as_mut().filter(|main| main.is_finished()) else { return Ok(()) };
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let result = Pin::new(main).poll(&mut cx);
        let is_server = matches!(machine.program, Some(HostProgram::Server(_)));
        machine.main = None;
        match result {
            std::task::Poll::Ready(Err(error)) if error.is_panic() => {
                let report = format!("{} panicked: {}", machine.name, message(&*error.into_panic()));
                Err(Failure::new("panic", report))
            }
            _ => {
                machine.is_over = !is_server;
                Ok(())
            }
        }
    }

    fn check_spin(&self, number: usize, polled: bool, fired: bool) -> Result<(), Failure> {
        let (now, progress) = (self.shared.world.now(), self.shared.world.progress());
        let machine = &mut self.shared.machines.borrow_mut()[number];
        let moved = progress != machine.progress || fired || !polled;
        if moved || now - machine.idle_since > SPIN_TIME {
            (machine.progress, machine.idle_turns, machine.idle_since) = (progress, 0, now);
            machine.lone = (None, 0);
            return Ok(());
        }
        machine.idle_turns += 1;
        let Some(runtime) = machine.runtime.clone() else { return Ok(()) };
        let queued = runtime.executor().queued();
        let lone = if let [slot] = queued[..] { Some(slot) } else { None };
        let turns = if lone.is_some() && lone == machine.lone.0 { machine.lone.1 + 1 } else { 0 };
        machine.lone = (lone, turns);
        if machine.idle_turns <= SPIN && turns <= LONE_SPIN {
            return Ok(());
        }
        let mut report = format!("the loop of {} turns and turns, and nothing moves\n", machine.name);
        for slot in queued {
            report += &format!("{}: queued is {}\n", machine.name, runtime.executor().name_of(slot));
        }
        Err(Failure::new("spin", report))
    }

    /// Ends what is left, and checks for leaks.
    fn end(&self) -> Result<(), Failure> {
        self.shared.adopt();
        let count = self.shared.machines.borrow().len();
        for number in 0..count {
            let (id, gone) = {
                let machine = &mut self.shared.machines.borrow_mut()[number];
                (machine.id, (machine.main.take(), machine.runtime.take()))
            };
            contained(|| self.shared.world.as_program(id, || drop(gone)))?;
            self.shared.world.set_loop(id, Loop::Absent);
            self.end_child(number);
        }
        self.check_left_open()
    }
}

pub(super) fn contained(f: impl FnOnce()) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Failure::new("panic", message(&*payload)))
}

/// Returns the message of a panic.
pub(super) fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}
