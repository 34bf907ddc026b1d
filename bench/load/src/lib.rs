//! A closed-loop load generator: N connections, each sending its next request when an answer came (or in waves, see [`Pace`]), until a
//! fixed number of requests is answered. Every received byte is compared with the byte that must come.
//!
//! One thread on level-triggered epoll: the simplest loop that cannot miss data. It is bounded in count and in
//! time, and talks to loopback addresses only. The end of a run is checked too: after its last answer each
//! connection is shut down for writing, and the server must close it without sending anything more.
//!
//! Latency is the time from "the request may be sent" to "its answer is complete". A closed loop sends less
//! when the server is slow, so its percentiles hide stalls (coordinated omission).

#![forbid(unsafe_code)]

mod connection;
mod histogram;
mod ring;
mod traffic;

pub use histogram::Histogram;

use connection::{Connection, Progress};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use traffic::Traffic;

/// Events taken at a time.
const BATCH: usize = 256;

/// Bytes read or written at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Errors kept for the report; the rest are only counted.
const ERRORS_KEPT: usize = 5;

/// What the requests and their answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// A message comes back as it was sent.
    Echo,
    /// `GET /` is answered with "Hello, world!", connections are kept alive.
    Http,
}

impl std::str::FromStr for Case {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Case, String> {
        match name {
            "echo" => Ok(Case::Echo),
            "http" => Ok(Case::Http),
            _ => Err(format!("no case {name:?}; there are echo and http")),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Case::Echo => "echo",
            Case::Http => "http",
        })
    }
}

/// When a connection may send its next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As soon as one of its own answers came.
    Free,
    /// In waves: when every connection has all its answers, every connection sends `depth` requests. So the
    /// next request is never there yet when the server looks for it right after an answer, as with clients
    /// that are a network away, and every request goes the whole way through the server's wait for readiness.
    Waves,
}

impl std::str::FromStr for Pace {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Pace, String> {
        match name {
            "free" => Ok(Pace::Free),
            "waves" => Ok(Pace::Waves),
            _ => Err(format!("no pace {name:?}; there are free and waves")),
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Pace::Free => "free",
            Pace::Waves => "waves",
        })
    }
}

/// A load.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server, on loopback.
    pub addr: SocketAddr,
    /// What to send.
    pub case: Case,
    /// Connections, all open before the first request.
    pub connections: usize,
    /// More connections, opened before those and closed after them, on which nothing is sent.
    pub idle: usize,
    /// Requests over all connections, shared out evenly.
    pub requests: u64,
    /// Bytes of an echo message.
    pub size: usize,
    /// Requests a connection may have under way at once.
    pub depth: u64,
    /// When the next request is sent.
    pub pace: Pace,
    /// When to give up.
    pub limit: Duration,
}

impl Config {
    fn check(&self) -> Result<()> {
        let wrong = |text: &str| Err(Error::new(ErrorKind::InvalidInput, text));
        if !self.addr.ip().is_loopback() {
            return wrong("the load generator talks to loopback only");
        }
        if self.connections == 0 || self.size == 0 || self.depth == 0 {
            return wrong("connections, size and depth are at least 1");
        }
        if self.requests < self.connections as u64 {
            return wrong("there must be at least one request for each connection");
        }
        Ok(())
    }
}

/// What a load saw.
#[derive(Debug)]
pub struct Report {
    /// Requests answered in full with the right bytes.
    pub answered: u64,
    /// Bytes received that were right.
    pub bytes: u64,
    /// Connections that failed, or were unfinished when the time was up.
    pub errors: u64,
    /// What the first few of them were.
    pub error_texts: Vec<String>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Time per request.
    pub latency: Histogram,
}

