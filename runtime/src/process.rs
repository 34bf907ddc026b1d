//! Child processes: spawned, talked to, waited for.
//!
//! A child is waited for by its pidfd, which the reactor watches like any descriptor: there is no handler for
//! `SIGCHLD`, no list of children that a signal has one search, and no `waitpid(-1)`, which takes children from
//! whoever else has some. Two loops, a thread that uses [`std::process`] and a C library that forks do not
//! see each other's. Where there are no pidfds, which is before Linux 5.4 and in some sandboxes, a thread for each child
//! waits for it, by its number.
//!
//! ```
//! use egret_runtime::process::Command;
//!
//! # egret_runtime::block_on(async {
//! let output = Command::new("echo").arg("hello").output().await?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"hello\n");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # What the program must leave alone
//!
//! A child stays in the table of processes until its parent has asked how it ended. Two things take that answer away,
//! and then [`wait`](Child::wait) fails with `ECHILD`: `SIGCHLD` set to `SIG_IGN` (or `SA_NOCLDWAIT`), by which the
//! kernel throws the answers away, and code that waits for any child there is. Rust programs do neither unless asked.
//!
//! # A child that is dropped
//!
//! It goes on running, unless [`kill_on_drop`](Command::kill_on_drop) says otherwise, and leaves no zombie either way:
//! it is reaped in the background when it has ended, also when the runtime is gone by then.
//!
//! # Pipes and grandchildren
//!
//! A pipe ends when the last process that has it open for writing closes it or ends. A grandchild inherits the
//! descriptors of the child: [`wait`](Child::wait) resolves when the child has ended, whoever still writes to its pipes;
//! [`wait_with_output`](Child::wait_with_output) and [`output`](Command::output) resolve when the pipes have, too, so a
//! daemon that a script leaves behind with its output still open keeps them waiting, as it does std's.
//!
//! # Where what is
//!
//! `process/command.rs` has the builder, `process/child.rs` the child, `process/stdio.rs` the pipes to and from it, whose
//! methods are in `io/pipe/`,
//! `process/orphan.rs` what becomes of one that nobody waits for. The system calls are in `sys/linux/process.rs`.

mod child;
mod command;
mod orphan;
mod stdio;

pub use child::Child;
pub use command::Command;
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};
