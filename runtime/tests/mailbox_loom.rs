//! The protocol of remote wakes under every interleaving and every reordering that the memory model allows.
//!
//! `runtime/src/wake/mailbox.rs` itself is included, with loom's types in place of std's; `mistakes` has copies of its
//! protocol that are wrong.
//!
//! A separate program: loom replaces the scheduler and runs each test thousands of times.

#![allow(missing_docs)]

#[path = "../src/wake/mailbox.rs"]
#[allow(dead_code)]
mod mailbox;

#[path = "mailbox_loom/mistakes.rs"]
mod mistakes;

mod sync {
    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    /// Two places: letters that are both odd share one.
    pub(crate) const SLOTS: usize = 2;

    /// Every second duplicate has to move the count of its place.
    pub(crate) const FULL: u64 = 1;
}

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
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
