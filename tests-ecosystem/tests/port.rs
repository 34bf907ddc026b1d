//! The server that `docs/coming-from-tokio.md` ports: both versions behave the same, and the page has the diff
//! between the two.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
/// What the programs give a connection when they are to end.
const DRAIN: Duration = Duration::from_secs(10);

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: &str) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.0.get_mut(), "{question}").unwrap();
        self.line()
    }

    /// Empty at the end of the stream.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }
}

fn serves_lines_and_ends_well(program: &str) {
    let mut child = Command::new(program).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let mut server = Server(child);
    let address = said.trim().strip_prefix("listening on ").unwrap();

    let (mut one, mut other) = (Client::connect(address), Client::connect(address));
    assert_eq!(one.ask("GET colour"), "none\n");
    assert_eq!(one.ask("SET colour blue"), "ok\n");
    assert_eq!(other.ask("GET colour"), "blue\n");
    assert_eq!(other.ask("HASH colour"), one.ask("HASH colour"));
    assert_ne!(other.ask("HASH colour"), "none\n");
    assert_eq!(other.ask("SING"), "what?\n");
    assert_eq!(other.ask("QUIT"), "");

    // Ctrl-C: an idle connection ends, and with the last the program, by itself.
    assert!(Command::new("kill").args(["-INT", &server.0.id().to_string()]).status().unwrap().success());
    let since = Instant::now();
    assert_eq!(one.line(), "");
    assert!(since.elapsed() < DRAIN, "it was told, and not aborted when the time was over");
    let deadline = since + PATIENCE;
    let status = loop {
        match server.0.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(Instant::now() < deadline, "it goes on"),
        }
        std::thread::sleep(Duration::from_millis(2)); // polls, and waits for nothing else
    };
    assert!(status.success(), "{status}");
}

/// Whether a process sleeps, with every descriptor below this limit open. One above it may be inherited.
fn sleeps_without_descriptors(pid: u32, limit: usize) -> bool {
    // `accept` is tried by the threads of tokio's runtime too, so all of them have to sleep.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let mut sleep = stats.map(|stat| stat.rsplit(") ").next().is_some_and(|fields| fields.starts_with('S')));
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let names = open.filter_map(|fd| fd.ok()?.file_name().to_str()?.parse().ok());
    names.filter(|number: &usize| *number < limit).count() == limit && sleep.all(|sleeps| sleeps)
}

fn goes_on_after_clients_that_took_every_descriptor(program: &str) {
    let limited = "ulimit -n 40; exec \"$0\" 127.0.0.1:0";
    let mut child = Command::new("sh").args(["-c", limited, program]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let mut server = Server(child);
    let address = said.trim().strip_prefix("listening on ").unwrap();
    let silent: Vec<_> = (0..60).map(|_| Client::connect(address)).collect();
    let deadline = Instant::now() + PATIENCE;
    while !sleeps_without_descriptors(server.0.id(), 40) {
        assert_eq!(server.0.try_wait().unwrap(), None, "it has ended");
        assert!(Instant::now() < deadline, "it has not run out of descriptors");
        std::thread::yield_now();
    }
    drop(silent);
    assert_eq!(Client::connect(address).ask("GET colour"), "none\n");
}

#[test]
fn before_it_moves_it_goes_on_after_clients_that_took_every_descriptor() {
    goes_on_after_clients_that_took_every_descriptor(env!("CARGO_BIN_EXE_lines-tokio"));
}

#[test]
fn after_it_has_moved_it_goes_on_after_clients_that_took_every_descriptor() {
    goes_on_after_clients_that_took_every_descriptor(env!("CARGO_BIN_EXE_lines-egret"));
}

#[test]
fn before_it_moves_it_serves_lines_and_ends_well() {
    serves_lines_and_ends_well(env!("CARGO_BIN_EXE_lines-tokio"));
}

#[test]
fn after_it_moved_it_serves_lines_and_ends_well() {
    serves_lines_and_ends_well(env!("CARGO_BIN_EXE_lines-egret"));
}

/// What a unified diff makes of `before`. It panics where that is not what the diff says.
fn apply(diff: &str, before: &str) -> String {
    let (mut left, mut after) = (before.lines(), String::new());
    let mut taken = 0;
    let mut keep = |line: &str| after += &format!("{line}\n");
    for line in diff.lines() {
        if let Some(hunk) = line.strip_prefix("@@ -") {
            let first: usize = hunk.split([',', ' ']).next().unwrap().parse().unwrap();
            while taken + 1 < first {
                keep(left.next().unwrap());
                taken += 1;
            }
        } else if let Some(added) = line.strip_prefix('+') {
            keep(added);
        } else {
            let old = left.next().expect("the diff is of a longer file");
            taken += 1;
            // Trailing blanks are lost in a page, so an empty line of the context may lack the one before it.
            match line.split_at_checked(1) {
                Some((" ", same)) => {
                    assert_eq!(same, old);
                    keep(old);
                }
                Some(("-", gone)) => assert_eq!(gone, old),
                None => {
                    assert_eq!(old, "");
                    keep(old);
                }
                _ => panic!("not a line of a diff: {line}"),
            }
        }
    }
    left.for_each(keep);
    after
}

#[test]
fn the_diff_on_the_page_is_the_one_between_the_two_programs() {
    let (before, after) = (include_str!("../port/tokio.rs"), include_str!("../port/egret.rs"));
    let page = include_str!("../../docs/coming-from-tokio.md");
    let diff = page.split("```diff\n").nth(1).expect("a diff").split("```").next().unwrap();
    assert_eq!(apply(diff, before), after, "docs/coming-from-tokio.md, applied to port/tokio.rs");
    // It says how much has to change, so a line that stays is not taken out and put back.
    let of =
        |sign| diff.lines().filter(|line| line.starts_with(sign)).map(|line| &line[1..]).collect::<Vec<_>>();
    assert!(of('+').iter().all(|line| !of('-').contains(line)));
}
