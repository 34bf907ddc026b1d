//! A load generator: N connections, and a fixed number of requests over them, sent when an answer came (a closed loop), in waves, or
//! when they are due whatever the server does (an open loop): see [`Pace`]. Every received byte is compared with the byte that must come.
//!
//! One thread on level-triggered epoll: the simplest loop that cannot miss data. It is bounded in count and in
//! time, and talks to loopback addresses only. The end of a run is checked too: after its last answer each
//! connection is shut down for writing, and the server must close it without sending anything more.
//!
//! The latency of an open loop is the time from "the request is due" to "its answer is complete": a server that stalls is
//! charged for every request that was due meanwhile. A closed loop counts from "the request may be sent"; it sends
//! less when the server is slow, so its percentiles hide stalls (coordinated omission).

#![forbid(unsafe_code)]

mod backlog;
mod config;
mod connection;
mod histogram;
mod hold;
mod random;
mod report;
mod ring;
mod schedule;
mod traffic;

pub use config::{Case, Config, Pace};
pub use histogram::Histogram;
pub use report::Report;

use connection::{Connection, Progress};
use hold::Hold;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use schedule::Schedule;
use std::io::{Error, ErrorKind, Result};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use traffic::Traffic;

/// Events taken at a time.
const BATCH: usize = 256;

/// Bytes read or written at a time.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Runs a load to its end. `progress` is told now and then how many requests are answered.
///
/// # Errors
///
/// `InvalidInput` when the configuration makes no sense; any error of connecting. What goes wrong on a
/// connection later is counted in the report.
pub fn run(config: &Config, mut progress: impl FnMut(u64)) -> Result<Report> {
    config.check()?;
    let deadline = Instant::now() + config.limit;
    // Else the kernel may let the waits of an open loop oversleep by 50 us.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let mut load = Load::open(config, deadline)?;
    let mut events = Vec::with_capacity(BATCH);
    let mut scratch = vec![0; CHUNK];
    let begin = load.begin()?;
    let mut woke = begin;
    while load.open > 0 {
        let now = Instant::now();
        load.report.working += now - woke;
        if now >= deadline {
            break;
        }
        wait(&load.epoll, load.patience(now, deadline), &mut events)?;
        let answered = load.report.answered;
        let before = Instant::now();
        // A spinning load that found nothing has not worked: it was there when something would have come.
        woke = before;
        for event in events.drain(..) {
            load.turn(event.data.u64() as usize, Some(&mut scratch), before)?;
        }
        load.send_due()?;
        if load.report.answered != answered {
            load.report.elapsed = before - begin;
        }
        if config.pace == Pace::Waves && load.behind == 0 {
            load.begin_wave(before)?;
        }
        progress(load.report.answered);
    }
    Ok(load.end())
}

/// A load that runs.
struct Load<'a> {
    config: &'a Config,
    deadline: Instant,
    epoll: OwnedFd,
    traffic: Traffic,
    /// Open, and silent.
    _idle: Vec<TcpStream>,
    /// `None` once it is closed.
    connections: Vec<Option<Connection>>,
    /// Connections that are not closed.
    open: usize,
    /// Connections that were ever opened, and those that still are to be.
    opened: u64,
    to_open: u64,
    /// Requests that each connection may have sent when the pace is waves.
    wave: u64,
    /// Connections that miss an answer of this wave.
    behind: usize,
    /// When the pace is a rate: when what is due, and on which connection.
    schedule: Option<Schedule>,
    next: usize,
    report: Report,
}

