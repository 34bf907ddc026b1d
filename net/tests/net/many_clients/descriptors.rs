//! Cores that have used up the descriptors of their process.

use super::process::{Process, is_clients, number};
use crate::sockets_common::test_of;
use egret_net::tcp::ServeCounts;
use egret_net::{Sharing, TcpShares};
use egret_runtime::cores::{Builder, Core};
use egret_runtime::runtime::Handle;
use std::cell::RefCell;
use std::io;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

const SERVER: &str = "EGRET_TEST_CORES_WITH_FEW_DESCRIPTORS";
const CORES: usize = 2;

/// How many more clients there are than descriptors.
const WAITING: usize = 64;

/// The most clients of a process, which has 20 000 descriptors where this was tried.
const OF_A_PROCESS: usize = 10_000;

thread_local! {
    static COUNTS: RefCell<Option<ServeCounts>> = const { RefCell::new(None) };
}

/// What a core says of itself.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    accepted: u64,
    exhausted: u64,
    failed: u64,
    polls: u64,
}

/// Asks a core, from another thread.
fn ask(core: &Handle) -> Said {
    let (answer, answered) = channel();
    drop(core.spawn_with(move || async move {
        let counts = COUNTS.with_borrow(|counts| counts.clone().unwrap());
        let said = (counts.accepted(), counts.exhausted(), counts.failed());
        answer.send(said).unwrap();
    }));
    let (accepted, exhausted, failed) = answered.recv().unwrap();
    Said { accepted, exhausted, failed, polls: core.metrics().unwrap().polls }
}

/// How many descriptors this process can open below a limit. Those above it, which it has inherited, do not count.
fn room_below(limit: usize) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name());
    let open = open.filter(|name| name.to_str().unwrap().parse::<usize>().unwrap() < limit);
    limit + 1 - open.count() // the listing itself has one open
}

/// Serves in this process, with descriptors below this limit. The command `counts` is answered with what each core says, `end` ends the cores.
fn serve(sharing: Sharing, limit: usize) {
    let shares = TcpShares::bind("127.0.0.1:0", sharing).unwrap();
    let address = *shares.local_addr();
    let builder = Builder::new().count(CORES);
    let (stop, (ready, all_ready)) = (builder.stop(), channel());
    let commands = thread::spawn(move || {
        let mut handles: Vec<Handle> = Vec::new();
        (0..CORES).for_each(|_| handles = all_ready.recv().unwrap());
        let _they_serve: Vec<_> = handles.iter().map(ask).collect();
        println!("serves: {address} {}", room_below(limit));
        for command in io::stdin().lines() {
            match &*command.unwrap() {
                "counts" => {
                    let said = handles.iter().map(ask);
                    let said = said.map(|said| {
                        format!("{} {} {} {}", said.accepted, said.exhausted, said.failed, said.polls)
                    });
                    println!("counts: {}", said.collect::<Vec<_>>().join(","));
                }
                _ => break,
            }
        }
        stop.request();
    });
    let ended = builder.run(async |core: Core| {
        let serve = shares.share(&core)?.serve(core.shutdown());
        COUNTS.set(Some(serve.counts()));
        ready.send(core.handles().to_vec()).unwrap();
        let shutdown = core.shutdown().clone();
        let connection = move |mut stream: egret_net::TcpStream, _| {
            let shutdown = shutdown.clone();
            async move {
                if stream.write_all(b"!").await.is_ok() {
                    let _ = shutdown.run_until_requested(stream.read(&mut [0])).await;
                }
            }
        };
        serve.run(connection).await
    });
    commands.join().unwrap();
    ended.unwrap();
    println!("end: yes");
}

fn counts(server: &mut Process) -> [Said; CORES] {
    let line = server.ask("counts");
    let mut of_cores = line.split(',').map(|said| {
        let mut numbers = said.split(' ').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        Said { accepted: next(), exhausted: next(), failed: next(), polls: next() }
    });
    std::array::from_fn(|_| of_cores.next().unwrap())
}

