use super::*;
use crate::inspect::dump::{
    Hint, HintKind, JobView, Place, PollView, QueueView, SourceView, ThreadView, TimerView, WaitKind, WokenBy,
};
use crate::observe::stats::Metrics;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

fn at(line: u32) -> Option<Place> {
    Some(Place { file: "src/main.rs", line, column: 9 })
}

fn task(id: u64, line: u32, waits: Vec<WaitView>) -> TaskView {
    TaskView {
        id,
        spawned_at: at(line).unwrap(),
        age_ns: 20 * SECOND - id * MS,
        state: TaskState::Waiting { since_ns: 10 * SECOND },
        polls: 2,
        poll_total_ns: 3_000,
        poll_longest_ns: 2_000,
        wakes: 1,
        size: 128,
        waits,
        ..TaskView::default()
    }
}

fn read(fd: i32, since_ns: u64) -> WaitView {
    WaitView {
        kind: WaitKind::Read,
        text: format!("reads TcpStream #{fd} 127.0.0.1:80 <- 127.0.0.1:{}", 40_000 + fd),
        of: "TcpStream",
        at: at(41),
        since_ns: Some(since_ns),
        fd: Some(fd),
        ..WaitView::default()
    }
}

fn stream(fd: i32, reader: u64) -> SourceView {
    SourceView {
        fd,
        kind: "TcpStream",
        local: Some("127.0.0.1:80".to_owned()),
        peer: Some(format!("127.0.0.1:{}", 40_000 + fd)),
        text: format!("TcpStream #{fd} 127.0.0.1:80 <- 127.0.0.1:{}", 40_000 + fd),
        readers: vec![reader],
        ..SourceView::default()
    }
}

/// How many connections the server has. Miri would take minutes for a thousand.
const CONNECTIONS: i32 = if cfg!(miri) { 20 } else { 1000 };

/// A dump of a server with a thousand connections, as an example.
fn server() -> Dump {
    let since = |n: i32| SECOND - (CONNECTIONS - n) as u64 * MS;
    let connection = |n: i32| task(100 + n as u64, 30, vec![read(n, since(n))]);
    let sleep = WaitView {
        kind: WaitKind::Sleep,
        text: "sleeps".to_owned(),
        at: at(50),
        since_ns: Some(7 * SECOND),
        left_ns: Some(3_200 * MS),
        ..WaitView::default()
    };
    let mut framed = task(5, 12, vec![sleep.clone(), read(7, 2 * SECOND)]);
    framed.name = Some("ba\x1bd".to_owned());
    framed.joined_by = Some(3);
    framed.woken_by = Some(WokenBy::Task { id: 5 });
    let frame = |name: &str, depth, waits: &[usize]| FrameView {
        name: name.to_owned(),
        depth,
        at: at(60 + depth as u32),
        since_ns: 2 * SECOND,
        waits: waits.to_vec(),
    };
    framed.frames = vec![frame("request", 0, &[]), frame("body", 1, &[1])];
    let mut queued = task(9, 13, Vec::new());
    queued.state = TaskState::Queued { since_ns: 30_000 };
    let mut tasks: Vec<_> = (1..=CONNECTIONS).map(connection).collect();
    tasks.extend([framed, queued]);
    let mut sources: Vec<_> = (1..=CONNECTIONS).map(|n| stream(n, 100 + n as u64)).collect();
    let pipe = SourceView { fd: 2000, kind: "pipe", text: "pipe #2000".to_owned(), ..SourceView::default() };
    sources.push(pipe);
    let timer = |left_ns, task| TimerView { left_ns, task: Some(task), at: at(50), since_ns: None };
    let job = |id, is_running| JobView {
        id,
        spawned_at: at(70).unwrap(),
        is_running,
        since_ns: id * SECOND,
        ..JobView::default()
    };
    Dump {
        made_at_unix_ms: 1_709_210_096_789, // 2024-02-29
        took_ns: 3 * MS,
        held_loop_ns: 2 * MS,
        pid: 4710,
        hints: vec![Hint { kind: HintKind::LongPoll, text: "a poll took long".to_owned(), tasks: vec![5] }],
        runtime: LoopView {
            number: 1,
            thread: ThreadView { tid: 4711, name: "main".to_owned(), kernel: None },
            age_ns: 20 * SECOND,
            metrics: Some(Metrics { turns: 1, polls: 12_345, ..Metrics::default() }),
            ..LoopView::default()
        },
        tasks,
        sources,
        timers: vec![timer(3_200 * MS, 5), timer(9_000 * MS, 6)],
        blocking: BlockingView {
            threads: 2,
            max_threads: 512,
            jobs: vec![job(1, true), job(2, false), job(3, false)],
        },
        queue: QueueView { tasks: vec![9], letters: 2, errands: 1 },
    }
}

