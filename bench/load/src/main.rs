//! The load generator as a command of its own.

#![forbid(unsafe_code)]

use load::{Config, run};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
usage: load [--case echo|http] [--connections N] [--idle N] [--requests N] [--size BYTES]
            [--depth N] [--pace free|waves|churn|N] [--spin] [--seconds N] [ADDR]

Every byte of every answer is checked.
  --case         what to send (echo)
  --connections  connections, all open before the first request (64)
  --idle         more connections, open all the while, on which nothing is sent (0)
  --requests     requests over all connections (100000)
  --size         bytes of an echo message (100)
  --depth        requests a connection may have under way at once (1)
  --pace         free: the next request is sent when an answer came; waves: all connections send when all have
                 their answers; churn: each connection makes one request and is closed;
                 N: so many requests a second, whether or not answers come (free)
  --spin         look for answers without sleeping: needs a processor of its own
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
            if let Some(why) = report.bottleneck(config.pace) {
                println!("the load generator was the bottleneck: {why}");
            }
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

    let mut config = Config::new(SocketAddr::from(([127, 0, 0, 1], 8080)));
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
            Long("spin") => config.spin = true,
            Long("seconds") => config.limit = Duration::from_secs(parser.value()?.parse()?),
            Long("help") | Short('h') => return Ok(None),
            Value(addr) => config.addr = addr.parse()?,
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(config))
}
