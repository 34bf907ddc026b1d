//! How an accept loop ends, and what it takes with it.

use super::*;

#[test]
fn a_request_ends_it_wherever_it_waits() {
    paused(|| async {
        // For a connection, for one to end, for descriptors.
        for (steps, open) in [(vec![Ok(1)], 1), (vec![Ok(1), Ok(2)], 2), (vec![Ok(1), Err(EMFILE)], 1)] {
            let served = Served::start(2, 10, steps);
            settled().await;
            assert!(!served.running.is_finished());
            let start = Instant::now();
            served.shutdown.request();
            settled().await;
            assert_eq!((start.elapsed(), served.script.closed.get()), (Duration::ZERO, true));
            served.running.await.unwrap().unwrap();
            assert_eq!((served.counts.open(), served.shutdown.live()), (open, open));
        }
    });
}

#[test]
fn what_waits_when_the_shutdown_is_requested_is_taken_and_drained() {
    paused(|| async {
        let served = Served::start(5, 2, []);
        settled().await;
        // They arrive together with the request, before the loop has seen them.
        served.shutdown.request();
        served.script.steps.borrow_mut().extend([Ok(1), Err(ECONNABORTED), Ok(2), Ok(3)]);
        let drained = spawn({
            let shutdown = served.shutdown.clone();
            async move { shutdown.drain(1000 * MS).await }
        });
        settled().await;
        assert_eq!((served.open(), served.counts.failed.get()), (vec![1, 2, 3], 1));
        assert!(served.running.is_finished() && served.script.closed.get() && !drained.is_finished());
        for _ in 0..3 {
            served.end_one();
        }
        assert_eq!(drained.await.unwrap(), Drained::Clean);
    });
}

#[test]
fn what_waits_at_the_end_is_taken_in_bursts_too() {
    paused(|| async {
        let served = Served::start(1000, 8, []);
        settled().await;
        served.shutdown.request();
        served.script.steps.borrow_mut().extend((0..20).map(Ok));
        let mut seen = Vec::new();
        for _ in 0..4 {
            yield_now().await;
            seen.push(served.counts.accepted.get());
        }
        // The one that came with the request, and then eight at a time.
        assert_eq!(seen, [9, 17, 20, 20]);
    });
}

#[test]
fn the_counts_print_what_they_count() {
    paused(|| async {
        let served = Served::start(2, 10, [Err(ECONNABORTED), Err(EMFILE), Ok(1), Ok(2)]);
        time::advance(5 * MS).await;
        served.end_one();
        settled().await;
        assert_eq!(
            format!("{:?}", served.counts),
            "ServeCounts { accepted: 2, open: 1, failed: 1, exhausted: 1, full: 1 }"
        );
    });
}

#[test]
fn what_waits_is_taken_up_to_the_cap_and_up_to_the_backlog() {
    paused(|| async {
        let served = Served::start(3, 10, [Ok(1)]);
        settled().await;
        served.shutdown.request();
        served.script.steps.borrow_mut().extend((2..10).map(Ok));
        settled().await;
        assert_eq!(served.open(), [1, 2, 3]);

        let flood = Served::start(1000, 10, []);
        settled().await;
        flood.shutdown.request();
        flood.script.always.set(Some(Ok(7)));
        settled().await;
        // The one that came with the request, and as many as the backlog.
        assert_eq!((flood.counts.open(), flood.running.is_finished()), (101, true));
    });
}

#[test]
fn connections_outlive_a_loop_that_is_dropped_and_are_aborted_by_a_drain() {
    paused(|| async {
        let served = Served::start(5, 10, [Ok(1), Ok(2)]);
        settled().await;
        served.running.abort();
        assert!(served.script.closed.get());
        assert_eq!((served.counts.open(), served.shutdown.live()), (2, 2));
        assert_eq!(served.shutdown.drain(10 * MS).await, Drained::Aborted(2));
        assert_eq!(served.counts.open(), 0);
    });
}

#[test]
fn an_idle_loop_is_not_polled() {
    let rt = Builder::new().build().unwrap();
    rt.block_on(async {
        drop(Served::start(5, 10, [Ok(1)])); // the loop goes on
        yield_now().await;
        yield_now().await;
    });
    let before = rt.metrics().polls;
    for _ in 0..10 {
        rt.turn(Some(Duration::ZERO));
    }
    assert_eq!((rt.metrics().polls, rt.metrics().tasks_alive), (before, 2));
}
