use super::super::tests::Fixed;
use super::*;
use egret_runtime::inspect::{Dump, LoopState, PollView};

fn text(dumps: Vec<Dump>) -> String {
    let watched: Vec<_> = dumps.into_iter().map(|dump| ShownLoop::new(Box::new(Fixed(dump)))).collect();
    write(watched.iter())
}

#[test]
fn each_family_is_described_once_and_has_a_sample_of_each_loop() {
    let dump = |number, name: &str| {
        let mut metrics = Metrics::default();
        (metrics.polls, metrics.tasks_alive) = (1000 + u64::from(number), 7);
        let mut dump = Dump::default();
        (dump.runtime.number, dump.runtime.metrics) = (number, Some(metrics));
        dump.runtime.thread.name = name.to_owned();
        dump
    };
    let text = text(vec![dump(1, "main"), dump(2, "a\"b\\c\nd")]);
    assert_eq!(text.matches("# TYPE egret_polls counter\n").count(), 1);
    assert!(text.contains(
        "egret_polls_total{loop=\"1\",thread=\"main\"} 1001\negret_polls_total{loop=\"2\",thread=\"a\\\"b\\\\c\\nd\"} 1002\n"
    ));
    assert!(text.contains("egret_tasks{loop=\"1\",thread=\"main\"} 7\n"));
    assert!(text.contains("egret_loop_answers{loop=\"1\",thread=\"main\"} 1\n"));
    assert!(text.ends_with("# EOF\n") && !text.contains("\n\n"));
}

#[test]
fn a_loop_that_is_stuck_says_for_how_long() {
    let mut dump = Dump::default();
    let mut poll = PollView::default();
    poll.since_ns = 2_500_000_000;
    dump.runtime.state = LoopState::InPoll(poll);
    let text = text(vec![dump]);
    assert!(text.contains("egret_loop_answers{loop=\"0\",thread=\"\"} 0\n"));
    assert!(text.contains("egret_stuck_seconds{loop=\"0\",thread=\"\"} 2.5\n"));
}

#[test]
fn the_limits_of_buckets_are_round() {
    let seconds: Vec<_> = BUCKETS.iter().map(|ns| Duration::from_nanos(*ns).as_secs_f64()).collect();
    assert_eq!(seconds[..5], [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5]);
    assert_eq!(seconds[18..], [1.0, 2.5, 5.0, 10.0]);
}
