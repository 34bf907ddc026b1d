//! What every server under test shares, so that the servers differ only in the runtime they stand on:
//! the arguments, the line that says where the server listens, the buffer size, and the HTTP parsing.
//!
//! A server has no way to end by itself other than its time limit. The process that started it sends SIGTERM;
//! callgrind writes its totals on that signal.

pub mod http;

use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process;

/// Bytes a connection's read buffer holds, in every server.
pub const BUFFER: usize = 16 * 1024;

/// Seconds after which a server ends itself, whatever happened to the process that started it.
const DEFAULT_SECONDS: u32 = 600;

/// The arguments of a server.
#[derive(Debug)]
pub struct Options {
    /// Where to listen. Port 0 asks for a free port.
    pub addr: SocketAddr,
    /// Which of the runtime's own variants to use, where a server has several.
    pub flavour: Option<String>,
}

impl Options {
    /// Reads `[--flavour NAME] [--seconds N] [ADDR]`, starts the time limit, and ends the process with a
    /// message when the arguments make no sense or ADDR is not on loopback.
    pub fn from_args() -> Options {
        match parse() {
            Ok((options, seconds)) => {
                limit_lifetime(seconds);
                options
            }
            Err(error) => {
                eprintln!("{error}\nusage: [--flavour NAME] [--seconds N] [ADDR]");
                process::exit(2);
            }
        }
    }

    /// Ends the process with a message unless the flavour is one of `known` or absent.
    pub fn check_flavour(&self, known: &[&str]) {
        if let Some(flavour) = &self.flavour
            && !known.contains(&flavour.as_str())
        {
            eprintln!("this server has no flavour {flavour:?}; it knows {known:?}");
            process::exit(2);
        }
    }
}

fn parse() -> Result<(Options, u32), lexopt::Error> {
    use lexopt::prelude::*;

    let mut options = Options { addr: SocketAddr::from(([127, 0, 0, 1], 8080)), flavour: None };
    let mut seconds = DEFAULT_SECONDS;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("flavour") => options.flavour = Some(parser.value()?.string()?),
            Long("seconds") => seconds = parser.value()?.parse()?,
            Value(addr) => options.addr = addr.parse()?,
            _ => return Err(arg.unexpected()),
        }
    }
    if !options.addr.ip().is_loopback() {
        return Err("a server under test listens on loopback only".into());
    }
    Ok((options, seconds))
}

/// Arms SIGALRM, whose default action ends the process: no server outlives a benchmark that was killed.
fn limit_lifetime(seconds: u32) {
    // SAFETY: `alarm` takes a number and touches no memory of ours; no handler for SIGALRM is installed.
    unsafe { libc::alarm(seconds) };
}

/// Prints the line a benchmark waits for. The process id is there because a server that runs under strace
/// is not the process the benchmark started.
pub fn announce(addr: SocketAddr) {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "listening on {addr} pid {}", process::id());
    if let Err(error) = written.and_then(|()| out.flush()) {
        fail("cannot announce the address", error);
    }
}

/// Ends the process with a message.
pub fn fail(what: &str, error: impl Display) -> ! {
    eprintln!("{what}: {error}");
    process::exit(1);
}
