//! The command line.

use super::patience::Limits;
use std::time::SystemTime;

pub const USAGE: &str = "\
usage: http_server [ADDRESS:PORT [MAX_CONNECTIONS [TIMEOUTS]]]
  ADDRESS:PORT     where to listen (127.0.0.1:8080); port 0 takes any free one
  MAX_CONNECTIONS  how many clients are served at a time (16384)
  TIMEOUTS         other limits than the usual, in milliseconds, some of
                   header=10000,idle=60000,body=10000,write=60000,linger=2000,last_call=100,drain=10000";

pub struct Options {
    pub address: String,
    pub max_connections: usize,
    pub limits: Limits,
    /// Where the time of a `Date` field comes from.
    pub clock: fn() -> SystemTime,
}

impl Options {
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, &'static str> {
        let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_string());
        let max_connections = args.next().map_or(Ok(16 * 1024), |most| most.parse());
        let mut limits = Limits::DEFAULT;
        match (max_connections, args.next().map(|changes| limits.change(&changes)), args.next()) {
            (Err(_) | Ok(0), ..) => Err("MAX_CONNECTIONS is not a number above 0"),
            (_, Some(None), _) => Err("TIMEOUTS is not of the form header=10000,idle=60000"),
            (_, _, Some(_)) => Err("too many arguments"),
            (Ok(max_connections), ..) => {
                Ok(Options { address, max_connections, limits, clock: SystemTime::now })
            }
        }
    }
}
