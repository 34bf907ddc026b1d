//! The simulated kernel, behind the same seam as the real one (feature `sim`).
//!
//! * A [`World`] belongs to one thread and one seed. It owns a [`Kernel`](kernel::Kernel), a state machine without
//!   user code or system calls, and the simulated threads: closures that run later.
//! * A simulated descriptor has a real number: it is a duplicate of one `O_PATH` descriptor. So its number is never
//!   that of another descriptor, `AsFd` is valid, and its owner closes something. Invented numbers could be those of
//!   real descriptors of other threads, which one mistake would close.
//! * The kernel maps numbers to files. An unknown number is a real descriptor and goes to Linux.

mod agenda;
mod ancillary;
#[cfg(all(feature = "sim-std", target_env = "gnu", not(miri)))]
mod c_library;
mod counter;
mod datagram;
mod descriptor;
mod dice;
mod disk;
mod drawing;
mod file;
mod group;
mod host;
mod kernel;
mod option;
mod pipe;
mod plan;
mod poll;
mod ports;
mod program;
mod spawn;
mod tcp;
#[cfg(test)]
mod tests;
mod trace;
mod turn;
mod unix;
mod world;

pub(crate) use descriptor::{Simulated, counter, pipe, socket, socket_pair};
pub(crate) use disk::{DiskFile, Opens};
pub(crate) use drawing::{Mark, Marked, Moment, Packet, mark};
pub(crate) use host::HostId;
pub use plan::{EdgePolicy, Fault, Faults};
pub(crate) use plan::{Link, Plan, nanoseconds};
pub(crate) use poll::names;
pub(crate) use program::{Loop, ProgramId};
pub(crate) use spawn::{Begin, Born, Given, spawn};
pub(crate) use trace::{Outcome, Record, Trace};
pub use world::Name;
pub(crate) use world::{Entered, Next, Sighting, World, close, current, program};

/// The error of a call that the simulation lacks.
#[cold]
pub(crate) fn unsupported(call: &str) -> std::io::Error {
    if let Some(world) = program() {
        world.note("not simulated", Outcome::Text(call.into()));
    }
    let message = format!("{call} is not simulated; docs/sim.md lists the calls that are");
    std::io::Error::new(std::io::ErrorKind::Unsupported, message)
}
