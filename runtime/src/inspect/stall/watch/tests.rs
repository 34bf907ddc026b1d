use super::*;

const LIMIT: Duration = Duration::from_millis(100);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A loop that is looked at on time, and what it does at each moment.
struct Scene {
    watch: LoopWatch,
    now: Duration,
    /// When the current poll began.
    poll: Option<(u64, Duration)>,
    found: Vec<(u64, LookResult)>,
    long_polls: u64,
    /// By how much each look is late.
    late: Duration,
    /// What has woken the thread that looks.
    interruptions: u64,
    looks: u64,
    /// Whether a new poll is found at each look: so long after its begin.
    busy: Option<Duration>,
}

impl Scene {
    fn new(limit: Duration) -> Scene {
        Scene {
            watch: LoopWatch::new(limit, ms(1000)),
            now: ms(1000),
            poll: None,
            found: Vec::new(),
            long_polls: 0,
            late: Duration::ZERO,
            interruptions: 0,
            looks: 0,
            busy: None,
        }
    }

    /// The next poll begins.
    fn begin(&mut self) {
        let serial = self.poll.map_or(1, |(serial, _)| serial + 1);
        self.poll = Some((serial, self.now));
    }

    /// Time goes on, with looks when they are due.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.watch.due() + self.late <= end {
            self.now = (self.watch.due() + self.late).max(self.now);
            self.look();
        }
        self.now = end;
    }

    /// Neither the loop nor the sampler run.
    fn stop(&mut self, duration: Duration) {
        self.now += duration;
        self.interruptions += 1;
        if self.watch.due() <= self.now {
            self.look();
        }
    }

    fn look(&mut self) {
        self.looks += 1;
        if let Some(since) = self.busy {
            self.begin();
            self.poll = self.poll.map(|(serial, _)| (serial, self.now - since));
        }
        let going = self.poll.map(|(serial, begin)| GoingPoll { serial, elapsed: self.now - begin });
        let found = self.watch.look(self.now, going, self.long_polls, self.interruptions);
        if found != LookResult::Nothing {
            self.found.push((self.poll.map_or(0, |(serial, _)| serial), found));
        }
    }
}

#[test]
fn a_long_poll_is_reported_once_while_it_goes_on_and_once_at_its_end() {
    for phase in (0..150).step_by(if cfg!(miri) { 30 } else { 1 }) {
        let mut scene = Scene::new(LIMIT);
        scene.run(ms(phase));
        scene.begin();
        scene.run(ms(99));
        assert_eq!(scene.found, []);
        scene.run(ms(2)); // the looks are where they find it at the limit
        let found = scene.found.clone();
        assert!(
            matches!(found[..], [(1, LookResult::Begun(at))] if at >= LIMIT && at < ms(102)),
            "{found:?}"
        );
        scene.run(ms(3000));
        assert_eq!(scene.found, found);
        scene.begin();
        scene.run(ms(250)); // the longest wait between two looks
        let [_, (2, LookResult::Ended(after)), ..] = scene.found[..] else { panic!("{:?}", scene.found) };
        assert!(after.abs_diff(ms(3101)) < ms(100), "{after:?}");
    }
}

#[test]
fn the_end_is_reported_also_of_the_last_poll() {
    let mut scene = Scene::new(LIMIT);
    scene.begin();
    scene.run(ms(500));
    scene.poll = None;
    scene.run(ms(500));
    assert!(
        matches!(scene.found[..], [(1, LookResult::Begun(_)), (0, LookResult::Ended(_))]),
        "{:?}",
        scene.found
    );
}

#[test]
fn short_polls_are_no_stall_however_many() {
    let mut scene = Scene::new(LIMIT);
    for length in (1..=96).cycle().take(2000) {
        scene.begin();
        scene.run(ms(length));
    }
    assert_eq!(scene.found, []);
}

