//! The thread of the finder: there is one, it ends after the last runtime, and it takes next to no time.

use super::support::child;
use super::{LIMIT, Reported, both, watched};
use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::task::yield_now;
use egret_runtime::time::sleep;
use std::fs;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// The threads of the finder that there are.
fn threads() -> Vec<String> {
    let all = fs::read_dir("/proc/self/task").unwrap();
    let all = all.map(|thread| thread.unwrap().path());
    let is_finder = |path: &std::path::PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "egret-stalls\n")
    };
    all.filter(is_finder).map(|path| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn all_runtimes_share_one_thread_which_ends_after_the_last() {
    child::alone(|| {
        for _ in 0..2 {
            assert_eq!(threads(), [""; 0]);
            let watched: Vec<_> = (1..=3).map(|n| watched(LIMIT * n)).collect();
            while threads().is_empty() {
                thread::yield_now(); // until it has its name
            }
            assert_eq!(threads().len(), 1);
            for (rt, reported, told) in watched {
                rt.block_on(async { reported.lock() }); // one poll, so that there is no other stall
                both(rt, told).unwrap();
            }
            while !threads().is_empty() {
                thread::yield_now();
            }
        }
    });
}

/// The time on a processor of the only thread of the finder in nanoseconds, and how often it has slept.
fn used() -> (u64, u64) {
    let [thread] = <[String; 1]>::try_from(threads()).unwrap();
    let read = |name| fs::read_to_string(format!("{thread}/{name}")).unwrap();
    let (times, status) = (read("schedstat"), read("status"));
    let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    (times.split(' ').next().unwrap().parse().unwrap(), sleeps.unwrap().trim().parse().unwrap())
}

/// Calls `meanwhile` while the finder looks at a runtime with this limit. Returns how long it took, and how often
/// it has looked.
fn watch_meanwhile(limit: Duration, meanwhile: impl FnOnce(&Runtime)) -> (Duration, u64) {
    let (rt, ..) = watched(limit);
    while threads().is_empty() {
        thread::yield_now(); // until it has its name
    }
    let (start, before) = (Instant::now(), used());
    meanwhile(&rt);
    let (after, took) = (used(), start.elapsed());
    drop(rt);
    while !threads().is_empty() {
        thread::yield_now();
    }
    let (time, looks) = (after.0 - before.0, after.1 - before.1);
    println!("with a limit of {limit:?} the thread has used {time} ns in {took:?}, for {looks} looks");
    // Thousandths of a processor. Nearly all of it is the kernel's wake-up, which takes one to two, depending on the machine
    // and on what else runs there; a thread that spins takes all of one.
    let most = if cfg!(debug_assertions) { 30 } else { 5 };
    assert!(time > 0 && u128::from(time) < took.as_nanos() * most / 1000, "{time} ns of {took:?}");
    (took, looks)
}

#[test]
fn the_thread_takes_next_to_no_time_when_nothing_stalls() {
    child::alone(|| {
        let limit = Duration::from_millis(100);
        watch_meanwhile(limit, |rt| {
            rt.block_on(async {
                let start = Instant::now();
                while start.elapsed() < Duration::from_secs(3) {
                    yield_now().await;
                }
            });
        });
        // However short the limit, it looks 13 times a second. A stop of the process ends a sleep too; two looks for each
        // limit would be 1000.
        let (took, looks) = watch_meanwhile(limit / 50, |rt| {
            rt.block_on(sleep(Duration::from_secs(3)));
        });
        assert!((1..=took.as_millis() / 10).contains(&u128::from(looks)), "{looks} looks in {took:?}");
    });
}

#[test]
fn a_second_limit_replaces_the_first_and_there_is_one_thread() {
    child::alone(|| {
        let ((tell, told), reported) = (channel(), Reported::default());
        let (also_tell, opens) = (tell.clone(), reported.clone());
        let rt = Builder::new()
            .stall_after(LIMIT / 2, move |_| tell.send("the first").unwrap())
            .stall_after(LIMIT, move |_| {
                also_tell.send("the second").unwrap();
                opens.open();
            })
            .build()
            .unwrap();
        rt.block_on(async { reported.lock() });
        assert_eq!(threads().len(), 1);
        drop(rt);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["the second"; 2]);
    });
}
