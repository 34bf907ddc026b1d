//! How many datagrams a second are received on the loopback interface: one at a time and many at a time.
//!
//! Two settings, because they answer different questions. In `drain` the datagrams are in the socket's queue before the
//! clock starts, and one thread does nothing but receive them: the cost of receiving alone. In `flow` another thread sends
//! as fast as it can all the while, and what arrives is counted: what a server sees, the cost of the kernel's delivery
//! included. And three ways: one at a time, many at a time, and many at a time with GRO, which has the kernel hand over in
//! one piece what came in one piece; the sender sends it so in all three.
//!
//! The ways take turns, in `drain` after every queue and in `flow` after every quarter of a second, and the ratio is made
//! within a round, between neighbours in time. In `drain` a round's figure is the median of its queues, so that a queue
//! during which another process had the processor does not count.

#![forbid(unsafe_code)]

use egret::net::UdpSocket;
use egret::net::udp::RecvBatch;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: udp [--rounds N] [--size BYTES]
  --rounds N     rounds of each setting (default 15)
  --size BYTES   how long each datagram is (default 64)";

/// How many datagrams are in the queue: one batch. As many fit into a receive buffer as the kernel makes it by itself.
const QUEUED: usize = 64;
/// How many queues of each way are drained in a round.
const DRAINS: usize = 500;
/// How long a figure of `flow` is counted.
const FLOW: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    One,
    Many,
    Gro,
}

const WAYS: [Way; 3] = [Way::One, Way::Many, Way::Gro];

/// Datagrams a second, by way.
type Rates = [f64; 3];

struct Settings {
    rounds: usize,
    size: usize,
}

fn main() {
    let settings = match settings() {
        Ok(Some(settings)) => settings,
        Ok(None) => return println!("{USAGE}"),
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            std::process::exit(2);
        }
    };
    println!("{} rounds, datagrams of {} bytes; millions a second, medians", settings.rounds, settings.size);
    println!(
        "{:6} {:>6} {:>6} {:>6} {:>26} {:>26}",
        "", "one", "many", "GRO", "many / one (low - high)", "GRO / one (low - high)"
    );
    for (name, measure) in [("drain", drain as fn(usize, usize) -> Rates), ("flow", flow)] {
        measure(0, settings.size); // to warm up
        let rounds: Vec<_> = (0..settings.rounds).map(|round| measure(round, settings.size)).collect();
        let rate = |way: Way| {
            format!("{:.2}", median(&sorted(rounds.iter().map(|rates| rates[way as usize] / 1e6))))
        };
        let ratio = |way: Way| {
            let ratios = sorted(rounds.iter().map(|rates| rates[way as usize] / rates[Way::One as usize]));
            format!("{:.2} ({:.2} - {:.2})", median(&ratios), ratios[0], ratios[ratios.len() - 1])
        };
        let (one, many, gro) = (rate(Way::One), rate(Way::Many), rate(Way::Gro));
        println!("{name:6} {one:>6} {many:>6} {gro:>6} {:>26} {:>26}", ratio(Way::Many), ratio(Way::Gro));
    }
}

fn settings() -> Result<Option<Settings>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut settings = Settings { rounds: 15, size: 64 };
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("rounds") => settings.rounds = args.value()?.parse()?,
            Long("size") => settings.size = args.value()?.parse()?,
            Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if settings.rounds == 0 || !(1..=1200).contains(&settings.size) {
        return Err("rounds must be at least 1, and a size from 1 to 1200".into());
    }
    Ok(Some(settings))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

/// Receives at least one datagram, and says how many.
async fn receive(socket: &UdpSocket, way: Way, buf: &mut [u8], batch: &mut RecvBatch) -> usize {
    match way {
        Way::One => {
            socket.recv_from(buf).await.expect("a datagram");
            1
        }
        Way::Many | Way::Gro => socket.recv_many(batch).await.expect("datagrams"),
    }
}

/// A receiver in the runtime of this thread, and memory for it.
async fn receiver(way: Way) -> (UdpSocket, Vec<u8>, RecvBatch) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let size = if way == Way::Gro { 65535 } else { 2048 };
    if way == Way::Gro {
        socket.set_gro(true).expect("GRO: Linux 5.0 or later");
    }
    (socket, vec![0; 2048], RecvBatch::new(64, size))
}

/// Datagrams a second out of a queue that is full at the start.
fn drain(round: usize, size: usize) -> Rates {
    egret::block_on(async {
        let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let bytes = vec![b'x'; QUEUED * size];
        let mut receivers = Vec::new();
        for way in WAYS {
            receivers.push(receiver(way).await);
        }
        let mut times: [Vec<f64>; 3] = Default::default();
        for turn in 0..3 * DRAINS {
            let way = WAYS[(round + turn) % 3];
            let (socket, buf, batch) = &mut receivers[way as usize];
            let to = socket.local_addr().expect("an address");
            sender.send_segments(&bytes, size as u16, Some(to)).await.expect("room");
            let start = Instant::now();
            let mut received = 0;
            while received < QUEUED {
                received += receive(socket, way, buf, batch).await;
            }
            times[way as usize].push(start.elapsed().as_secs_f64());
        }
        times.map(|times| QUEUED as f64 / median(&sorted(times.into_iter())))
    })
}

/// Datagrams a second out of what another thread sends all the while.
fn flow(round: usize, size: usize) -> Rates {
    let mut rates = Rates::default();
    for turn in 0..3 {
        let way = WAYS[(round + turn) % 3];
        rates[way as usize] = flow_of(way, size);
    }
    rates
}

fn flow_of(way: Way, size: usize) -> f64 {
    let done = Arc::new(AtomicBool::new(false));
    egret::block_on(async {
        let (receiver, mut buf, mut batch) = receiver(way).await;
        let to = receiver.local_addr().expect("an address");
        let theirs = done.clone();
        let sending = thread::spawn(move || egret::block_on(send_until(&theirs, to, size)));
        let (start, mut received) = (Instant::now(), 0);
        let rate = loop {
            // The clock is not part of what is measured: looked at seldom.
            for _ in 0..64 {
                received += receive(&receiver, way, &mut buf, &mut batch).await;
            }
            let elapsed = start.elapsed();
            if elapsed >= FLOW {
                break received as f64 / elapsed.as_secs_f64();
            }
        };
        done.store(true, Ordering::Relaxed);
        sending.join().expect("the sender");
        rate
    })
}

/// Sends by the cheapest way there is, so that it is the receiver that is measured.
async fn send_until(done: &AtomicBool, to: SocketAddr, size: usize) {
    let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let bytes = vec![b'x'; 32 * size];
    while !done.load(Ordering::Relaxed) {
        // What the receiver has no room for is lost, which is as it should be.
        let _ = sender.send_segments(&bytes, size as u16, Some(to)).await;
    }
}
