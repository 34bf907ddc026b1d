//! The ways to wait, compared under loads from light to heavy.

use crate::Result;
use crate::args::Settings;
use crate::cpu::{self, Rounds};
use crate::server::Server;
use crate::table::{Align, Table, number};
use crate::tool;
use load::Pace;

/// Closed loops, and rates of open ones, with how many requests make a run long enough.
const CONNECTIONS: [usize; 4] = [1, 4, 16, 64];
const RATES: [(u32, u64); 4] = [(100, 300), (1_000, 2_000), (10_000, 15_000), (50_000, 60_000)];

/// Connections of the open loops.
const OPEN: usize = 16;

const SERVERS: [&str; 3] = ["egret", "egret-spin", "tokio"];
const TITLES: [&str; 3] = ["Sleep", "Spin", "tokio"];

pub fn run(settings: &Settings) -> Result<String> {
    let mut results = Vec::new();
    let servers: Vec<_> = SERVERS.iter().map(|name| Server::find(name)).collect::<Result<_>>()?;
    for connections in CONNECTIONS {
        let requests = (0, settings.requests.1.min(20_000));
        let settings = Settings { servers: servers.clone(), connections, requests, ..settings.clone() };
        let unit = if connections == 1 { "connection" } else { "connections" };
        results.push((format!("{connections} {unit}, closed loop"), cpu::measure(&settings)?));
    }
    for (rate, requests) in RATES {
        let pace = Pace::Rate(rate);
        let requests = (0, requests);
        let settings =
            Settings { servers: servers.clone(), connections: OPEN, pace, requests, ..settings.clone() };
        results.push((format!("{rate} requests/s, open loop"), cpu::measure(&settings)?));
    }
    let mut text = format!(
        "Echo of {} bytes, medians of {} rounds (lowest to highest), open loops over {OPEN} \
         connections{}.\n{}.\n\n",
        settings.size,
        settings.rounds,
        if settings.spin { ", a load that does not sleep" } else { "" },
        tool::environment("schedstat"),
    );
    text.push_str(&format!("{}\n{}\n", cpu_table(&results), latency_table(&results)));
    text.push_str(&verdict(&results));
    for (load, rounds) in &results {
        for line in rounds.notes().lines().filter(|line| !line.is_empty()) {
            text.push_str(&format!("\n{load}: {line}\n"));
        }
    }
    Ok(text)
}

fn cpu_table(results: &[(String, Rounds)]) -> Table {
    let mut table = Table::new();
    table.column("load", Align::Left);
    table.column("Sleep, CPU us per request", Align::Right);
    for title in &TITLES[1..] {
        table.column(&format!("{title} / Sleep"), Align::Right);
    }
    for (load, rounds) in results {
        let mut row = vec![load.clone(), rounds.figure(0, |sample| sample.cpu).with_range(2)];
        row.extend((1..SERVERS.len()).map(|other| rounds.ratio(other, 0, |sample| sample.cpu).with_range(2)));
        table.row(row);
    }
    table
}

fn latency_table(results: &[(String, Rounds)]) -> Table {
    let mut table = Table::new();
    table.column("latency, us: p50 / p99", Align::Left);
    for title in TITLES {
        table.column(title, Align::Right);
    }
    for (load, rounds) in results {
        let mut row = vec![load.clone()];
        row.extend((0..SERVERS.len()).map(|index| {
            let median = |which: usize| rounds.figure(index, |sample| sample.latency[which]).median;
            format!("{} / {}", number(median(0), 1), number(median(1), 1))
        }));
        table.row(row);
    }
    table
}

/// How the latency of the lightest load stands to tokio's.
fn verdict(results: &[(String, Rounds)]) -> String {
    let Some((load, rounds)) = results.first() else { return String::new() };
    let to_tokio = |index| rounds.ratio(index, 2, |sample| sample.latency[0]).with_range(2);
    format!("Median latency over tokio's with {load}: `Sleep` {}, `Spin` {}.\n", to_tokio(0), to_tokio(1))
}
