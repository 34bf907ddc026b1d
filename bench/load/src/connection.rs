//! One connection of the load.
//!
//! ```text
//!   Asking --last answer: shutdown(Write)--> Ending --end of stream--> closed
//! ```
//! While asking, an end of stream is an error; while ending, a byte is.

use crate::traffic::Traffic;
use crate::{Config, Report};
use rustix::event::epoll::EventFlags;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Whether a connection has more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    Open,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asking,
    Ending,
}

#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    index: u64,
    state: State,
    /// Requests to make.
    share: u64,
    /// Requests that may be under way at once.
    depth: u64,
    /// Requests allowed so far: at most `answered + depth`, or what the wave or the schedule allows.
    allowed: u64,
    /// Whole answers received.
    answered: u64,
    /// When each request under way was allowed.
    began: VecDeque<Instant>,
    /// Bytes sent and received.
    sent: u64,
    received: u64,
    /// Whether epoll is asked to report room for sending.
    waits_to_send: bool,
    wants_to_send: bool,
}

impl Connection {
    pub fn open(config: &Config, index: u64, share: u64, limit: Duration) -> io::Result<Connection> {
        let limit = limit.max(Duration::from_millis(1));
        let stream = TcpStream::connect_timeout(&config.addr, limit)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream,
            index,
            state: State::Asking,
            share,
            depth: config.depth,
            allowed: 0,
            answered: 0,
            began: VecDeque::new(),
            sent: 0,
            received: 0,
            waits_to_send: false,
            wants_to_send: false,
        })
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether it misses an answer to one of its first `wave` requests.
    pub fn is_behind(&self, wave: u64) -> bool {
        self.answered < self.share.min(wave)
    }

    /// Lets it send one more request, that was due at `at`.
    pub fn allow(&mut self, at: Instant) {
        self.allowed += 1;
        self.began.push_back(at);
    }

    /// With `scratch` reads once, then sends what is allowed: up to `most` requests since the beginning.
    pub fn turn(
        &mut self,
        traffic: &Traffic,
        scratch: Option<&mut [u8]>,
        most: u64,
        now: Instant,
        report: &mut Report,
    ) -> Result<Progress, String> {
        if let Some(scratch) = scratch
            && self.receive(traffic, now, scratch, report)? == Progress::Closed
        {
            return Ok(Progress::Closed);
        }
        if self.state == State::Asking {
            if self.answered == self.share {
                self.state = State::Ending;
                self.stream.shutdown(Shutdown::Write).map_err(|error| format!("shutdown: {error}"))?;
            } else {
                self.send(traffic, most, now)?;
            }
        }
        Ok(Progress::Open)
    }

    /// The events to ask for, when they are others than before.
    pub fn new_interest(&mut self) -> Option<EventFlags> {
        if self.waits_to_send == self.wants_to_send {
            return None;
        }
        self.waits_to_send = self.wants_to_send;
        Some(if self.wants_to_send { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN })
    }

    /// Reads once: with level-triggered events what is left is reported again.
    fn receive(
        &mut self,
        traffic: &Traffic,
        now: Instant,
        scratch: &mut [u8],
        report: &mut Report,
    ) -> Result<Progress, String> {
        let count = match self.stream.read(scratch) {
            Ok(0) if self.state == State::Ending => return Ok(Progress::Closed),
            Ok(0) => return Err(format!("the server closed early, {self}")),
            Ok(count) => count,
            Err(error) if retry(&error) => return Ok(Progress::Open),
            Err(error) => return Err(format!("receive: {error}, {self}")),
        };
        if self.received + count as u64 > self.allowed * traffic.answer_len {
            return Err(format!("more bytes than were asked for, {self}"));
        }
        if let Some(at) = traffic.wrong(self.index, self.received, &scratch[..count]) {
            return Err(format!("wrong byte at offset {at}, {self}"));
        }
        self.received += count as u64;
        report.bytes += count as u64;
        while self.received >= (self.answered + 1) * traffic.answer_len {
            self.answered += 1;
            report.answered += 1;
            if let Some(began) = self.began.pop_front() {
                report.latency.record(now - began);
            }
        }
        Ok(Progress::Open)
    }

    fn send(&mut self, traffic: &Traffic, most: u64, now: Instant) -> Result<(), String> {
        while self.allowed < self.share.min(self.answered + self.depth).min(most) {
            self.allow(now);
        }
        let goal = self.allowed * traffic.request_len;
        self.wants_to_send = false;
        while self.sent < goal {
            let bytes = traffic.to_send(self.index, self.sent, goal);
            match self.stream.write(bytes) {
                Ok(count) => self.sent += count as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wants_to_send = true;
                    break;
                }
                Err(error) => return Err(format!("send: {error}, {self}")),
            }
        }
        Ok(())
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} requests answered, {} bytes sent, {} received",
            self.answered, self.share, self.sent, self.received
        )
    }
}

fn retry(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
