use super::super::track::{Track, TrackPoll, TrackTask, TrackWait};
use super::*;

fn place(line: u32) -> Place {
    let mut place = Place::default();
    (place.file, place.line) = ("src/main.rs", line);
    place
}

fn track(polls: &[(u64, u64, u32)], waits: &[(u64, u64)], length: u64) -> Track {
    let mut track = Track { length, ..Track::default() };
    let poll = |&(at, took, task): &(u64, u64, u32)| TrackPoll { at, took, task, by: Cause::Timer };
    track.polls = polls.iter().map(poll).collect();
    track.waits = waits.iter().map(|&(at, took)| TrackWait { at, took, events: 2 }).collect();
    track.tasks = (0..20).map(|id| TrackTask { id, name: None, at: Some(place(id as u32)) }).collect();
    track
}

#[test]
fn columns_have_the_shares_of_time() {
    // Two columns of 100: a poll of 60 that reaches from the first into the second, and a sleep.
    let track = track(&[(80, 60, 3), (150, 10, 4)], &[(160, 40)], 200);
    let picture = draw(&track, &TimelinePart { from: 0, to: 200, columns: 2 }, None);
    assert_eq!(picture.columns, [Column(1000, 200, 60, 3), Column(600, 500, 60, 3)]);
    assert_eq!((picture.busy_ns, picture.awake_ns, picture.polls), (70, 160, 2));
}

#[test]
fn polls_of_one_column_are_one_block_for_each_lane() {
    let track = track(&[(0, 10, 1), (10, 10, 2), (20, 30, 1), (70, 5, 1), (110, 10, 1)], &[], 200);
    let picture = draw(&track, &TimelinePart { from: 0, to: 200, columns: 2 }, None);
    let mut blocks = picture.blocks.clone();
    blocks.sort_by_key(|block| (block.0, block.1));
    assert_eq!(
        blocks,
        [
            PollBlock(0, 0, 75, 45, 3, 1, 30),
            PollBlock(0, 110, 10, 10, 1, 1, 10),
            PollBlock(1, 10, 10, 10, 1, 2, 10)
        ]
    );
    assert_eq!(
        picture.lanes[0],
        Lane { at: Some(place(1)), tasks: 1, polls: 4, total_ns: 55, longest_ns: 30, ..Lane::default() }
    );
}

#[test]
fn a_part_has_what_lies_in_it_and_one_task_only_its_own() {
    let track = track(&[(0, 50, 1), (90, 20, 2), (150, 100, 1), (300, 1, 1)], &[(110, 40)], 400);
    let part = TimelinePart { from: 100, to: 200, columns: 10 };
    let picture = draw(&track, &part, None);
    assert_eq!((picture.polls, picture.busy_ns, picture.awake_ns), (2, 60, 60));
    assert_eq!(
        picture.marks,
        [
            TimelineMark { label: "events", total: 2, at: vec![(150, 2)] },
            TimelineMark { label: "woken by timers", total: 1, at: vec![(150, 1)] },
        ]
    );
    let picture = draw(&track, &part, Some(2));
    assert_eq!((picture.polls, picture.busy_ns, picture.lanes.len()), (1, 10, 1));
}

#[test]
fn lines_without_a_lane_of_their_own_share_the_last() {
    let polls: Vec<_> = (0..20).map(|task| (u64::from(task) * 100, 100 - u64::from(task), task)).collect();
    let picture = draw(&track(&polls, &[], 2000), &TimelinePart { from: 0, to: 2000, columns: 2000 }, None);
    assert_eq!(picture.lanes.len(), MOST_LANES);
    assert!(picture.lanes[..MOST_LANES - 1].iter().all(|lane| !lane.is_rest && lane.polls == 1));
    let rest = picture.lanes.last().unwrap();
    assert_eq!((rest.is_rest, rest.polls, rest.tasks, rest.longest_ns), (true, 9, 9, 89));
    assert_eq!(picture.blocks.iter().filter(|block| block.0 == 11).count(), 9);
}

#[test]
fn an_answer_has_the_size_of_the_screen() {
    let polls: Vec<_> = (0..100_000).map(|at| (at * 10, 9, (at % 20) as u32)).collect();
    let picture =
        draw(&track(&polls, &[], 1_000_000), &TimelinePart { from: 0, to: 1_000_000, columns: 100 }, None);
    assert_eq!((picture.polls, picture.columns.len()), (100_000, 100));
    assert_eq!(picture.blocks.len(), 100 * MOST_LANES);
    assert_eq!(picture.blocks.iter().map(|block| block.4).sum::<u64>(), 100_000);
}
