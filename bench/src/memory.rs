//! What an idle connection costs: bytes of user memory for each, with the task that waits for it to be readable.
//!
//! Two measures that check each other: what the process has of its own in memory (`RssAnon`), with none and with all of
//! them, and what its allocator has given out, by memcheck, for a fifth and for all of them. What the kernel keeps for
//! a socket is in neither, and is the same for all.

use crate::Result;
use crate::allocations::{HELD, Memcheck};
use crate::args::Settings;
use crate::figure::Figure;
use crate::measure::{Counter, Prepared};
use crate::progress::{skipped, step};
use crate::server::{Built, Running, Server, files};
use crate::table::{Align, Table, number};
use crate::tool;
use load::Case;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to accept all connections, under memcheck too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections opened before the server is waited for. Below the shortest backlog here, the 128 of `std`'s listeners: a
/// connection that finds it full waits for a second or more before it asks again, and so many of those make minutes.
const AT_ONCE: usize = 100;

/// What was measured of one server.
#[derive(Debug)]
pub struct Idle {
    pub server: &'static Server,
    /// Bytes of `RssAnon` for each connection.
    pub resident: Figure,
    /// Bytes that the allocator gave out for each, where memcheck can run the server.
    pub allocated: Option<f64>,
}

pub fn run(settings: &Settings) -> Result<String> {
    let (results, prepared) = measure(settings)?;
    let mut table = Table::new();
    table.column("an idle connection", Align::Left);
    table.column("bytes allocated", Align::Right);
    table.column("bytes resident (range)", Align::Right);
    for idle in &results {
        table.row(vec![
            idle.server.title(),
            idle.allocated.map_or_else(|| "-".to_owned(), |bytes| number(bytes, 1)),
            idle.resident.with_range(0),
        ]);
    }
    Ok(format!(
        "User memory of an idle connection and its task, of {}.\n{}.\n\n{table}{}",
        settings.idle,
        tool::environment(&tool::check("valgrind")?),
        prepared.notes()
    ))
}

pub fn measure(settings: &Settings) -> Result<(Vec<Idle>, Prepared)> {
    let mut prepared = Prepared::default();
    let mut results = Vec::new();
    for &server in &settings.servers {
        step(&format!("building {}", server.name));
        match server.build_idle(&settings.profile)? {
            Built::Program(program) => match one(settings, server, &program) {
                Ok(idle) => results.push(idle),
                Err(error) if server.uses_uring() => prepared.skipped.push(skipped(server.name, &error)),
                Err(error) => return Err(error),
            },
            Built::Missing(why) => prepared.skipped.push(skipped(server.name, &why)),
        }
    }
    Ok((results, prepared))
}

fn one(settings: &Settings, server: &'static Server, program: &Path) -> Result<Idle> {
    let mut resident = Vec::new();
    for round in 1..=settings.rounds {
        step(&format!("round {round}/{} {}: resident", settings.rounds, server.name));
        let running = Running::start(server, program, None, settings.limit)?;
        // One connection first, so that what is made for the first one only is not counted.
        let first = connect(&running, 1, 0)?;
        let before = rss_anon(running.pid())?;
        let all = connect(&running, settings.idle, 1)?;
        let after = rss_anon(running.pid())?;
        drop((first, all));
        running.end()?;
        resident.push((after as f64 - before as f64) / settings.idle as f64);
    }
    let resident = Figure::of(resident).ok_or("no rounds")?;
    let held = |count| {
        step(&format!("{}: allocated for {count}", server.name));
        let stem = files()?.join(format!("idle-{}-{count}", server.name));
        let tool: Command = Memcheck.command(&stem);
        let running = Running::start(server, program, Some(tool), settings.limit)?;
        let connections = connect(&running, count, 0)?;
        running.end()?;
        drop(connections);
        Memcheck.counts(&stem).map(|counts| counts[HELD])
    };
    let some = settings.idle / 5;
    // Memcheck does not follow a ring, and under it a server may be too slow to accept them all.
    let allocated = match server.uses_uring() {
        true => None,
        false => match held(settings.idle).and_then(|all| Ok((all, held(some)?))) {
            Ok((all, few)) => Some((all as f64 - few as f64) / (settings.idle - some) as f64),
            Err(error) => {
                skipped(&format!("{}, bytes allocated", server.name), &error);
                None
            }
        },
    };
    Ok(Idle { server, resident, allocated })
}

/// Opens so many connections and waits until the server has accepted them, and those before; [`AT_ONCE`] at a time.
fn connect(running: &Running, count: usize, before: usize) -> Result<Vec<TcpStream>> {
    let descriptors = || open_descriptors(running.pid());
    let start = descriptors()?;
    let mut connections = Vec::with_capacity(count);
    let deadline = Instant::now() + PATIENCE;
    while connections.len() < count {
        for _ in 0..AT_ONCE.min(count - connections.len()) {
            let stream = TcpStream::connect(running.addr);
            let number = before + connections.len();
            connections.push(stream.map_err(|error| format!("connection {number}: {error}"))?);
        }
        while descriptors()? < start + connections.len() {
            if Instant::now() > deadline {
                return Err(format!("it has not accepted {count} connections in {} s", PATIENCE.as_secs()));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
    // The last ones are accepted, and their tasks are to run once.
    thread::sleep(Duration::from_millis(100));
    Ok(connections)
}

/// How many descriptors the server has. Since Linux 6.2 the size of the directory says so; before, they are counted.
fn open_descriptors(pid: i32) -> Result<usize> {
    let directory = format!("/proc/{pid}/fd");
    let size = std::fs::metadata(&directory).map(|metadata| metadata.len() as usize);
    let count = match size {
        Ok(0) => std::fs::read_dir(&directory).map(Iterator::count),
        size => size,
    };
    count.map_err(|error| format!("{directory}: {error}"))
}

fn rss_anon(pid: i32) -> Result<u64> {
    let status = tool::read(Path::new(&format!("/proc/{pid}/status")))?;
    parse_rss_anon(&status).ok_or_else(|| "no RssAnon in /proc".to_owned())
}

/// Reads "RssAnon:     123 kB".
fn parse_rss_anon(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

impl Server {
    /// The program that waits on connections and does nothing else; where there is none, the one that keeps no
    /// buffer for an idle connection.
    fn build_idle(&self, profile: &str) -> Result<Built> {
        match self.idle_program() {
            Some(program) => self.build_bin(&program, profile).map(Built::Program),
            None => self.build(if self.serves(Case::Echo) { Case::Echo } else { Case::Http }, profile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::process::Stdio;

    #[test]
    fn the_descriptors_of_a_process_are_counted() {
        let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // When it has answered it has opened and closed what it was loaded from.
        cat.stdin.as_mut().unwrap().write_all(b"here").unwrap();
        cat.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
        let listed = std::fs::read_dir(format!("/proc/{}/fd", cat.id())).unwrap().count();
        assert!(listed >= 3, "{listed}"); // and what was inherited
        assert_eq!(open_descriptors(cat.id() as i32), Ok(listed));
        drop(cat.stdin.take());
        cat.wait().unwrap();
        assert!(open_descriptors(-1).is_err());
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(parse_rss_anon("VmRSS:\t 900 kB\nRssAnon:\t     124 kB\n"), Some(126_976));
        assert_eq!(parse_rss_anon(""), None);
    }
}
