//! Child processes: spawn, talk to, wait for.
//!
//! A child is waited for by its pidfd, which the reactor watches like any descriptor: there is no `SIGCHLD` handler,
//! and no `waitpid(-1)`, which would reap children of other code. Two loops, a thread that uses [`std::process`] and
//! a C library that forks do not interfere. Without pidfds (before Linux 5.4, and in some sandboxes) a thread per
//! child waits for it by its number.
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
//! A child stays in the process table until its parent reads its status. [`wait`](Child::wait) fails with `ECHILD`
//! when the status is lost: `SIGCHLD` set to `SIG_IGN` (or `SA_NOCLDWAIT`) makes the kernel discard it, and code that
//! waits for any child takes it. Rust programs do neither by default.
//!
//! # A child that is dropped
//!
//! It goes on running, unless [`kill_on_drop`](Command::kill_on_drop) is set, and leaves no zombie either way: it is
//! reaped in the background when it ends, even if the runtime is gone by then.
//!
//! # Pipes and grandchildren
//!
//! A pipe ends when the last process that has it open for writing closes it or ends. A grandchild inherits the
//! descriptors of the child. [`wait`](Child::wait) resolves when the child has ended, even if the pipes are still
//! open; [`wait_with_output`](Child::wait_with_output) and [`output`](Command::output) resolve when the pipes have
//! ended too, so a daemon that keeps its output open delays them, as in std.
//!
//! # Files
//!
//! `process/command.rs` has the builder, `process/child.rs` the child, `process/stdio.rs` its pipes (methods in
//! `io/pipe/`), `process/orphan.rs` the reaper of dropped children. The system calls are in `sys/linux/process.rs`.

mod child;
mod command;
mod orphan;
mod stdio;

pub use child::Child;
pub use command::Command;
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};
