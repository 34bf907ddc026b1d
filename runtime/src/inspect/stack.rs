//! The stack of a thread, for reports: its frames with feature `inspect-backtrace`, a reason without.
//!
//! The two versions are `stack/none.rs` and `stack/unwound.rs`, of which one is compiled.

#[cfg(not(all(feature = "inspect-backtrace", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[path = "stack/none.rs"]
mod kind;

#[cfg(all(feature = "inspect-backtrace", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod modules; // the parts of the program that have tables for the unwinder

#[cfg(all(feature = "inspect-backtrace", any(target_arch = "x86_64", target_arch = "aarch64")))]
#[path = "stack/unwound.rs"]
mod kind;

pub(crate) use kind::take;

use crate::sys::ThreadId;
use serde::Serialize;
use std::fmt;

/// The stack of a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stack {
    /// The innermost first. Functions that the compiler has inlined have frames of their own.
    pub frames: Vec<StackFrame>,
    /// Why there are none.
    pub missing: Option<String>,
}

/// A function that has not returned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StackFrame {
    /// Where it is in the memory of the process.
    pub address: u64,
    /// Its name, if the program has symbols.
    pub function: Option<String>,
    /// The file and the line, if the program has line tables.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
}

impl Stack {
    /// Returns the stack of a thread of this process, which goes on as soon as its stack is copied.
    ///
    /// The thread is known by the number that the kernel gives it, as in [`ThreadView::tid`](super::ThreadView::tid). It
    /// is interrupted by `SIGURG`, unless the program has a handler for that signal. There are no frames, and a reason,
    /// without feature `inspect-backtrace`, on other architectures than x86-64 and 64-bit ARM, and for a thread that
    /// blocks the signal or has ended. It takes some milliseconds, the first time much longer: the symbols are read.
    ///
    /// ```
    /// use egret_runtime::inspect::Stack;
    ///
    /// let first_thread = std::process::id();
    /// let stack = Stack::of_thread(first_thread);
    /// assert_eq!(stack.frames.is_empty(), stack.missing.is_some());
    /// ```
    pub fn of_thread(tid: u32) -> Stack {
        kind::take(ThreadId::from_number(tid), || true)
    }

    /// Returns how many frames are above those of the loop.
    fn above_the_loop(&self) -> usize {
        let is =
            |frame: &StackFrame, what: &dyn Fn(&str) -> bool| frame.function.as_deref().is_some_and(what);
        let is_loop = |frame| is(frame, &|name| name.contains("egret_runtime::executor::turn::"));
        // The outermost of the loop: functions of the runtime that a task calls, such as `spawn`, are of it too.
        let Some(end) = self.frames.iter().rposition(is_loop) else { return self.frames.len() };
        let between = ["egret_runtime::", "core::", "std::", "__rust_try"];
        let is_between =
            |frame| is(frame, &|name| between.iter().any(|of| name.trim_start_matches('<').starts_with(of)));
        match self.frames[..end].iter().rposition(|frame| !is_between(frame)) {
            Some(last) => last + 1,
            None => end,
        }
    }

    fn missing(why: impl fmt::Display) -> Stack {
        Stack { frames: Vec::new(), missing: Some(why.to_string()) }
    }
}

/// One line for each frame, down to the outermost of the program: below are the runtime and std.
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.missing {
            return write!(f, "no stack: {why}");
        }
        let shown = self.above_the_loop();
        f.write_str("stack:")?;
        for (number, frame) in self.frames[..shown].iter().enumerate() {
            write!(f, "\n{number:>4}: {frame}")?;
        }
        match self.frames.len() - shown {
            0 => Ok(()),
            more => write!(f, "\n      and {more} frames of the runtime"),
        }
    }
}

impl fmt::Display for StackFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{:#x}", self.address)?,
        }
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "\n          at {file}:{line}"),
            (Some(file), None) => write!(f, "\n          at {file}"),
            (None, _) => Ok(()),
        }
    }
}

#[cfg(all(
    test,
    not(miri),
    feature = "inspect-backtrace",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod tests;
