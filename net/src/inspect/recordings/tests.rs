use super::super::track::{Track, TrackPoll, TrackTask};
use super::*;
use egret_runtime::inspect::Cause;

fn number(recordings: &Recordings, query: &str) -> Option<u64> {
    recordings.find(&Query::parse(query), || None).map(|(number, _)| number)
}

#[test]
fn a_recording_is_kept_while_it_is_asked_for() {
    let recordings = Recordings::default();
    for expected in 1..=3 * KEPT as u64 {
        assert_eq!(number(&recordings, ""), Some(expected));
        assert_eq!(number(&recordings, "recording=1"), Some(1));
    }
    assert_eq!(number(&recordings, "recording=2"), None);
    assert_eq!(recordings.kept.borrow().len(), KEPT);
}

#[test]
fn a_part_is_within_the_recording() {
    let track = Track { length: 3 * SECOND, ..Track::default() };
    let part = |query: &str| {
        let picture = picture(7, &track, &Query::parse(query), None);
        assert_eq!((picture.recording, picture.whole_ns), (7, 3 * SECOND));
        (picture.from_ns, picture.to_ns, picture.columns.len())
    };
    assert_eq!(part(""), (2 * SECOND, 3 * SECOND, 1000));
    assert_eq!(part("from=5&to=105&columns=20"), (5, 105, 20));
    assert_eq!(part("from=9&to=99999999999999&columns=99999999"), (9, 3 * SECOND, 2000));
    assert_eq!(part("from=105&to=5&columns=0"), (0, 0, 0)); // nothing
}

#[test]
fn the_history_of_a_task_says_what_woke_it_and_how_long_it_queued() {
    let poll = |at, task, by| TrackPoll { at, took: 10, task, by };
    let mut track = Track { length: 1000, ..Track::default() };
    track.tasks = (0..2).map(|n| TrackTask { id: n + 5, name: None, at: None }).collect();
    track.wakes = vec![(90, 0), (180, 1), (290, 0)];
    track.polls = vec![
        poll(100, 0, Cause::Timer),
        poll(200, 1, Cause::Task(0)),
        poll(300, 0, Cause::Task(1)),
        poll(400, 0, Cause::Event { fd: 7, mask: 1 }),
    ];
    let history: Vec<_> = polls(&track, 5).into_iter().map(|p| (p.ago_ns, p.woken_by, p.delay_ns)).collect();
    assert_eq!(
        history,
        [
            (600, "event of #7".to_owned(), None),
            (700, "task 6".to_owned(), Some(10)),
            (900, "timer".to_owned(), Some(10)),
        ]
    );
    assert_eq!(polls(&track, 7), []);
}
