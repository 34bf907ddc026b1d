//! Compares a TCP proxy by `copy_bidirectional` with a hand-written one, which is the limit: `splice` and edge-triggered
//! `epoll`, no futures.
//!
//! Each round runs both, in turn first one and then the other first, over the same traffic: so many connections at
//! once, each of which sends so many bytes through the proxy, one way or both. The proxy has a thread to itself, and
//! what is compared are the bytes a second of wall clock and the processor time of that thread; the median over the
//! rounds of the ratio **within** a round, since the machine is not as fast in every round.
//!
//!     cargo run --release -p proxy -- --rounds 11 --megabytes 512 --case "8 connections"

mod floor;
mod relay;
mod sys;
mod traffic;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use traffic::Traffic;

const USAGE: &str = "usage: proxy [options]
  --rounds N       how often each proxy is measured (11)
  --megabytes N    what is sent in a round, each way (512)
  --case TEXT      only the traffic whose name contains TEXT, as \"8 connections\"";

/// Accepts as many connections as there are to be, hands each on to the target, and returns when all have ended.
type Run = fn(TcpListener, SocketAddr, usize);

#[derive(Clone, Copy)]
struct Proxy {
    /// What its thread is called, for a profiler.
    name: &'static str,
    run: Run,
}

const FLOOR: Proxy = Proxy { name: "floor", run: floor::run };
const EGRET: Proxy = Proxy { name: "egret", run: relay::run };

/// Of one proxy in one round.
struct Outcome {
    bytes: u64,
    wall: Duration,
    processor: Duration,
}

impl Outcome {
    fn throughput(&self) -> f64 {
        self.bytes as f64 / self.wall.as_secs_f64() / 1e6
    }

    /// Bytes for each second of the proxy's thread.
    fn efficiency(&self) -> f64 {
        self.bytes as f64 / self.processor.as_secs_f64() / 1e6
    }
}

fn measure(proxy: Proxy, traffic: Traffic) -> Outcome {
    let target = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let front = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let (target_address, front_address) = (address(&target), address(&front));
    let connections = traffic.connections;
    let thread = std::thread::Builder::new().name(proxy.name.to_owned());
    let running = thread.spawn(move || {
        (proxy.run)(front, target_address, connections);
        sys::processor_time_of_this_thread()
    });
    let running = running.expect("a thread is left");
    let (bytes, wall) = traffic.run(front_address, &target);
    let processor = running.join().expect("the proxy has ended well");
    Outcome { bytes, wall, processor }
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("it is bound")
}

/// Connections, whether both ends of each send, and bytes for each call of `write`.
const CASES: [(&str, usize, bool, usize); 4] = [
    ("1 connection, one way", 1, false, 256 * 1024),
    ("8 connections, one way", 8, false, 256 * 1024),
    ("4 connections, both ways", 4, true, 256 * 1024),
    ("1 connection, 4 KiB a write", 1, false, 4096),
];

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn compare(name: &str, traffic: Traffic, rounds: usize) {
    let (mut floors, mut egrets) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            floors.push(measure(FLOOR, traffic));
            egrets.push(measure(EGRET, traffic));
        } else {
            egrets.push(measure(EGRET, traffic));
            floors.push(measure(FLOOR, traffic));
        }
    }
    let of = |outcomes: &[Outcome], what: fn(&Outcome) -> f64| median(outcomes.iter().map(what).collect());
    let ratio = |what: fn(&Outcome) -> f64| {
        median(egrets.iter().zip(&floors).map(|(egret, floor)| what(egret) / what(floor)).collect())
    };
    println!(
        "| {name} | {:.0} | {:.0} | **{:.3}** | {:.0} | {:.0} | **{:.3}** |",
        of(&floors, Outcome::throughput),
        of(&egrets, Outcome::throughput),
        ratio(Outcome::throughput),
        of(&floors, Outcome::efficiency),
        of(&egrets, Outcome::efficiency),
        ratio(Outcome::efficiency),
    );
}

/// What the command line asks for.
struct Settings {
    rounds: usize,
    megabytes: u64,
    only: Option<String>,
}

/// `None` when help is asked for.
fn settings() -> Result<Option<Settings>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut settings = Settings { rounds: 11, megabytes: 512, only: None };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rounds") => settings.rounds = arguments.value()?.parse()?,
            Long("megabytes") => settings.megabytes = arguments.value()?.parse()?,
            Long("case") => settings.only = Some(arguments.value()?.string()?),
            Long("help") => return Ok(None),
            _ => return Err(argument.unexpected()),
        }
    }
    if settings.rounds == 0 || settings.megabytes == 0 {
        return Err("rounds and megabytes are at least 1".into());
    }
    Ok(Some(settings))
}

fn main() {
    let Settings { rounds, megabytes, only } = match settings() {
        Ok(Some(settings)) => settings,
        Ok(None) => return println!("{USAGE}"),
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            std::process::exit(2);
        }
    };
    println!(
        "median of {rounds} rounds of {megabytes} MB each way and proxy; the ratio is that within a round"
    );
    println!();
    println!(
        "| traffic | floor, MB/s | egret, MB/s | ratio | floor, MB per s of its thread | egret | ratio |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for (name, connections, both_ways, write) in CASES {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let bytes = megabytes * 1_000_000 / connections as u64;
        compare(name, Traffic { connections, both_ways, bytes, write }, rounds);
    }
}
