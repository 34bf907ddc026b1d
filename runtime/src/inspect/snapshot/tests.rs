use super::super::dump::TaskState;
use super::super::links::SLACK_NS;
use super::*;
use crate::sys::SocketName;

fn described(kind: &'static str, local: &str, peer: &str) -> Described {
    let name = |text: &str| text.parse().ok().map(SocketName::Ip);
    Described { kind, local: name(local), peer: name(peer), what: None }
}

fn note(index: u32, id: u64) -> TaskNote {
    let view = TaskView { id, age_ns: 1_000, ..TaskView::default() };
    TaskNote { index, view, woken_by: WakerNote::Is(WokenBy::Spawn), waker_was_cloned: false }
}

fn wait(task: Option<u32>, what: Awaited) -> WaitNote {
    WaitNote { task, what, at: None, since_ns: Some(7), frame: None }
}

fn texts(task: &TaskView) -> Vec<&str> {
    task.waits.iter().map(|wait| &*wait.text).collect()
}

#[test]
fn an_arrow_points_from_the_client_to_the_server() {
    // A client is not given port 80 on any machine.
    let sources = vec![
        (3, described("TcpListener", "0.0.0.0:40000", "")),
        (4, described("TcpStream", "127.0.0.1:40000", "127.0.0.1:50001")),
        (5, described("TcpStream", "127.0.0.1:80", "127.0.0.1:50002")),
        (6, described("UdpSocket", "127.0.0.1:80", "127.0.0.1:53")),
        (7, described("UnixStream", "", "")),
        (8, Described { what: Some("of process 9".into()), ..described("pidfd", "", "") }),
    ];
    let dump = LoopSnapshot { sources, ..LoopSnapshot::default() }.into_dump(Instant::now());
    let texts: Vec<_> = dump.sources.iter().map(|source| &*source.text).collect();
    assert_eq!(
        texts,
        [
            "TcpListener #3 0.0.0.0:40000",
            "TcpStream #4 127.0.0.1:40000 <- 127.0.0.1:50001",
            "TcpStream #5 127.0.0.1:80 <- 127.0.0.1:50002",
            "UdpSocket #6 127.0.0.1:80 -> 127.0.0.1:53",
            "UnixStream #7",
            "pidfd #8 of process 9",
        ]
    );
    let client = vec![(4, described("TcpStream", "127.0.0.1:50001", "127.0.0.1:80"))];
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    if range.starts_with("32768") {
        let dump = LoopSnapshot { sources: client, ..LoopSnapshot::default() }.into_dump(Instant::now());
        assert_eq!(dump.sources[0].text, "TcpStream #4 127.0.0.1:50001 -> 127.0.0.1:80");
    }
}

#[test]
fn a_wait_is_with_its_task_and_with_what_it_waits_for() {
    let mut named = note(2, 12);
    named.view.name = Some("db".to_owned());
    let job = JobView { id: 30, is_running: true, ..JobView::default() };
    let dump = LoopSnapshot {
        tasks: vec![note(1, 11), named],
        sources: vec![(3, described("TcpListener", "127.0.0.1:80", "")), (4, described("TcpStream", "", ""))],
        waits: vec![
            wait(Some(1), Awaited::Source { fd: 3, writes: false }),
            wait(Some(1), Awaited::Source { fd: 4, writes: true }),
            wait(Some(1), Awaited::Source { fd: 99, writes: true }), // of a source that is gone
            wait(None, Awaited::Source { fd: 4, writes: false }),    // of another runtime's task
            wait(Some(1), Awaited::Timer { left_ns: 9 }),
            wait(Some(2), Awaited::Timer { left_ns: 5 }),
            wait(Some(1), Awaited::Join { task: 12 }),
            wait(Some(1), Awaited::Join { task: 99 }),
            wait(Some(2), Awaited::Job { id: 30 }),
            wait(Some(2), Awaited::Job { id: 31 }),
        ],
        jobs: vec![job],
        queued: vec![2, 77],
        ..LoopSnapshot::default()
    };
    let dump = dump.into_dump(Instant::now());
    assert_eq!(
        texts(&dump.tasks[0]),
        [
            "accepts on TcpListener #3 127.0.0.1:80",
            "connects or writes TcpStream #4",
            "sleeps",
            "joins task 12 \"db\"",
            "joins task 99",
        ]
    );
    assert_eq!(
        texts(&dump.tasks[1]),
        ["sleeps", "awaits blocking job 30, which is running", "awaits blocking job 31, which is over"]
    );
    assert_eq!((&dump.sources[0].readers[..], &dump.sources[1].writers[..]), (&[11][..], &[11][..]));
    assert_eq!(dump.sources[1].readers, []);
    let timers: Vec<_> = dump.timers.iter().map(|timer| (timer.left_ns, timer.task)).collect();
    assert_eq!(timers, [(5, Some(12)), (9, Some(11))]);
    assert_eq!((dump.blocking.jobs[0].awaited_by, &dump.queue.tasks[..]), (Some(12), &[12][..]));
}

#[test]
fn a_waiting_task_without_a_wait_waits_for_something_else_and_others_do_not() {
    let mut running = note(1, 1);
    running.view.state = TaskState::Running { since_ns: 5 };
    let (mut cloned, never) = (note(2, 2), note(3, 3));
    cloned.waker_was_cloned = true;
    cloned.view.wakes = 4;
    let dump = LoopSnapshot { tasks: vec![running, cloned, never], ..LoopSnapshot::default() };
    let dump = dump.into_dump(Instant::now());
    assert_eq!(texts(&dump.tasks[0]), [""; 0]);
    assert_eq!(
        texts(&dump.tasks[1]),
        ["waits for nothing of egret's: woken 4 times, its waker was cloned to something else"]
    );
    assert_eq!(
        texts(&dump.tasks[2]),
        ["waits for nothing of egret's: woken 0 times, and its waker was never cloned: nothing can wake it"]
    );
}

#[test]
fn a_task_that_woke_another_is_named_unless_its_place_has_a_younger_one() {
    let (mut first, mut second, mut third) = (note(1, 1), note(2, 2), note(3, 3));
    first.woken_by = WakerNote::Task { index: 2, age_ns: 1_000 };
    second.woken_by = WakerNote::Task { index: 3, age_ns: 1_001 + SLACK_NS }; // before the spawn of task 3
    third.woken_by = WakerNote::Task { index: 9, age_ns: 1 };
    let dump = LoopSnapshot { tasks: vec![first, second, third], ..LoopSnapshot::default() };
    let dump = dump.into_dump(Instant::now());
    let causes: Vec<_> = dump.tasks.iter().map(|task| task.woken_by.unwrap()).collect();
    assert_eq!(causes, [WokenBy::Task { id: 2 }, WokenBy::EndedTask, WokenBy::EndedTask]);
}