#[test]
fn the_time_of_a_stop_is_not_charged() {
    for before in 0..60 {
        for length in [ms(500), ms(3_600_000)] {
            let mut scene = Scene::new(LIMIT);
            scene.run(ms(7));
            scene.begin();
            scene.run(ms(before));
            scene.stop(length);
            scene.run(ms(35));
            scene.begin();
            scene.run(ms(80));
            assert_eq!(scene.found, [], "a stop of {length:?} after {before} ms");
        }
    }
}

#[test]
fn a_poll_that_stalls_after_a_stop_is_reported() {
    let mut scene = Scene::new(LIMIT);
    scene.begin();
    scene.run(ms(30));
    scene.stop(ms(10_000));
    scene.run(ms(175));
    assert!(matches!(scene.found[..], [(1, LookResult::Begun(at))] if at < ms(180)), "{:?}", scene.found);
}

#[test]
fn a_suspend_that_only_the_clock_of_the_loop_counts_is_no_stall() {
    for limit in [ms(20), LIMIT] {
        let mut watch = LoopWatch::new(limit, ms(0));
        let going = |serial| Some(GoingPoll { serial, elapsed: ms(3_600_000) });
        for going in [going(1), going(2), None] {
            assert_eq!(watch.look(watch.due(), going, 0, 0), LookResult::Nothing);
        }
    }
}

#[test]
fn with_a_short_limit_a_stop_between_two_looks_is_no_stall_and_a_long_poll_is_one() {
    let limit = ms(20);
    for phase in 0..60 {
        let mut scene = Scene::new(limit);
        scene.run(ms(phase));
        scene.begin();
        scene.run(ms(2));
        scene.stop(ms(24));
        scene.run(ms(3));
        scene.begin();
        scene.run(ms(3));
        assert_eq!(scene.found, [], "a stop {phase} ms after a look");
        scene.begin();
        scene.run(ms(81));
        let [(3, LookResult::Begun(held))] = scene.found[..] else { panic!("{phase}: {:?}", scene.found) };
        assert!(held >= limit && held <= ms(80), "{held:?}");
    }
}

#[test]
fn of_short_stalls_that_are_missed_the_next_one_is_reported() {
    for phase in 0..50 {
        let mut scene = Scene::new(ms(20));
        for serial in 1..=3 {
            scene.run(ms(phase));
            scene.poll = Some((serial, scene.now));
            scene.run(ms(31));
            scene.poll = None;
            scene.long_polls += 1;
            scene.run(IDLE); // to the next look
        }
        let begun = |serial| {
            scene.found.iter().any(|(of, found)| *of == serial && matches!(found, LookResult::Begun(_)))
        };
        assert!(begun(2) && begun(3), "{phase}: {:?}", scene.found);
    }
}

/// The first of a runtime too: it begins at any moment after the build.
#[test]
fn a_stall_of_80_ms_or_of_a_longer_limit_is_reported_also_when_the_looks_are_late() {
    for limit in [1, 2, 5, 16, 20, 50, 74, 75, 79, 80, 100, 150, 151, 1000].map(ms) {
        let phases = (0..160).step_by(if cfg!(miri) { 40 } else { 1 });
        for (phase, late) in phases.flat_map(|phase| [0, 4].map(|late| (phase, late))) {
            let mut scene = Scene::new(limit);
            scene.late = ms(late);
            scene.run(ms(phase));
            scene.begin();
            scene.run(limit.max(ms(80)) + LEAST + 3 * scene.late);
            let [(1, LookResult::Begun(held)), ..] = scene.found[..] else {
                panic!("{limit:?}, after {phase} ms, {late} ms late: {:?}", scene.found)
            };
            assert!(held >= limit, "{held:?}");
        }
    }
}

/// Where no poll is timed, it is not known how long one has been going that is new at a look.
#[test]
fn a_poll_that_is_not_timed_is_reported_one_wait_later_at_most() {
    for limit in [2, 20, 100, 1000].map(ms) {
        let mut watch = LoopWatch::new(limit, ms(0));
        let going = GoingPoll { serial: 1, elapsed: Duration::ZERO };
        let (now, held) = loop {
            let now = watch.due();
            if let LookResult::Begun(held) = watch.look(now, Some(going), 0, 0) {
                break (now, held);
            }
        };
        let wait = (limit / 2).max(IDLE);
        assert!(held >= limit && now <= wait + limit.max(wait), "{limit:?}: {now:?}");
    }
}

