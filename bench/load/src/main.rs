//! The load generator as a command of its own.

#![forbid(unsafe_code)]

use load::{Case, Config, Pace, run};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
usage: load [--case echo|http] [--connections N] [--idle N] [--requests N] [--size BYTES]
            [--depth N] [--pace free|waves] [--seconds N] [ADDR]

Closed loop: each connection sends its next request when an answer came. Every byte is checked.
  --case         what to send (echo)
  --connections  connections, all open before the first request (64)
  --idle         more connections, open all the while, on which nothing is sent (0)
  --requests     requests over all connections (100000)
  --size         bytes of an echo message (100)
  --depth        requests a connection may have under way at once (1)
  --pace         waves: all connections send when all have their answers (free)
  --seconds      give up after so long (60)
  ADDR           the server, on loopback (127.0.0.1:8080)";

fn main() -> ExitCode {
    let config = match parse() {
        Ok(Some(config)) => config,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&config, |_| ()) {
        Ok(report) => {
            println!("{report}");
            if report.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{}: {error}", config.addr);
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<Option<Config>, lexopt::Error> {
    use lexopt::prelude::*;

    let mut config = Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 8080)),
        case: Case::Echo,
        connections: 64,
        idle: 0,
        requests: 100_000,
        size: 100,
        depth: 1,
        pace: Pace::Free,
        limit: Duration::from_secs(60),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("case") => config.case = parser.value()?.parse()?,
            Long("connections") => config.connections = parser.value()?.parse()?,
            Long("idle") => config.idle = parser.value()?.parse()?,
            Long("requests") => config.requests = parser.value()?.parse()?,
            Long("size") => config.size = parser.value()?.parse()?,
            Long("depth") => config.depth = parser.value()?.parse()?,
            Long("pace") => config.pace = parser.value()?.parse()?,
            Long("seconds") => config.limit = Duration::from_secs(parser.value()?.parse()?),
            Long("help") | Short('h') => return Ok(None),
            Value(addr) => config.addr = addr.parse()?,
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(config))
}
