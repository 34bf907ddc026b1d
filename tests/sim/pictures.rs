//! `EGRET_TRACE`: the trace of a run as a timeline and as a sequence diagram.

use crate::world::connect;
use egret::net::TcpListener;
use egret::sim::{self, Sim};
use std::collections::BTreeMap;
use std::process::Command;
use std::{env, fs};

/// A client that sends five bytes, is answered with three and fails.
fn talk(sim: &Sim) {
    let server = sim.host("server");
    server.server(|| async {
        let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = async move {
            stream.read_exact(&mut [0; 5]).await.unwrap();
            stream.write_all(b"all").await.unwrap();
        };
        egret::task::Builder::new().name("answers").spawn_local(answer).unwrap().await.unwrap();
    });
    let address = server.port(7);
    sim.host("<client>").client(async move {
        let mut stream = connect(address).await;
        stream.write_all(b"hello").await.unwrap();
        stream.read_exact(&mut [0; 3]).await.unwrap();
        panic!("<b> & the rest");
    });
}

/// What a failing run writes to a file with this ending.
fn written(ending: &str) -> String {
    let file = env::temp_dir().join(format!("egret-picture-{}.{ending}", std::process::id()));
    let mut command = Command::new(env::current_exe().unwrap());
    let output = command
        .args(["--exact", "pictures::the_run_that_is_drawn", "--ignored"])
        .env("EGRET_SEED", "3")
        .env("EGRET_TRACE", &file)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(file).unwrap();
    text
}

#[test]
#[ignore = "fails, for the tests of this file"]
fn the_run_that_is_drawn() {
    sim::check(0..1, talk);
}

/// The value of a member of an event, which is a line.
fn member<'a>(event: &'a str, name: &str) -> &'a str {
    let (_, value) =
        event.split_once(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name} in {event}"));
    value.split([',', '}']).next().unwrap().trim_matches('"')
}

#[test]
fn a_timeline_has_a_process_for_each_host_and_arrows_for_packets_and_wakes() {
    let timeline = written("json");
    let events: Vec<_> = timeline.lines().filter(|line| line.contains("\"ph\":")).collect();
    let of = |phase: &str, name: &str| {
        let is_it = |event: &&str| member(event, "ph") == phase && member(event, "name") == name;
        events.iter().copied().filter(is_it).collect::<Vec<_>>()
    };
    let processes: Vec<_> =
        of("M", "process_name").iter().map(|event| event.split_once("args").unwrap().1).collect();
    let named = |name| format!("\":{{\"name\":\"{name}\"}}}}");
    assert!(processes.len() == 3 && processes[2].starts_with(&named("<client>")), "{processes:?}");
    // A task is named by its name, or by the line that spawned it.
    assert!(!of("X", "answers").is_empty());
    assert!(events.iter().any(|event| member(event, "name").starts_with("tests/sim/pictures.rs:")));
    let mut bytes: Vec<_> = of("X", "data").iter().map(|event| member(event, "bytes")).collect();
    bytes.sort_unstable();
    assert_eq!(bytes, ["3", "5"]);
    // SYN, SYN and ACK, and the two of data, in their order.
    let time = |event: &str| member(event, "ts").parse::<f64>().unwrap();
    for (kind, at_least) in [("packet", 4), ("wake", 3)] {
        let begun: BTreeMap<_, _> =
            of("s", kind).iter().map(|event| (member(event, "id"), time(event))).collect();
        let ended = of("f", kind);
        assert!(ended.len() >= at_least, "{kind}: {ended:?}");
        ended.iter().for_each(|event| assert!(begun[member(event, "id")] <= time(event), "{event}"));
    }
}

#[test]
fn a_sequence_diagram_has_a_line_for_each_host_an_arrow_for_each_packet_and_the_failure() {
    let page = written("html");
    assert!(page.contains("<title>EGRET_SEED=3</title>"), "{page}");
    assert!(page.contains("panicked: &lt;b> &amp; the rest"), "{page}");
    assert_eq!(page.matches("class=\"life\"").count(), 2);
    // What follows the failure on the way depends on the seed.
    let arrows: Vec<_> = page.lines().filter(|line| line.contains("marker-end")).take(4).collect();
    let texts = arrows.iter().map(|line| line.rsplit_once("</text>").unwrap().0.rsplit_once('>').unwrap().1);
    assert_eq!(texts.collect::<Vec<_>>(), ["SYN", "SYN, ACK", "5 bytes", "3 bytes"]);
    // From the client, which is the second, and back.
    let x = |line: &str, name| {
        line.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap().parse::<u32>().unwrap()
    };
    let to_the_right: Vec<_> = arrows.iter().map(|line| x(line, "x1") < x(line, "x2")).collect();
    assert_eq!(to_the_right, [false, true, false, true]);
    // Down the page: what arrives is below of what was sent.
    assert!(arrows.iter().all(|line| x(line, "y1") < x(line, "y2")), "{arrows:?}");
}

#[test]
fn a_trace_with_another_name_is_text() {
    let text = written("txt");
    assert!(text.lines().all(|line| line.contains(" ms ")) && text.contains("<client> connect"), "{text}");
}
