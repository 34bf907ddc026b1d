//! [`ShownLoop`]: a loop, and the last dump of it.
//!
//! - A dump costs the loop its time, so all viewers share one. Another is made when the last is [`LEAST`] old and the
//!   loop has had 50 times as long for its own work: the page takes at most 2 % of a loop.
//! - A loop that does not answer tells only the poll that it is in. Its tasks are then those of its last answer. So are
//!   those of a loop that has ended.

use super::feed::Feed;
use super::pulse::{Pulse, PulseReading};
use egret_runtime::inspect::{Dump, LoopState};
use egret_runtime::runtime::Metrics;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The least time between two dumps.
pub(super) const LEAST: Duration = Duration::from_millis(250);
/// How many times as long as a dump holds the loop the next one is off.
const SHARE: u32 = 50;

/// A loop that is shown.
pub(super) struct ShownLoop {
    pub(super) feed: Box<dyn Feed>,
    pulse: Pulse,
    last: RefCell<Option<Rc<Look>>>,
    looks: Cell<u64>,
}

/// A dump, with what it is compared with.
pub(super) struct Look {
    /// Counts the looks at this loop.
    pub(super) number: u64,
    at: Instant,
    pub(super) dump: Rc<Dump>,
    pub(super) has_ended: bool,
    /// The last dump that the loop itself made; the same unless it is stuck or has ended.
    pub(super) answered: Rc<Dump>,
    answered_at: Instant,
    /// The time in polls since the start of the loop.
    polled: Option<Duration>,
    pub(super) rates: Option<Rates>,
}

/// The rates per second since the look before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Rates {
    /// The share of time in polls.
    pub(super) busy: Option<f64>,
    pub(super) turns: f64,
    pub(super) polls: f64,
    pub(super) wakes: f64,
    pub(super) events: f64,
    pub(super) timers_fired: f64,
}

impl ShownLoop {
    pub(super) fn new(feed: Box<dyn Feed>) -> ShownLoop {
        ShownLoop { feed, pulse: Pulse::default(), last: RefCell::default(), looks: Cell::new(0) }
    }

    /// Asks for the loop without its tasks. The function waits for it: `None` when the loop has ended.
    pub(super) fn ask_pulse(&self) -> impl FnOnce() -> Option<Rc<PulseReading>> + '_ {
        self.pulse.ask(&*self.feed)
    }

    /// Returns the last look, or a new one when it is due. With `held` no new one is made while there is one.
    pub(super) fn look(&self, held: bool) -> Rc<Look> {
        self.ask_look(held)()
    }

    /// Asks the loop for a new look if one is due. The function waits for it.
    pub(super) fn ask_look(&self, held: bool) -> impl FnOnce() -> Rc<Look> + '_ {
        let last = self.last.borrow().clone();
        let is_kept = last.as_ref().is_some_and(|last| held || last.at.elapsed() < last.every());
        let dump = (!is_kept).then(|| self.feed.dump());
        move || match (last, dump) {
            (Some(last), None) => last,
            (last, dump) => {
                self.looks.set(self.looks.get() + 1);
                let dump = dump.and_then(|dump| dump());
                let polled = self.feed.histograms().map(|histograms| histograms.poll.sum());
                let look = Rc::new(Look::new(self.looks.get(), dump, polled, last.as_deref()));
                *self.last.borrow_mut() = Some(look.clone());
                look
            }
        }
    }
}

impl Look {
    fn new(number: u64, dump: Option<Dump>, polled: Option<Duration>, before: Option<&Look>) -> Look {
        let (at, has_ended) = (Instant::now(), dump.is_none());
        let dump = match (dump, before) {
            (None, Some(before)) => before.answered.clone(),
            (dump, _) => Rc::new(dump.unwrap_or_default()),
        };
        let (answered, answered_at) = match before {
            Some(before) if has_ended || !has_answered(&dump) => {
                (before.answered.clone(), before.answered_at)
            }
            _ => (dump.clone(), at),
        };
        let look = Look { number, at, dump, has_ended, answered, answered_at, polled, rates: None };
        Look { rates: before.and_then(|before| Rates::between(before, &look)), ..look }
    }

    /// Returns how long it is before the next look.
    pub(super) fn every(&self) -> Duration {
        LEAST.max(Duration::from_nanos(self.answered.held_loop_ns) * SHARE)
    }

    /// Returns whether the loop made this dump.
    pub(super) fn has_answered(&self) -> bool {
        !self.has_ended && has_answered(&self.dump)
    }

    /// Returns how old the tasks, sources and timers of this look are.
    pub(super) fn age(&self) -> Duration {
        self.answered_at.elapsed()
    }
}

fn has_answered(dump: &Dump) -> bool {
    matches!(dump.runtime.state, LoopState::Answered)
}

impl Rates {
    fn between(before: &Look, now: &Look) -> Option<Rates> {
        let (old, new) = (before.dump.runtime.metrics.as_ref()?, now.dump.runtime.metrics.as_ref()?);
        let seconds = now.at.duration_since(before.at).as_secs_f64();
        let busy = |old: Duration, new: Duration| new.saturating_sub(old).as_secs_f64() / seconds;
        let per_second = |count: fn(&Metrics) -> u64| count(new).saturating_sub(count(old)) as f64 / seconds;
        Some(Rates {
            busy: before.polled.zip(now.polled).map(|(old, new)| busy(old, new).min(1.0)),
            turns: per_second(|metrics| metrics.turns),
            polls: per_second(|metrics| metrics.polls),
            wakes: per_second(|metrics| metrics.local_wakes + metrics.remote_wakes),
            events: per_second(|metrics| metrics.events),
            timers_fired: per_second(|metrics| metrics.timers_fired),
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
