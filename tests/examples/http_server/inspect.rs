//! `--inspect`: one page for all cores.

use super::client::{Example, GET, HELLO, PATIENCE};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// The head and the body of the page's answer.
fn get(page: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(page).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asks until the loops have answered: on a busy machine they may not come to their turn in time.
fn get_answered(page: SocketAddr, path: &str, has_answered: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    loop {
        let answer = get(page, path);
        if has_answered(&answer) {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "{answer}");
    }
}

/// The samples of a gauge by the number of the loop.
fn by_loop(metrics: &str, gauge: &str) -> BTreeMap<u16, usize> {
    let prefix = format!("{gauge}{{loop=\"");
    let samples = metrics.lines().filter_map(|line| line.strip_prefix(&prefix));
    let sample = |text: &str| {
        let (number, _) = text.split_once('"').unwrap();
        (number.parse().unwrap(), text.rsplit_once(' ').unwrap().1.parse().unwrap())
    };
    samples.map(sample).collect()
}

#[test]
fn one_page_shows_the_loops_of_all_cores() {
    for cores in [1, 2] {
        let count = cores.to_string();
        let arguments = ["127.0.0.1:0", "--cores", &count, "--inspect", "127.0.0.1:0"];
        let mut server = Example::named_with("http_server", &arguments);
        let line = server.next_line();
        let page: SocketAddr = line.strip_prefix("inspect: http://").expect(&line).parse().unwrap();
        // Each core has some of 64 clients, but for a chance of 2 in 2^64.
        let mut clients: Vec<_> = (0..64).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(GET);
            client.expect(HELLO);
        }
        let answers =
            |metrics: &str| by_loop(metrics, "egret_loop_answers").values().all(|answers| *answers == 1);
        let sources = by_loop(&get_answered(page, "/metrics", answers), "egret_sources");
        assert_eq!(sources.len(), cores, "{sources:?}");
        assert!(sources.values().all(|count| *count >= 2), "{sources:?}"); // the listener and a client
        // And what receives the two signals, on one core.
        assert_eq!(sources.values().sum::<usize>(), 64 + cores + 2, "{sources:?}");
        let mut waiting = 0;
        for index in 0..cores {
            let path = format!("/dump?loop={index}");
            let dump = get_answered(page, &path, |dump| dump.contains("\nloop: answers"));
            assert!(dump.contains("accepts on TcpListener #"), "{dump}");
            let row = dump.lines().find(|line| line.contains(" x TcpStream ")).expect(&dump);
            waiting += row.trim_start().split_once(' ').unwrap().0.parse::<usize>().unwrap();
        }
        assert_eq!(waiting, 64);
        assert!(get(page, &format!("/dump?loop={cores}")).starts_with("HTTP/1.1 404 "));
        drop(clients);
        server.signal("TERM");
        assert_eq!(server.exit_code(), Some(0)); // the thread of the page does not keep the process
    }
}
