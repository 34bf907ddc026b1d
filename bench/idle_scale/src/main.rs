//! What one event costs among idle descriptors, by the call that waits for it: `select`, `poll`, `epoll_wait`, and a
//! task of egret.
//!
//! One TCP connection is active and so many eventfds are not. A byte is sent to the connection, the call is made that
//! reports it, the connection is found in what the call says, and the byte is read. The column "no wait" has the same
//! without the call, for what is read is known to be there: what it takes off from every other column is the waiting.
//!
//! The ways take turns within a round; each measurement is the mean over a few milliseconds, and the table has the
//! median of the rounds with the lowest and the highest. Time is that of the processor: nothing here sleeps.

#![deny(unsafe_code)]

mod chart;
mod ways;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use ways::{Active, Egret, Epoll, NoWait, Poll, Select, Way};

const USAGE: &str = "usage: idle-scale [--rounds N] [--svg FILE]
  --rounds N   measurements of each way at each size (default 11)
  --svg FILE   where to write the chart; without it there is none";

const SIZES: [usize; 7] = [10, 100, 1000, 2000, 5000, 10_000, 15_000];
const NAMES: [&str; 5] = ["no wait", "select", "poll", "epoll", "egret"];
/// How long a measurement takes, at least.
const MEASURED: Duration = Duration::from_millis(20);
/// Descriptors besides the idle ones: five connections with two ends each, epolls, standard streams, and some room.
const OTHERS: usize = 64;

fn main() {
    let (rounds, svg) = match settings() {
        Ok(Some(settings)) => settings,
        Ok(None) => return println!("{USAGE}"),
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            std::process::exit(2);
        }
    };
    if let Err(error) = run(rounds, svg) {
        eprintln!("idle-scale: {error}");
        std::process::exit(1);
    }
}

fn settings() -> Result<Option<(usize, Option<PathBuf>)>, lexopt::Error> {
    use lexopt::prelude::*;
    let (mut rounds, mut svg) = (11, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rounds") => rounds = parser.value()?.parse()?,
            Long("svg") => svg = Some(PathBuf::from(parser.value()?)),
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if rounds == 0 {
        return Err("--rounds is at least 1".into());
    }
    Ok(Some((rounds, svg)))
}

fn run(rounds: usize, svg: Option<PathBuf>) -> io::Result<()> {
    let most = allow_descriptors()?;
    // egret first, for the first colour, and the floor last.
    let mut series: Vec<chart::Series> = NAMES.iter().rev().map(|name| (*name, Vec::new())).collect();
    println!("Microseconds of the processor an event: median of {rounds} rounds, and lowest to highest.\n");
    println!("| idle | {} |", NAMES.join(" | "));
    println!("|---:|{}", "---:|".repeat(NAMES.len()));
    for size in SIZES {
        if size + OTHERS > most {
            println!("\nSKIPPED: {size}, for the limit is {most} descriptors (`ulimit -n`)");
            continue;
        }
        let figures = measure(size, rounds)?;
        for (name, points) in &mut series {
            if let Some((_, times)) = figures.iter().find(|(other, _)| other == name) {
                points.push((size as f64, median(times)));
            }
        }
        let cells = NAMES.map(|name| match figures.iter().find(|(other, _)| *other == name) {
            Some((_, times)) => {
                format!("{:.2} ({:.2} to {:.2})", median(times), times[0], times[times.len() - 1])
            }
            None => "-".to_owned(),
        });
        println!("| {size} | {} |", cells.join(" | "));
    }
    if let Some(path) = svg {
        let title = "One event among idle descriptors";
        fs::write(path, chart::svg(title, "idle descriptors", "microseconds of the processor", &series))?;
    }
    Ok(())
}

/// Raises the limit of this process as far as it may, and returns it.
fn allow_descriptors() -> io::Result<usize> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.map_or(usize::MAX, |most| most as usize))
}

/// Of this thread. No call here ever sleeps, so this is what an event costs, and another process that has the processor
/// meanwhile is not in it.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn idle_descriptor() -> io::Result<Rc<OwnedFd>> {
    Ok(Rc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
}

/// Microseconds an event, by way, in order.
fn measure(size: usize, rounds: usize) -> io::Result<Vec<(&'static str, Vec<f64>)>> {
    let idle = |count| (0..count).map(|_| idle_descriptor()).collect::<io::Result<Vec<_>>>();
    // In the middle of the numbers: `select` and `poll` ask in order, and until one is ready each that is asked costs
    // more, for it is to wake the caller. So a place in the middle is what an average one costs.
    let mut all = idle(size / 2)?;
    let active = NAMES.iter().map(|_| Active::new()).collect::<io::Result<Vec<_>>>()?;
    all.extend(idle(size - size / 2)?);
    let mut ways: Vec<(&str, Box<dyn Way + '_>)> = vec![
        ("no wait", Box::new(NoWait(&active[0]))),
        ("poll", Box::new(Poll::new(&active[1], &all))),
        ("epoll", Box::new(Epoll::new(&active[2], &all)?)),
        ("egret", Box::new(Egret::new(&active[3], &all)?)),
    ];
    if let Some(select) = Select::new(&active[4], &all) {
        ways.push(("select", Box::new(select)));
    }
    let mut figures: Vec<_> = ways.iter().map(|(name, _)| (*name, Vec::new())).collect();
    for round in 0..=rounds {
        for ((_, way), (_, times)) in ways.iter_mut().zip(&mut figures) {
            let start = cpu_time();
            let mut events = 0;
            while cpu_time() - start < MEASURED {
                for _ in 0..10 {
                    way.event()?;
                }
                events += 10;
            }
            if round > 0 {
                // The first is to warm up.
                times.push((cpu_time() - start).as_secs_f64() * 1e6 / f64::from(events));
            }
        }
    }
    figures.iter_mut().for_each(|(_, times)| times.sort_by(f64::total_cmp));
    Ok(figures)
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}
