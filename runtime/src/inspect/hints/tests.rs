use super::*;
use crate::inspect::dump::{
    BlockingView, JobView, LoopView, PollView, SourceView, ThreadView, TimerView, WaitView,
};

const SECOND: u64 = 1_000_000_000;

fn at(line: u32) -> Place {
    Place { file: "src/main.rs", line, column: 5 }
}

/// A task that has waited for two seconds.
fn task(id: u64, waits: Vec<WaitView>) -> TaskView {
    TaskView {
        id,
        spawned_at: at(id as u32),
        age_ns: 2 * SECOND,
        state: TaskState::Waiting { since_ns: 2 * SECOND },
        polls: 1,
        waits,
        ..TaskView::default()
    }
}

fn wait(kind: WaitKind) -> Vec<WaitView> {
    vec![WaitView { kind, text: "was never woken".to_owned(), ..WaitView::default() }]
}

fn join(other: u64) -> WaitView {
    WaitView { kind: WaitKind::Join, task: Some(other), ..WaitView::default() }
}

fn found(tasks: Vec<TaskView>) -> Vec<(HintKind, Vec<u64>)> {
    // One timer, so that the dump is no deadlock.
    let timers = vec![TimerView { task: Some(99), ..TimerView::default() }];
    let dump = Dump { tasks, timers, ..Dump::default() };
    find(&dump).into_iter().map(|hint| (hint.kind, hint.tasks)).collect()
}

#[test]
fn a_dump_in_which_all_is_well_has_no_hint() {
    let reader = task(1, wait(WaitKind::Read));
    let joiner = task(2, vec![join(1)]);
    assert_eq!(found(vec![reader, joiner]), []);
    assert_eq!(find(&Dump::default()), []);
}

#[test]
fn tasks_that_join_each_other_are_one_circle_in_its_order() {
    let tasks = || vec![task(1, vec![join(2)]), task(2, vec![join(3)]), task(3, vec![join(1)])];
    assert_eq!(found(tasks()), [(HintKind::JoinCycle, vec![1, 2, 3])]);
    let itself = task(4, vec![join(4)]);
    assert_eq!(found(vec![itself]), [(HintKind::JoinCycle, vec![4])]);
    let (mut two, outside) = (tasks(), task(9, vec![join(1), join(7)]));
    two.insert(0, outside);
    two.extend([task(7, vec![join(8)]), task(8, vec![join(7)])]);
    let circles = found(two);
    assert_eq!(circles.len(), 2, "{circles:?}");
    assert!(circles.contains(&(HintKind::JoinCycle, vec![7, 8])), "{circles:?}");
    assert!(circles.contains(&(HintKind::JoinCycle, vec![1, 2, 3])), "{circles:?}");
}

#[test]
fn a_circle_says_whether_something_else_may_end_it() {
    let text = |tasks| {
        let dump = Dump {
            tasks,
            timers: vec![TimerView { task: Some(1), ..TimerView::default() }],
            ..Dump::default()
        };
        find(&dump).remove(0).text
    };
    let limit = WaitView { kind: WaitKind::Sleep, ..WaitView::default() };
    let mut first = task(1, vec![join(2)]);
    first.name = Some("db".to_owned());
    let closed = text(vec![first, task(2, vec![join(1)])]);
    assert_eq!(
        closed,
        "tasks that join each other in a circle: task 1 \"db\" -> task 2 -> task 1 \"db\": none of them can end"
    );
    let limited = text(vec![task(1, vec![join(2), limit]), task(2, vec![join(1)])]);
    assert!(limited.ends_with("only by what else they wait for"), "{limited}");
}

#[test]
fn everything_waits_for_nothing_that_can_come_unless_one_thing_can() {
    let dump =
        || Dump { tasks: vec![task(0, vec![join(1)]), task(1, wait(WaitKind::Foreign))], ..Dump::default() };
    let is_deadlock = |dump: Dump| find(&dump).iter().any(|hint| hint.kind == HintKind::Deadlock);
    assert!(is_deadlock(dump()));
    let mut queued = dump();
    queued.queue.tasks.push(1);
    let mut letters = dump();
    letters.queue.letters = 1;
    let mut errands = dump();
    errands.queue.errands = 1;
    let mut timer = dump();
    timer.timers.push(TimerView { task: Some(1), ..TimerView::default() });
    let mut job = dump();
    job.blocking.jobs.push(JobView::default());
    let mut reads = dump();
    reads.tasks[1] = task(1, wait(WaitKind::Read));
    let mut runs = dump();
    runs.tasks[1].state = TaskState::Running { since_ns: 1 };
    let mut stuck = dump();
    stuck.runtime.state = LoopState::NotInPoll;
    for other in [queued, letters, errands, timer, job, reads, runs, stuck] {
        assert!(!is_deadlock(other));
    }
    let mut idle_source = dump();
    idle_source.sources.push(SourceView::default()); // no task waits for it
    assert!(is_deadlock(idle_source));
}

