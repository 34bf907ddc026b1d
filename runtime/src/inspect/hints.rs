//! The conspicuous facts of a dump: tasks that wait for each other, wakes that were forgotten, tasks that hold the loop.
//!
//! A hint is read from the plain data of the dump. Some are certain (a circle of joins, a poll that has not returned),
//! others are a guess, and say so by what they count.

use super::dump::{Dump, Hint, HintKind, LoopState, Place, TaskState, TaskView, WaitKind, WokenBy};
use super::words::{Many, TaskName, Time, made};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A poll from this long on is worth a hint: Seastar reports its stalls from there on by default.
const LONG_POLL: u64 = 25_000_000;
/// So many polls in a second, and a last wake by itself, make a task one that wakes itself for ever.
const BUSY: u64 = 1_000;
/// Of fewer tasks of one line there is no leak to suspect.
const MANY: usize = 100;
/// A task that no wake has reached is young until it is so old.
const YOUNG: u64 = 1_000_000_000;
/// At most so many tasks are named in a hint.
const NAMED: usize = 100;

/// Returns the hints of a dump, the most certain first.
pub(super) fn find(dump: &Dump) -> Vec<Hint> {
    let mut hints = Vec::new();
    hints.extend(stuck(dump));
    circles(dump, &mut hints);
    hints.extend(deadlock(dump));
    self_waking(dump, &mut hints);
    long_polls(dump, &mut hints);
    never_woken(dump, &mut hints);
    hints.extend(pool_full(dump));
    hints
}

fn hint<'a>(kind: HintKind, text: String, tasks: impl IntoIterator<Item = &'a TaskView>) -> Hint {
    Hint { kind, text, tasks: tasks.into_iter().map(|task| task.id).take(NAMED).collect() }
}

/// Reports a loop that did not answer, because it is in a poll.
fn stuck(dump: &Dump) -> Option<Hint> {
    let LoopState::InPoll(poll) = &dump.runtime.state else { return None };
    let task = TaskName(poll.task, poll.name.as_deref());
    let mut text = format!("{task} has been holding the loop for {}", Time(poll.since_ns));
    if let Some(at) = poll.spawned_at {
        text += &format!("; it was {} at {at}", made(poll.task));
    }
    if let Some(kernel) = &dump.runtime.thread.kernel {
        text += &format!("; the thread {kernel}");
    }
    Some(Hint { kind: HintKind::Stuck, text, tasks: vec![poll.task] })
}

/// Circles of tasks that join each other.
fn circles(dump: &Dump, hints: &mut Vec<Hint>) {
    if !dump.tasks.iter().any(|task| joins(task).next().is_some()) {
        return;
    }
    let tasks: HashMap<u64, &TaskView> = dump.tasks.iter().map(|task| (task.id, task)).collect();
    // A task that was visited leads to no circle that was not found.
    let mut visited = HashSet::new();
    for start in dump.tasks.iter().filter(|task| joins(task).next().is_some()) {
        let mut path: Vec<&TaskView> = Vec::new();
        let mut open = vec![(0, start)];
        while let Some((depth, task)) = open.pop() {
            path.truncate(depth);
            if let Some(from) = path.iter().position(|other| other.id == task.id) {
                hints.push(circle(&path[from..]));
            } else if visited.insert(task.id) {
                path.push(task);
                let joined = joins(task).filter_map(|id| tasks.get(&id));
                open.extend(joined.map(|joined| (depth + 1, *joined)));
            }
        }
    }
}

/// Returns the tasks that a task joins.
fn joins(task: &TaskView) -> impl Iterator<Item = u64> {
    let joins = task.waits.iter().filter(|wait| wait.kind == WaitKind::Join);
    joins.filter_map(|wait| wait.task)
}

fn circle(tasks: &[&TaskView]) -> Hint {
    let names = tasks.iter().chain(&tasks[..1]).map(|task| TaskName::of(task).to_string());
    let names = names.collect::<Vec<_>>().join(" -> ");
    let only_joins = tasks.iter().all(|task| task.waits.iter().all(|wait| wait.kind == WaitKind::Join));
    let end = match only_joins {
        true => "none of them can end",
        false => "none of them can end by this join, only by what else they wait for",
    };
    hint(
        HintKind::JoinCycle,
        format!("tasks that join each other in a circle: {names}: {end}"),
        tasks.iter().copied(),
    )
}

/// Reports that every task waits, and that nothing that the loop waits for can wake one.
fn deadlock(dump: &Dump) -> Option<Hint> {
    if dump.runtime.state != LoopState::Answered || dump.tasks.is_empty() {
        return None;
    }
    let queue = &dump.queue;
    let may_come = !queue.tasks.is_empty()
        || queue.letters + queue.errands > 0
        || dump.timers.iter().any(|timer| timer.task.is_some())
        || !dump.blocking.jobs.is_empty();
    let within = |wait: &WaitKind| matches!(wait, WaitKind::Join | WaitKind::Shutdown | WaitKind::Foreign);
    let waits = |task: &TaskView| {
        matches!(task.state, TaskState::Waiting { .. }) && task.waits.iter().all(|wait| within(&wait.kind))
    };
    if may_come || !dump.tasks.iter().all(waits) {
        return None;
    }
    let text = format!(
        "every task waits ({}), and none for a descriptor, a timer, a signal, a child or a blocking job: only another \
         thread can wake one",
        Many(dump.tasks.len() as u64, "task")
    );
    Some(hint(HintKind::Deadlock, text, &dump.tasks))
}

