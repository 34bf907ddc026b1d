//! Programs of a host after its first: those of the test, those that others start, and signals to them.
//!
//! A child's life: [`SimShared::adopt`] makes a [`Machine`] of what `Command::spawn` has left, and the driver starts it as any
//! other. It ends when its main future is done ([`Sim::exit`]: destructors run, then the kernel closes the rest), or by
//! [`World::end`](crate::sys::sim::World) within the kernel, after which [`Sim::bury`] drops its tasks.

use super::drive::{HostProgram, Machine, Main, contained};
use super::host::{Host, SimShared};
use super::{Failure, Sim};
use crate::io::pipe::{Kind, ReadEnd, Receiver, Sender, WriteEnd};
use crate::io::{Registration, Start};
use crate::signal::unix::SignalKind;
use crate::sys::sim::{Begin, Given, NewProgram, ProgramId};
use crate::sys::{Fd, signal::number};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

/// A started program of [`Host::install`]: its number, its arguments and variables, and its standard streams.
#[derive(Debug)]
#[non_exhaustive]
pub struct Process {
    /// Its pid. It is larger than those of Linux, so that `kill(2)`, which is not simulated, finds no process of it.
    pub id: u32,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// The variables that its `Command` has set: it inherits none.
    pub env: BTreeMap<OsString, OsString>,
    /// Its standard input, if its parent has set `Stdio::piped()`.
    pub stdin: Option<Receiver>,
    /// Its standard output, if its parent has set `Stdio::piped()`.
    pub stdout: Option<Sender>,
    /// Its standard error, if its parent has set `Stdio::piped()`.
    pub stderr: Option<Sender>,
}

impl Process {
    /// In the runtime of the program.
    fn new(given: Given) -> Process {
        let Given { pid, args, env, pipes: [stdin, stdout, stderr] } = given;
        Process {
            id: pid,
            args,
            env,
            stdin: stdin.map(|pipe| ReadEnd::of(registration(pipe, Start::Empty))),
            stdout: stdout.map(writer),
            stderr: stderr.map(writer),
        }
    }
}

fn writer<K: Kind>(pipe: Fd) -> WriteEnd<K> {
    WriteEnd::of(registration(pipe, Start::Unknown))
}

/// A program that has inherited a descriptor has it, also when there is no memory to register it for a moment.
fn registration(mut fd: Fd, start: Start) -> Registration<Fd> {
    loop {
        match Registration::new(fd, start) {
            Ok(registration) => return registration,
            Err((back, _)) => fd = back,
        }
    }
}

impl Host {
    /// Adds another program on this host: its own tasks, descriptors and signals; the same address, ports, disk and
    /// clocks, and it reaches the others by `localhost`. [`crash`](Host::crash), [`restart`](Host::restart),
    /// [`pause`](Host::pause) and all that sets a clock are about the whole host.
    ///
    /// ```
    /// use egret_runtime::{sim, time};
    /// use std::time::Duration;
    ///
    /// sim::check(0..1, |sim| {
    ///     let host = sim.host("host");
    ///     host.server(std::future::pending);
    ///     host.program("probe").client(time::sleep(Duration::from_secs(1)));
    /// });
    /// ```
    pub fn program(&self, name: &str) -> Host {
        let of = self.shared.world.with_program(self.main(), |program| program.name.clone());
        let name = format!("{of}/{name}");
        self.shared.adopt();
        let program = self.shared.world.add_program(self.id(), &name);
        self.shared.add_machine(Machine::new(&name, self.id(), program));
        Host::new(self.shared.clone(), self.id(), program)
    }

