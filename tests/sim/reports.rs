//! The report of a failure: its recipient, how to run it again, and each waiter with what it waits for.

use crate::report::{has_its_seeds, report, setting};
use crate::world::connect;
use egret::net::TcpListener;
use egret::sim::{self, Fault, Faults, Sim};
use std::future::pending;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[test]
fn a_run_is_named_by_its_setting_and_its_test_and_by_no_command() {
    let report = report(3..4, |sim| {
        sim.host("host").client(async { panic!("whatever the kernel does") });
    });
    let last = "\nthis run again: EGRET_SEED=3+none@1, for the test \
                reports::a_run_is_named_by_its_setting_and_its_test_and_by_no_command alone";
    assert!(report.ends_with(last), "{report}");
    assert!(!report.contains("cargo"), "{report}");
}

/// A client that assumes that bytes sent at once arrive at once.
fn credulous(sim: &Sim) {
    // Urgent data divides what is read as well: one cause is enough.
    sim.faults(Faults::all().without(Fault::Urgent));
    let server = sim.host("server");
    server.server(|| async {
        loop {
            let Ok(listener) = TcpListener::bind("0.0.0.0:7").await else { continue };
            while let Ok((mut stream, _)) = listener.accept().await {
                egret::spawn(async move { stream.write_all(b"hello").await });
            }
        }
    });
    let address = server.port(7);
    sim.host("client").client(async move {
        let mut hello = [0; 5];
        while connect(address).await.read(&mut hello).await.is_err() {}
        assert_eq!(&hello, b"hello");
    });
}

#[test]
fn a_failure_is_run_again_by_the_faults_that_it_needs_or_by_those_that_it_does_not() {
    const NAME: &str =
        "reports::a_failure_is_run_again_by_the_faults_that_it_needs_or_by_those_that_it_does_not";
    const ASKED: &str = "EGRET_SIM_REPORTS";
    if std::env::var_os(ASKED).is_some() {
        return sim::check(0..100, credulous);
    }
    let run = |seed: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", NAME, "--nocapture"])
            .env(ASKED, "1")
            .env_remove("EGRET_SEED")
            .env_remove("EGRET_SEEDS");
        let output = command.envs(seed.map(|seed| ("EGRET_SEED", seed))).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (passed, first) = run(None);
    assert!(!passed && first.contains("left: [104"), "{first}");
    let needed = setting(&first);
    let (seed, fault) = needed.strip_suffix("@1").and_then(|run| run.split_once('+')).expect(needed);
    let others = Faults::all();
    let others = others.enabled().map(|fault| format!("{fault:?}")).filter(|other| other != fault);
    let not_needed = format!("{seed}-{}@1", others.collect::<Vec<_>>().join("-"));
    assert_eq!(not_needed.matches('-').count(), Faults::all().enabled().count() - 1, "{needed} is one fault");

    for form in [needed, &not_needed] {
        let (passed, again) = run(Some(form));
        assert!(!passed && setting(&again) == needed, "{form}: {again}");
    }
    for form in [format!("{seed}-{fault}"), format!("{seed}+none")] {
        let (passed, said) = run(Some(&form));
        assert!(passed && said.contains(&format!("seed {form} does not fail")), "{form}: {said}");
    }
}

