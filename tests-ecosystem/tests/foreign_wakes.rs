//! The combinators of `futures-util` and `futures-concurrency`, which pass their own wakers to their members, when
//! a member completes on this thread or on another.

mod wakes;

use futures_channel::oneshot::{self, Receiver, Sender};
use futures_concurrency::future::{Join, Race};
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, join, select};
use wakes::{BOTH, each_is_woken_once};

fn channels(count: u32) -> (Vec<Sender<u32>>, Vec<Receiver<u32>>) {
    (0..count).map(|_| oneshot::channel()).unzip()
}

fn send_all(senders: Vec<Sender<u32>>) {
    (0..).zip(senders).for_each(|(n, sender)| sender.send(n).unwrap());
}

#[test]
fn select_takes_what_came_and_leaves_what_did_not() {
    for on in BOTH {
        let (mut senders, mut receivers) = channels(2);
        let (idle, theirs) = (senders.remove(0), senders.remove(0));
        let task = async move {
            let (mut second, mut first) = (receivers.pop().unwrap(), receivers.pop().unwrap());
            select! {
                _ = first => panic!("nothing was sent to the first"),
                n = second => n.unwrap(),
            }
        };
        assert_eq!(each_is_woken_once(on, vec![task], move || theirs.send(9).unwrap()), [9]);
        drop(idle);
    }
}

#[test]
fn join_of_one_that_is_ready_and_one_that_waits_is_polled_twice() {
    for on in BOTH {
        let (mut senders, mut receivers) = channels(1);
        let (sender, receiver) = (senders.remove(0), receivers.remove(0));
        let task = async move { join!(async { 1 }, receiver.map(Result::unwrap)) };
        assert_eq!(each_is_woken_once(on, vec![task], move || sender.send(2).unwrap()), [(1, 2)]);
    }
}

#[test]
fn a_race_of_many_ends_with_the_first() {
    for on in BOTH {
        let (mut senders, receivers) = channels(10);
        let theirs = senders.remove(3);
        let task = async move { receivers.race().await.unwrap() };
        assert_eq!(each_is_woken_once(on, vec![task], move || theirs.send(3).unwrap()), [3]);
        drop(senders);
    }
}

// How often the task itself is polled is up to who is faster; that every member comes is not.
#[test]
fn a_set_gets_everything_that_another_thread_sends() {
    let (senders, receivers) = channels(10_000);
    let thread = std::thread::spawn(move || send_all(senders));
    egret::block_on(async {
        let mut set: FuturesUnordered<_> = receivers.into_iter().collect();
        let mut sum = 0_u64;
        while let Some(n) = set.next().await {
            sum += u64::from(n.unwrap());
        }
        assert_eq!(sum, 10_000 * 9_999 / 2);
    });
    thread.join().unwrap();

    let (senders, receivers) = channels(1_000);
    let thread = std::thread::spawn(move || send_all(senders));
    let all = egret::block_on(async { receivers.join().await });
    assert!(all.into_iter().map(Result::unwrap).eq(0..1_000));
    thread.join().unwrap();
}
