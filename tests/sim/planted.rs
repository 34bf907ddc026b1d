//! Programs with a bug each: how many seeds it takes to find it, and that the report names it at its head.

use crate::report::{has_its_seeds, report, setting};
use crate::world::{connect, payload};
use egret::fs::{self, File};
use egret::net::{TcpListener, TcpStream};
use egret::sim::{self, Fault, Faults, Sim};
use egret::task::spawn_blocking;
use egret::time::{sleep, system_now};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

const MILLI: Duration = Duration::from_millis(1);

/// The bug is found within so many seeds, and the first ten lines of the report have the text.
#[track_caller]
pub fn found(seeds: u64, named: &str, program: impl Fn(&Sim) + Sync) {
    let report = report(0..seeds, program);
    let head: Vec<_> = report.lines().take(10).collect();
    assert!(head.join("\n").contains(named), "{named:?} is not at the head of {report}");
    println!("{}: {}", setting(&report), head[0]);
}

/// Two jobs of the blocking pool read a number, and two write what they read plus one.
#[test]
fn a_number_that_two_blocking_jobs_read_and_two_write() {
    found(100, "two were counted as 1", |sim| {
        sim.host("host").client(async {
            let number = Arc::new(AtomicU32::new(0));
            let count = |number: Arc<AtomicU32>| async move {
                let theirs = number.clone();
                let read = spawn_blocking(move || theirs.load(Ordering::SeqCst)).await.unwrap();
                spawn_blocking(move || number.store(read + 1, Ordering::SeqCst)).await.unwrap();
            };
            let one = egret::spawn(count(number.clone()));
            sleep(2 * MILLI).await;
            count(number.clone()).await;
            one.await.unwrap();
            let counted = number.load(Ordering::SeqCst);
            assert_eq!(counted, 2, "two were counted as {counted}");
        });
    });
}

/// A follower of a log begins anew when it is started again, and the leader goes on where it was.
#[test]
fn a_log_that_does_not_catch_up_after_a_restart() {
    found(100, "the follower has not caught up: it lacks entry 0", |sim| {
        let (leader, follower) = (sim.host("leader"), sim.host("follower"));
        let log = Rc::new(RefCell::new(BTreeSet::new()));
        let theirs = log.clone();
        follower.server(move || {
            theirs.borrow_mut().clear();
            let log = theirs.clone();
            async move {
                let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut entry = [0];
                    if stream.read_exact(&mut entry).await.is_ok() {
                        log.borrow_mut().insert(entry[0]);
                        let _ = stream.write_all(&entry).await;
                    }
                }
            }
        });
        let (crashes, starts) = (follower.clone(), follower.clone());
        let at = sim.choose(0..=200) as u32 * MILLI;
        sim.at(at, move |_| crashes.crash());
        sim.at(at + 50 * MILLI, move |_| starts.restart());
        let address = follower.port(7);
        leader.client(async move {
            for entry in 0..5 {
                while append(address, entry).await.is_err() {
                    sleep(10 * MILLI).await;
                }
                sleep(10 * MILLI).await;
            }
            for entry in 0..5 {
                assert!(
                    log.borrow().contains(&entry),
                    "the follower has not caught up: it lacks entry {entry}"
                );
            }
        });
    });
}

async fn append(address: SocketAddr, entry: u8) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&[entry]).await?;
    stream.read_exact(&mut [0]).await.map(drop)
}

/// A client writes all of its lines before it reads an answer: what fits in the buffers of both ends works.
#[test]
fn a_deadlock_of_two_that_write_and_do_not_read() {
    found(5, "waits to Write", |sim| {
        let server = sim.host("server");
        server.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                stream.write_all(&buf[..n]).await.unwrap();
            }
        });
        let address = server.port(7);
        let lines = sim.up_to(40_000);
        sim.host("client").client(async move {
            let mut stream = connect(address).await;
            for number in 0..lines {
                stream.write_all(&payload(17, number)).await.unwrap();
            }
            stream.read_exact(&mut vec![0; lines * 17]).await.unwrap();
        });
    });
}

