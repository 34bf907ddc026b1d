//! Unix signals to the programs of a host: who gets them, and what they do by default.

use crate::report::report;
use crate::world::{connect, what_connections_survive};
use egret::net::TcpListener;
use egret::process::{Child, Command};
use egret::shutdown::Shutdown;
use egret::signal::unix::{SignalKind, signal};
use egret::sim::{self, Faults, Process};
use egret::time::{sleep, timeout};
use std::cell::Cell;
use std::future::pending;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);
const STOP: SignalKind = SignalKind::from_raw(libc::SIGSTOP);
const CONTINUE: SignalKind = SignalKind::from_raw(libc::SIGCONT);

/// Ends with the number of the signal that it gets.
async fn listens(_: Process) -> u8 {
    let mut hangup = signal(SignalKind::hangup()).unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    egret::spawn(async move { terminate.recv().await });
    hangup.recv().await.unwrap();
    libc::SIGHUP as u8
}

async fn started(name: &str) -> Child {
    let child = Command::new(name).spawn().unwrap();
    sleep(100 * MILLI).await;
    child
}

#[test]
fn a_signal_comes_to_the_listeners_of_one_program_and_ends_one_without() {
    sim::check(0..100, |sim| {
        what_connections_survive(sim);
        let host = sim.host("host");
        host.install("listens", listens);
        host.install("deaf", |_| pending());
        host.client(async {
            let (mut one, mut other) = (started("listens").await, started("listens").await);
            let mut own = signal(SignalKind::hangup()).unwrap();
            one.send_signal(SignalKind::terminate()).unwrap(); // it listens to this one too
            one.send_signal(SignalKind::window_change()).unwrap(); // ignored by default
            assert!(timeout(100 * MILLI, one.wait()).await.is_err());
            one.send_signal(SignalKind::hangup()).unwrap();
            assert_eq!(one.wait().await.unwrap().code(), Some(libc::SIGHUP));
            assert!(timeout(100 * MILLI, own.recv()).await.is_err(), "it was for the other program");
            assert!(other.try_wait().unwrap().is_none());
            other.send_signal(SignalKind::user_defined1()).unwrap();
            assert_eq!(other.wait().await.unwrap().signal(), Some(libc::SIGUSR1));
            other.send_signal(SignalKind::user_defined1()).unwrap(); // it is gone

            for kind in
                [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::from_raw(libc::SIGKILL)]
            {
                let mut child = started("deaf").await;
                child.send_signal(kind).unwrap();
                assert_eq!(child.wait().await.unwrap().signal(), Some(kind.as_raw_value()));
            }
        });
    });
}

#[test]
fn a_parent_gets_the_end_of_a_child_as_a_signal_and_a_stopped_program_goes_on() {
    sim::check(0..50, |sim| {
        what_connections_survive(sim);
        let host = sim.host("host");
        let ticks = Rc::new(Cell::new(0));
        let counted = ticks.clone();
        host.install("tick", move |_| {
            let counted = counted.clone();
            async move {
                loop {
                    counted.set(counted.get() + 1);
                    sleep(MILLI).await;
                }
            }
        });
        host.client(async move {
            let mut ended = signal(SignalKind::child()).unwrap();
            let mut child = started("tick").await;
            child.send_signal(STOP).unwrap();
            let before = ticks.get();
            sleep(100 * MILLI).await;
            assert_eq!(ticks.get(), before);
            child.send_signal(CONTINUE).unwrap();
            sleep(100 * MILLI).await;
            assert!(ticks.get() > before);
            child.start_kill().unwrap();
            ended.recv().await.unwrap();
            assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(libc::SIGKILL));
        });
    });
}

#[test]
fn a_server_without_a_listener_ends_and_is_started_again() {
    sim::check(0..50, |sim| {
        what_connections_survive(sim);
        let server = sim.host("server");
        let starts = Rc::new(Cell::new(0));
        let counted = starts.clone();
        server.server(move || {
            counted.set(counted.get() + 1);
            async {
                let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
                let mut held = Vec::new();
                while let Ok((stream, _)) = listener.accept().await {
                    held.push(stream);
                }
            }
        });
        let address = server.port(7);
        let (ends, restarts) = (server.clone(), server.clone());
        sim.at(200 * MILLI, move |_| ends.signal(SignalKind::terminate()));
        sim.at(1000 * MILLI, move |_| restarts.restart());
        sim.host("client").client(async move {
            let mut stream = connect(address).await;
            // The kernel goes on, and closes what the program had open.
            assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
            let _again = connect(address).await;
            assert_eq!(starts.get(), 2);
        });
    });
}

#[test]
fn a_client_that_a_signal_ends_is_reported() {
    let report = report(0..1, |sim| {
        let client = sim.host("client");
        let ends = client.clone();
        sim.at(MILLI, move |_| ends.signal(SignalKind::terminate()));
        client.client(pending());
    });
    let first = "signal: client is not done, and was ended by a signal that it had no listener for\n";
    assert!(report.starts_with(first), "{report}");
}

/// A supervisor starts its worker again when it has ended, and asks it to end when it is asked itself.
#[test]
fn a_supervisor_keeps_a_worker_and_ends_it_with_itself() {
    sim::check(0..200, |sim| {
        sim.swarm(Faults::all());
        let host = sim.host("host");
        host.install("worker", |_| async {
            let shutdown = Shutdown::new();
            let Ok(mut terminate) = signal(SignalKind::terminate()) else { return 1 };
            let stop = shutdown.clone();
            egret::spawn(async move {
                terminate.recv().await;
                stop.request();
            });
            let Ok(listener) = TcpListener::bind("0.0.0.0:7").await else { return 1 };
            let greet = |mut stream: egret::net::TcpStream, _| async move {
                let _ = stream.write_all(b"hello").await;
            };
            listener.serve(&shutdown).run(greet).await.map_or(1, |()| 0)
        });
        let supervisor = host.clone();
        supervisor.client(async {
            let mut terminate = loop {
                match signal(SignalKind::terminate()) {
                    Ok(listener) => break listener,
                    Err(_) => sleep(MILLI).await,
                }
            };
            loop {
                let Ok(mut worker) = Command::new("worker").spawn() else {
                    sleep(10 * MILLI).await;
                    continue;
                };
                let asked = crate::zip::either(worker.wait(), terminate.recv()).await;
                if asked {
                    while worker.try_wait().is_ok_and(|ended| ended.is_none()) {
                        let _ = worker.send_signal(SignalKind::terminate());
                        let _ = timeout(1000 * MILLI, worker.wait()).await;
                    }
                    return;
                }
                sleep(10 * MILLI).await;
            }
        });
        let (kills, ends) = (host.clone(), host.clone());
        let at = MILLI * sim.choose(1..=500) as u32;
        sim.at(at, move |_| {
            kills.signal_to("worker", SignalKind::from_raw(libc::SIGKILL));
        });
        let address = host.port(7);
        sim.host("client").client(async move {
            while connect(address).await.read_exact(&mut [0; 5]).await.is_err() {}
            sleep(1000 * MILLI).await;
            ends.signal(SignalKind::terminate());
        });
        sim.time_limit(Duration::from_secs(3600));
    });
}
