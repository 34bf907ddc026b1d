//! Other threads that drop values while the loop sleeps, while it ends, and after it is gone.

use super::*;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

/// How many values each test drops on other threads.
const ROUNDS: usize = if cfg!(miri) { 60 } else { 100_000 };

/// Threads that drop what they are sent, and say how many values they have leaked.
struct Droppers {
    senders: Vec<Sender<Confined<Counted>>>,
    threads: Vec<thread::JoinHandle<usize>>,
}

impl Droppers {
    fn start() -> Droppers {
        fn drop_all(values: Receiver<Confined<Counted>>) -> usize {
            values.iter().for_each(drop);
            LEAKS.get()
        }
        let (senders, receivers): (Vec<_>, Vec<_>) = [(); 3].map(|()| channel()).into_iter().unzip();
        let threads = receivers.into_iter().map(|values| thread::spawn(|| drop_all(values))).collect();
        Droppers { senders, threads }
    }

    fn drop_on_one(&self, round: usize, value: Confined<Counted>) {
        self.senders[round % self.senders.len()].send(value).unwrap();
    }

    /// How many values the threads have leaked, when all are dropped.
    fn leaked(self) -> usize {
        drop(self.senders);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    }
}

/// How long a loop may sleep although a value is on its way.
const HANG: Duration = Duration::from_secs(60);

#[test]
fn a_loop_that_sleeps_is_woken_for_each_value_and_drops_it_itself() {
    let drops = Arc::new(Drops::default());
    let droppers = Droppers::start();
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    for round in 0..ROUNDS {
        droppers.drop_on_one(round, Confined::new(drops.counted()));
        let begun = Instant::now();
        while drops.so_far() != (round + 1, 0) {
            rt.turn(Some(HANG));
            assert!(begun.elapsed() < HANG, "the loop slept with a value on its way: {:?}", drops.so_far());
        }
    }
    assert_eq!(droppers.leaked(), 0);
    assert_eq!(drops.so_far(), (ROUNDS, 0));
}

#[test]
fn a_loop_that_ends_drops_each_value_or_the_other_thread_leaks_it() {
    const VALUES: usize = 20;

    let drops = Arc::new(Drops::default());
    let droppers = Droppers::start();
    for round in 0..ROUNDS / VALUES {
        let rt = Runtime::new().unwrap();
        let values = rt.block_on(async { [(); VALUES].map(|()| Confined::new(drops.counted())) });
        for (n, value) in values.into_iter().enumerate() {
            droppers.drop_on_one(round + n, value);
        }
        if round % 2 == 0 {
            rt.turn(Some(Duration::ZERO));
        }
    }
    let leaked = droppers.leaked();
    let (home, elsewhere) = drops.so_far();
    assert_eq!((home + leaked, elsewhere), (ROUNDS / VALUES * VALUES, 0));
    println!("{home} dropped, {leaked} leaked");
}

#[test]
fn values_whose_loop_is_gone_are_all_leaked() {
    let drops = Arc::new(Drops::default());
    let droppers = Droppers::start();
    let rt = Runtime::new().unwrap();
    let inside = rt.enter();
    let values: Vec<_> = (0..ROUNDS).map(|_| Confined::new(drops.counted())).collect();
    drop(inside);
    drop(rt);
    values.into_iter().enumerate().for_each(|(round, value)| droppers.drop_on_one(round, value));
    assert_eq!(droppers.leaked(), ROUNDS);
    assert_eq!(drops.so_far(), (0, 0));
}
