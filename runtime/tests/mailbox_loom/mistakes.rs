//! Copies of the protocol of the mailbox, each with one of the mistakes that its comments warn of. Tests show that the
//! model checker finds them: a checker that finds nothing has proved nothing.

use super::{
    Post, a_coalesced_wake_publishes, every_wake_behind_a_filter_publishes, two_wakers_and_a_sleeper,
};
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The mistake of an early return: the task is already in the inbox, so the wake ends after a plain load.
struct EarlyReturn {
    state: AtomicU32,
    inbox: loom::sync::Mutex<Vec<u64>>,
}

const ASLEEP: u32 = 1;
const MAIL: u32 = 2;

impl EarlyReturn {
    fn new() -> EarlyReturn {
        EarlyReturn { state: AtomicU32::new(0), inbox: loom::sync::Mutex::new(Vec::new()) }
    }
}

impl Post for EarlyReturn {
    fn post(&self, letter: u64) -> bool {
        if self.state.load(Ordering::Relaxed) & MAIL != 0 {
            return false; // "it is already posted"
        }
        self.inbox.lock().unwrap().push(letter);
        self.state.fetch_or(MAIL, Ordering::AcqRel) == ASLEEP
    }

    fn may_sleep(&self) -> bool {
        self.state.fetch_or(ASLEEP, Ordering::AcqRel) & MAIL == 0
    }

    fn collect(&self, letters: &mut Vec<u64>) {
        if self.state.swap(0, Ordering::AcqRel) & MAIL != 0 {
            letters.append(&mut self.inbox.lock().unwrap());
        }
    }
}

#[test]
#[should_panic]
fn the_model_catches_an_early_return_on_a_plain_load() {
    a_coalesced_wake_publishes(EarlyReturn::new);
}

/// The mistake of two words: each side stores its own and loads the other's.
struct TwoWords {
    asleep: AtomicU32,
    mail: AtomicU32,
    inbox: loom::sync::Mutex<Vec<u64>>,
}

impl TwoWords {
    fn new() -> TwoWords {
        let (asleep, mail) = (AtomicU32::new(0), AtomicU32::new(0));
        TwoWords { asleep, mail, inbox: loom::sync::Mutex::new(Vec::new()) }
    }
}

impl Post for TwoWords {
    fn post(&self, letter: u64) -> bool {
        self.inbox.lock().unwrap().push(letter);
        self.mail.store(1, Ordering::Release);
        self.asleep.load(Ordering::Acquire) == 1
    }

    fn may_sleep(&self) -> bool {
        self.asleep.store(1, Ordering::Release);
        self.mail.load(Ordering::Acquire) == 0
    }

    fn collect(&self, letters: &mut Vec<u64>) {
        self.asleep.store(0, Ordering::Release);
        if self.mail.swap(0, Ordering::AcqRel) == 1 {
            letters.append(&mut self.inbox.lock().unwrap());
        }
    }
}

#[test]
#[should_panic]
fn the_model_catches_two_words_in_place_of_one() {
    two_wakers_and_a_sleeper(TwoWords::new);
}

/// A filter with one of the mistakes that it can be built with.
struct Filtered {
    mistake: Mistake,
    state: AtomicU32,
    slot: AtomicU64,
    inbox: loom::sync::Mutex<Vec<u64>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mistake {
    None,
    /// A duplicate is found by a load, which publishes nothing.
    PlainLoad,
    /// The loop empties the slot by a store, which acquires nothing.
    PlainStore,
    /// The loop empties the slot before it takes the letter.
    EmptiedTooEarly,
    /// The loop empties the slot after the task was polled.
    EmptiedTooLate,
}

impl Filtered {
    fn new(mistake: Mistake) -> Filtered {
        let (state, slot) = (AtomicU32::new(0), AtomicU64::new(0));
        Filtered { mistake, state, slot, inbox: loom::sync::Mutex::new(Vec::new()) }
    }

    fn empty(&self) {
        match self.mistake {
            Mistake::PlainStore => self.slot.store(0, Ordering::Release),
            _ => drop(self.slot.swap(0, Ordering::AcqRel)),
        }
    }
}

impl Post for Filtered {
    fn post(&self, letter: u64) -> bool {
        if self.mistake == Mistake::PlainLoad && self.slot.load(Ordering::Relaxed) == letter {
            return false;
        }
        if self.slot.swap(letter, Ordering::AcqRel) == letter {
            return false;
        }
        self.inbox.lock().unwrap().push(letter);
        self.state.fetch_or(MAIL, Ordering::AcqRel) == ASLEEP
    }

    fn may_sleep(&self) -> bool {
        if self.mistake == Mistake::EmptiedTooLate {
            self.empty(); // the polls are over when the loop is about to sleep
        }
        self.state.fetch_or(ASLEEP, Ordering::AcqRel) & MAIL == 0
    }

    fn collect(&self, letters: &mut Vec<u64>) {
        if self.state.swap(0, Ordering::AcqRel) & MAIL == 0 {
            return;
        }
        if self.mistake == Mistake::EmptiedTooEarly {
            self.empty();
        }
        letters.append(&mut self.inbox.lock().unwrap());
        if !matches!(self.mistake, Mistake::EmptiedTooEarly | Mistake::EmptiedTooLate) {
            self.empty();
        }
    }
}

#[test]
fn the_copy_of_the_filter_without_a_mistake_passes() {
    every_wake_behind_a_filter_publishes(|| Filtered::new(Mistake::None));
}

#[test]
#[should_panic]
fn the_model_catches_a_filter_that_only_loads() {
    every_wake_behind_a_filter_publishes(|| Filtered::new(Mistake::PlainLoad));
}

#[test]
#[should_panic]
fn the_model_catches_a_filter_that_is_emptied_by_a_store() {
    every_wake_behind_a_filter_publishes(|| Filtered::new(Mistake::PlainStore));
}

#[test]
#[should_panic]
fn the_model_catches_a_filter_that_is_emptied_before_the_letter_is_taken() {
    every_wake_behind_a_filter_publishes(|| Filtered::new(Mistake::EmptiedTooEarly));
}

#[test]
#[should_panic]
fn the_model_catches_a_filter_that_is_emptied_after_the_poll() {
    every_wake_behind_a_filter_publishes(|| Filtered::new(Mistake::EmptiedTooLate));
}
