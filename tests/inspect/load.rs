//! Dumps of a server with ten thousand connections under full load.
//!
//! The clients are in a process of their own, so that each process needs half of the descriptors: this program again, with
//! the test [`clients`] alone. Each client sends the next request when it has the reply to the last.
//!
//! In a release build this is the measurement, of 1000 dumps:
//!
//!     cargo test --release --features inspect,test-util --test inspect load -- --nocapture

use crate::support::{Loop, PATIENCE};
use egret::inspect::{Dump, LoopState, TaskState, WaitKind};
use egret::net::{TcpListener, TcpStream};
use egret::service::raise_open_files;
use egret::shutdown::Shutdown;
use egret::task::yield_now;
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The address of the server, in the environment of the clients.
const SERVER: &str = "EGRET_TEST_DUMPED_SERVER";
const CONNECTIONS: usize = 10_000;
const DUMPS: usize = if cfg!(debug_assertions) { 20 } else { 1_000 };
/// What a dump may hold the loop for, and may take of a processor on the thread that asks. Server and clients leave that
/// one no processor of two to itself, so the time to the answer depends on the machine.
const HELD: Duration = Duration::from_millis(20);
const USED: Duration = Duration::from_millis(30);

/// The peer of each descriptor that was accepted.
type Peers = Arc<Mutex<HashMap<i32, SocketAddr>>>;

/// The lines of the server that wait.
const READS: u32 = line!() + 6;
const WRITES: u32 = line!() + 8;

async fn echo(mut client: TcpStream) {
    let mut request = [0; 8];
    loop {
        if client.read_exact(&mut request).await.is_err() {
            return;
        }
        if client.write_all(&request).await.is_err() {
            return;
        }
    }
}

/// Accepts every client, and returns its own address.
fn serve(peers: Peers) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    drop(egret::spawn(async move {
        loop {
            let (client, peer) = listener.accept().await.unwrap();
            peers.lock().unwrap().insert(client.as_raw_fd(), peer);
            drop(egret::spawn(echo(client)));
        }
    }));
    address
}

/// The time that this thread has used of a processor.
fn processor_time() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// Checks that each connection is in the dump, with its addresses, and waits at its line.
fn check(dump: &Dump, server: SocketAddr, peers: &HashMap<i32, SocketAddr>) {
    assert_eq!(dump.tasks.len(), CONNECTIONS + 1);
    assert_eq!(dump.sources.len(), CONNECTIONS + 1);
    let mut seen = 0;
    for task in &dump.tasks {
        let TaskState::Waiting { .. } = task.state else { continue };
        let [wait] = &task.waits[..] else { panic!("{task:?}") };
        let (fd, at) = (wait.fd.unwrap(), wait.at.unwrap());
        let Some(peer) = peers.get(&fd) else {
            assert_eq!(wait.kind, WaitKind::Accept, "{wait:?}");
            assert_eq!(wait.text, format!("accepts on TcpListener #{fd} {server}"));
            continue;
        };
        let (verb, line) = match wait.kind {
            WaitKind::Read => ("reads", READS),
            WaitKind::Write => ("writes", WRITES),
            _ => panic!("{wait:?}"),
        };
        assert_eq!((at.file, at.line), (file!(), line), "{wait:?}");
        assert_eq!(wait.text, format!("{verb} TcpStream #{fd} {server} <- {peer}"));
        assert!(task.polls >= 1 && task.wakes < task.polls + 1, "{task:?}");
        seen += 1;
    }
    let moving = dump.tasks.iter().filter(|task| !matches!(task.state, TaskState::Waiting { .. })).count();
    assert!(seen + moving >= CONNECTIONS, "{seen} wait and {moving} run or are queued");
    for source in &dump.sources {
        let peer = peers.get(&source.fd).map(SocketAddr::to_string);
        assert_eq!((source.local.as_deref(), &source.peer), (Some(&*server.to_string()), &peer));
    }
}

