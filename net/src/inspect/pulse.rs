//! [`Pulse`]: the counts of a loop without its tasks, for `/metrics`.
//!
//! A scrape asks the loop for a copy of its counters, which costs it the same with one task and with 100 000. All
//! scrapers share what is at most [`FRESH`] old. While a loop does not answer its counts are those of its last answer.

use super::feed::Feed;
use egret_runtime::inspect::{LoopState, LoopView};
use egret_runtime::runtime::Metrics;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// For how long a pulse is not taken again.
pub(super) const FRESH: Duration = Duration::from_millis(100);

/// The last pulse of a loop.
#[derive(Default)]
pub(super) struct Pulse(RefCell<Option<Rc<PulseReading>>>);

/// A loop at one moment.
pub(super) struct PulseReading {
    at: Instant,
    pub(super) view: LoopView,
    /// The counts of this answer or of the last one.
    pub(super) metrics: Metrics,
}

impl Pulse {
    /// Asks for another one unless the last is fresh. The function waits for it: `None` when the runtime has ended.
    pub(super) fn ask(&self, feed: &dyn Feed) -> impl FnOnce() -> Option<Rc<PulseReading>> + use<'_> {
        let last = self.0.borrow().clone();
        let is_fresh = last.as_ref().is_some_and(|last| last.at.elapsed() < FRESH);
        let view = (!is_fresh).then(|| feed.dump_loop());
        move || {
            let Some(view) = view else { return last };
            let view = view()?;
            let metrics = view.metrics.or(last.map(|last| last.metrics)).unwrap_or_default();
            let taken = Rc::new(PulseReading { at: Instant::now(), view, metrics });
            *self.0.borrow_mut() = Some(taken.clone());
            Some(taken)
        }
    }
}

impl PulseReading {
    /// Returns whether the loop has answered.
    pub(super) fn has_answered(&self) -> bool {
        matches!(self.view.state, LoopState::Answered)
    }

    /// Returns how long the poll takes that the loop is stuck in.
    pub(super) fn stuck(&self) -> Duration {
        match &self.view.state {
            LoopState::InPoll(poll) => Duration::from_nanos(poll.since_ns),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::feed::Pending;
    use super::*;
    use egret_runtime::inspect::{Dump, Histograms, PollView, Recording};
    use std::cell::Cell;

    /// Counts how often it is asked, answers once and is then stuck. A dump of it fails the test.
    struct Once(Cell<u64>);

    impl Feed for Once {
        fn dump(&self) -> Pending<Dump> {
            panic!("a scrape has asked for a whole dump");
        }

        fn dump_loop(&self) -> Pending<LoopView> {
            self.0.set(self.0.get() + 1);
            let mut view = LoopView::default();
            if self.0.get() == 1 {
                let mut metrics = Metrics::default();
                metrics.polls = 7;
                view.metrics = Some(metrics);
            } else {
                let mut poll = PollView::default();
                poll.since_ns = 3;
                view.state = LoopState::InPoll(poll);
            }
            Box::new(|| Some(view))
        }

        fn histograms(&self) -> Option<Histograms> {
            None
        }

        fn recording(&self) -> Option<Recording> {
            None
        }
    }

    /// Makes the last pulse older, or younger, whatever time the test takes.
    fn change(pulse: &Pulse, change: impl Fn(Instant) -> Instant) {
        let last = pulse.0.borrow_mut().take().unwrap();
        let PulseReading { at, view, metrics } = Rc::into_inner(last).expect("no other keeps it");
        *pulse.0.borrow_mut() = Some(Rc::new(PulseReading { at: change(at), view, metrics }));
    }

    #[test]
    fn scrapers_share_a_pulse_and_a_stuck_loop_has_the_counts_of_its_last_answer() {
        let (pulse, feed) = (Pulse::default(), Once(Cell::new(0)));
        let look = || {
            let taken = pulse.ask(&feed)().unwrap();
            (taken.has_answered(), taken.metrics.polls, taken.stuck().as_nanos())
        };
        assert_eq!(look(), (true, 7, 0));
        change(&pulse, |at| at + Duration::from_secs(3600)); // not due, however slow the test is
        assert_eq!((look(), feed.0.get()), ((true, 7, 0), 1));
        change(&pulse, |at| at - Duration::from_secs(7200));
        assert_eq!((look(), feed.0.get()), ((false, 7, 3), 2));
    }
}
