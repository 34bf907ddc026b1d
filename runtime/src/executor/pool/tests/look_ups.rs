//! Look-ups: jobs with a limit of their own.

use super::*;

#[test]
fn look_ups_take_no_more_than_their_limit_and_leave_the_threads_to_other_jobs() {
    let test = Test::new(512, Duration::MAX);
    let look_ups: Vec<_> = (0..LOOK_UPS + 10).map(|_| test.look_up(true)).collect();
    assert_eq!(test.counts(), (LOOK_UPS, LOOK_UPS as u64, LOOK_UPS + 10));
    assert_eq!(test.look_ups(), (LOOK_UPS, 10));
    (0..LOOK_UPS).for_each(|_| test.hears("begun"));
    test.submit(true).send(()).unwrap();
    test.hears("begun");
    test.hears("over");
    // The end of each lets the next one begin.
    for (_, open) in &look_ups[..10] {
        open.send(()).unwrap();
        let mut said = [(); 2].map(|()| test.said.recv_timeout(Duration::from_secs(30)).unwrap());
        said.sort_unstable();
        assert_eq!(said, ["begun", "over"]);
    }
    assert_eq!(test.look_ups(), (LOOK_UPS, 0));
    look_ups[10..].iter().for_each(|(_, open)| open.send(()).unwrap());
    test.await_counts((LOOK_UPS + 1, LOOK_UPS as u64 + 1, 0));
    assert_eq!(test.look_ups(), (0, 0));
}

#[test]
fn look_ups_take_no_more_than_half_of_a_small_pool() {
    for (threads, half) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        let test = Test::new(threads, Duration::MAX);
        let look_ups: Vec<_> = (0..3).map(|_| test.look_up(true)).collect();
        assert_eq!(test.look_ups(), (half, 3 - half), "{threads}");
        look_ups.iter().for_each(|(_, open)| open.send(()).unwrap());
        test.await_counts((half, half as u64, 0));
    }
}

#[test]
fn a_look_up_that_waits_does_not_go_before_what_is_in_the_queue() {
    let test = Test::new(1, Duration::MAX);
    let (_, first) = test.look_up(false);
    let (_, second) = test.look_up(false);
    let other = test.submit(false);
    assert_eq!(test.look_ups(), (1, 1));
    first.send(()).unwrap();
    other.send(()).unwrap();
    for what in ["begun", "over", "begun", "over", "begun"] {
        test.hears(what); // the other job's end, before the gate of the second look-up is open
    }
    second.send(()).unwrap();
    test.hears("over");
    test.await_counts((1, 1, 0));
}

#[test]
fn a_look_up_that_is_aborted_while_it_waits_takes_no_turn_and_one_in_the_queue_gives_its_turn_on() {
    let test = Test::new(1, Duration::MAX);
    let running = test.submit(true);
    test.hears("begun");
    let [(first, _a), (second, _b), (_, third)] = [(); 3].map(|()| test.look_up(true));
    assert_eq!(test.look_ups(), (1, 2));
    test.pool.abort(second);
    test.hears("cancelled");
    assert_eq!((test.look_ups(), test.counts()), ((1, 1), (1, 1, 3)));
    test.pool.abort(first);
    test.hears("cancelled");
    assert_eq!((test.look_ups(), test.counts()), ((1, 0), (1, 1, 2)));
    running.send(()).unwrap();
    test.hears("over");
    test.hears("begun");
    third.send(()).unwrap();
    test.hears("over");
    test.await_counts((1, 1, 0));
    assert_eq!(test.look_ups(), (0, 0));
}

#[test]
fn a_look_up_that_waits_is_cancelled_by_the_shutdown() {
    let test = Test::new(2, Duration::MAX);
    let [(_, running), (_, _waiting)] = [(); 2].map(|()| test.look_up(true));
    test.hears("begun");
    test.pool.shut_down();
    test.hears("cancelled");
    running.send(()).unwrap();
    test.hears("over");
    test.await_counts((0, 1, 0));
}
