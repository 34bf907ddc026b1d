use super::*;
use crate::sys::{Events, mask};
use crate::wake::mailbox::{CROWDED, Mail, Sleep};
use crate::wake::sync::SLOTS;
use std::os::fd::AsFd;
use std::time::Duration;

fn collected(mailbox: &Mailbox) -> Vec<u64> {
    let mut letters = Vec::new();
    let mail = mailbox.collect();
    assert!(!mail.flag);
    if mail.letters {
        mailbox.take_letters(&mut letters);
    }
    letters
}

#[test]
fn the_first_post_to_a_sleeper_rings_and_no_other_does() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    assert_eq!(mailbox.post(1), Notify::NotNeeded); // awake
    assert_eq!(mailbox.prepare_sleep(), Sleep::MustNot);
    assert_eq!(collected(&mailbox), [1]);
    assert_eq!(mailbox.prepare_sleep(), Sleep::May);
    assert_eq!(mailbox.post(2), Notify::Needed);
    assert_eq!(mailbox.post(3), Notify::NotNeeded);
    assert_eq!(collected(&mailbox), [2, 3]);
    assert_eq!(mailbox.post(4), Notify::NotNeeded);
}

#[test]
fn a_raised_flag_keeps_the_loop_awake_and_is_seen_once() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    assert_eq!(mailbox.raise(), Notify::NotNeeded);
    assert_eq!(mailbox.prepare_sleep(), Sleep::MustNot);
    assert_eq!(mailbox.collect(), Mail { letters: false, flag: true });
    assert_eq!(mailbox.collect(), Mail { letters: false, flag: false });
    assert_eq!(mailbox.prepare_sleep(), Sleep::May);
    assert_eq!(mailbox.raise(), Notify::Needed);
    assert_eq!(mailbox.post(1), Notify::NotNeeded);
    assert_eq!(mailbox.collect(), Mail { letters: true, flag: true });
    let mut letters = Vec::new();
    mailbox.take_letters(&mut letters);
    assert_eq!(letters, [1]);
}

#[test]
fn an_errand_for_an_executor_that_is_gone_is_dropped_and_not_run_by_the_next_one() {
    let lease = Lease::take(Backend::current()).unwrap();
    let address = lease.address();
    let (sender, receiver) = std::sync::mpsc::channel();
    let errand = |sender: &std::sync::mpsc::Sender<u32>, n| -> Errand {
        let sender = sender.clone();
        Box::new(move || sender.send(n).unwrap())
    };
    send(address, errand(&sender, 1));
    lease.take_errands().into_iter().for_each(|errand| errand());
    send(address, errand(&sender, 2));
    drop(lease); // with the second in it
    let again: Vec<_> = (0..8).map(|_| Lease::take(Backend::current()).unwrap()).collect();
    send(address, errand(&sender, 3));
    for lease in &again {
        assert_ne!(lease.address(), address);
        assert_eq!(lease.take_errands().len(), 0);
    }
    drop(sender);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_written_eventfd_is_empty_for_the_next_owner() {
    let mut others = Vec::new();
    // A lease whose eventfd no test on another thread has written, or may write late.
    let mut lease = loop {
        let lease = Lease::take(Backend::current()).unwrap();
        if lease.tenure == 0 {
            break lease;
        }
        others.push(lease);
    };
    let number = lease.number();
    for notifications in 0..3 {
        (0..notifications).for_each(|_| lease.answer(Notify::Needed));
        drop(lease);
        lease = loop {
            let lease = Lease::take(Backend::current()).unwrap();
            if lease.number() == number {
                break lease;
            }
            others.push(lease);
        };
        let epoll = Backend::current().epoll().unwrap();
        epoll.add(lease.eventfd.as_fd(), mask::IN | mask::EDGE, 7).unwrap();
        let mut events = Events::with_capacity(1);
        assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0, "{notifications}");
        assert_eq!(lease.drained.load(Ordering::Relaxed), lease.remote.notifications.load(Ordering::Relaxed));
    }
}

#[test]
fn an_errand_ends_the_wait_of_a_loop_whose_eventfd_is_full() {
    let (lease, epoll) = (Lease::take(Backend::current()).unwrap(), Backend::current().epoll().unwrap());
    let mut events = Events::with_capacity(1);
    let mut wait = || epoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
    epoll.add(lease.eventfd.as_fd(), mask::IN | mask::EDGE, 7).unwrap();
    lease.eventfd.write(&(u64::MAX - 1).to_ne_bytes()).unwrap();
    assert_eq!((wait(), wait()), (1, 0));
    assert_eq!(lease.mailbox.prepare_sleep(), Sleep::May);
    send(lease.address(), Box::new(|| ()));
    assert_eq!((wait(), wait()), (1, 0));
    assert_eq!(lease.take_errands().len(), 1);
}

#[test]
fn what_is_posted_to_nobody_is_thrown_away() {
    let mailbox = Mailbox::closed();
    assert_eq!(mailbox.post(1), Notify::NotNeeded);
    mailbox.open();
    assert_eq!(mailbox.post(2), Notify::NotNeeded);
    mailbox.close();
    assert_eq!(mailbox.post(3), Notify::NotNeeded);
    mailbox.open();
    assert_eq!(mailbox.prepare_sleep(), Sleep::May);
    assert_eq!(collected(&mailbox), []);
}

#[test]
fn letters_come_out_in_their_order_until_there_is_a_crowd() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    // Downwards, and past several growths of the inbox: a sort would show.
    let sent: Vec<u64> = (1..=CROWDED as u64).rev().collect();
    for letter in &sent {
        let _ = mailbox.post(*letter);
    }
    assert_eq!(collected(&mailbox), sent);
    assert_eq!(mailbox.duplicates(), 0);
}

