//! Tasks by the line that spawned them, and waits by the line that waits.

use super::look::Look;
use super::query::Query;
use super::search::{self, Search};
use super::tasks::StateCounts;
use egret_runtime::inspect::{Place, TaskView, WaitKind};
use serde::Serialize;
use std::collections::HashMap;

/// The most groups of one answer. A program has as many as it has lines that spawn.
const MOST_GROUPS: usize = 400;

/// The answer of `/groups`.
#[derive(Serialize)]
pub(super) struct Groups<'a> {
    pub(super) all: usize,
    pub(super) counts: StateCounts,
    pub(super) age_ms: u128,
    pub(super) by_spawn: Vec<SpawnGroup<'a>>,
    pub(super) by_wait: Vec<Waits<'a>>,
}

/// The tasks of one line.
#[derive(Serialize, Debug)]
pub(super) struct SpawnGroup<'a> {
    pub(super) at: Place,
    /// The name that all of them have.
    pub(super) name: Option<&'a str>,
    pub(super) count: usize,
    #[serde(flatten)]
    pub(super) counts: StateCounts,
    pub(super) polls: u64,
    pub(super) poll_total_ns: u64,
    pub(super) poll_longest_ns: u64,
    pub(super) oldest_ns: u64,
    pub(super) bytes: usize,
}

/// The waits of one kind at one line.
#[derive(Serialize, Debug)]
pub(super) struct Waits<'a> {
    pub(super) kind: WaitKind,
    pub(super) at: Option<Place>,
    pub(super) count: usize,
    pub(super) oldest_ns: Option<u64>,
    /// In words, of the oldest.
    pub(super) text: &'a str,
}

impl Groups<'_> {
    /// Returns the groups of the tasks that match the query, the largest first.
    pub(super) fn of<'a>(look: &'a Look, query: &Query) -> Groups<'a> {
        let mut search = Search::new(query.text("q"), query.text("is"));
        let tasks: Vec<&TaskView> = look.answered.tasks.iter().filter(|task| search.finds(task)).collect();
        let mut by_spawn = by_spawn(&tasks);
        by_spawn.truncate(MOST_GROUPS);
        let mut by_wait = by_wait(&tasks);
        by_wait.truncate(MOST_GROUPS);
        let counts = StateCounts::of(&look.answered.tasks);
        Groups { all: look.answered.tasks.len(), counts, age_ms: look.age().as_millis(), by_spawn, by_wait }
    }
}

pub(super) fn by_spawn<'a>(tasks: &[&'a TaskView]) -> Vec<SpawnGroup<'a>> {
    let mut groups = HashMap::new();
    for task in tasks {
        let group = groups.entry(task.spawned_at).or_insert_with(|| SpawnGroup {
            at: task.spawned_at,
            name: task.name.as_deref(),
            count: 0,
            counts: StateCounts::default(),
            polls: 0,
            poll_total_ns: 0,
            poll_longest_ns: 0,
            oldest_ns: 0,
            bytes: 0,
        });
        if group.name != task.name.as_deref() {
            group.name = None;
        }
        group.count += 1;
        group.counts.add(task);
        group.polls += task.polls;
        group.poll_total_ns += task.poll_total_ns;
        group.poll_longest_ns = group.poll_longest_ns.max(task.poll_longest_ns);
        group.oldest_ns = group.oldest_ns.max(task.age_ns);
        group.bytes += task.size;
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_unstable_by(|a, b| b.count.cmp(&a.count).then(a.at.cmp(&b.at)));
    groups
}

fn by_wait<'a>(tasks: &[&'a TaskView]) -> Vec<Waits<'a>> {
    let mut groups = HashMap::new();
    for wait in tasks.iter().flat_map(|task| &task.waits) {
        let group = groups.entry((wait.kind, wait.at)).or_insert_with(|| Waits {
            kind: wait.kind,
            at: wait.at,
            count: 0,
            oldest_ns: None,
            text: &wait.text,
        });
        group.count += 1;
        if wait.since_ns > group.oldest_ns {
            (group.oldest_ns, group.text) = (wait.since_ns, &wait.text);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_unstable_by_key(|group| (usize::MAX - group.count, search::name(group.kind), group.at));
    groups
}

#[cfg(test)]
mod tests;