#[test]
fn a_task_that_wakes_itself_is_told_from_one_that_yields_now_and_then() {
    let woken = |by, polls| {
        let mut task = task(1, Vec::new());
        (task.woken_by, task.polls, task.wakes) = (Some(WokenBy::Task { id: by }), polls, polls);
        task.state = TaskState::Queued { since_ns: 1 };
        vec![task]
    };
    assert_eq!(found(woken(1, 2_000_000)), [(HintKind::SelfWaking, vec![1])]);
    assert_eq!(found(woken(1, 1_999)), []); // 1000 in a second of its life are too few
    assert_eq!(found(woken(2, 2_000_000)), []);
}

#[test]
fn a_long_poll_is_told_of_each_line_with_the_worst_task_first() {
    let long = |id, line, ns| {
        let mut task = task(id, wait(WaitKind::Read));
        (task.spawned_at, task.poll_longest_ns) = (at(line), ns);
        task
    };
    let tasks =
        vec![long(1, 10, LONG_POLL), long(2, 10, 3 * LONG_POLL), long(3, 20, 2 * LONG_POLL), long(4, 30, 1)];
    assert_eq!(found(tasks), [(HintKind::LongPoll, vec![2, 1]), (HintKind::LongPoll, vec![3])]);
}

#[test]
fn a_task_that_was_never_woken_is_told_once_it_is_a_second_old() {
    assert_eq!(found(vec![task(1, wait(WaitKind::Foreign))]), [(HintKind::NeverWoken, vec![1])]);
    let change = |change: fn(&mut TaskView)| {
        let mut task = task(1, wait(WaitKind::Foreign));
        change(&mut task);
        found(vec![task])
    };
    assert_eq!(change(|task| task.age_ns = SECOND - 1), []);
    assert_eq!(change(|task| task.wakes = 1), []);
    assert_eq!(change(|task| task.polls = 0), []);
    assert_eq!(change(|task| task.state = TaskState::Queued { since_ns: 1 }), []);
    assert_eq!(change(|task| task.waits.extend(wait(WaitKind::Sleep))), []);
}

#[test]
fn many_tasks_of_one_line_that_were_never_woken_are_one_hint_of_a_leak() {
    let piled = |n| {
        let tasks = (1..=n).map(|id| TaskView { spawned_at: at(7), ..task(id, wait(WaitKind::Foreign)) });
        found(tasks.collect())
    };
    assert_eq!(piled(2), [(HintKind::NeverWoken, vec![1, 2])]);
    let [(kind, tasks)] = &piled(250)[..] else { panic!("one hint") };
    assert_eq!((*kind, tasks.len()), (HintKind::ManyTasks, NAMED));
}

#[test]
fn a_loop_in_a_poll_is_told_with_its_task_and_its_thread() {
    let poll = PollView {
        task: 7,
        name: Some("handler".to_owned()),
        spawned_at: Some(at(7)),
        since_ns: 2 * SECOND,
        ..PollView::default()
    };
    let thread = ThreadView { kernel: Some("sleeps in clock_nanosleep".to_owned()), ..ThreadView::default() };
    let runtime = LoopView { state: LoopState::InPoll(poll), thread, ..LoopView::default() };
    let hints = find(&Dump { runtime, ..Dump::default() });
    assert_eq!(hints.len(), 1);
    assert_eq!((hints[0].kind, &hints[0].tasks), (HintKind::Stuck, &vec![7]));
    assert_eq!(
        hints[0].text,
        "task 7 \"handler\" has been holding the loop for 2.0 s; it was spawned at src/main.rs:7; the thread sleeps in \
         clock_nanosleep"
    );
}

#[test]
fn jobs_that_wait_for_a_thread_for_a_second_are_told() {
    let job = |id, is_running, since_ns| JobView {
        id,
        spawned_at: at(id as u32),
        is_running,
        since_ns,
        awaited_by: Some(id + 10),
        ..JobView::default()
    };
    let hints = |jobs: &[JobView]| {
        let blocking = BlockingView { threads: 2, max_threads: 2, jobs: jobs.to_vec() };
        find(&Dump { blocking, ..Dump::default() })
    };
    let running = [job(1, true, 3 * SECOND), job(2, true, 5 * SECOND)];
    assert_eq!(hints(&running), []);
    assert_eq!(hints(&[&running[..], &[job(3, false, SECOND - 1)]].concat()), []);
    let found = hints(&[&running[..], &[job(3, false, 2 * SECOND), job(4, false, 0)]].concat());
    assert_eq!((found.len(), found[0].kind, &found[0].tasks[..]), (1, HintKind::PoolFull, &[13, 14][..]));
    assert_eq!(
        found[0].text,
        "the pool for blocking jobs is full: 2 jobs running on at most 2 threads, and 2 jobs queued, the oldest for 2.0 \
         s; the longest job, spawned at src/main.rs:2, has run for 5.0 s"
    );
}

#[test]
fn the_future_of_block_on_is_called_and_not_spawned() {
    let found = find(&Dump {
        tasks: vec![TaskView { id: 0, ..task(5, wait(WaitKind::Foreign)) }],
        ..Dump::default()
    });
    let text = &found.iter().find(|hint| hint.kind == HintKind::NeverWoken).unwrap().text;
    assert!(text.starts_with("the future of block_on, called at src/main.rs:5 2.0 s ago, "), "{text}");
}