#[test]
fn a_storm_of_wakes_takes_memory_for_each_task_and_not_for_each_wake() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    let wakes = if cfg!(miri) { 3_000 } else { 1_000_000 };
    for round in 0..wakes {
        let _ = mailbox.post(1 + round % 10);
    }
    let capacity = mailbox.capacity();
    assert!(capacity <= 2 * CROWDED, "{capacity}");
    let mut letters = collected(&mailbox);
    assert_eq!(letters.len() as u64 + mailbox.duplicates(), wakes);
    letters.sort_unstable();
    letters.dedup();
    assert_eq!(letters, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_search_that_frees_hardly_any_place_is_not_made_again_for_the_next_letters() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    let crowd = CROWDED as u64;
    for letter in (1..crowd).chain([1, crowd + 1]) {
        let _ = mailbox.post(letter); // the last of these finds the box full, and one letter in it twice
    }
    assert_eq!(mailbox.duplicates(), 1);
    assert!(mailbox.capacity() >= 2 * CROWDED - 1, "{}", mailbox.capacity());
}

#[test]
fn a_search_that_frees_most_places_asks_for_no_memory() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    // Both have one place in the filter, so that neither ends there.
    for letter in [1, 1 + SLOTS as u64].into_iter().cycle().take(CROWDED + 1) {
        let _ = mailbox.post(letter);
    }
    assert_eq!(mailbox.duplicates(), CROWDED as u64 - 2);
    assert!(mailbox.capacity() < 2 * CROWDED, "{}", mailbox.capacity());
}

#[test]
#[cfg(feature = "inspect")]
fn letters_are_counted_until_they_are_taken() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    for (letter, len) in [(1, 1), (2, 2), (2, 2), (3, 3)] {
        let _ = mailbox.post(letter);
        assert_eq!(mailbox.len(), len);
    }
    assert_eq!(collected(&mailbox).len(), 3);
    assert_eq!(mailbox.len(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "thousands of letters")]
fn a_crowded_mailbox_drops_no_letter() {
    let crowd = CROWDED as u64;
    // Just below the bound, at it, above it, and where the box grows again. Each letter comes twice, far apart.
    for count in [crowd - 1, crowd, crowd + 1, 2 * crowd, 2 * crowd + 1, 5 * crowd] {
        let mailbox = Mailbox::closed();
        mailbox.open();
        for letter in (1..=count).chain(1..=count) {
            let _ = mailbox.post(letter);
        }
        let mut letters = collected(&mailbox);
        assert_eq!(letters.len() as u64 + mailbox.duplicates(), 2 * count);
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters, (1..=count).collect::<Vec<_>>());
    }
}

#[test]
#[cfg_attr(miri, ignore = "millions of letters")]
fn the_count_of_a_place_never_reaches_its_letter() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    let posts = 3 * crate::wake::sync::FULL;
    for _ in 0..posts {
        let _ = mailbox.post(7);
    }
    assert_eq!((collected(&mailbox), mailbox.duplicates()), (vec![7], posts - 1));
}

#[test]
fn posts_that_are_missing_from_the_count_for_a_moment_are_none_and_not_less() {
    let mut lease = Lease::take(Backend::current()).unwrap();
    // Far apart, as a late waker of another test may post here.
    lease.duplicates_before = lease.mailbox.duplicates().wrapping_add(1_000_000);
    assert_eq!(lease.duplicates(), 0);
    lease.duplicates_before = lease.mailbox.duplicates().wrapping_sub(1_000_000);
    assert!(lease.duplicates() >= 1_000_000);
}

#[test]
fn letters_of_one_place_of_the_filter_are_told_apart_by_their_generation_and_the_rest_of_their_index() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    let letter = |generation, index| TaskKey::new(1, generation, index).bits();
    let first = letter(0, 7);
    for bit in 0..16 {
        let others = [letter(1 << bit, 7), letter(0, 7 + (256 << bit))];
        for letter in others.into_iter().flat_map(|other| [first, other]) {
            let _ = mailbox.post(letter);
        }
        assert_eq!(collected(&mailbox), [first, others[0], first, others[1]]);
    }
    assert_eq!(mailbox.duplicates(), 0);
}

#[test]
fn a_letter_that_is_in_the_inbox_ends_in_the_filter_until_it_is_taken() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    let other = 7 + crate::wake::sync::SLOTS as u64; // shares a slot with 7
    for letter in [7, 8, 7, 8, other, 7] {
        let _ = mailbox.post(letter);
    }
    // The second 7 and 8 end in the filter; `other` takes the slot of the 7, so the last 7 is in the inbox twice.
    assert_eq!((collected(&mailbox), mailbox.duplicates()), (vec![7, 8, other, 7], 2));
    let _ = mailbox.post(7);
    assert_eq!(collected(&mailbox), [7], "the slot is emptied when the letter is taken");
}

#[test]
fn the_next_owner_of_a_mailbox_finds_its_filter_empty() {
    let mailbox = Mailbox::closed();
    assert_eq!(mailbox.post(7), Notify::NotNeeded); // dropped, and in the filter
    mailbox.open();
    let _ = mailbox.post(7);
    assert_eq!(collected(&mailbox), [7]);
    let _ = mailbox.post(7); // left in the inbox
    mailbox.close();
    mailbox.open();
    let _ = mailbox.post(7);
    assert_eq!(collected(&mailbox), [7]);
}
