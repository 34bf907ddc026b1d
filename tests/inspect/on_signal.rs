//! Dumps on a signal, in a process of its own: this program again, with one test.

use crate::support::{Loop, PATIENCE};
use egret::inspect::{dump_on, dump_on_with};
use egret::signal::unix::SignalKind;
use egret::task;
use egret::time::sleep;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CHILD: &str = "EGRET_TEST_DUMPED_ON_SIGNAL";

/// The runtimes of the process, with that of the thread which waits for the other signal.
const ALL: usize = 3;

/// The process that the signals are sent to. It ends when the test does.
struct Dumped(Child);

impl Dumped {
    fn signal(&self, kind: &str) {
        let sent = Command::new("kill").args([kind, &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Dumped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the process does: two runtimes, one of which has a task with a name, and a function for one of the signals.
fn be_dumped() {
    let ours = Loop::start(|| {
        drop(task::Builder::new().name("sleeper").spawn(sleep(Duration::from_secs(3600))));
    });
    let other = Loop::start(|| ());
    dump_on(SignalKind::user_defined1()).unwrap();
    let mut calls = 0;
    dump_on_with(SignalKind::user_defined2(), move |dumps| {
        calls += 1;
        println!("call {calls} has {} dumps", dumps.len());
        assert!(calls > 1, "a function that panics is called again");
    })
    .unwrap();
    for twice in [dump_on(SignalKind::user_defined1()), dump_on_with(SignalKind::user_defined2(), |_| ())] {
        let error = twice.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.to_string().ends_with("writes dumps already"), "{error}");
    }
    let refused = dump_on(SignalKind::from_raw(9)).unwrap_err(); // SIGKILL cannot be listened to
    assert_ne!(refused.kind(), ErrorKind::AlreadyExists, "{refused}");
    println!("it listens");
    let _ = std::io::stdin().read(&mut [0]); // until it is killed
    drop((ours, other));
}

#[test]
fn a_signal_writes_a_dump_of_each_runtime_or_calls_a_function_with_them() {
    if std::env::var_os(CHILD).is_some() {
        return be_dumped();
    }
    let name = "on_signal::a_signal_writes_a_dump_of_each_runtime_or_calls_a_function_with_them";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut dumped = Dumped(child.unwrap());
    let mut printed = BufReader::new(dumped.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut written = BufReader::new(dumped.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    printed.find(|line| line.contains("it listens")).unwrap();

    let start = Instant::now();
    loop {
        dumped.signal("-USR1");
        let mut page = String::new();
        // On a busy machine a loop may not come to its turn in time: the page of each ends in one of two lines.
        let mut ends = 0;
        while ends < ALL {
            let line = written.next().unwrap();
            ends +=
                usize::from(line.ends_with("of other threads") || line.ends_with("which did not answer."));
            page = page + &line + "\n";
        }
        assert_eq!(page.matches("egret runtime ").count(), ALL, "{page}");
        let pid = format!(" of process {}, thread ", dumped.0.id());
        assert_eq!(page.matches(&pid).count(), ALL, "{page}");
        if page.matches("\nloop: answers").count() == ALL {
            let row = format!("task 1 \"sleeper\", spawned at {}:", file!());
            assert!(page.contains(&row), "{page}");
            // A dump may come before the first poll.
            if page.contains("\n      sleeps for ") {
                break;
            }
        }
        assert!(start.elapsed() < PATIENCE, "{page}");
    }
    for call in 1..=2 {
        dumped.signal("-USR2");
        assert_eq!(printed.next().unwrap(), format!("call {call} has {ALL} dumps"));
    }
}