#[test]
fn a_deadlock_names_the_bits_the_line_of_each_program_and_the_bytes_that_nobody_reads() {
    let lines = Mutex::new((0, 0));
    let report = report(0..1, |sim| {
        let server = sim.host("server");
        let server_line = line!() + 1;
        server.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            pending::<()>().await;
            drop(stream);
        });
        let address = server.port(7);
        let client = sim.host("client");
        *lines.lock().unwrap() = (server_line, line!() + 1);
        client.client(async move {
            let mut stream = connect(address).await;
            stream.write_all(b"question").await.unwrap();
            stream.read(&mut [0; 6]).await.unwrap();
        });
    });
    let (server_line, client_line) = *lines.lock().unwrap();
    let has =
        |line: &str| assert!(report.lines().any(|had| had.contains(line)), "{line:?} is not in {report}");
    assert!(
        report.starts_with("deadlock: nothing is going to happen, and a client is not done\n"),
        "{report}"
    );
    for (host, line) in [("server", server_line), ("client", client_line)] {
        let task = format!("{host}: alive is task ");
        let at = format!(" spawned at tests/sim/reports.rs:{line}:16");
        let is_named = report.lines().any(|line| line.starts_with(&task) && line.ends_with(&at));
        assert!(is_named, "{task}…{at} is not in {report}");
    }
    // "question" has come, and the server does not ask for it.
    has("server: 8 bytes are unread of #");
    let waits = format!(" in slot 0 spawned at tests/sim/reports.rs:{client_line}:16 waits to Read #");
    has(&waits);
    has("; cached is nothing to read and OUT to write, the kernel holds OUT");
    assert!(!report.contains("client: 8 bytes") && !report.contains("Readiness {"), "{report}");
}

#[test]
fn a_deadlock_counts_what_is_unread_of_each_kind_of_descriptor() {
    let report = report(0..1, |sim| {
        sim.host("host").client(async move {
            let listener = TcpListener::bind("127.0.0.1:7").await.unwrap();
            let waiting = connect(listener.local_addr().unwrap()).await;
            let (mut stream, other) = egret::net::UnixStream::pair().unwrap();
            stream.write_all(b"12345").await.unwrap();
            let (mut writer, reader) = egret::net::unix::pipe::pipe().unwrap();
            writer.write_all(b"1234567").await.unwrap();
            let socket = egret::net::UdpSocket::bind("127.0.0.1:9").await.unwrap();
            socket.send_to(b"123", socket.local_addr().unwrap()).await.unwrap();
            socket.send_to(b"1234567890", socket.local_addr().unwrap()).await.unwrap();
            pending::<()>().await;
            drop((listener, waiting, stream, other, writer, reader, socket));
        });
    });
    let unread = report.lines().filter_map(|line| line.strip_prefix("host: "));
    let unread: Vec<_> = unread.filter(|line| line.contains("unread") || line.contains("accepted")).collect();
    let words = |line: &str| {
        let (start, end) = line.split_once('#').expect("a file");
        format!("{start}{}", end.split_once(' ').expect("what it is").1)
    };
    assert_eq!(
        unread.into_iter().map(words).collect::<Vec<_>>(),
        [
            "1 connection is not accepted of (TCP listener 127.0.0.1:7)",
            "5 bytes are unread of (Unix socket)",
            "7 bytes are unread of (pipe)",
            "13 bytes are unread of (UDP)",
        ],
        "{report}"
    );
}

#[test]
fn a_failure_that_depends_on_something_outside_is_told_as_one() {
    if !has_its_seeds("reports::a_failure_that_depends_on_something_outside_is_told_as_one") {
        return;
    }
    // As the order of a HashMap or a clock is another in each run. One seed, so one thread counts.
    let runs = AtomicU64::new(0);
    let report = report(1..2, |sim| {
        let run = runs.fetch_add(1, Relaxed);
        sim.host("host").client(async move {
            egret::time::sleep(std::time::Duration::from_millis(1)).await;
            assert_ne!(run % 2, 0, "every other time");
        });
    });
    let said =
        "not repeatable: something outside of the simulation decides; 2 of 4 runs of this seed failed so\n";
    assert!(report.contains(said), "{report}");
    assert!(report.contains("the runs part at line "), "{report}");
    assert!(!report.contains("this run again") && report.ends_with(" alone, may fail or not"), "{report}");
}