#[test]
fn a_server_with_a_thousand_connections_is_a_page_of_a_few_lines() {
    let n = CONNECTIONS;
    let (all, waiting, sources, port) = (n + 2, n + 1, n + 1, 40_000 + n);
    let (polls, time) = (2 * n, Time(3_000 * n as u64));
    let expected = format!(
        r#"egret runtime 1 of process 4710, thread 4711 "main", 20.0 s old; 2024-02-29 12:34:56.789 UTC, made in 3.0 ms, 2.0 ms of it on the loop

! a poll took long

loop: answers; 1 turn, 12 345 polls, 0 events, 0 wakes, 0 fired timers, 0 epoll_waits

tasks: {all} (0 in a poll, 1 queued, {waiting} waiting)
  task 9, spawned at src/main.rs:13 19.9 s ago, 128 bytes
      queued for 30.0 us
      2 polls, 3.0 us, the longest 2.0 us; 1 wake
  {n} tasks, spawned at src/main.rs:30; the oldest is task 101, of 19.8 s ago
      reads TcpStream #{n} 127.0.0.1:80 <- 127.0.0.1:{port} for 1.0 s at src/main.rs:41
      {polls} polls, {time}, the longest 2.0 us; {n} wakes
  task 5 "ba\u{{1b}}d", spawned at src/main.rs:12 19.9 s ago, 128 bytes
      sleeps for 7.0 s, 3.2 s to go, at src/main.rs:50
      in "request" for 2.0 s at src/main.rs:60
        in "body" for 2.0 s at src/main.rs:61
          reads TcpStream #7 127.0.0.1:80 <- 127.0.0.1:40007 for 2.0 s at src/main.rs:41
      2 polls, 3.0 us, the longest 2.0 us; 1 wake, the last by itself; task 3 awaits it

descriptors: {sources}, of which no task waits for 1
  {n} x TcpStream 127.0.0.1:80: tasks wait to read
  pipe #2000: no task waits

timers: 2
  2, the next in 3.2 s, the last in 9.0 s, set at src/main.rs:50

blocking pool: 2 threads of at most 512; 1 job running, 2 queued
  job 1, spawned at src/main.rs:70, running for 1.0 s
  2 jobs, spawned at src/main.rs:70, queued for 3.0 s

run queue: 1 task: 9
mailbox: 2 wakes and 1 errand of other threads
"#
    );
    assert_eq!(server().to_string(), expected);
}

#[test]
fn a_loop_that_does_not_answer_is_said_to_and_has_no_other_parts() {
    let poll = PollView { task: 7, name: None, spawned_at: at(7), since_ns: 2 * SECOND };
    let thread = ThreadView { kernel: Some("sleeps in nanosleep".to_owned()), ..ThreadView::default() };
    let runtime = LoopView { state: LoopState::InPoll(poll), thread, ..LoopView::default() };
    let mut running = task(7, 7, Vec::new());
    running.state = TaskState::Running { since_ns: 2 * SECOND };
    let page = Dump { runtime, tasks: vec![running], ..Dump::default() }.to_string();
    assert!(page.contains("loop: in a poll of task 7 for 2.0 s; its thread sleeps in nanosleep\n"), "{page}");
    assert!(page.contains("      in a poll for 2.0 s\n"), "{page}");
    assert!(page.ends_with("\nThe other parts are the loop's, which did not answer.\n"), "{page}");
    assert!(!page.contains("descriptors") && !page.contains(" old"), "{page}");
    let unknown = TaskView {
        state: TaskState::Running { since_ns: SECOND },
        ..TaskView { id: 7, ..TaskView::default() }
    };
    let page = Dump { tasks: vec![unknown], ..Dump::default() }.to_string();
    assert!(page.contains("  task 7\n      in a poll for 1.0 s\n\n"), "{page}");
}

#[test]
fn the_day_of_a_time_is_that_of_the_calendar() {
    let told = |seconds: u64| Utc(seconds * 1_000).to_string();
    assert_eq!(told(0), "1970-01-01 00:00:00.000 UTC");
    assert_eq!(told(951_782_399), "2000-02-28 23:59:59.000 UTC");
    assert_eq!(told(951_782_400), "2000-02-29 00:00:00.000 UTC");
    assert_eq!(told(4_107_542_400), "2100-03-01 00:00:00.000 UTC"); // no leap year
    assert_eq!(told(1_735_689_599), "2024-12-31 23:59:59.000 UTC");
}

#[test]
fn rows_and_queued_tasks_beyond_a_limit_are_counted() {
    let mut dump = server();
    dump.tasks = (1..=250).map(|id| task(id, id as u32, Vec::new())).collect();
    dump.queue.tasks = (1..=21).collect();
    let page = dump.to_string();
    assert!(page.contains("  and 50 rows more\n"), "{page}");
    assert!(page.contains("run queue: 21 tasks: 1, 2, 3,"), "{page}");
    assert!(page.contains(" 20, ..\n"), "{page}");
}

#[test]
fn polls_of_which_none_was_drawn_are_not_timed() {
    let mut task = TaskView { id: 1, polls: 3, size: 8, ..TaskView::default() };
    let told = |task: &TaskView| TaskGroup { tasks: vec![task] }.to_string();
    assert!(told(&task).contains("3 polls, not timed; 0 wakes\n"), "{}", told(&task));
    (task.poll_total_ns, task.poll_longest_ns) = (3_000, 2_000);
    assert!(told(&task).contains("3 polls, 3.0 us, the longest 2.0 us; 0 wakes\n"), "{}", told(&task));
}

#[test]
fn a_row_of_descriptors_without_an_address_has_their_kind_alone() {
    let source = |fd| SourceView { fd, kind: "pidfd", ..SourceView::default() };
    let page = Dump { sources: vec![source(7), source(8)], ..Dump::default() }.to_string();
    assert!(page.contains("\n  2 x pidfd: no task waits\n"), "{page}");
}
