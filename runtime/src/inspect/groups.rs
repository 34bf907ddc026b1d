//! The rows of the page: entries that differ only in their numbers share a row.

use super::dump::{JobView, Place, SourceView, TaskState, TaskView, TimerView, WaitKind};
use std::collections::HashMap;
use std::hash::Hash;

/// Tasks of one line that do the same at the same line.
pub(super) struct TaskGroup<'a> {
    pub(super) tasks: Vec<&'a TaskView>,
}

/// Descriptors of one kind with one address, and with the same directions waited for.
pub(super) struct SourceGroup<'a> {
    pub(super) sources: Vec<&'a SourceView>,
    /// The common part of their rows.
    pub(super) address: &'a str,
}

/// Groups by a key, in the order in which the first of each group comes.
fn by_key<'a, T, K: Eq + Hash>(all: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<Vec<&'a T>> {
    let (mut groups, mut places) = (Vec::<Vec<&T>>::new(), HashMap::new());
    for one in all {
        let place = *places.entry(key(one)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(one);
    }
    groups
}

/// Tasks in a poll first, then queued ones, then the groups by size, and tasks alone by their id.
pub(super) fn of_tasks(tasks: &[TaskView]) -> Vec<TaskGroup<'_>> {
    let key = |task: &'_ TaskView| {
        // A name tells a task from others, unless tasks of one line share it.
        let waits: Vec<_> = task.waits.iter().map(|wait| (wait.kind, wait.at, wait.of)).collect();
        let frames: Vec<_> = task.frames.iter().map(|frame| (frame.depth, frame.name.clone())).collect();
        (task.spawned_at, task.name.clone(), state(task), forgotten(task), waits, frames)
    };
    let groups = by_key(tasks, key);
    let mut groups: Vec<_> = groups.into_iter().map(|tasks| TaskGroup { tasks }).collect();
    groups.sort_by_key(|group| {
        let first = group.tasks[0];
        (state(first), std::cmp::Reverse(group.tasks.len()), first.id)
    });
    groups
}

fn state(task: &TaskView) -> u8 {
    match task.state {
        TaskState::Running { .. } => 0,
        TaskState::Queued { .. } => 1,
        TaskState::Waiting { .. } => 2,
    }
}

/// Returns whether it waits for nothing of egret's and was never woken: such tasks are not hidden among those that were.
fn forgotten(task: &TaskView) -> bool {
    task.wakes == 0 && task.waits.iter().any(|wait| wait.kind == WaitKind::Foreign)
}

impl TaskGroup<'_> {
    pub(super) fn oldest(&self) -> &TaskView {
        self.tasks.iter().max_by_key(|task| task.age_ns).expect("a group has a task")
    }

    /// Returns the task whose first wait is the oldest.
    pub(super) fn longest_waiting(&self) -> &TaskView {
        let since = |task: &TaskView| task.waits.iter().filter_map(|wait| wait.since_ns).max();
        self.tasks.iter().max_by_key(|task| since(task)).expect("a group has a task")
    }
}

/// Groups descriptors, the largest groups first.
pub(super) fn of_sources(sources: &[SourceView]) -> Vec<SourceGroup<'_>> {
    let mut locals: HashMap<(&str, &str), usize> = HashMap::new();
    for source in sources {
        let local = source.local.as_deref().unwrap_or("");
        *locals.entry((source.kind, local)).or_default() += 1;
    }
    // Accepted connections share their own address, and clients that of their peer.
    let groups = by_key(sources, |source| {
        (source.kind, address_of(source, &locals), source.readers.is_empty(), source.writers.is_empty())
    });
    let of = |sources: Vec<_>| SourceGroup { address: address_of(sources[0], &locals), sources };
    let mut groups: Vec<_> = groups.into_iter().map(of).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.sources.len()));
    groups
}

fn address_of<'a>(source: &'a SourceView, locals: &HashMap<(&str, &str), usize>) -> &'a str {
    let (local, peer) = (source.local.as_deref().unwrap_or(""), source.peer.as_deref());
    if locals[&(source.kind, local)] == 1 { peer.unwrap_or(local) } else { local }
}

/// By the line that set them, each group in the order of the deadlines.
pub(super) fn of_timers(timers: &[TimerView]) -> Vec<Vec<&TimerView>> {
    let mut groups = by_key(timers, |timer| timer.at);
    groups.iter_mut().for_each(|group| group.sort_by_key(|timer| timer.left_ns));
    groups
}

/// By the line that spawned them. Running jobs are first, as in the dump.
pub(super) fn of_jobs(jobs: &[JobView]) -> Vec<Vec<&JobView>> {
    by_key(jobs, |job| -> (Place, bool, bool) { (job.spawned_at, job.is_running, job.is_look_up) })
}
