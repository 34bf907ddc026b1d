//! [`Track`]: what a recording says, sorted by kind, in nanoseconds since its first record.

use egret_runtime::inspect::{Cause, Place, Recording, What};

/// A recording, read.
#[derive(Default)]
pub(super) struct Track {
    /// How long it is.
    pub(super) length: u64,
    pub(super) polls: Vec<TrackPoll>,
    pub(super) waits: Vec<TrackWait>,
    /// Wakes by something else than an event.
    pub(super) wakes: Vec<(u64, u32)>,
    pub(super) spawned: Vec<u64>,
    pub(super) ended: Vec<u64>,
    pub(super) tasks: Vec<TrackTask>,
}

pub(super) struct TrackPoll {
    pub(super) at: u64,
    pub(super) took: u64,
    /// The position in `tasks`.
    pub(super) task: u32,
    pub(super) by: Cause,
}

/// A call of `epoll_wait`.
pub(super) struct TrackWait {
    pub(super) at: u64,
    pub(super) took: u64,
    pub(super) events: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrackTask {
    /// 0 for the future of `block_on`, as in a dump.
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) at: Option<Place>,
}

impl Track {
    pub(super) fn read(recording: &Recording) -> Track {
        let start = recording.records.first().map_or(recording.taken_at, |record| record.at);
        let mut track = Track { length: recording.taken_at.saturating_sub(start), ..Track::default() };
        track.tasks.extend(recording.tasks.iter().map(|task| TrackTask {
            id: task.id.map_or(0, |id| id.to_string().parse().unwrap_or(0)),
            name: task.name.clone(),
            at: task.spawned_at.map(Place::from),
        }));
        for record in &recording.records {
            let (at, took) = (record.at.saturating_sub(start), record.took);
            match record.what {
                What::Poll { task, by } => track.polls.push(TrackPoll { at, took, task, by }),
                What::Wake { task, .. } => track.wakes.push((at, task)),
                What::Wait { events, .. } => track.waits.push(TrackWait { at, took, events }),
                What::Spawn { .. } => track.spawned.push(at),
                What::End { .. } => track.ended.push(at),
                _ => {}
            }
        }
        track
    }

    pub(super) fn task(&self, poll: &TrackPoll) -> Option<&TrackTask> {
        self.tasks.get(poll.task as usize)
    }

    /// Returns the cause of the wake before a poll, in the words of the page.
    pub(super) fn cause(&self, by: Cause) -> String {
        match by {
            Cause::Spawn => "spawn".to_owned(),
            Cause::Event { fd: -1, .. } => "event of a closed descriptor".to_owned(),
            Cause::Event { fd, .. } => format!("event of #{fd}"),
            Cause::Timer => "timer".to_owned(),
            Cause::Task(task) => match self.tasks.get(task as usize) {
                Some(task) => format!("task {}", task.id),
                None => "a task".to_owned(),
            },
            _ => "thread".to_owned(),
        }
    }
}
