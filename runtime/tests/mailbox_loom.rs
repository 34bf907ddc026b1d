//! The protocol of remote wakes under every interleaving and every reordering that the memory model allows.
//!
//! `runtime/src/wake/mailbox.rs` itself is included, with loom's types in place of std's, and copies
//! of its protocol, each with one of the mistakes that its comments warn of. Tests show that the model checker
//! finds them: a checker that finds nothing has proved nothing.
//!
//! A separate program: loom replaces the scheduler and runs each test thousands of times.

#![allow(missing_docs)]

#[path = "../src/wake/mailbox.rs"]
#[allow(dead_code)]
mod mailbox;

mod sync {
    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    /// Two places: letters that are both odd share one.
    pub(crate) const SLOTS: usize = 2;
}

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use loom::thread;

/// Runs `model` under every interleaving with at most this many preemptions, or as many as the environment
/// variable `LOOM_MAX_PREEMPTIONS` says. Every known bug of such protocols shows with two.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(model);
}

/// The interface of a protocol under test.
trait Post: Send + Sync + 'static {
    /// Posts; `true` when the caller has to write to the eventfd.
    fn post(&self, letter: u64) -> bool;
    /// `true` when the loop may sleep.
    fn may_sleep(&self) -> bool;
    fn collect(&self, letters: &mut Vec<u64>);
}

impl Post for mailbox::Mailbox {
    fn post(&self, letter: u64) -> bool {
        mailbox::Mailbox::post(self, letter) == mailbox::Notify::Needed
    }

    fn may_sleep(&self) -> bool {
        self.prepare_sleep() == mailbox::Sleep::May
    }

    fn collect(&self, letters: &mut Vec<u64>) {
        let mail = mailbox::Mailbox::collect(self);
        assert!(!mail.flag);
        if mail.letters {
            self.take_letters(letters);
        }
    }
}

fn real() -> mailbox::Mailbox {
    let mailbox = mailbox::Mailbox::closed();
    mailbox.open();
    mailbox
}

/// An eventfd: counts its writes; a wait returns after a write since the last wait.
struct Eventfd {
    notifications: AtomicUsize,
    sleeper: loom::sync::Mutex<usize>,
    notified: loom::sync::Condvar,
}

impl Eventfd {
    fn new() -> Eventfd {
        let (sleeper, notified) = (loom::sync::Mutex::new(0), loom::sync::Condvar::new());
        Eventfd { notifications: AtomicUsize::new(0), sleeper, notified }
    }

    fn notify(&self) {
        self.notifications.fetch_add(1, Ordering::Relaxed);
        *self.sleeper.lock().unwrap() += 1;
        self.notified.notify_one();
    }

    /// `epoll_wait`. Without a write to the eventfd loom reports the deadlock: that is a lost wake.
    fn wait(&self) {
        let mut notifications = self.sleeper.lock().unwrap();
        while *notifications == 0 {
            notifications = self.notified.wait(notifications).unwrap();
        }
        *notifications = 0;
    }
}

/// Two wakers and a sleeper: the loop sleeps whenever it may until it has both letters.
fn two_wakers_and_a_sleeper<P: Post>(make: fn() -> P) {
    check(move || {
        let shared = Arc::new((make(), Eventfd::new()));
        let wakers: Vec<_> = [1, 2]
            .into_iter()
            .map(|letter| {
                let shared = shared.clone();
                thread::spawn(move || {
                    if shared.0.post(letter) {
                        shared.1.notify();
                    }
                })
            })
            .collect();

        let (mailbox, eventfd) = &*shared;
        let (mut letters, mut sleeps) = (Vec::new(), 0);
        while letters.len() < 2 {
            if mailbox.may_sleep() {
                sleeps += 1;
                eventfd.wait();
            }
            mailbox.collect(&mut letters);
        }
        for waker in wakers {
            waker.join().unwrap();
        }
        letters.sort_unstable();
        assert_eq!(letters, [1, 2]);
        let notifications = eventfd.notifications.load(Ordering::Relaxed);
        assert!(notifications <= sleeps, "{notifications} writes for {sleeps} sleeps");
    });
}

