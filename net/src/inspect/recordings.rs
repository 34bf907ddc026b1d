//! [`Recordings`]: the last recordings of a loop, so that a viewer may look at one more closely while it stays the same.

use super::query::Query;
use super::timeline::{self, MOST_COLUMNS, Picture, TimelinePart};
use super::track::Track;
use egret_runtime::inspect::Recording;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How many are kept, the one that was used last first.
const KEPT: usize = 4;
/// The part that is shown unless another is asked for.
const SECOND: u64 = 1_000_000_000;
/// The most polls of one task in an answer.
const MOST_POLLS: usize = 500;

#[derive(Default)]
pub(super) struct Recordings {
    kept: RefCell<Vec<(u64, Rc<Track>)>>,
    taken: Cell<u64>,
}

/// A poll in the history of a task.
#[derive(Serialize, Debug, PartialEq)]
pub(super) struct PastPoll {
    /// How long before the end of the recording it began.
    pub(super) ago_ns: u64,
    pub(super) took_ns: u64,
    pub(super) woken_by: String,
    /// From the wake to the poll; `None` after an event, whose time is not recorded.
    pub(super) delay_ns: Option<u64>,
}

impl Recordings {
    /// Returns the recording with the number that a query names, or the one that `take` returns. `None` when it is gone.
    pub(super) fn find(
        &self,
        query: &Query,
        take: impl FnOnce() -> Option<Recording>,
    ) -> Option<(u64, Rc<Track>)> {
        let mut kept = self.kept.borrow_mut();
        let found = match query.number::<u64>("recording") {
            Some(number) => {
                let at = kept.iter().position(|(other, _)| *other == number)?;
                kept.remove(at)
            }
            None => {
                let track = take().map_or_else(Track::default, |recording| Track::read(&recording));
                self.taken.set(self.taken.get() + 1);
                (self.taken.get(), Rc::new(track))
            }
        };
        kept.insert(0, found.clone());
        kept.truncate(KEPT);
        Some(found)
    }
}

/// Returns the picture that a query asks for: `from` and `to`, or the last second, in `columns`.
pub(super) fn picture(number: u64, track: &Track, query: &Query, only: Option<u64>) -> Picture {
    let columns = query.number("columns").unwrap_or(1000).clamp(1, MOST_COLUMNS);
    let to = query.number("to").unwrap_or(track.length).min(track.length);
    let from = query.number("from").unwrap_or(to.saturating_sub(SECOND)).min(to);
    if to == from {
        return Picture { recording: number, whole_ns: track.length, ..Picture::default() };
    }
    Picture { recording: number, ..timeline::draw(track, &TimelinePart { from, to, columns }, only) }
}

/// Returns the polls of a task, the last first.
pub(super) fn polls(track: &Track, id: u64) -> Vec<PastPoll> {
    let mut wakes = track.wakes.iter().rev().peekable();
    let mut found = Vec::new();
    for poll in track.polls.iter().rev() {
        if track.task(poll).is_none_or(|task| task.id != id) {
            continue;
        }
        if found.len() == MOST_POLLS {
            break;
        }
        while wakes.next_if(|(at, task)| *at > poll.at || *task != poll.task).is_some() {}
        let wake = wakes.peek().map(|(at, _)| poll.at - at);
        let is_event = matches!(poll.by, egret_runtime::inspect::Cause::Event { .. });
        found.push(PastPoll {
            ago_ns: track.length.saturating_sub(poll.at),
            took_ns: poll.took,
            woken_by: track.cause(poll.by),
            delay_ns: wake.filter(|_| !is_event),
        });
    }
    found
}

#[cfg(test)]
mod tests;
