//! The dump of a loop that does not answer, from what other threads can see of it.

use super::dump::{Dump, LoopState, LoopView, PollView, TaskState, TaskView, ThreadView};
use super::hints;
use super::snapshot::unix_ms;
use crate::runtime::Handle;
use crate::wake::remote;
use std::time::Instant;

/// Returns the loop. `None` when the runtime is gone.
pub(super) fn view(handle: &Handle) -> Option<LoopView> {
    let thread = remote::thread_of(handle.address())?;
    let state = match handle.progress()?.poll {
        None => LoopState::NotInPoll,
        Some(poll) => LoopState::InPoll(PollView {
            task: poll.task.map_or(0, |id| id.number()),
            name: poll.name,
            spawned_at: poll.spawned_at.map(Into::into),
            since_ns: poll.elapsed.as_nanos() as u64,
        }),
    };
    let thread = ThreadView {
        tid: thread.number(),
        name: thread.name(),
        kernel: thread.state().map(|state| state.to_string()),
    };
    let untimed = !remote::post(handle.address())?.records();
    Some(LoopView { number: handle.address().number(), state, thread, untimed, ..LoopView::default() })
}

/// Returns the dump. `None` when the runtime is gone.
pub(super) fn dump(handle: &Handle, start: Instant) -> Option<Dump> {
    let runtime = view(handle)?;
    let tasks = match &runtime.state {
        LoopState::InPoll(poll) => vec![TaskView {
            id: poll.task,
            name: poll.name.clone(),
            spawned_at: poll.spawned_at.unwrap_or_default(),
            age_ns: poll.since_ns, // at least
            state: TaskState::Running { since_ns: poll.since_ns },
            ..TaskView::default()
        }],
        _ => Vec::new(),
    };
    let mut dump =
        Dump { made_at_unix_ms: unix_ms(), pid: std::process::id(), runtime, tasks, ..Dump::default() };
    dump.hints = hints::find(&dump);
    dump.took_ns = start.elapsed().as_nanos() as u64;
    Some(dump)
}
