use super::kind::take;
use super::*;
use crate::sys::ThreadId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

#[inline(never)]
fn innermost(over: &AtomicBool) -> u64 {
    let mut steps = 1;
    while !over.load(Ordering::Relaxed) {
        steps = std::hint::black_box(steps + 1);
    }
    steps
}

#[inline(never)]
fn recursive(depth: usize, over: &AtomicBool) -> u64 {
    match depth {
        0 => innermost(over),
        _ => std::hint::black_box(recursive(depth - 1, over)),
    }
}

/// The stack of a thread that is so deep in a recursion, so many times.
fn taken(depth: usize, times: usize) -> Vec<Stack> {
    let (over, (tell, told)) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
    let theirs = over.clone();
    let thread = thread::spawn(move || {
        tell.send(ThreadId::current()).unwrap();
        recursive(depth, &theirs)
    });
    let id = told.recv().unwrap();
    // Until it is there, and without those for which it had no processor.
    let named = |stack: &Stack| stack.frames.iter().any(|frame| is(frame, "::innermost"));
    let stacks = std::iter::repeat_with(|| take(id, || true));
    let stacks =
        stacks.skip_while(|stack| !named(stack)).filter(|stack| !is_late(stack)).take(times).collect();
    over.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    stacks
}

fn is_late(stack: &Stack) -> bool {
    stack.missing.as_ref().is_some_and(|why| why.starts_with("the thread did not take SIGURG"))
}

fn is(frame: &StackFrame, name: &str) -> bool {
    frame.function.as_deref().is_some_and(|function| function.ends_with(name))
}

#[test]
fn every_frame_is_there_and_has_its_name_file_and_line() {
    let mut lines = Vec::new();
    for stack in taken(20, 20) {
        assert_eq!(stack.missing, None);
        let named = |name| stack.frames.iter().filter(|frame| is(frame, name)).count();
        assert_eq!((named("::innermost"), named("::recursive")), (1, 21), "{stack}");
        let frame = stack.frames.iter().find(|frame| is(frame, "::innermost")).unwrap();
        assert!(frame.file.as_ref().unwrap().ends_with("stack/tests.rs"));
        lines.extend(frame.line);
        // It is unwound to the beginning of the thread; musl comes without tables for the unwinder, so to what it calls.
        let begins = if cfg!(target_env = "musl") { &["::thread_start"][..] } else { &["clone3", "clone"] };
        assert!(stack.frames.iter().any(|frame| begins.iter().any(|name| is(frame, name))), "{stack}");
    }
    // An instruction between two lines may have none: line 0 of the compiler's table.
    assert!(lines.len() >= 10, "{lines:?}");
    assert!(lines.iter().all(|line| (9..15).contains(line)), "{lines:?}");
}

#[test]
fn a_stack_that_is_deeper_than_what_is_taken_has_its_top() {
    let stacks = taken(2000, 1);
    let named = |name| stacks[0].frames.iter().filter(|frame| is(frame, name)).count();
    assert!(named("::innermost") == 1 && named("::recursive") > 200, "{}", stacks[0]);
}

#[test]
fn a_stack_that_is_no_more_wanted_or_whose_thread_is_gone_is_missing() {
    let id = thread::spawn(ThreadId::current).join().unwrap();
    let gone = loop {
        // The thread may be there for a moment after the join.
        let stack = take(id, || true);
        if stack.missing.as_ref().is_some_and(|why| why.starts_with("No such process")) {
            break stack;
        }
    };
    assert!(gone.frames.is_empty());
    let stack = take(ThreadId::current(), || false);
    assert_eq!(stack.missing.as_deref(), Some("the poll ended meanwhile"));
}

#[test]
fn the_text_ends_with_the_outermost_function_of_the_program() {
    let stack = |names: &[&str]| {
        let frame = |name: &&str| StackFrame { function: Some((*name).to_owned()), ..StackFrame::default() };
        Stack { frames: names.iter().map(frame).collect(), missing: None }
    };
    let below = [
        "<egret_runtime::task::cell::TaskCell<F> as egret_runtime::wake::task::Task>::poll",
        "egret_runtime::executor::turn::Executor::run",
        "server::main",
    ];
    let of = |above: &[&str]| stack(&[above, &below[..]].concat()).to_string();
    let text = of(&["core::ptr::read", "server::slow", "core::future::poll", "std::panic::catch_unwind"]);
    assert_eq!(text, "stack:\n   0: core::ptr::read\n   1: server::slow\n      and 5 frames of the runtime");
    let spawns = [
        "egret_runtime::executor::turn::Executor::admit",
        "egret_runtime::task::spawn::spawn",
        "server::slow",
    ];
    assert!(
        of(&spawns).ends_with("\n   2: server::slow\n      and 3 frames of the runtime"),
        "{}",
        of(&spawns)
    );
    assert_eq!(of(&[]), format!("stack:\n   0: {}\n      and 2 frames of the runtime", below[0]));
    assert_eq!(stack(&["a", "b"]).to_string(), "stack:\n   0: a\n   1: b");
    assert_eq!(Stack::missing("why").to_string(), "no stack: why");
}
