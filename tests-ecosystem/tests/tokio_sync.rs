//! The channels and locks of `tokio::sync` on egret: how a task that is always ready starves others, without the
//! budget and with it. docs/ecosystem.md has the counts.

use egret::runtime::Runtime;
use egret::task::{consume_budget, coop::cooperative, yield_now};
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use tokio::sync::{Mutex, Semaphore, broadcast, mpsc, watch};

/// Operations in one poll, by the documentation.
const BUDGET: usize = 128;
/// Rounds of a consumer, and messages for it.
const ROUNDS: usize = 1_000;

/// How many rounds a task has done whenever another, that yields in a loop, is polled.
fn rounds_seen<F: Future<Output = ()> + 'static>(consumer: impl FnOnce(Rc<Cell<usize>>) -> F) -> Vec<usize> {
    let rt = Runtime::new().unwrap();
    let rounds = Rc::new(Cell::new(0));
    let task = rt.spawn(consumer(rounds.clone()));
    let mut seen = Vec::new();
    rt.block_on(async {
        while !task.is_finished() {
            seen.push(rounds.get());
            yield_now().await;
        }
        task.await.unwrap();
    });
    seen
}

/// With a look of the others after each 128 rounds, up to the last that is whole.
fn fair() -> Vec<usize> {
    (1..=ROUNDS / BUDGET).map(|polls| polls * BUDGET).collect()
}

fn messages() -> mpsc::UnboundedReceiver<usize> {
    let (sender, receiver) = mpsc::unbounded_channel();
    (0..ROUNDS).for_each(|n| sender.send(n).unwrap());
    receiver
}

fn count(rounds: &Cell<usize>) {
    rounds.set(rounds.get() + 1);
}

#[test]
fn a_channel_that_is_never_empty_is_read_to_its_end_in_one_poll() {
    let seen = rounds_seen(|rounds| async move {
        let mut receiver = messages();
        while receiver.recv().await.is_some() {
            count(&rounds);
        }
    });
    assert_eq!(seen, []); // nobody had a turn before it was done
}

#[test]
fn a_lock_that_nobody_else_holds_is_taken_for_ever_in_one_poll() {
    let seen = rounds_seen(|rounds| async move {
        let lock = Mutex::new(0);
        for _ in 0..ROUNDS {
            *lock.lock().await += 1;
            count(&rounds);
        }
    });
    assert_eq!(seen, []);
}

#[test]
fn consume_budget_in_the_loop_of_a_consumer_lets_the_others_run_every_128_messages() {
    let seen = rounds_seen(|rounds| async move {
        let mut receiver = messages();
        while receiver.recv().await.is_some() {
            count(&rounds);
            consume_budget().await;
        }
    });
    // The 129th charge is what waits, when that message has been counted.
    assert_eq!(seen, (1..=ROUNDS / BUDGET).map(|polls| polls * BUDGET + 1).collect::<Vec<_>>());
}

#[test]
fn a_cooperative_receive_lets_the_others_run_every_128_messages() {
    let seen = rounds_seen(|rounds| async move {
        let mut receiver = messages();
        while cooperative(receiver.recv()).await.is_some() {
            count(&rounds);
        }
    });
    assert_eq!(seen, fair());
}

#[test]
fn a_cooperative_lock_a_permit_and_what_a_watch_and_a_broadcast_have_let_the_others_run_every_128_rounds() {
    let lock = rounds_seen(|rounds| async move {
        let lock = Mutex::new(0);
        for _ in 0..ROUNDS {
            *cooperative(lock.lock()).await += 1;
            count(&rounds);
        }
    });
    let permit = rounds_seen(|rounds| async move {
        let semaphore = Semaphore::new(1);
        for _ in 0..ROUNDS {
            drop(cooperative(semaphore.acquire()).await.unwrap());
            count(&rounds);
        }
    });
    let change = rounds_seen(|rounds| async move {
        let (sender, mut receiver) = watch::channel(0);
        for n in 0..ROUNDS {
            sender.send(n).unwrap();
            cooperative(receiver.changed()).await.unwrap();
            count(&rounds);
        }
    });
    let news = rounds_seen(|rounds| async move {
        let (sender, mut receiver) = broadcast::channel(1);
        for n in 0..ROUNDS {
            sender.send(n).unwrap();
            assert_eq!(cooperative(receiver.recv()).await.unwrap(), n);
            count(&rounds);
        }
    });
    assert_eq!([lock, permit, change, news], [fair(), fair(), fair(), fair()]);
}
