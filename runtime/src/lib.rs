//! The runtime of egret: executor, wakers, reactor and system calls.
//!
//! Applications use the facade `egret`, which re-exports this crate with the socket types of `egret-net`.
//!
//! The code is in rooms: one folder for each noun, and a file of the same name that lists what is in the folder. The
//! table has the lowest room first. A room names rooms above it in the table and none below; the test
//! `tests/pages/rooms.rs` reads the table and checks that.
//!
//! | room | what it owns |
//! |---|---|
//! | `sys` | every system call, and the only `libc`; with feature `sim`, a simulated kernel in its place |
//! | `observe` | names, counters, the trace of a turn for tests, events and spans for `tracing` |
//! | `wake` | the integer waker, the run queue, the mailbox for other threads, the budget |
//! | `reactor` | `epoll`, the rules of readiness, the waiters; a registered descriptor |
//! | `time` | the clock and the heap of deadlines; sleep, timeout, interval |
//! | `executor` | the turn of the loop, its waits, the pool of blocking threads |
//! | `task` | the allocation of a task, its handles, abort; blocking jobs |
//! | `runtime` | the public types: the runtime, its builder, handles, shutdown |
//! | `io` | streams: traits, copies, pipes, standard streams, files on the blocking threads; the traits of hyper and tokio |
//! | `signal` | signals as events |
//! | `process` | child processes |
//! | `cores` | a runtime on each of several threads, and their joint end |
//! | `service` | what a server and its supervisor tell each other; descriptors that it is started with |
//! | `inspect` | with feature `inspect`: dumps of a running runtime |
//! | `test` | with feature `test-util`: the kit for unit tests of wake-ups |
//! | `sim` | with feature `sim`: hosts on the simulated kernel of `sys/sim`, and the invariants checked there |
//!
//! Where a lower room needs a higher one, it owns the seam: a thread-local slot that entering an executor fills
//! (`reactor::current`, `time::current`), or a trait that the higher room implements (`wake::task::Task`,
//! `time::pause::Turns`). `docs/architecture.md` follows one event through the rooms.
//!
//! `#[inline]` has two uses here. On the path of every request it is for speed. On what most programs do not use
//! (processes, signals, standard streams, batches) it is for build time: the function is compiled in the crate that
//! calls it, so an unused one costs next to nothing (`docs/benchmarks/build.md`).

#![cfg_attr(docsrs, feature(doc_cfg))]
// Unsafe code is in `sys`, in the waker's constructor, in the task cell and in `Confined`, which allow it, and nowhere else.
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!(
    "egret runs on 64-bit Linux only: it is built on epoll, and its wakers are 64-bit numbers in a pointer"
);

pub mod cores;
mod executor;
#[cfg(feature = "inspect")]
pub mod inspect;
pub mod io;
mod observe;
pub mod process;
mod reactor;
pub mod runtime;
pub mod service;
pub mod signal;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(not(feature = "sim"))]
#[path = "sim/outside.rs"]
pub mod sim;
pub mod sys;
pub mod task;
#[cfg(feature = "test-util")]
pub mod test;
pub mod time;
mod wake;

#[cfg(feature = "hyper")]
pub use io::adapters::hyper;
#[doc(hidden)]
pub mod macro_support {
    //! The functions that the attributes of `egret-macros` call. Not for other callers: it may change in any release.

    pub use crate::cores::macro_support::*;
    pub use crate::runtime::macro_support::*;
}
pub use io::fs;
pub use runtime::{block_on, shutdown};
pub use task::spawn;