#[test]
fn a_loop_without_a_stall_is_looked_at_13_times_a_second_at_most() {
    for limit in [1, 2, 20, 79, 80, 100, 150, 200, 1000].map(ms) {
        for busy in [None, Some(Duration::from_micros(1)), Some(limit / 20)] {
            let mut scene = Scene::new(limit);
            scene.busy = busy;
            let time = Duration::from_secs(if cfg!(miri) { 15 } else { 1000 });
            scene.run(time);
            let expected = time.as_nanos() / (limit / 2).max(ms(75)).as_nanos();
            assert_eq!(
                (u128::from(scene.looks), &scene.found[..]),
                (expected, &[][..]),
                "{limit:?}, {busy:?}"
            );
        }
    }
}

#[test]
fn loops_that_are_due_soon_are_looked_at_together() {
    let phases = [0, 3, 20, 37, 40, 60, 70];
    let mut loops = phases.map(|phase| LoopWatch::new(LIMIT, ms(phase)));
    let mut wakes = 0;
    loop {
        let now = loops.iter().map(LoopWatch::due).min().unwrap();
        if now > Duration::from_secs(75) {
            break;
        }
        wakes += 1;
        for watch in loops.iter_mut().filter(|watch| watch.joins(now)) {
            watch.look(now, None, 0, 0);
        }
    }
    assert!((999..=1002).contains(&wakes), "{wakes}");
}

/// A stop that is over when the next look is due has woken the thread that looks.
#[test]
fn a_stop_between_two_looks_adds_half_of_the_limit_at_most() {
    for before in 0..49 {
        let mut scene = Scene::new(LIMIT);
        scene.begin();
        scene.run(ms(before));
        scene.now += ms(74 - before); // a stop
        scene.interruptions += 1;
        scene.run(ms(50));
        assert_eq!(scene.found, [], "a stop after {before} ms");
    }
}

#[test]
fn a_report_that_is_postponed_comes_later_once() {
    let mut scene = Scene::new(LIMIT);
    scene.begin();
    scene.run(ms(101));
    assert!(matches!(scene.found[..], [(1, LookResult::Begun(_))]), "{:?}", scene.found);
    scene.watch.postpone();
    scene.run(ms(1000));
    assert!(matches!(scene.found[..], [_, (1, LookResult::Begun(at))] if at <= ms(155)), "{:?}", scene.found);
    scene.watch.postpone();
    scene.poll = None;
    scene.run(ms(1000));
    assert_eq!(scene.found.len(), 2, "the end of a poll that was not reported is none");
}

#[test]
fn looks_are_frequent_for_a_while_after_a_long_poll() {
    let mut scene = Scene::new(ms(20));
    scene.run(ms(100));
    scene.long_polls = 1;
    scene.run(IDLE);
    assert_eq!(scene.watch.planned, ms(10));
    scene.run(EAGER);
    scene.run(IDLE);
    assert_eq!(scene.watch.planned, IDLE);
}

#[test]
fn a_short_limit_does_not_make_the_looks_frequent() {
    let watch = LoopWatch::new(ms(1), ms(0));
    assert_eq!(watch.due(), IDLE);
}

#[test]
fn the_time_that_a_report_takes_is_no_lateness() {
    let mut scene = Scene::new(LIMIT);
    scene.begin();
    scene.run(ms(100));
    scene.now += ms(2000); // the report
    scene.watch.reported(scene.now);
    scene.run(ms(50));
    scene.poll = None;
    scene.run(ms(250));
    let [_, (0, LookResult::Ended(after))] = scene.found[..] else { panic!("{:?}", scene.found) };
    assert!(after.abs_diff(ms(2150)) < ms(100), "{after:?}");
}
