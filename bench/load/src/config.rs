//! What a load is to do.

use rustix::process::Pid;
use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// What the requests and their answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// A message comes back as it was sent.
    Echo,
    /// `GET /` is answered with "Hello, world!", connections are kept alive.
    Http,
}

impl FromStr for Case {
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

/// When the next request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As soon as the connection has one of its own answers: a closed loop.
    Free,
    /// In waves: when every connection has all its answers, every connection sends `depth` requests. So the
    /// next request is never there yet when the server looks for it right after an answer, as with clients
    /// that are a network away, and every request goes the whole way through the server's wait for readiness.
    Waves,
    /// So many a second over all connections, whether or not answers come: an open loop. The times are fixed before
    /// the first is sent, at random, as requests of many clients that know nothing of each other arrive
    /// (exponential gaps), and a latency is counted from the time at which its request was due.
    Rate(u32),
    /// Each connection makes one request, is closed, and is followed by the next one.
    Churn,
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Pace, String> {
        match name {
            "free" => Ok(Pace::Free),
            "waves" => Ok(Pace::Waves),
            "churn" => Ok(Pace::Churn),
            _ => match name.strip_suffix("/s").unwrap_or(name).parse() {
                Ok(rate) => Ok(Pace::Rate(rate)),
                Err(_) => Err(format!(
                    "no pace {name:?}; there are free, waves, churn, and a number of requests a second"
                )),
            },
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::Free => f.write_str("free"),
            Pace::Waves => f.write_str("waves"),
            Pace::Churn => f.write_str("churn"),
            Pace::Rate(rate) => write!(f, "{rate}/s"),
        }
    }
}

/// A load.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server, on loopback.
    pub addr: SocketAddr,
    /// What to send.
    pub case: Case,
    /// Connections, all open before the first request; with [`Pace::Churn`] so many at a time.
    pub connections: usize,
    /// More connections, opened before those and closed after them, on which nothing is sent.
    pub idle: usize,
    /// Requests over all connections, shared out evenly.
    pub requests: u64,
    /// Bytes of an echo message.
    pub size: usize,
    /// Requests a connection may have under way at once. An open loop has no such bound.
    pub depth: u64,
    /// When the next request is sent.
    pub pace: Pace,
    /// Whether the load looks for answers without ever sleeping: it then adds no wake-up of its own to a latency, and
    /// needs a processor to itself.
    pub spin: bool,
    /// The server's process, to be stopped while a wave is sent: it then finds all requests of the wave at its next look,
    /// on a machine that is busy and on one that is not. Only with [`Pace::Waves`].
    pub hold: Option<Pid>,
    /// When to give up.
    pub limit: Duration,
}

impl Config {
    /// One connection's worth of everything, to be changed by the caller.
    pub fn new(addr: SocketAddr) -> Config {
        Config {
            addr,
            case: Case::Echo,
            connections: 64,
            idle: 0,
            requests: 100_000,
            size: 100,
            depth: 1,
            pace: Pace::Free,
            spin: false,
            hold: None,
            limit: Duration::from_secs(60),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |text: &str| Err(Error::new(ErrorKind::InvalidInput, text));
        if !self.addr.ip().is_loopback() {
            return wrong("the load generator talks to loopback only");
        }
        if self.connections == 0 || self.size == 0 || self.depth == 0 || self.pace == Pace::Rate(0) {
            return wrong("connections, size, depth and rate are at least 1");
        }
        if self.requests < self.connections as u64 {
            return wrong("there must be at least one request for each connection");
        }
        if self.pace == Pace::Churn && self.depth != 1 {
            return wrong("a connection that makes one request has no depth");
        }
        if self.hold.is_some() && self.pace != Pace::Waves {
            return wrong("only a load in waves holds the server");
        }
        Ok(())
    }
}
