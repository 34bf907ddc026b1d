//! The simulated kernel, behind the same seam as the real one (feature `sim`).
//!
//! A [`World`] belongs to one thread and one seed. It owns a [`Kernel`](kernel::Kernel), which is a state machine
//! without user code or system calls, and what the kernel cannot have because it is user code: the threads of the
//! simulation, which are closures that run later.
//!
//! A simulated descriptor has a real number: each is a duplicate of one `O_PATH` descriptor, so that a number
//! that egret holds is never anybody else's, `AsFd` tells the truth, and the owner closes something. The kernel keeps
//! which file each number stands for. A number that it does not know is a real descriptor and goes to Linux.
//!
//! What would go wrong otherwise: numbers made up here could be those of real descriptors of other threads, which
//! one mistake would close.

mod agenda;
mod ancillary;
mod counter;
mod datagram;
mod descriptor;
mod dice;
mod file;
mod host;
mod kernel;
mod pipe;
mod plan;
mod poll;
mod ports;
mod tcp;
#[cfg(test)]
mod tests;
mod trace;
mod turn;
mod unix;
mod world;

pub(crate) use descriptor::{Simulated, counter, pipe, signal_bell, signals_delivered, socket, socket_pair};
pub(crate) use host::{HostId, Loop};
pub use plan::{EdgePolicy, Fault, Faults};
pub(crate) use plan::{Plan, nanoseconds};
pub(crate) use poll::names;
pub(crate) use trace::Outcome;
pub(crate) use world::{Entered, Next, World, close, current, program};
