//! The picture of a part of a recording, in as many columns as a screen has.
//!
//! A busy loop records 100 000 polls a second. The polls in one column are one block with their sums, so the size of the
//! answer depends on the screen and not on the recording.

use super::track::{Track, TrackPoll, TrackTask};
use egret_runtime::inspect::{Cause, Place};
use serde::Serialize;
use std::collections::HashMap;

/// The lines with the most time in polls have a lane each; one more has the rest.
const MOST_LANES: usize = 12;
pub(super) const MOST_COLUMNS: u64 = 2000;

/// The part that is asked for.
pub(super) struct TimelinePart {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) columns: u64,
}

/// The answer of `/timeline`.
#[derive(Serialize, Default)]
pub(super) struct Picture {
    /// The number of the recording, to ask for another part of it.
    pub(super) recording: u64,
    pub(super) whole_ns: u64,
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    /// The time in polls.
    pub(super) busy_ns: u64,
    /// The time outside of `epoll_wait`.
    pub(super) awake_ns: u64,
    pub(super) polls: u64,
    pub(super) lanes: Vec<Lane>,
    pub(super) columns: Vec<Column>,
    pub(super) blocks: Vec<PollBlock>,
    pub(super) marks: Vec<TimelineMark>,
}

/// The loop in a column: the shares of time awake and in polls in thousandths, the longest poll that touches
/// it, and its task.
#[derive(Serialize, Default, Clone, Debug, PartialEq)]
pub(super) struct Column(pub(super) u64, pub(super) u64, pub(super) u64, pub(super) u64);

/// Polls of one lane in one column: lane, begin, length, time in polls, polls, task of the longest, its time.
#[derive(Serialize, Clone, Debug, PartialEq)]
pub(super) struct PollBlock(pub(super) u32, u64, u64, u64, u64, u64, u64);

/// The polls of the tasks of one line.
#[derive(Serialize, Default, Clone, Debug, PartialEq)]
pub(super) struct Lane {
    pub(super) name: Option<String>,
    /// `None` for what has no line, and for the rest.
    pub(super) at: Option<Place>,
    pub(super) is_rest: bool,
    pub(super) tasks: usize,
    pub(super) polls: u64,
    pub(super) total_ns: u64,
    pub(super) longest_ns: u64,
}

/// Events without a duration, counted by columns.
#[derive(Serialize, Debug, PartialEq)]
pub(super) struct TimelineMark {
    pub(super) label: &'static str,
    pub(super) total: u64,
    pub(super) at: Vec<(u64, u64)>,
}

impl TimelinePart {
    fn column(&self, at: u64) -> usize {
        let offset = at.clamp(self.from, self.to) - self.from;
        ((offset * self.columns / self.length()).min(self.columns - 1)) as usize
    }

    fn length(&self) -> u64 {
        (self.to - self.from).max(1)
    }

    /// Returns the begin of a column.
    fn begin(&self, column: usize) -> u64 {
        self.from + (column as u64 * self.length()).div_ceil(self.columns)
    }

    /// Returns the part of a duration that lies within.
    fn clip(&self, at: u64, took: u64) -> Option<(u64, u64)> {
        let (start, end) = (at.max(self.from), (at + took).min(self.to));
        (at + took >= self.from && at < self.to).then(|| (start, end.saturating_sub(start)))
    }

    /// Calls `add` with each column that a duration touches and the time within.
    fn spread(&self, at: u64, took: u64, mut add: impl FnMut(usize, u64)) {
        let Some((start, length)) = self.clip(at, took) else { return };
        let end = start + length;
        for column in self.column(start)..=self.column(end.saturating_sub(1).max(start)) {
            let (left, right) = (self.begin(column).max(start), self.begin(column + 1).min(end));
            add(column, right.saturating_sub(left));
        }
    }
}

/// Draws a part of a track; only the polls of one task when `only` names it.
pub(super) fn draw(track: &Track, part: &TimelinePart, only: Option<u64>) -> Picture {
    let shown: Vec<&TrackPoll> = track
        .polls
        .iter()
        .filter(|poll| part.clip(poll.at, poll.took).is_some())
        .filter(|poll| only.is_none_or(|id| track.task(poll).is_some_and(|task| task.id == id)))
        .collect();
    let (lane_of, lanes) = lanes(track, part, &shown);
    let mut picture = Picture {
        whole_ns: track.length,
        from_ns: part.from,
        to_ns: part.to,
        polls: shown.len() as u64,
        columns: columns(track, part, &shown),
        marks: marks(track, part, &shown, only.is_some()),
        ..Picture::default()
    };
    let mut open: Vec<Option<(usize, PollBlock)>> = vec![None; lanes.len()];
    for poll in &shown {
        let Some((start, length)) = part.clip(poll.at, poll.took) else { continue };
        picture.busy_ns += length;
        let (lane, column) = (lane_of(poll), part.column(start));
        let id = track.task(poll).map_or(0, |task| task.id);
        match &mut open[lane] {
            Some((of, block)) if *of == column => {
                block.2 = (start + length).saturating_sub(block.1);
                (block.3, block.4) = (block.3 + length, block.4 + 1);
                if poll.took > block.6 {
                    (block.5, block.6) = (id, poll.took);
                }
            }
            open => {
                let block = PollBlock(lane as u32, start, length, length, 1, id, poll.took);
                picture.blocks.extend(open.replace((column, block)).map(|(_, block)| block));
            }
        }
    }
    picture.blocks.extend(open.into_iter().flatten().map(|(_, block)| block));
    let asleep: u64 =
        track.waits.iter().filter_map(|wait| part.clip(wait.at, wait.took)).map(|(_, took)| took).sum();
    picture.awake_ns = part.length().saturating_sub(asleep);
    picture.lanes = lanes;
    picture
}

