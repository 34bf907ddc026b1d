//! The runtime of egret: executor, wakers, reactor, and the seam to the kernel.
//!
//! Applications use the facade `egret`, which re-exports this with the socket types of `egret-net`. The map of
//! the code, lower first; nothing names what is below it in this list:
//!
//! | file | what it owns |
//! |---|---|
//! | `key` | the numbers that stand for a task and for a registration |
//! | `stats` | counters |
//! | `sys` | every system call, and the only `libc` |
//! | `mailbox`, `remote` | wakes from other threads |
//! | `record` | what a turn did, by name, for tests |
//! | `spans` | what `tracing` is told, with feature `trace` |
//! | `queue` | which tasks are to be polled |
//! | `context` | what the running executor leaves in thread-local storage |
//! | `unhandled` | what becomes of a panic that nobody hears of |
//! | `waker` | the `Waker` that is a number |
//! | `join`, `task` | the handle of a task; its allocation |
//! | `readiness` | the rules of edge-triggered readiness |
//! | `waiters` | who waits for a descriptor |
//! | `reactor` | `epoll`, and the descriptors registered with it |
//! | `clock`, `timer` | what time it is; deadlines |
//! | `pool` | the threads that may block |
//! | `park` | how an idle loop waits: asleep, or looking |
//! | `executor` | the turn of the loop |
//! | `task_builder`, `join_set` | tasks with names; tasks that belong together |
//! | `io`, `async_fd` | a registered descriptor, and the public form of it; in `io/`, pipes, and copies from stream to stream |
//! | `time` | sleep, timeout, interval |
//! | `abort`, `handle` | what other threads hold of a task and of a runtime |
//! | `wait_list`, `shutdown` | ending a server well |
//! | `blocking`, `signal` | `spawn_blocking`; signals as events |
//! | `process`, `io/stdio` | child processes; standard input and output |
//! | `task/coop`, `runtime` | `yield_now`, and what charges the budget; what a program holds in its hand |
//! | `hyper`, `tokio_io` | by features of these names: what hyper asks of a runtime; streams of tokio for others |
//! | `test` | the kit for unit tests of wake-ups |
//! | `sim` | by feature `sim`: hosts on the simulated kernel of `sys/sim`, and what must hold there |
//! | `macro_support` | what the attributes of `egret-macros` call |
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