fn sum(said: &[Said], count: impl Fn(&Said) -> u64) -> u64 {
    said.iter().map(count).sum()
}

/// Fills the descriptors of a server with connections, has more clients wait, and then lets the first ones go.
///
/// `EGRET_DESCRIPTORS` is the limit of the server: 200 by default.
fn fill(test: &str, sharing: Sharing) {
    let limit = number("EGRET_DESCRIPTORS", 200);
    let mut server = Process::start(test, Some(limit), SERVER, &limit.to_string());
    let line = server.hear("serves");
    let (address, room) = line.split_once(' ').unwrap();
    let (address, room) = (address.parse().unwrap(), room.parse::<usize>().unwrap());
    let begun = Instant::now();
    let mut open = Vec::new();
    while open.iter().map(|(_, count)| count).sum::<usize>() < room {
        let count = OF_A_PROCESS.min(room - open.iter().map(|(_, count)| count).sum::<usize>());
        open.push((Process::clients(test, address, count), count));
    }
    for (clients, count) in &mut open {
        assert_eq!(clients.ask("served"), count.to_string());
    }
    let filled = begun.elapsed();
    let mut waiting = Process::clients(test, address, WAITING);

    // Each core that accepts notices, and tries again: after 5, 10, 20, 40 ms and so on.
    let accepting = if sharing == Sharing::FewestOpen { 1 } else { CORES };
    let noticed = |said: &[Said]| said.iter().filter(|said| said.exhausted >= 5).count();
    let (begun, before, mut asked) = (Instant::now(), counts(&mut server), 0);
    let full = loop {
        let now = counts(&mut server);
        asked += 1;
        if noticed(&now) == accepting && asked >= 100 {
            break now;
        }
        thread::yield_now();
    };
    assert_eq!((sum(&full, |said| said.accepted), sum(&full, |said| said.failed)), (room as u64, 0));
    assert_eq!(full.iter().filter(|said| said.exhausted > 0).count(), accepting, "{full:?}");
    for (before, full) in before.iter().zip(&full) {
        let (polls, pauses) = (full.polls - before.polls, full.exhausted - before.exhausted);
        // 5 ms up to 1 s: eight pauses in the first two seconds, and then one a second.
        let most = 10 + begun.elapsed().as_secs();
        assert!(pauses <= most, "{pauses} pauses in {:?}", begun.elapsed());
        // A question is a task of one poll; a pause ends in one of the server.
        assert!(polls <= 2 * asked + 2 * pauses + 20, "{polls} polls for {asked} questions, {pauses} pauses");
    }
    println!(
        "{sharing:?}: {room} connections in {filled:?}, {WAITING} wait; after {:?}: {full:?}",
        begun.elapsed()
    );

    open.clear();
    assert_eq!(waiting.ask("served"), WAITING.to_string());
    let served = counts(&mut server);
    assert_eq!(sum(&served, |said| said.accepted), (room + WAITING) as u64);
    server.ask("end");
    assert_eq!(waiting.ask("ended"), WAITING.to_string());
}

#[test]
fn cores_of_a_group_without_descriptors_each_wait_and_take_the_rest_when_some_are_free() {
    if is_clients() {
        return;
    }
    match std::env::var(SERVER) {
        Ok(limit) => serve(Sharing::Group, limit.parse().unwrap()),
        Err(_) => fill(test_of(&|| ()), Sharing::Group),
    }
}

#[test]
fn the_core_that_accepts_for_all_waits_without_descriptors_and_takes_the_rest_when_some_are_free() {
    if is_clients() {
        return;
    }
    match std::env::var(SERVER) {
        Ok(limit) => serve(Sharing::FewestOpen, limit.parse().unwrap()),
        Err(_) => fill(test_of(&|| ()), Sharing::FewestOpen),
    }
}
