//! The command line.

use super::patience::Limits;
use egret::time::system_now;
use std::time::SystemTime;

pub const USAGE: &str = "\
usage: http_server [ADDRESS:PORT [MAX_CONNECTIONS [TIMEOUTS]]] [--cores N] [--inspect ADDRESS:PORT]
  ADDRESS:PORT     where to listen (127.0.0.1:8080); port 0 takes any free one
  MAX_CONNECTIONS  how many clients each core serves at a time (16384)
  TIMEOUTS         other limits than the usual, in milliseconds, some of
                   header=10000,idle=60000,body=10000,write=60000,linger=2000,notice=0,last_call=100,drain=10000
                   notice is how long it serves on after SIGTERM, while GET /health answers 503
  N                how many cores serve (1); 0 takes as many as this process may use
  --inspect        where to serve the page that shows its tasks; needs feature inspect";

pub struct Options {
    pub cores: usize,
    pub address: String,
    pub max_connections: usize,
    pub limits: Limits,
    /// Where the page that shows its tasks is served.
    pub inspect: Option<String>,
    /// Where the time of a `Date` field comes from.
    pub clock: fn() -> SystemTime,
}

impl Options {
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Options, &'static str> {
        let mut args: Vec<_> = args.collect();
        let cores = match args.iter().position(|argument| argument == "--cores") {
            None => 1,
            Some(at) => {
                let count = args.drain(at..args.len().min(at + 2)).nth(1);
                match count.and_then(|count| count.parse().ok()).ok_or("N is not a number")? {
                    0 => egret::cores::available(),
                    count => count,
                }
            }
        };
        let inspect = match args.iter().position(|argument| argument == "--inspect") {
            Some(at) if at + 1 == args.len() => return Err("--inspect is without ADDRESS:PORT"),
            Some(at) => args.drain(at..at + 2).nth(1),
            None => None,
        };
        let mut args = args.into_iter();
        let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_string());
        let max_connections = args.next().map_or(Ok(16 * 1024), |most| most.parse());
        let mut limits = Limits::DEFAULT;
        match (max_connections, args.next().map(|changes| limits.change(&changes)), args.next()) {
            (Err(_) | Ok(0), ..) => Err("MAX_CONNECTIONS is not a number above 0"),
            (_, Some(None), _) => Err("TIMEOUTS is not of the form header=10000,idle=60000"),
            (_, _, Some(_)) => Err("too many arguments"),
            (Ok(max_connections), ..) => {
                Ok(Options { cores, address, max_connections, limits, inspect, clock: system_now })
            }
        }
    }
}
