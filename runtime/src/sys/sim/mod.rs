//! The simulated kernel, behind the same seam as the real one (feature `sim`).
//!
//! * A [`World`] belongs to one thread and one seed. It owns a [`Kernel`](kernel::Kernel), a state machine without
//!   user code or system calls, and the simulated threads: closures that run later.
//! * A simulated descriptor has a real number: it is a duplicate of one `O_PATH` descriptor. So its number is never
//!   that of another descriptor, `AsFd` is valid, and its owner closes something. Invented numbers could be those of
//!   real descriptors of other threads, which one mistake would close.
//! * The kernel maps numbers to files. An unknown number is a real descriptor and goes to Linux.

mod agenda; // what happens when
mod ancillary; // messages with descriptors and credentials
#[cfg(all(feature = "sim-std", target_env = "gnu", not(miri)))]
mod c_library; // the clocks and random bytes of the C library, with feature `sim-std`
mod counter; // eventfds
mod datagram; // UDP
mod descriptor; // the calls on a descriptor
mod dice; // seeded choices
mod disk; // the disk of a host
mod drawing; // what a picture needs in addition to the trace
mod file; // open files and their numbers
mod group; // multicast
mod host; // a machine: address, clock, programs
mod kernel; // the state of all hosts
mod option; // socket options
mod pipe; // pipes
mod plan; // the network, the faults, the edge policy
mod poll; // `epoll`: watches and their edges
mod ports; // bound addresses
mod program; // a process: loop, descriptors, signals
mod spawn; // starts a program for `process::Command`
mod tcp; // TCP
#[cfg(test)]
mod tests;
mod trace; // what happened, in order
mod turn; // crashes, and which program runs next
mod unix; // Unix sockets
mod world; // the simulation of this thread

pub(crate) use descriptor::{SimDescriptor, counter, pipe, socket, socket_pair};
pub(crate) use disk::{DiskFile, Opens};
pub(crate) use drawing::{Marked, Packet, TraceMark, TraceMoment, mark};
pub(crate) use host::HostId;
pub use plan::{EdgePolicy, Fault, Faults};
pub(crate) use plan::{LinkPlan, Plan, nanoseconds};
pub(crate) use poll::names;
pub(crate) use program::{Loop, ProgramId};
pub(crate) use spawn::{Begin, Given, NewProgram, spawn};
pub(crate) use trace::{Outcome, SimTrace, TraceRecord};
pub use world::Name;
pub(crate) use world::{EnteredWorld, Next, Sighting, World, close, current, program};

/// Returns the error of a call that the simulation lacks.
#[cold]
pub(crate) fn unsupported(call: &str) -> std::io::Error {
    if let Some(world) = program() {
        world.note("not simulated", Outcome::Text(call.into()));
    }
    let message = format!("{call} is not simulated; docs/sim.md lists the calls that are");
    std::io::Error::new(std::io::ErrorKind::Unsupported, message)
}