impl Report {
    fn failed(&mut self, error: String) {
        self.errors += 1;
        if self.error_texts.len() < ERRORS_KEPT {
            self.error_texts.push(error);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        writeln!(f, "requests    {}", self.answered)?;
        writeln!(f, "errors      {}", self.errors)?;
        for text in &self.error_texts {
            writeln!(f, "            {text}")?;
        }
        writeln!(f, "elapsed     {seconds:.3} s")?;
        writeln!(
            f,
            "throughput  {:.0} requests/s, {:.1} MB/s of answers",
            self.answered as f64 / seconds,
            self.bytes as f64 / seconds / 1e6
        )?;
        write!(f, "latency    ")?;
        for (name, part) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
            write!(f, " {name} {:.1} us,", micros(self.latency.quantile(part)))?;
        }
        write!(f, " max {:.1} us", micros(self.latency.max()))
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Runs a load to its end. `progress` is told now and then how many requests are answered.
///
/// # Errors
///
/// `InvalidInput` when the configuration makes no sense; any error of connecting. What goes wrong on a
/// connection later is counted in the report.
pub fn run(config: &Config, mut progress: impl FnMut(u64)) -> Result<Report> {
    config.check()?;
    let deadline = Instant::now() + config.limit;
    let mut load = Load::open(config, deadline)?;
    let mut events = Vec::with_capacity(BATCH);
    let mut scratch = vec![0; CHUNK];
    load.begin_wave(Instant::now())?;
    let begin = Instant::now();
    while load.open > 0 {
        let now = Instant::now();
        if now >= deadline {
            break;
        }
        wait(&load.epoll, deadline - now, &mut events)?;
        let now = Instant::now();
        let answered = load.report.answered;
        for event in events.drain(..) {
            load.turn(event.data.u64() as usize, Some(&mut scratch), now)?;
        }
        if load.report.answered != answered {
            load.report.elapsed = now - begin;
        }
        if load.pace == Pace::Waves && load.behind == 0 {
            load.begin_wave(now)?;
        }
        progress(load.report.answered);
    }
    Ok(load.end())
}

/// A load that runs.
struct Load {
    epoll: OwnedFd,
    traffic: Traffic,
    pace: Pace,
    depth: u64,
    /// Open, and silent.
    _idle: Vec<TcpStream>,
    /// `None` once it is closed.
    connections: Vec<Option<Connection>>,
    /// Connections that are not closed.
    open: usize,
    /// Requests that each connection may have sent when the pace is waves.
    wave: u64,
    /// Connections that miss an answer of this wave.
    behind: usize,
    report: Report,
}

impl Load {
    fn open(config: &Config, deadline: Instant) -> Result<Load> {
        let traffic = Traffic::new(config)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut idle = Vec::with_capacity(config.idle);
        for _ in 0..config.idle {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            idle.push(TcpStream::connect_timeout(&config.addr, left)?);
        }
        let count = config.connections as u64;
        let mut connections = Vec::with_capacity(config.connections);
        for index in 0..count {
            let share = config.requests / count + u64::from(index < config.requests % count);
            let left = deadline.saturating_duration_since(Instant::now());
            let connection = Connection::open(config, index, share, left)?;
            let data = epoll::EventData::new_u64(index);
            epoll::add(&epoll, connection.stream(), data, epoll::EventFlags::IN)?;
            connections.push(Some(connection));
        }
        Ok(Load {
            epoll,
            traffic,
            pace: config.pace,
            depth: config.depth,
            _idle: idle,
            open: connections.len(),
            connections,
            wave: 0,
            behind: 0,
            report: Report {
                answered: 0,
                bytes: 0,
                errors: 0,
                error_texts: Vec::new(),
                elapsed: Duration::ZERO,
                latency: Histogram::new(),
            },
        })
    }

    /// Lets every connection send. At a free pace this is done once.
    fn begin_wave(&mut self, now: Instant) -> Result<()> {
        self.wave += self.depth;
        self.behind = self.connections.iter().flatten().filter(|c| c.is_behind(self.wave)).count();
        for index in 0..self.connections.len() {
            self.turn(index, None, now)?;
        }
        Ok(())
    }

    /// Gives a connection its turn. With `scratch` it reads first.
    fn turn(&mut self, index: usize, scratch: Option<&mut [u8]>, now: Instant) -> Result<()> {
        let Some(connection) = self.connections[index].as_mut() else {
            return Ok(());
        };
        let most = match self.pace {
            Pace::Free => u64::MAX,
            Pace::Waves => self.wave,
        };
        let was_behind = connection.is_behind(self.wave);
        let result = connection.turn(&self.traffic, scratch, most, now, &mut self.report);
        if result == Ok(Progress::Open) {
            if let Some(interest) = connection.new_interest() {
                let data = epoll::EventData::new_u64(index as u64);
                epoll::modify(&self.epoll, connection.stream(), data, interest)?;
            }
            self.behind -= usize::from(was_behind && !connection.is_behind(self.wave));
            return Ok(());
        }
        if let Err(error) = result {
            self.report.failed(format!("connection {index}: {error}"));
        }
        self.behind -= usize::from(was_behind);
        self.open -= 1;
        // Dropping it closes the descriptor, which also takes it out of the epoll instance.
        self.connections[index] = None;
        Ok(())
    }

    fn end(mut self) -> Report {
        for (index, connection) in self.connections.iter().enumerate() {
            if let Some(connection) = connection {
                self.report.failed(format!("connection {index}: time is up, {connection}"));
            }
        }
        self.report
    }
}

/// Waits for the next batch. An interrupted wait is an empty one.
fn wait(epoll: &OwnedFd, limit: Duration, events: &mut Vec<epoll::Event>) -> Result<()> {
    let limit = Timespec::try_from(limit)
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "the time limit is too long"))?;
    match epoll::wait(epoll, spare_capacity(events), Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