impl<'a> Load<'a> {
    fn open(config: &'a Config, deadline: Instant) -> Result<Load<'a>> {
        let traffic = Traffic::new(config)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut idle = Vec::with_capacity(config.idle);
        for _ in 0..config.idle {
            idle.push(TcpStream::connect_timeout(&config.addr, left(deadline))?);
            if idle.len().is_multiple_of(backlog::AT_ONCE) {
                backlog::accepted(config.addr, deadline);
            }
        }
        let mut load = Load {
            config,
            deadline,
            epoll,
            traffic,
            _idle: idle,
            connections: Vec::with_capacity(config.connections),
            open: 0,
            opened: 0,
            to_open: if config.pace == Pace::Churn { config.requests } else { 0 },
            wave: 0,
            behind: 0,
            schedule: None,
            next: 0,
            report: Report::new(),
        };
        let count = config.connections as u64;
        for index in 0..config.connections {
            load.connections.push(None);
            if config.pace != Pace::Churn {
                let share = config.requests / count + u64::from((index as u64) < config.requests % count);
                load.connect(index, share)?;
                if load.open.is_multiple_of(backlog::AT_ONCE) {
                    backlog::accepted(config.addr, deadline);
                }
            }
        }
        Ok(load)
    }

    /// Opens a connection in the place `index`.
    fn connect(&mut self, index: usize, share: u64) -> Result<()> {
        let connection = Connection::open(self.config, self.opened, share, left(self.deadline))?;
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, connection.stream(), data, epoll::EventFlags::IN)?;
        self.connections[index] = Some(connection);
        self.opened += 1;
        self.open += 1;
        Ok(())
    }

    /// Lets the first requests go, and says when that was.
    fn begin(&mut self) -> Result<Instant> {
        let now = Instant::now();
        match self.config.pace {
            Pace::Free | Pace::Waves => self.begin_wave(now)?,
            Pace::Rate(rate) => self.schedule = Some(Schedule::new(now, rate, self.config.requests)),
            Pace::Churn => (0..self.connections.len()).try_for_each(|index| self.replace(index))?,
        }
        Ok(now)
    }

    /// How long the next wait may take.
    fn patience(&self, now: Instant, deadline: Instant) -> Duration {
        if self.config.spin {
            return Duration::ZERO;
        }
        let due = self.schedule.as_ref().and_then(Schedule::next);
        due.map_or(deadline, |due| due.min(deadline)).saturating_duration_since(now)
    }

    /// Sends what is due by now, each connection in its turn.
    fn send_due(&mut self) -> Result<()> {
        while let Some(schedule) = &mut self.schedule {
            let now = Instant::now();
            let Some(at) = schedule.due(now) else { break };
            let index = self.next;
            self.next = (index + 1) % self.connections.len();
            self.report.lag.record(now - at);
            if let Some(connection) = &mut self.connections[index] {
                connection.allow(at);
            }
            self.turn(index, None, now)?;
        }
        Ok(())
    }

    /// Lets every connection send. At a free pace this is done once.
    fn begin_wave(&mut self, now: Instant) -> Result<()> {
        self.wave += self.config.depth;
        self.behind = self.connections.iter().flatten().filter(|c| c.is_behind(self.wave)).count();
        let held = if self.behind > 0 { self.config.hold } else { None };
        let _held = held.map(|process| Hold::new(process, self.deadline)).transpose()?;
        for index in 0..self.connections.len() {
            self.turn(index, None, now)?;
        }
        Ok(())
    }

    /// Opens the next connection of a churn in the place of one that is closed, and sends its request.
    fn replace(&mut self, index: usize) -> Result<()> {
        if self.to_open == 0 {
            return Ok(());
        }
        self.to_open -= 1;
        let now = Instant::now(); // the time it takes to connect is part of the latency
        self.connect(index, 1)?;
        if let Some(connection) = &mut self.connections[index] {
            connection.allow(now);
        }
        self.turn(index, None, now)
    }

    /// Gives a connection its turn. With `scratch` it reads first.
    fn turn(&mut self, index: usize, scratch: Option<&mut [u8]>, now: Instant) -> Result<()> {
        let Some(connection) = self.connections[index].as_mut() else {
            return Ok(());
        };
        let most = match self.config.pace {
            Pace::Free => u64::MAX,
            Pace::Waves => self.wave,
            Pace::Rate(_) | Pace::Churn => 0, // nothing but what was allowed one by one
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
        self.replace(index)
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

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
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