/// Returns the lane of each poll, and the lanes, the one with the most time first.
fn lanes<'a>(
    track: &'a Track,
    part: &TimelinePart,
    shown: &[&TrackPoll],
) -> (impl Fn(&TrackPoll) -> usize + 'a, Vec<Lane>) {
    let key = |task: Option<&TrackTask>| task.and_then(|task| task.at);
    let mut found: HashMap<Option<Place>, Lane> = HashMap::new();
    let mut tasks: HashMap<u32, Option<Place>> = HashMap::new();
    for poll in shown {
        let task = track.task(poll);
        let lane = found.entry(key(task)).or_insert_with(|| Lane {
            name: task.and_then(|task| task.name.clone()),
            at: key(task),
            ..Lane::default()
        });
        if lane.name.as_deref() != task.and_then(|task| task.name.as_deref()) {
            lane.name = None;
        }
        lane.polls += 1;
        lane.total_ns += part.clip(poll.at, poll.took).map_or(0, |(_, took)| took);
        lane.longest_ns = lane.longest_ns.max(poll.took);
        if tasks.insert(poll.task, key(task)).is_none() {
            lane.tasks += 1;
        }
    }
    let mut lanes: Vec<Lane> = found.into_values().collect();
    lanes.sort_unstable_by(|a, b| b.total_ns.cmp(&a.total_ns).then(a.at.cmp(&b.at)));
    if lanes.len() > MOST_LANES {
        let rest = lanes.split_off(MOST_LANES - 1).into_iter().fold(Lane::default(), |sum, lane| Lane {
            tasks: sum.tasks + lane.tasks,
            polls: sum.polls + lane.polls,
            total_ns: sum.total_ns + lane.total_ns,
            longest_ns: sum.longest_ns.max(lane.longest_ns),
            is_rest: true,
            ..Lane::default()
        });
        lanes.push(rest);
    }
    let own: HashMap<Option<Place>, usize> =
        lanes.iter().enumerate().filter(|(_, lane)| !lane.is_rest).map(|(i, lane)| (lane.at, i)).collect();
    let rest = lanes.len().saturating_sub(1);
    (move |poll: &TrackPoll| own.get(&key(track.task(poll))).copied().unwrap_or(rest), lanes)
}

fn columns(track: &Track, part: &TimelinePart, shown: &[&TrackPoll]) -> Vec<Column> {
    let mut busy = vec![(0, 0, 0); part.columns as usize];
    let mut asleep = vec![0; part.columns as usize];
    for wait in &track.waits {
        part.spread(wait.at, wait.took, |column, took| asleep[column] += took);
    }
    for poll in shown {
        let id = track.task(poll).map_or(0, |task| task.id);
        part.spread(poll.at, poll.took, |column, took| {
            let (total, longest, task) = &mut busy[column];
            *total += took;
            if poll.took >= *longest {
                (*longest, *task) = (poll.took, id);
            }
        });
    }
    let thousandths = |time: u64, column: usize| {
        let width = part.begin(column + 1) - part.begin(column);
        (time * 1000).checked_div(width).unwrap_or(0).min(1000)
    };
    let column = |(column, (total, longest, task)): (usize, (u64, u64, u64))| {
        Column(1000 - thousandths(asleep[column], column), thousandths(total, column), longest, task)
    };
    busy.into_iter().enumerate().map(column).collect()
}

fn marks(track: &Track, part: &TimelinePart, shown: &[&TrackPoll], is_one_task: bool) -> Vec<TimelineMark> {
    let polled = |is: fn(&Cause) -> bool| {
        count(part, shown.iter().filter(|poll| is(&poll.by)).map(|poll| (poll.at, 1)))
    };
    let mut marks = vec![
        ("woken by events", polled(|by| matches!(by, Cause::Event { .. }))),
        ("woken by timers", polled(|by| matches!(by, Cause::Timer))),
        ("woken by tasks", polled(|by| matches!(by, Cause::Task(_)))),
        ("woken by threads", polled(|by| matches!(by, Cause::Thread))),
    ];
    if !is_one_task {
        let events = track.waits.iter().map(|wait| (wait.at + wait.took, u64::from(wait.events)));
        marks.insert(0, ("events", count(part, events)));
        marks.push(("spawned", count(part, track.spawned.iter().map(|at| (*at, 1)))));
        marks.push(("ended", count(part, track.ended.iter().map(|at| (*at, 1)))));
    }
    let marks = marks.into_iter().filter(|(_, (total, _))| *total > 0);
    marks.map(|(label, (total, at))| TimelineMark { label, total, at }).collect()
}

fn count(part: &TimelinePart, marks: impl Iterator<Item = (u64, u64)>) -> (u64, Vec<(u64, u64)>) {
    let (mut total, mut by_column) = (0, vec![0; part.columns as usize]);
    for (at, n) in marks.filter(|(at, n)| *n > 0 && (part.from..part.to).contains(at)) {
        total += n;
        by_column[part.column(at)] += n;
    }
    let filled = by_column.into_iter().enumerate().filter(|(_, n)| *n > 0);
    (total, filled.map(|(column, n)| (part.begin(column), n)).collect())
}

#[cfg(test)]
mod tests;
