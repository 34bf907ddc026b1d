//! The page over real runtimes: what it says of their tasks, and that it answers while they are stuck.

#![cfg(not(miri))]

use egret_net::inspect::{Options, Server, serve};
use egret_runtime::runtime::Runtime;
use egret_runtime::spawn;
use egret_runtime::task::{self, yield_now};
use egret_runtime::time::sleep;
use std::fmt::Debug;
use std::future::pending;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The body of an answer, and its status.
fn get(server: &Server, target: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (body.to_owned(), head.split(' ').nth(1).unwrap().to_owned())
}

fn json(server: &Server, target: &str) -> serde_json::Value {
    let (body, status) = get(server, target);
    assert_eq!(status, "200", "{target}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// Asks until the answer is this one. A loop that does not come to its turn within 50 ms, on a busy machine, has not answered.
fn until<T: Debug>(ask: impl Fn() -> T, holds: impl Fn(&T) -> bool) -> T {
    let start = Instant::now();
    loop {
        let answer = ask();
        if holds(&answer) {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{answer:?}");
    }
}

/// Runs `look` on another thread while the loop of `rt` goes on. Few turns, because each is a record of those that are kept.
fn while_it_runs<T: Send + 'static>(rt: &Runtime, look: impl FnOnce() -> T + Send + 'static) -> T {
    let looking = thread::spawn(look);
    while !looking.is_finished() {
        rt.turn(Some(Duration::from_millis(100)));
    }
    looking.join().unwrap()
}

#[test]
fn the_tasks_of_a_runtime_are_on_the_page() {
    let rt = Runtime::new().unwrap();
    let page = serve("127.0.0.1:0", [rt.handle()]).unwrap();
    let line = line!() + 1;
    let sleeper = rt.spawn(sleep(Duration::from_secs(3600)));
    let named = {
        let _entered = rt.enter();
        task::Builder::new().name("<b>waits</b>").spawn(pending::<()>()).unwrap()
    };
    let page = while_it_runs(&rt, move || {
        let tasks = until(|| json(&page, "/tasks?sort=id"), |tasks| tasks["counts"]["waiting"] == 2);
        assert_eq!(tasks["all"], 2);
        let found = &tasks["tasks"][0];
        assert_eq!(found["spawned_at"]["file"], file!());
        assert_eq!(found["spawned_at"]["line"], line);
        assert_eq!(found["waits"][0]["kind"], "sleep");
        assert_eq!(found["polls"], 1);
        assert_eq!(tasks["tasks"][1]["name"], "<b>waits</b>");

        let found = json(&page, "/tasks?q=b>waits");
        assert_eq!(found["matched"], 1);
        let one = json(&page, &format!("/task?id={}", found["tasks"][0]["id"]));
        assert_eq!(one["polls"].as_array().unwrap().len(), 1);

        let overview =
            until(|| json(&page, "/overview"), |overview| overview["loops"][0]["answered"] == true);
        assert_eq!(overview["loops"][0]["tasks"]["alive"], 2);
        assert_eq!(overview["loops"][0]["timers"], 1);
        until(|| get(&page, "/dump").0, |dump| dump.contains(file!()));

        let metrics = until(|| get(&page, "/metrics").0, |metrics| metrics.contains("egret_tasks{loop=\""));
        assert!(
            metrics.lines().any(|line| line.starts_with("egret_poll_seconds_count{") && line.ends_with(" 2"))
        );
        let timeline = json(&page, "/timeline?columns=10&from=0"); // not the last second only
        assert_eq!(timeline["columns"].as_array().unwrap().len(), 10);
        assert!(timeline["polls"].as_u64() >= Some(1));
        assert!(json(&page, "/trace")["traceEvents"].is_array());
        page
    });
    drop((sleeper, named));
    page.stop();
}

#[test]
fn the_page_says_in_which_task_a_loop_is_stuck_while_it_is() {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let stuck = thread::spawn(move || {
        let rt = Runtime::new().unwrap();
        let page = serve("127.0.0.1:0", [rt.handle()]).unwrap();
        rt.block_on(async {
            spawn(async move {
                begin.send(page).unwrap();
                ended.recv().unwrap(); // blocks the loop
            });
            yield_now().await;
        });
    });
    let page = begun.recv().unwrap();
    let overview = json(&page, "/overview"); // it does not wait for the loop, which goes on at the end of this test
    let found = &overview["loops"][0];
    assert_eq!(found["answered"], false);
    let poll = &found["state"]["in_poll"];
    assert_eq!(poll["spawned_at"]["file"], file!());
    assert!(poll["task"].as_u64() > Some(0) && poll["since_ns"].as_u64() > Some(0), "{found}");
    assert!(
        get(&page, "/metrics")
            .0
            .lines()
            .any(|line| line.starts_with("egret_loop_answers{") && line.ends_with(" 0"))
    );
    assert_eq!(get(&page, "/").1, "200");
    end.send(()).unwrap();
    stuck.join().unwrap();

    // The runtime is dropped with its thread: the page goes on, and says so.
    until(|| json(&page, "/overview"), |overview| overview["loops"][0]["ended"] == true);
    assert_eq!(get(&page, "/dump").1, "410");
    // Scrapers share what is at most 100 ms old, which the one above may have asked for before the end.
    until(|| get(&page, "/metrics").0, |metrics| !metrics.contains("egret_turns_total{"));
    page.stop();
}

#[test]
fn several_loops_are_on_one_page_and_a_second_page_needs_another_address() {
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let page = serve("127.0.0.1:0", [first.handle(), second.handle()]).unwrap();
    let taken = serve(page.local_addr(), [first.handle()]).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    second.spawn(pending::<()>());
    drop(first);
    let page = while_it_runs(&second, move || {
        let overview =
            until(|| json(&page, "/overview"), |overview| overview["loops"][1]["answered"] == true);
        assert_eq!(overview["loops"].as_array().unwrap().len(), 2);
        assert_eq!(overview["loops"][0]["ended"], true);
        until(|| json(&page, "/tasks?loop=1"), |tasks| tasks["all"] == 1);
        page
    });
    page.stop();
}

#[test]
fn a_page_without_a_loop_and_one_that_is_stopped() {
    let page = Options::new().serve("localhost:0", []).unwrap();
    let address = page.local_addr();
    assert_eq!(json(&page, "/overview")["loops"].as_array().unwrap().len(), 0);
    assert_eq!(get(&page, "/tasks").1, "404");
    page.stop();
    assert!(TcpStream::connect(address).is_err());
}
