//! How the cores start: their number, names and places, and what happens when one cannot.

use crate::support::bounded;
use egret_runtime::cores::{self, Builder};
use egret_runtime::runtime::{self, Metrics};
use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The processors that this thread may run on, as the kernel lists them.
fn allowed() -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    list.trim().to_owned()
}

#[test]
fn each_core_has_its_number_its_name_and_a_handle_of_every_core() {
    bounded(|| {
        let ended = Builder::new().count(3).thread_name("web").run(async |core| {
            let name = thread::current().name().map(str::to_owned);
            let (index, count) = (core.index(), core.count());
            let mut threads = Vec::new();
            for handle in core.handles() {
                let other = handle.spawn_with(|| async { thread::current().name().map(str::to_owned) });
                threads.push(other.await.unwrap().unwrap());
            }
            // None may end while another still visits it.
            static VISITED: AtomicUsize = AtomicUsize::new(0);
            if VISITED.fetch_add(1, Ordering::SeqCst) + 1 == count {
                core.shutdown().request();
            }
            core.shutdown().requested().await;
            io::Result::Ok((index, count, name, threads))
        });
        let names = ["web-0", "web-1", "web-2"].map(str::to_owned);
        let expected = |index: usize| (index, 3, Some(names[index].clone()), names.to_vec());
        assert_eq!(ended.unwrap().outputs, [0, 1, 2].map(expected));
    });
}

#[test]
fn the_future_of_a_core_need_not_be_send_and_may_borrow_what_outlives_the_run() {
    let words = ["one".to_owned(), "two".to_owned()];
    let ended = Builder::new().count(2).run(async |core| {
        let own = std::rc::Rc::new(words[core.index()].as_str());
        egret_runtime::task::yield_now().await;
        io::Result::Ok(*own)
    });
    assert_eq!(ended.unwrap().outputs, ["one", "two"]);
}

#[test]
fn without_a_count_there_are_as_many_cores_as_the_affinity_mask_allows() {
    let ended = Builder::new().run(async |core| io::Result::Ok(core.count())).unwrap();
    assert_eq!(ended.outputs, vec![cores::available(); cores::available()]);
    // On a pinned thread one processor is available.
    let pinned = Builder::new().count(1).pinned(true).run(async |_| io::Result::Ok(cores::available()));
    assert_eq!(pinned.unwrap().outputs, [1]);
}

#[test]
fn pinned_cores_have_a_processor_each_and_others_have_all() {
    let count = cores::available();
    let pinned = Builder::new().count(count).pinned(true).run(async |_| io::Result::Ok(allowed())).unwrap();
    let mut places = pinned.outputs;
    assert!(places.iter().all(|place| place.parse::<usize>().is_ok()), "{places:?}");
    places.sort();
    places.dedup();
    assert_eq!(places.len(), count);
    let free = Builder::new().count(1).run(async |_| io::Result::Ok(allowed())).unwrap();
    assert_eq!(free.outputs, [allowed()]);
}

#[test]
fn more_pinned_cores_than_processors_are_refused_and_more_cores_that_are_not_pinned_run() {
    let refused = Builder::new().count(100_000).pinned(true).run(async |_| io::Result::Ok(()));
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    assert!(refused.to_string().starts_with("100000 pinned cores on "), "{refused}");
    let many = 4 * cores::available();
    let ended = Builder::new().count(many).run(async |core| io::Result::Ok(core.index())).unwrap();
    assert_eq!(ended.outputs, (0..many).collect::<Vec<_>>());
}

#[test]
fn when_one_core_cannot_start_no_core_runs() {
    bounded(|| {
        static RAN: AtomicUsize = AtomicUsize::new(0);
        let panicked = thread::spawn(|| {
            let builder = Builder::new().count(3).runtime(|core| match core {
                1 => panic!("no settings for core 1"),
                _ => runtime::Builder::new(),
            });
            builder.run(async |_| {
                RAN.fetch_add(1, Ordering::SeqCst);
                io::Result::Ok(())
            })
        });
        let refused = panicked.join().unwrap().unwrap_err();
        assert_eq!(refused.to_string(), "core 1 panicked before it had a runtime: no settings for core 1");
        assert_eq!(RAN.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn the_counts_of_all_cores_are_summed() {
    bounded(|| {
        let ended = Builder::new().count(2).run(async |core| {
            let live = core.metrics().await;
            let all_there = live.iter().all(Option::is_some);
            core.shutdown().request();
            core.shutdown().requested().await;
            io::Result::Ok((live.len(), all_there))
        });
        let ended = ended.unwrap();
        assert_eq!(ended.outputs[0].0, 2);
        let polls: Vec<_> = ended.metrics.iter().map(|metrics| metrics.polls).collect();
        let sum: Metrics = ended.metrics.into_iter().sum();
        assert_eq!((polls.len(), sum.polls), (2, polls.iter().sum()));
        assert!(polls.iter().all(|polls| *polls > 0), "{polls:?}");
    });
}

#[test]
#[should_panic(expected = "a task cannot block the loop that runs it")]
fn cores_in_a_task_are_refused() {
    egret_runtime::block_on(async {
        let _ = Builder::new().count(1).run(async |_| io::Result::Ok(()));
    });
}
