//! `inspect_faults`: each of its five planted faults is in its dump, as `docs/inspecting.md` shows it.

use std::time::Instant;

use crate::server::{PATIENCE, Server};

/// The line of the example with this text.
fn line_of(text: &str) -> usize {
    let source = include_str!("../../examples/inspect_faults.rs");
    1 + source.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no line has {text:?}"))
}

/// Asks for a dump until one has all of these parts, and returns it.
fn dump_with(server: &Server, parts: &[&str]) -> String {
    let start = Instant::now();
    loop {
        server.signal("-USR1");
        let mut page = String::new();
        while !page.ends_with("of other threads\n") && !page.ends_with("which did not answer.\n") {
            page += &server.line();
            page.push('\n');
        }
        if parts.iter().all(|part| page.contains(part)) {
            return page;
        }
        let missing: Vec<_> = parts.iter().filter(|part| !page.contains(**part)).collect();
        assert!(start.elapsed() < PATIENCE, "without {missing:?}:\n{page}");
    }
}

#[test]
fn each_of_the_five_faults_is_found_in_a_dump() {
    let server = Server::start_with_errors("inspect_faults", &["127.0.0.1:0"]);
    let mut client = server.connect();
    for n in 0..120 {
        client.send(format!("line {n}\n"));
        assert_eq!(client.line(), format!("line {n}"));
    }
    let here = |text| format!("examples/inspect_faults.rs:{}", line_of(text));
    let (log, watch) = (here("write_log(log.clone())"), here("watch(shutdown.clone())"));
    let (confirm, connection) = (here("egret::spawn(confirm"), here("client.read(&mut buf)"));
    dump_with(
        &server,
        &[
            &format!("! task 1 \"log\", spawned at {log} "),
            "waits for nothing of egret's: woken 0 times, its waker was cloned to something else",
            "! tasks that join each other in a circle: ",
            "\"cache\" -> task ",
            ": none of them can end",
            "! task 2 \"watch\" wakes itself: ",
            &format!("in its polls; spawned at {watch}\n"),
            &format!("! 120 tasks, spawned at {confirm}, wait for nothing of egret's and were never woken"),
            "tasks that pile up are a leak",
            &format!("at {connection}\n"),
        ],
    );
    client.send("report\n");
    dump_with(
        &server,
        &[
            "loop: in a poll of task ",
            "has been holding the loop for ",
            "; the thread sleeps in clock_nanosleep",
        ],
    );
    assert_eq!(client.line(), "report");
    // It sleeps for a second; the machine adds what it likes.
    let page = dump_with(&server, &["! a poll of task ", " s: it blocks"]);
    let held =
        page.lines().find_map(|line| line.split_once(" s: it blocks")?.0.rsplit_once("held the loop for "));
    assert!(held.unwrap().1.parse::<f64>().unwrap() >= 1.0, "{page}");
}
