//! Programs of several processes with a bug each, as those of `planted.rs`; two of them without it too.

use crate::planted::found;
use crate::world::connect;
use crate::zip::either;
use egret::fs;
use egret::net::{TcpListener, TcpStream};
use egret::process::Command;
use egret::shutdown::Shutdown;
use egret::signal::unix::{SignalKind, signal};
use egret::sim::{self, Host, Sim};
use egret::task::JoinSet;
use egret::time::sleep;
use std::cell::RefCell;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);

/// A supervisor that is told of ends by SIGCHLD, and listens to it after the start of its worker, if `late`.
fn supervised(sim: &Sim, late: bool) {
    let host = sim.host("supervisor");
    host.install("worker", |_| async { 0 });
    host.client(async move {
        let early = (!late).then(|| signal(SignalKind::child()).unwrap());
        let mut worker = Command::new("worker").spawn().unwrap();
        fs::write("worker.pid", worker.id().unwrap().to_string()).await.unwrap();
        let mut ended = early.unwrap_or_else(|| signal(SignalKind::child()).unwrap());
        while worker.try_wait().unwrap().is_none() || late {
            ended.recv().await.unwrap();
            if late && worker.try_wait().unwrap().is_some() {
                break;
            }
        }
    });
}

#[test]
fn a_supervisor_that_misses_the_end_of_its_worker() {
    found(20, "supervisor/worker: ended with 0", |sim| supervised(sim, true));
    sim::check(0..100, |sim| supervised(sim, false));
}

/// A supervisor that reads the lines of its worker until it has ended, or until they have, if `all`.
fn logged(sim: &Sim, all: bool) {
    let host = sim.host("supervisor");
    host.install("worker", |process| async move {
        let mut stdout = process.stdout.unwrap();
        for number in 0..3 {
            sleep(MILLI).await;
            stdout.write_all(format!("line {number}\n").as_bytes()).await.unwrap();
        }
        3
    });
    host.client(async move {
        let mut worker = Command::new("worker").stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdout, log) = (worker.stdout.take().unwrap(), Rc::new(RefCell::new(Vec::new())));
        let theirs = log.clone();
        let copy = egret::spawn(async move {
            let mut buf = [0; 100];
            while let Ok(n @ 1..) = stdout.read(&mut buf).await {
                theirs.borrow_mut().extend_from_slice(&buf[..n]);
                let all = theirs.borrow().clone();
                fs::write("log", all).await.unwrap();
            }
        });
        worker.wait().await.unwrap();
        if all {
            copy.await.unwrap();
        } else {
            copy.abort();
        }
        let logged = fs::read("log").await.map_or(0, |log| log.split(|byte| *byte == b'\n').count() - 1);
        assert_eq!(logged, 3, "{logged} of 3 lines of the worker are in the log");
    });
}

#[test]
fn a_supervisor_that_loses_the_last_output_of_its_worker() {
    found(20, "of 3 lines of the worker are in the log", |sim| logged(sim, false));
    sim::check(0..100, |sim| logged(sim, true));
}

/// Answers each request after a while, until SIGTERM, and does not wait for those that are open.
async fn serve() -> u8 {
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
    let answer = |mut stream: TcpStream, _| async move {
        if stream.read_exact(&mut [0]).await.is_ok() {
            sleep(5 * MILLI).await;
            let _ = stream.write_all(b"answer").await;
        }
    };
    either(listener.serve(&Shutdown::new()).run(answer), terminate.recv()).await;
    0
}

fn stopped(sim: &Sim) {
    let server = sim.host("server");
    server.install("http", |_| serve());
    let (stops, at): (Host, _) = (server.clone(), MILLI * sim.choose(45..=70) as u32);
    sim.at(at, move |_| {
        stops.signal_to("http", SignalKind::terminate());
    });
    sim.time_limit(Duration::from_secs(10));
    let address = server.port(7);
    server.server(|| async {
        Command::new("http").spawn().unwrap().wait().await.unwrap();
    });
    sim.host("client").client(async move {
        let mut requests = JoinSet::new();
        let _first = connect(address).await;
        for _ in 0..10 {
            sleep(5 * MILLI).await;
            // One that is refused goes to another server.
            let Ok(mut stream) = TcpStream::connect(address).await else { break };
            requests.spawn_local(async move {
                if stream.write_all(b"?").await.is_ok() {
                    let answered = stream.read_exact(&mut [0; 6]).await;
                    assert!(answered.is_ok(), "a request that was sent has no answer");
                }
            });
        }
        requests.join_all().await;
    });
}

#[test]
fn a_server_that_drops_a_request_when_it_is_asked_to_end() {
    found(20, "a request that was sent has no answer", stopped);
}
