//! The tasks of a dump: searched, sorted and cut into pages, so that a browser never gets 100 000 of them.

use super::look::Look;
use super::query::Query;
use super::search::Search;
use egret_runtime::inspect::{Dump, TaskState, TaskView};
use serde::Serialize;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

/// The most rows of one answer.
pub(super) const MOST_ROWS: usize = 1000;
/// How many orders are kept for the next page of the same.
const ORDERS: usize = 8;

/// The answer of `/tasks`.
#[derive(Serialize)]
pub(super) struct TasksPage<'a, T> {
    /// Since when the dump is old.
    pub(super) age_ms: u128,
    pub(super) made_at_unix_ms: u64,
    pub(super) all: usize,
    /// How many match the search.
    pub(super) matched: usize,
    pub(super) offset: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counts: Option<StateCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tasks: Option<Vec<&'a T>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<Vec<&'a T>>,
}

/// How many tasks are in each state.
#[derive(Serialize, Default, Clone, Copy, Debug, PartialEq)]
pub(super) struct StateCounts {
    pub(super) running: usize,
    pub(super) queued: usize,
    pub(super) waiting: usize,
}

impl StateCounts {
    pub(super) fn of<'a>(tasks: impl IntoIterator<Item = &'a TaskView>) -> StateCounts {
        let mut counts = StateCounts::default();
        for task in tasks {
            counts.add(task);
        }
        counts
    }

    pub(super) fn add(&mut self, task: &TaskView) {
        match task.state {
            TaskState::Running { .. } => self.running += 1,
            TaskState::Queued { .. } => self.queued += 1,
            _ => self.waiting += 1,
        }
    }
}

/// The orders of the last requests: scrolling asks for page after page of the same.
#[derive(Default)]
pub(super) struct Orders(RefCell<Vec<(Key, Rc<[u32]>)>>);

#[derive(PartialEq, Clone)]
struct Key {
    of: usize,
    look: u64,
    sort: String,
    is_descending: bool,
    search: String,
    is: String,
}

impl Orders {
    /// Returns the page of tasks that a query asks for.
    pub(super) fn page<'a>(&self, of: usize, look: &'a Look, query: &Query) -> TasksPage<'a, TaskView> {
        let tasks = &look.answered.tasks;
        let order = self.order(of, look, query);
        let (offset, limit) = window(query);
        let shown = order.iter().skip(offset).take(limit).map(|index| &tasks[*index as usize]);
        TasksPage {
            age_ms: look.age().as_millis(),
            made_at_unix_ms: look.answered.made_at_unix_ms,
            all: tasks.len(),
            matched: order.len(),
            offset,
            counts: Some(StateCounts::of(tasks)),
            note: None,
            tasks: Some(shown.collect()),
            rows: None,
        }
    }

    fn order(&self, of: usize, look: &Look, query: &Query) -> Rc<[u32]> {
        let key = Key {
            of,
            look: look.number,
            sort: query.text("sort").to_owned(),
            is_descending: query.text("desc") == "1",
            search: query.text("q").to_owned(),
            is: query.text("is").to_owned(),
        };
        let mut kept = self.0.borrow_mut();
        if let Some((_, order)) = kept.iter().find(|(other, _)| *other == key) {
            return order.clone();
        }
        let order: Rc<[u32]> = order(&look.answered, &key).into();
        kept.truncate(ORDERS - 1);
        kept.insert(0, (key, order.clone()));
        order
    }
}

/// Returns where a page begins and how long it is.
pub(super) fn window(query: &Query) -> (usize, usize) {
    (query.number("offset").unwrap_or(0), query.number("limit").unwrap_or(MOST_ROWS).min(MOST_ROWS))
}

fn order(dump: &Dump, key: &Key) -> Vec<u32> {
    let mut search = Search::new(&key.search, &key.is);
    let tasks = &dump.tasks;
    let mut order: Vec<u32> =
        (0..tasks.len() as u32).filter(|index| search.finds(&tasks[*index as usize])).collect();
    let compare = by(&key.sort);
    order.sort_unstable_by(|a, b| {
        let (a, b) = (&tasks[*a as usize], &tasks[*b as usize]);
        let order = compare(a, b);
        let order = if key.is_descending { order.reverse() } else { order };
        order.then(a.id.cmp(&b.id))
    });
    order
}

fn by(column: &str) -> fn(&TaskView, &TaskView) -> Ordering {
    match column {
        "name" => |a, b| a.name.cmp(&b.name),
        "spawned_at" => |a, b| a.spawned_at.cmp(&b.spawned_at),
        "state" => |a, b| rank(a).cmp(&rank(b)),
        "since" => |a, b| since(a).cmp(&since(b)),
        "waits" => |a, b| text(a).cmp(text(b)),
        "waits_at" => |a, b| a.waits.first().map(|wait| wait.at).cmp(&b.waits.first().map(|wait| wait.at)),
        "age" => |a, b| a.age_ns.cmp(&b.age_ns),
        "polls" => |a, b| a.polls.cmp(&b.polls),
        "poll_total" => |a, b| a.poll_total_ns.cmp(&b.poll_total_ns),
        "poll_longest" => |a, b| a.poll_longest_ns.cmp(&b.poll_longest_ns),
        "poll_last" => |a, b| a.poll_last_ns.cmp(&b.poll_last_ns),
        "wakes" => |a, b| a.wakes.cmp(&b.wakes),
        "woken_by" => |a, b| format!("{:?}", a.woken_by).cmp(&format!("{:?}", b.woken_by)),
        "size" => |a, b| a.size.cmp(&b.size),
        _ => |a, b| a.id.cmp(&b.id),
    }
}

/// Returns since when a task is in its state.
pub(super) fn since(task: &TaskView) -> u64 {
    match task.state {
        TaskState::Running { since_ns }
        | TaskState::Queued { since_ns }
        | TaskState::Waiting { since_ns } => since_ns,
        _ => 0,
    }
}

fn rank(task: &TaskView) -> u8 {
    match task.state {
        TaskState::Running { .. } => 2,
        TaskState::Queued { .. } => 1,
        _ => 0,
    }
}

fn text(task: &TaskView) -> &str {
    task.waits.first().map_or("", |wait| &wait.text)
}

#[cfg(test)]
mod tests;
