//! With feature `inspect-backtrace`: a snapshot of the thread, unwound and named on the thread that asks.
//!
//! The unwinder is framehop, which profilers use on copies of stacks. It reads the tables that exceptions need
//! (`.eh_frame`), which every program has, so no flag of the compiler is needed. `backtrace` finds the names; it
//! locks and allocates, but on the thread that asks.

use super::{Stack, StackFrame, modules};
use crate::sys::{Registers, Snapshot, ThreadId};
use framehop::{FrameAddress, Unwinder, UnwinderNative};
use std::ffi::c_void;
use std::time::Duration;

/// How long the thread may take to notice the signal; on a busy machine it may be without a processor.
const PATIENCE: Duration = Duration::from_millis(500);

/// More frames than a stack has that is not a recursion gone wrong.
const MOST: usize = 256;

pub(crate) fn take(thread: ThreadId, is_still: impl Fn() -> bool) -> Stack {
    match Snapshot::take(thread, PATIENCE) {
        Ok(_) if !is_still() => Stack::missing("the poll ended meanwhile"),
        Ok(snapshot) => {
            Stack { frames: unwind(&snapshot).into_iter().flat_map(name).collect(), missing: None }
        }
        Err(error) => Stack::missing(error),
    }
}

/// Returns the addresses of the calls, the innermost first.
fn unwind(snapshot: &Snapshot) -> Vec<u64> {
    let mut unwinder = UnwinderNative::new();
    modules::all().into_iter().for_each(|module| unwinder.add_module(module));
    let mut read = |address: u64| {
        let at =
            address.checked_sub(snapshot.registers.stack).and_then(|at| usize::try_from(at).ok()).ok_or(())?;
        let word = snapshot.stack.get(at..).and_then(|rest| rest.first_chunk()).ok_or(())?;
        Ok(u64::from_ne_bytes(*word))
    };
    let Registers { instruction, .. } = snapshot.registers;
    let registers = registers(&snapshot.registers, unwinder.max_known_code_address());
    let mut cache = framehop::CacheNative::<framehop::MayAllocateDuringUnwind>::new();
    let mut frames = unwinder.iter_frames(instruction, registers, &mut cache, &mut read);
    // An error is where the tables or the copy end: the frames before it stand.
    let next = || frames.next().ok().flatten().map(FrameAddress::address_for_lookup);
    std::iter::from_fn(next).take(MOST).collect()
}

#[cfg(target_arch = "x86_64")]
fn registers(from: &Registers, _highest: u64) -> framehop::UnwindRegsNative {
    framehop::UnwindRegsNative::new(from.instruction, from.stack, from.frame)
}

#[cfg(target_arch = "aarch64")]
fn registers(from: &Registers, highest: u64) -> framehop::UnwindRegsNative {
    // Return addresses may be signed in the bits that no address uses.
    let mask = framehop::aarch64::PtrAuthMask::from_max_known_address(highest);
    framehop::UnwindRegsNative::new_with_ptr_auth_mask(mask, from.link, from.stack, from.frame)
}

/// Returns the functions at an address: several where some are inlined.
fn name(address: u64) -> Vec<StackFrame> {
    let mut frames = Vec::new();
    // `resolve` takes a return address and looks one byte before it.
    backtrace::resolve((address + 1) as *mut c_void, |symbol| {
        frames.push(StackFrame {
            address,
            function: symbol.name().map(|name| format!("{name:#}")),
            file: symbol.filename().map(|file| file.display().to_string()),
            line: symbol.lineno(),
        });
    });
    if frames.is_empty() {
        frames.push(StackFrame { address, ..StackFrame::default() });
    }
    frames
}