    /// Installs a program: `process::Command::new(name)` in any program of this host starts it, also with a path before the
    /// name. A later one of the same name takes its place.
    ///
    /// `main` is called in the runtime of the new program. The output of its future is the exit code; all its tasks
    /// end with it, and its descriptors are closed. A panic fails the simulation.
    ///
    /// ```
    /// use egret_runtime::process::Command;
    /// use egret_runtime::sim;
    ///
    /// sim::check(0..10, |sim| {
    ///     let host = sim.host("host");
    ///     host.install("greet", |process| async move {
    ///         let mut stdout = process.stdout.unwrap();
    ///         stdout.write_all(process.args[0].as_encoded_bytes()).await.unwrap();
    ///         7
    ///     });
    ///     host.client(async {
    ///         let output = Command::new("greet").arg("hello").output().await.unwrap();
    ///         assert_eq!((output.status.code(), &output.stdout[..]), (Some(7), &b"hello"[..]));
    ///     });
    /// });
    /// ```
    #[track_caller]
    pub fn install<F>(&self, name: &str, main: impl Fn(Process) -> F + 'static)
    where
        F: Future<Output = u8> + 'static,
    {
        let at = Location::caller();
        let begin: Begin = Rc::new(move |given| Box::pin(main(Process::new(given))));
        self.shared.world.install(self.id(), name, begin);
        self.shared.places.borrow_mut().insert((self.id(), name.to_owned()), at);
    }

    /// Sends a signal to this program. One that listens to it gets it; else it does what it does by default, as signal(7)
    /// says: most end the program. An ended server is started again by [`restart`](Host::restart); a client that is not done
    /// fails the simulation.
    pub fn signal(&self, kind: SignalKind) {
        self.shared.world.signal(self.main(), kind.as_raw_value());
    }

    /// Sends a signal to each running program of this host that has this name, and returns how many they are.
    ///
    /// They are those that a program of the simulation started by the name that [`install`](Host::install) gave them, and the
    /// one of the test that [`program`](Host::program) has named so, if there is one. The program of the host itself has the
    /// name of the host and is not among them: use [`signal`](Host::signal).
    pub fn signal_to(&self, name: &str, kind: SignalKind) -> usize {
        let ending = format!("/{name}");
        let all = self.shared.world.programs_of(self.id()).into_iter();
        let named = all.filter(|program| {
            self.shared.world.with_program(*program, |program| program.name.ends_with(&ending))
        });
        let named: Vec<_> = named.collect();
        named.iter().for_each(|program| self.shared.world.signal(*program, kind.as_raw_value()));
        named.len()
    }
}

impl SimShared {
    /// Programs and machines have the same numbers.
    pub(super) fn add_machine(&self, machine: Machine) {
        let mut machines = self.machines.borrow_mut();
        assert_eq!(machines.len(), usize::from(machine.id));
        machines.push(machine);
    }

    /// Makes machines of the programs that others have started.
    pub(super) fn adopt(&self) {
        for NewProgram { program, begin, given } in self.world.take_born() {
            let (host, name) =
                self.world.with_program(program, |program| (program.host, program.name.clone()));
            let mut machine = Machine::new(&name, host, program);
            let code = Rc::new(Cell::new(0));
            let (exit, given) = (code.clone(), RefCell::new(Some(given)));
            let main: Main = Rc::new(move || {
                let main = begin(given.take().expect("a child starts once"));
                let exit = exit.clone();
                Box::pin(async move { exit.set(main.await) })
            });
            let installed = name.rsplit('/').next().unwrap_or_default().to_owned();
            machine.program_at = self.places.borrow().get(&(host, installed)).copied();
            machine.program = Some(HostProgram::Child(Some(main), code));
            self.add_machine(machine);
        }
    }
}

impl Sim {
    /// Drops the tasks of the programs that were ended by a signal.
    pub(super) fn bury(&self) -> Result<(), Failure> {
        for id in self.shared.world.take_fallen() {
            let (gone, lost) = {
                let machine = &mut self.shared.machines.borrow_mut()[usize::from(id)];
                let is_lost = matches!(machine.program, Some(HostProgram::Client(_))) && !machine.is_over;
                machine.is_to_start = false;
                let main = match &mut machine.program {
                    Some(HostProgram::Child(main, _)) => main.take(),
                    _ => None,
                };
                ((machine.main.take(), machine.runtime.take(), main), is_lost.then(|| machine.name.clone()))
            };
            // Each call of a destructor fails, which may well be unexpected.
            let _ = contained(|| self.shared.world.as_program(id, || drop(gone)));
            if let Some(name) = lost {
                let report =
                    format!("{name} is not done, and was ended by a signal that it had no listener for");
                return Err(Failure::new("signal", report));
            }
        }
        Ok(())
    }

    /// Ends a child whose main future is done.
    pub(super) fn exit(&self, id: ProgramId) -> Result<(), Failure> {
        let number = usize::from(id);
        let (runtime, code) = {
            let machine = &mut self.shared.machines.borrow_mut()[number];
            let (true, Some(HostProgram::Child(_, code))) = (machine.is_to_exit(), &machine.program) else {
                return Ok(());
            };
            let code = i32::from(code.get());
            (machine.runtime.take(), code)
        };
        contained(|| self.shared.world.as_program(id, || drop(runtime)))?;
        self.shared.world.end(id, code << 8);
        Ok(())
    }

    /// Closes what a child has open at the end of the simulation, by which it is no leak.
    pub(super) fn end_child(&self, number: usize) {
        let id = {
            let machine = &self.shared.machines.borrow()[number];
            matches!(machine.program, Some(HostProgram::Child(..))).then_some(machine.id)
        };
        if let Some(id) = id.filter(|id| !self.shared.world.has_ended(*id)) {
            self.shared.world.end(id, number::KILL);
        }
    }
}
