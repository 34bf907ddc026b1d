//! The runtime of egret: executor, wakers, reactor, and the seam to the kernel.
//!
//! Applications use the facade `egret`, which re-exports this with the socket types of `egret-net`.
//!
//! The code is in rooms: one folder for each noun, and a file of the same name that lists what is in the folder. The
//! rooms, lowest first. A room names the rooms above it in this list and none below it; the test
//! `tests/pages/rooms.rs` reads the list and checks that.
//!
//! | room | what it owns |
//! |---|---|
//! | `sys` | every system call, and the only `libc`; with feature `sim`, a simulated kernel in its place |
//! | `observe` | names, counters, what a turn did for tests, what `tracing` is told |
//! | `wake` | the waker that is a number, the run queue, the mailbox for other threads, the budget |
//! | `reactor` | `epoll`, the rules of readiness, who waits; a registered descriptor |
//! | `time` | the clock and the heap of deadlines; sleep, timeout, interval |
//! | `executor` | the turn of the loop, how it waits, the threads that may block |
//! | `task` | the allocation of a task, its handles, what ends it; blocking jobs |
//! | `runtime` | what a program holds: the runtime, its builder, handles, shutdown |
//! | `io` | streams: traits, copies, pipes, standard streams; the traits of hyper and tokio |
//! | `process` | child processes |
//! | `signal` | signals as events |
//! | `test` | by feature `test-util`: the kit for unit tests of wake-ups |
//! | `sim` | by feature `sim`: hosts on the simulated kernel of `sys/sim`, and what must hold there |
//!
//! Two rooms that need each other are cut by what the lower one owns: a thread-local slot that entering an executor
//! fills (`reactor::current`, `time::current`), or a trait that the higher one implements (`executor::task::Task`,
//! `time::pause::Turns`). `docs/architecture.md` follows one event through the rooms.
//!
//! `#[inline]` has two reasons here. On the way that every request takes it is for speed. On what most programs do not use
//! (processes, signals, standard streams, batches) it is for the time of a build: such a function is translated where it is
//! called and not in this crate, so that what is not used costs next to nothing (`docs/benchmarks/build.md`).

#![cfg_attr(docsrs, feature(doc_cfg))]
// Unsafe code is in `sys`, in the waker's constructor and in the task cell, which allow it, and nowhere else.
#![deny(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!(
    "egret runs on 64-bit Linux only: it is built on epoll, and its wakers are 64-bit numbers in a pointer"
);

mod executor;
pub mod io;
mod observe;
pub mod process;
mod reactor;
pub mod runtime;
pub mod signal;
#[cfg(feature = "sim")]
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
pub use runtime::macro_support;
pub use runtime::{block_on, shutdown};
pub use task::spawn;