/// A wake that finds its task woken already must still publish what its thread wrote before it.
fn a_coalesced_wake_publishes<P: Post>(make: fn() -> P) {
    check(move || {
        let shared = Arc::new((make(), Eventfd::new(), AtomicU32::new(0)));
        let wakers: Vec<_> = [1, 2]
            .into_iter()
            .map(|bit| {
                let shared = shared.clone();
                thread::spawn(move || {
                    let (mailbox, eventfd, data) = &*shared;
                    data.fetch_or(bit, Ordering::Relaxed);
                    if mailbox.post(7) {
                        eventfd.notify();
                    }
                })
            })
            .collect();

        // The task reads the data each time it is woken, and sleeps until it has seen both writes. If a
        // wake is dropped before its write is seen, it sleeps for ever.
        let (mailbox, eventfd, data) = &*shared;
        let mut letters = Vec::new();
        loop {
            if mailbox.may_sleep() {
                eventfd.wait();
            }
            mailbox.collect(&mut letters);
            if letters.drain(..).count() > 0 && data.load(Ordering::Relaxed) == 3 {
                break;
            }
        }
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

#[test]
fn no_wake_is_lost_and_each_sleep_costs_at_most_one_ring() {
    two_wakers_and_a_sleeper(real); // H1, H4, H8
}

#[test]
fn a_coalesced_wake_publishes_the_writes_before_it() {
    a_coalesced_wake_publishes(real); // H2
}

/// One thread raises the flag while another posts a letter, and the sleeper sees what each wrote before.
#[test]
fn a_raised_flag_wakes_the_sleeper_and_publishes() {
    check(|| {
        let shared = Arc::new((real(), Eventfd::new(), AtomicU32::new(0)));
        let raiser = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.2.store(1, Ordering::Relaxed);
                if shared.0.raise() == mailbox::Notify::Needed {
                    shared.1.notify();
                }
            })
        };
        let poster = {
            let shared = shared.clone();
            thread::spawn(move || {
                if shared.0.post(9) == mailbox::Notify::Needed {
                    shared.1.notify();
                }
            })
        };

        let (mailbox, eventfd, data) = &*shared;
        let (mut letters, mut raised) = (Vec::new(), false);
        while letters.is_empty() || !raised {
            if mailbox.may_sleep() {
                eventfd.wait();
            }
            let mail = mailbox::Mailbox::collect(mailbox);
            if mail.letters {
                mailbox.take_letters(&mut letters);
            }
            if mail.flag {
                assert_eq!(data.load(Ordering::Relaxed), 1);
                raised = true;
            }
        }
        raiser.join().unwrap();
        poster.join().unwrap();
    });
}

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

/// One thread wakes a task once and another twice, and the task sleeps until it has seen the three writes.
///
/// What they share is leaked: dropping it while the stack unwinds from a deadlock would abort the process.
fn every_wake_behind_a_filter_publishes<P: Post>(make: impl Fn() -> P + Sync + Send + 'static) {
    check(move || {
        let (mailbox, eventfd, data) = &*Box::leak(Box::new((make(), Eventfd::new(), AtomicU32::new(0))));
        let wakers: Vec<_> = [&[1][..], &[2, 4]]
            .into_iter()
            .map(|bits| {
                thread::spawn(move || {
                    for bit in bits {
                        data.fetch_or(*bit, Ordering::Relaxed);
                        if mailbox.post(7) {
                            eventfd.notify();
                        }
                    }
                })
            })
            .collect();

        let mut letters = Vec::new();
        loop {
            if mailbox.may_sleep() {
                eventfd.wait();
            }
            mailbox.collect(&mut letters);
            if letters.drain(..).count() > 0 && data.load(Ordering::Relaxed) == 7 {
                break;
            }
        }
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

#[test]
fn a_wake_that_ends_in_the_filter_publishes_the_writes_before_it() {
    every_wake_behind_a_filter_publishes(real);
}

/// Letters that share a slot push each other out of it: each still arrives.
#[test]
fn letters_of_one_slot_all_arrive() {
    check(|| {
        let shared = Arc::new((real(), Eventfd::new()));
        let wakers: Vec<_> = [&[1][..], &[3, 1]]
            .into_iter()
            .map(|letters| {
                let shared = shared.clone();
                thread::spawn(move || {
                    for letter in letters {
                        if Post::post(&shared.0, *letter) {
                            shared.1.notify();
                        }
                    }
                })
            })
            .collect();

        let (mailbox, eventfd) = &*shared;
        let mut letters = Vec::new();
        while !(letters.contains(&1) && letters.contains(&3)) {
            if mailbox.may_sleep() {
                eventfd.wait();
            }
            Post::collect(mailbox, &mut letters);
        }
        for waker in wakers {
            waker.join().unwrap();
        }
        let duplicates = mailbox.duplicates();
        if !mailbox.may_sleep() {
            Post::collect(mailbox, &mut letters);
        }
        assert_eq!(letters.len() as u64 + duplicates, 3);
    });
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