/// Reports tasks that their own wake has queued, again and again.
fn self_waking(dump: &Dump, hints: &mut Vec<Hint>) {
    for task in &dump.tasks {
        let by_itself = task.woken_by == Some(WokenBy::Task { id: task.id });
        let milliseconds = (task.age_ns / 1_000_000).max(1);
        if !by_itself || task.polls < BUSY || task.polls.saturating_mul(1_000) / milliseconds < BUSY {
            continue;
        }
        let text = format!(
            "{} wakes itself: {} in {}, and {} of them in its polls; {} at {}",
            TaskName::of(task),
            Many(task.polls, "poll"),
            Time(task.age_ns),
            Time(task.poll_total_ns),
            made(task.id),
            task.spawned_at
        );
        hints.push(hint(HintKind::SelfWaking, text, [task]));
    }
}

/// Lines that spawned tasks with a long poll: one hint for each, the worst first.
fn long_polls(dump: &Dump, hints: &mut Vec<Hint>) {
    let mut lines: BTreeMap<Place, Vec<&TaskView>> = BTreeMap::new();
    for task in dump.tasks.iter().filter(|task| task.poll_longest_ns >= LONG_POLL) {
        lines.entry(task.spawned_at).or_default().push(task);
    }
    let mut lines: Vec<_> = lines.into_iter().collect();
    let longest = |tasks: &[&TaskView]| tasks.iter().map(|task| task.poll_longest_ns).max();
    lines.sort_by_key(|(_, tasks)| std::cmp::Reverse(longest(tasks)));
    for (at, mut tasks) in lines {
        tasks.sort_by_key(|task| std::cmp::Reverse(task.poll_longest_ns));
        let worst = tasks[0];
        let text = format!(
            "a poll of {}, {} at {at}, has held the loop for {}: it blocks, computes without an await, or its \
             thread did not get the processor; {} of this line had one of at least {}",
            TaskName::of(worst),
            made(worst.id),
            Time(worst.poll_longest_ns),
            Many(tasks.len() as u64, "task"),
            Time(LONG_POLL)
        );
        hints.push(hint(HintKind::LongPoll, text, tasks));
    }
}

/// Jobs that wait for a thread of the pool for long.
fn pool_full(dump: &Dump) -> Option<Hint> {
    let pool = &dump.blocking;
    let (running, queued): (Vec<_>, Vec<_>) = pool.jobs.iter().partition(|job| job.is_running);
    let waits = queued.iter().map(|job| job.since_ns).max().filter(|since| *since >= YOUNG)?;
    let slowest = running.iter().max_by_key(|job| job.since_ns)?;
    let text = format!(
        "the pool for blocking jobs is full: {} running on at most {} threads, and {} queued, the oldest for {}; the longest job, \
         spawned at {}, has run for {}",
        Many(running.len() as u64, "job"),
        pool.max_threads,
        Many(queued.len() as u64, "job"),
        Time(waits),
        slowest.spawned_at,
        Time(slowest.since_ns)
    );
    let tasks = queued.iter().filter_map(|job| job.awaited_by).take(NAMED).collect();
    Some(Hint { kind: HintKind::PoolFull, text, tasks })
}

/// Reports tasks that wait for nothing of egret's and that no wake has reached: one hint for each line. Many of one
/// line may be a leak.
fn never_woken(dump: &Dump, hints: &mut Vec<Hint>) {
    let mut lines: BTreeMap<Place, Vec<&TaskView>> = BTreeMap::new();
    for task in &dump.tasks {
        let waits = matches!(task.state, TaskState::Waiting { .. });
        let foreign = task.waits.iter().all(|wait| wait.kind == WaitKind::Foreign);
        if waits && foreign && task.wakes == 0 && task.polls > 0 && task.age_ns >= YOUNG {
            lines.entry(task.spawned_at).or_default().push(task);
        }
    }
    for (at, mut tasks) in lines {
        tasks.sort_by_key(|task| std::cmp::Reverse(task.age_ns));
        let oldest = tasks[0];
        let (kind, text) = match tasks.len() {
            1 => (
                HintKind::NeverWoken,
                format!(
                    "{}, {} at {at} {} ago, {}",
                    TaskName::of(oldest),
                    made(oldest.id),
                    Time(oldest.age_ns),
                    oldest.waits.first().map_or("was never woken", |wait| &wait.text)
                ),
            ),
            n => (
                if n < MANY { HintKind::NeverWoken } else { HintKind::ManyTasks },
                format!(
                    "{}, spawned at {at}, wait for nothing of egret's and were never woken; the oldest is {}, of {} \
                     ago{}",
                    Many(n as u64, "task"),
                    TaskName::of(oldest),
                    Time(oldest.age_ns),
                    if n < MANY { "" } else { ": tasks that pile up are a leak" }
                ),
            ),
        };
        hints.push(hint(kind, text, tasks));
    }
}

#[cfg(test)]
mod tests;