/// A server that adds up what it is sent, and tells the sum.
async fn add_up() {
    let sum = Rc::new(Cell::new(0));
    loop {
        let Ok(listener) = TcpListener::bind("0.0.0.0:7").await else { continue };
        while let Ok((mut stream, _)) = listener.accept().await {
            let sum = sum.clone();
            egret::spawn(async move {
                let mut add = [0];
                while stream.read_exact(&mut add).await.is_ok() {
                    sum.set(sum.get() + u32::from(add[0]));
                    if stream.write_all(&sum.get().to_be_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    }
}

/// Adds one on a connection; the sum so far.
async fn add(stream: &mut TcpStream) -> io::Result<u32> {
    stream.write_all(&[1]).await?;
    let mut sum = [0; 4];
    stream.read_exact(&mut sum).await?;
    Ok(u32::from_be_bytes(sum))
}

fn resets(sim: &Sim) {
    sim.faults(Faults::none().with(Fault::Reset, 0.02));
}

/// A message whose connection died is taken for sent.
#[test]
fn a_message_that_is_lost_at_a_reconnect() {
    found(100, "of 10 messages", |sim| {
        resets(sim);
        let server = sim.host("server");
        server.server(add_up);
        let address = server.port(7);
        sim.host("client").client(async move {
            let (mut stream, mut sum) = (connect(address).await, 0);
            for _ in 0..10 {
                match add(&mut stream).await {
                    Ok(now) => sum = now,
                    Err(_) => stream = connect(address).await,
                }
            }
            assert!(sum >= 10, "{sum} of 10 messages have come");
        });
    });
}

/// A message is sent again, because its answer was lost, and is not recognised.
#[test]
fn a_message_that_counts_twice_after_a_retry() {
    found(200, "messages were counted as", |sim| {
        resets(sim);
        let server = sim.host("server");
        server.server(add_up);
        let address = server.port(7);
        sim.host("client").client(async move {
            let (mut stream, mut sum) = (connect(address).await, 0);
            for _ in 0..10 {
                sum = loop {
                    match add(&mut stream).await {
                        Ok(now) => break now,
                        Err(_) => stream = connect(address).await,
                    }
                };
            }
            assert!(sum <= 10, "10 messages were counted as {sum}");
        });
    });
}

/// What a server keeps: its generation, again and again.
async fn save(generation: u32, is_safe: bool) -> io::Result<()> {
    let state = generation.to_be_bytes().repeat(500);
    if !is_safe {
        return fs::write("/state", state).await;
    }
    let mut new = File::create("/state.new").await?;
    new.write_all(&state).await?;
    new.sync_all().await?;
    fs::rename("/state.new", "/state").await?;
    File::open("/").await?.sync_all().await
}

/// Saves a state every few milliseconds, loses power, and looks what is left.
fn saves(sim: &Sim, is_safe: bool) {
    let (server, saved) = (sim.host("server"), Rc::new(Cell::new(0)));
    server.server(move || {
        let saved = saved.clone();
        async move {
            let state = fs::read("/state").await.unwrap_or_default();
            let mut words =
                state.chunks(4).map(|word| word.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)));
            let generation = words.next().unwrap_or(0);
            let torn = words.filter(|word| *word != generation).count();
            assert_eq!(
                (torn, state.len() % 2000),
                (0, 0),
                "the state is torn: {} bytes, {torn} words differ",
                state.len()
            );
            let least = saved.get();
            assert!(!is_safe || generation >= least, "generation {least} is lost: {generation} is left");
            for generation in generation + 1.. {
                save(generation, is_safe).await.unwrap();
                saved.set(generation);
                sleep(5 * MILLI).await;
            }
        }
    });
    for crash in 1..4 {
        let (crashes, starts) = (server.clone(), server.clone());
        let at = crash * 100 * MILLI + Duration::from_micros(sim.choose(0..=20_000));
        sim.at(at, move |_| crashes.crash());
        sim.at(at + 10 * MILLI, move |_| starts.restart());
    }
    sim.host("client").client(async { sleep(1000 * MILLI).await });
}

/// A file is written over, and the power fails before all of it is on the disk.
#[test]
fn a_file_that_is_torn_after_a_crash() {
    found(10, "the state is torn", |sim| saves(sim, false));
}

/// The same by a new file, which is synced, renamed, and its directory synced: whole in each seed.
#[test]
fn a_file_that_is_replaced_as_it_should_be_is_whole_after_a_crash() {
    sim::check(0..300, |sim| saves(sim, true));
}

/// A lease of ten seconds goes by the time of day, which is set while it is held.
#[test]
fn a_lease_that_ends_early_when_the_clock_is_set() {
    if !has_its_seeds("planted::a_lease_that_ends_early_when_the_clock_is_set") {
        return;
    }
    found(100, "the lease has two holders", |sim| {
        let host = sim.host("host");
        let set = host.clone();
        let at = Duration::from_secs(sim.choose(0..=60));
        let to = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + sim.choose(0..=120));
        sim.at(at, move |_| {
            set.wall_clock(to);
        });
        host.client(async {
            let (until, holders) = (Cell::new(SystemTime::UNIX_EPOCH), Cell::new(0));
            let (until, holders) = (Rc::new(until), Rc::new(holders));
            let hold = || {
                let (until, holders) = (until.clone(), holders.clone());
                async move {
                    while system_now() < until.get() {
                        sleep(100 * MILLI).await;
                    }
                    until.set(system_now() + Duration::from_secs(10));
                    holders.set(holders.get() + 1);
                    assert_eq!(holders.get(), 1, "the lease has two holders");
                    sleep(Duration::from_secs(9)).await; // well within it
                    holders.set(holders.get() - 1);
                }
            };
            let tasks: Vec<_> = (0..4).map(|_| egret::spawn(hold())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}