#[test]
fn ten_thousand_connections_under_full_load_are_dumped_right_and_lose_no_request() {
    let limit = *raise_open_files().unwrap().end(); // which the clients inherit
    if limit < CONNECTIONS as u64 + 1000 {
        println!("SKIPPED: a process may have no more than {limit} descriptors here");
        return;
    }
    let peers = Peers::default();
    let theirs = peers.clone();
    let ours = Loop::start(move || serve(theirs));
    let server = ours.first;
    let mut clients = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "load::clients", "--nocapture", "--test-threads", "1"])
        .env(SERVER, server.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(clients.stdout.take().unwrap()).lines();
    let mut line = |start: &str| lines.by_ref().map(Result::unwrap).find(|line| line.contains(start));
    line("all are connected").unwrap();
    let start = Instant::now();
    while peers.lock().unwrap().len() < CONNECTIONS {
        assert!(start.elapsed() < PATIENCE, "the last ones are not accepted");
        std::thread::yield_now();
    }

    let (mut took, mut used, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let (mut requests, mut busy) = (0, 0);
    while held.len() < DUMPS {
        let (start, before) = (Instant::now(), processor_time());
        let dump = ours.handle.dump().unwrap();
        took.push(start.elapsed());
        used.push(processor_time() - before);
        // On a machine that is busy with other work the loop may not come to its turn in time.
        if dump.runtime.state != LoopState::Answered {
            busy += 1;
            assert!(busy <= 100 * DUMPS, "{busy} dumps were not answered and {} were", held.len());
            continue;
        }
        held.push(Duration::from_nanos(dump.held_loop_ns));
        requests = dump.tasks.iter().map(|task| task.polls).sum();
        check(&dump, server, &peers.lock().unwrap());
    }
    assert!(requests > CONNECTIONS as u64, "{requests}: there was no load");

    drop(clients.stdin.take());
    let told = line("requests").unwrap();
    assert!(clients.wait().unwrap().success());
    let numbers: Vec<u64> = told.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!((numbers.len(), numbers[0]), (2, numbers[1]), "{told}");
    let all = [("a dump took", took), ("its thread computed for", used), ("it held the loop for", held)];
    let [_, used, held] = all.map(|(what, mut times)| {
        times.sort();
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        println!("{what} {median:?} in the middle and {longest:?} at most, of {DUMPS}; {told}");
        median
    });
    if !cfg!(debug_assertions) {
        assert!(held < HELD, "{held:?}");
        assert!(used < USED, "{used:?}");
    }
}

/// The clients, in a process of their own: they send requests until standard input ends.
#[test]
fn clients() {
    let Some(server) = std::env::var(SERVER).ok() else { return };
    let server: SocketAddr = server.parse().unwrap();
    let (requests, replies) = (Rc::new(Cell::new(0u64)), Rc::new(Cell::new(0u64)));
    egret::block_on(async {
        let shutdown = Shutdown::new();
        let mut connected = Vec::new();
        for _ in 0..CONNECTIONS {
            connected.push(TcpStream::connect(server).await.unwrap());
        }
        println!("all are connected");
        for (number, mut stream) in connected.into_iter().enumerate() {
            let (stop, requests, replies) = (shutdown.clone(), requests.clone(), replies.clone());
            shutdown.spawn(async move {
                let (mut round, mut reply) = (0, [0; 8]);
                while !stop.is_requested() {
                    let request = (number as u64) << 32 | round;
                    requests.set(requests.get() + 1);
                    stream.write_all(&request.to_be_bytes()).await.unwrap();
                    stream.read_exact(&mut reply).await.unwrap();
                    assert_eq!(u64::from_be_bytes(reply), request);
                    replies.set(replies.get() + 1);
                    round += 1;
                }
                stream.set_zero_linger().unwrap(); // leaves no port in TIME-WAIT
            });
        }
        let end = egret::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        end.await.unwrap().unwrap();
        let drained = shutdown.drain(PATIENCE).await;
        assert_eq!(drained, egret::shutdown::Drained::Clean);
        yield_now().await;
    });
    println!("{} requests had {} replies", requests.get(), replies.get());
}