#[test]
fn a_seed_that_takes_two_ways_names_the_line_where_they_part() {
    if !has_its_seeds("reports::a_seed_that_takes_two_ways_names_the_line_where_they_part") {
        return;
    }
    let runs = AtomicU64::new(0);
    let report = report(0..1, |sim| {
        let len = 1 + runs.fetch_add(1, Relaxed) as usize % 7;
        sim.host("host").client(async move {
            let socket = egret::net::UdpSocket::bind("127.0.0.1:9").await.unwrap();
            socket.send_to(&[0; 8][..len], socket.local_addr().unwrap()).await.unwrap();
        });
    });
    let starts = "seed 0 took two ways: something outside of the simulation decides\nthe runs part at line ";
    assert!(report.starts_with(starts), "{report}");
    let line =
        |start: &str| report.lines().find_map(|line| line.strip_prefix(start)).expect(start).to_owned();
    let (one, other) = (line("one run:   "), line("the other: "));
    assert!(one.contains(" host sendto ") && other.contains(" host sendto ") && one != other, "{report}");
    // What both runs did before.
    assert!(report.lines().any(|line| line.contains(" host bind ")), "{report}");
    assert!(report.contains("\nmaybe by the length of the data: random bytes"), "{report}");
}

#[test]
fn the_smallest_seed_that_fails_is_reported_whichever_is_found_first() {
    if !has_its_seeds("reports::the_smallest_seed_that_fails_is_reported_whichever_is_found_first") {
        return;
    }
    let report = report(0..200, |sim| {
        let seed = sim.seed();
        // The smallest takes longest, so that another thread has found a larger one before.
        if seed == 40 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        sim.host("host").client(async move { assert!(seed < 40, "this is {seed}") });
    });
    assert_eq!(setting(&report), "40+none@1", "{report}");
    assert!(report.contains("this is 40"), "{report}");
}

#[test]
fn each_size_is_shrunk_by_itself() {
    let report = report(1..2, |sim| {
        let (clients, messages) = (sim.up_to(10), sim.up_to(100));
        let unused = sim.up_to(50);
        sim.host("host").client(async move {
            assert!(
                clients < 2 || messages < 30,
                "{clients} clients, {messages} messages, {unused} of no use"
            );
        });
    });
    assert_eq!(setting(&report), "1+none@2:30:1", "{report}");
    assert!(report.contains("2 clients, 30 messages, 1 of no use"), "{report}");
}

#[test]
fn a_loop_of_yields_is_a_spin_and_its_task_is_named() {
    let report = report(1..2, |sim| {
        sim.host("host").client(async {
            let spinner = egret::spawn(async {
                loop {
                    egret::task::yield_now().await;
                }
            });
            spinner.await.unwrap();
        });
    });
    assert!(report.starts_with("spin: the loop of host turns and turns, and nothing moves\n"), "{report}");
    let named = report.lines().find(|line| line.starts_with("host: queued is task ")).expect(&report);
    assert!(named.contains(" in slot 1 spawned at tests/sim/reports.rs:"), "{named}");
    let of = report.split(" lines of the trace").next().and_then(|text| text.rsplit(' ').next()).unwrap();
    assert!(of.parse::<usize>().unwrap() < 10_000, "{of} lines");
}

/// A thread that ends before its task does: its wake would reach a later runtime, of another test's simulation.
struct Joined(Option<std::thread::JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        let _ = self.0.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn a_wake_of_a_real_thread_is_no_deadlock() {
    let run = |sim: &Sim| {
        sim.host("host").client(async {
            let mut thread = Joined(None);
            std::future::poll_fn(|cx| {
                if thread.0.is_some() {
                    return std::task::Poll::Ready(());
                }
                let waker = cx.waker().clone();
                thread.0 = Some(std::thread::spawn(move || {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    waker.wake();
                }));
                std::task::Poll::Pending
            })
            .await;
        });
    };
    // It looks like a deadlock when the machine does not run the thread for so long.
    let reports = (0..50).map(|_| report(1..2, run));
    let report =
        { reports }.find(|report| report.contains("real thread")).expect("it is taken for a deadlock");
    assert!(report.contains("real threads are outside of the simulation"), "{report}");
}

#[test]
fn a_task_that_blocks_the_thread_is_mentioned() {
    let report = report(1..2, |sim| {
        sim.host("host").client(async {
            std::thread::sleep(std::time::Duration::from_millis(110));
            pending::<()>().await;
        });
    });
    let said = report.lines().find(|line| line.starts_with("a turn of host took ")).expect(&report);
    assert!(said.contains("blocks the thread (thread::sleep"), "{said}");
}
