//! Feature `sim-std`: the clocks and the dice of `std` are the simulation's.

use egret::sim::{self, Faults, Sim};
use egret::time::sleep;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::env;
use std::fmt::Write as _;
use std::process::Command;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const SECOND: Duration = Duration::from_secs(1);

/// What a program says of the clocks and dice of `std`, and of a crate that has its random bytes of the C library, in a run of
/// this seed on a thread of its own.
fn told(seed: u64) -> String {
    let run = move || {
        let (sim, told) = (Sim::new(seed), Rc::new(RefCell::new(String::new())));
        sim.faults(Faults::all());
        let says = told.clone();
        sim.host("host").client(async move {
            let begin = Instant::now();
            sleep(Duration::from_millis(1)).await;
            let map: HashMap<u32, ()> = (0..20).map(|key| (key, ())).collect();
            let order: Vec<_> = map.into_keys().collect();
            let (elapsed, day, dice) = (begin.elapsed(), SystemTime::now(), getrandom::u64().unwrap());
            write!(says.borrow_mut(), "{elapsed:?}\t{day:?}\t{dice}\t{order:?}").unwrap();
        });
        sim.run();
        told.take()
    };
    thread::spawn(run).join().unwrap()
}

#[test]
fn what_a_program_reads_of_std_is_the_seeds_in_another_process_too() {
    const ASKED: &str = "EGRET_SIM_STD";
    if let Ok(seed) = env::var(ASKED) {
        return println!("told {}", told(seed.parse().unwrap()));
    }
    let all: Vec<_> = (0..8).map(told).collect();
    assert_eq!(all, (0..8).map(told).collect::<Vec<_>>());
    for (seed, here) in all.iter().enumerate().take(2) {
        let child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "std::what_a_program_reads_of_std_is_the_seeds_in_another_process_too",
                "--nocapture",
            ])
            .env(ASKED, seed.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8(child.stdout).unwrap();
        let there = said.lines().find_map(|line| line.split_once("told ")).expect(&said).1;
        assert_eq!(there, here, "seed {seed}");
    }
    for at in 0..4 {
        let parts: BTreeSet<_> = all.iter().map(|told| told.split('\t').nth(at)).collect();
        assert_eq!(parts.len(), 8, "each seed has its own: {parts:?}");
    }
}

#[test]
fn on_a_thread_that_the_program_starts_they_are_those_of_the_process() {
    let real = SystemTime::now();
    let sim = Sim::new(1);
    sim.host("host").client(async move {
        let there = thread::spawn(|| (SystemTime::now(), getrandom::u64().unwrap()));
        let again = thread::spawn(|| getrandom::u64().unwrap());
        let (now, dice) = there.join().unwrap();
        assert!(now >= real && SystemTime::now() < real, "the host is in 2001");
        assert_ne!(dice, again.join().unwrap());
    });
    sim.run();
}

/// Seeds 0 and 16 are run twice, and the traces compared.
#[test]
fn a_program_that_goes_by_clocks_and_hash_maps_is_repeatable() {
    sim::check(0..32, |sim| {
        sim.faults(Faults::all());
        for name in ["one", "other"] {
            sim.host(name).client(async {
                let (begin, map) =
                    (Instant::now(), (0..50).map(|key| (key, key)).collect::<HashMap<u64, u64>>());
                for (key, _) in map {
                    sleep(Duration::from_micros(key)).await;
                    sim::note!("{key} after {:?} at {:?}", begin.elapsed(), SystemTime::now());
                }
            });
        }
    });
}

#[test]
fn the_clocks_of_std_are_those_of_the_host() {
    let sim = Sim::new(1);
    let (real, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + 1_000_000 * SECOND);
    let host = sim.host("host");
    host.wall_clock(wall).clock_drift(100_000);
    let set = host.clone();
    sim.at(4545 * SECOND, move |_| {
        set.wall_clock(wall);
    });
    host.client(async move {
        let (begin, own) = (Instant::now(), egret::time::Instant::now());
        sleep(3600 * SECOND).await;
        assert!((3600 * SECOND..3601 * SECOND).contains(&begin.elapsed()), "{:?}", begin.elapsed());
        assert!(own.elapsed().abs_diff(begin.elapsed()) < SECOND);
        let since = SystemTime::now().duration_since(wall).unwrap();
        assert!((3600 * SECOND..3601 * SECOND).contains(&since), "{since:?}");
        sleep(1400 * SECOND).await;
        assert!(SystemTime::now().duration_since(wall).unwrap() < SECOND, "it was set");
        // A loop that waits for a time ends.
        let (begin, mut turns) = (Instant::now(), 0);
        while begin.elapsed() < Duration::from_micros(1) {
            turns += 1;
        }
        assert!(turns > 10, "{turns}");
    });
    sim.run();
    // Outside of the hosts it is this machine's.
    assert!(real.elapsed() < 3600 * SECOND);
    assert!(SystemTime::now() > wall + 365 * 86_400 * SECOND);
}
