//! The command line.

use crate::server::Server;
use load::{Case, Pace};
use std::time::Duration;

pub const USAGE: &str = "\
usage: bench instructions|syscalls [options]

  instructions   user-space instructions per request, counted by valgrind's callgrind
  syscalls       system calls per request, counted by strace

  --case echo|http      what is served (echo)
  --servers A,B,...     of floor, egret, tokio, tokio-local, smol, monoio (all)
  --connections N       kept-alive connections (64)
  --idle N              more connections on which nothing is sent (0)
  --size BYTES          bytes of an echo message (100)
  --depth N             requests a connection has under way at once (1)
  --pace waves|free     send when all connections have their answers, or each by itself (waves)
  --requests R1,R2      requests of the two runs whose difference is taken (2000,12000)
  --rounds N            how often each server is measured (3)
  --profile NAME        cargo profile of the servers: release, or lto (release)
  --seconds N           give up on a run after so long (120)
  --where N             instructions: also print the N files, functions and lines that spend most
  --at-most SERVER=N    instructions: fail when the server's figure is higher; may be repeated

The table goes to standard output as Markdown, progress to standard error.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Instructions,
    Syscalls,
}

/// What to measure.
#[derive(Debug)]
pub struct Settings {
    pub command: Command,
    pub case: Case,
    pub servers: Vec<&'static Server>,
    pub connections: usize,
    pub idle: usize,
    pub size: usize,
    pub depth: u64,
    pub pace: Pace,
    /// Requests of the short and of the long run.
    pub requests: (u64, u64),
    pub rounds: usize,
    pub profile: String,
    pub limit: Duration,
    /// How many places of each server's instructions to print.
    pub places: usize,
    /// Ceilings on instructions per request.
    pub at_most: Vec<(&'static Server, f64)>,
}

impl Settings {
    /// `None` when help is asked for.
    pub fn from_args() -> Result<Option<Settings>, lexopt::Error> {
        use lexopt::prelude::*;

        let mut command = None;
        let mut settings = Settings {
            command: Command::Instructions,
            case: Case::Echo,
            servers: Server::ALL.iter().collect(),
            connections: 64,
            idle: 0,
            size: 100,
            depth: 1,
            pace: Pace::Waves,
            requests: (2_000, 12_000),
            rounds: 3,
            profile: "release".to_owned(),
            limit: Duration::from_secs(120),
            places: 0,
            at_most: Vec::new(),
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("case") => settings.case = parser.value()?.parse()?,
                Long("servers") => settings.servers = parser.value()?.parse_with(servers)?,
                Long("connections") => settings.connections = parser.value()?.parse()?,
                Long("idle") => settings.idle = parser.value()?.parse()?,
                Long("size") => settings.size = parser.value()?.parse()?,
                Long("depth") => settings.depth = parser.value()?.parse()?,
                Long("pace") => settings.pace = parser.value()?.parse()?,
                Long("requests") => settings.requests = parser.value()?.parse_with(pair)?,
                Long("rounds") => settings.rounds = parser.value()?.parse()?,
                Long("profile") => settings.profile = parser.value()?.string()?,
                Long("seconds") => settings.limit = Duration::from_secs(parser.value()?.parse()?),
                Long("where") => settings.places = parser.value()?.parse()?,
                Long("at-most") => {
                    settings.at_most.push(parser.value()?.parse_with(ceiling)?);
                }
                Long("help") | Short('h') => return Ok(None),
                Value(name) if command.is_none() => {
                    command = Some(name.parse_with(|name| match name {
                        "instructions" => Ok(Command::Instructions),
                        "syscalls" => Ok(Command::Syscalls),
                        _ => Err(format!("no command {name:?}")),
                    })?);
                }
                _ => return Err(arg.unexpected()),
            }
        }
        settings.command = command.ok_or("say what to measure")?;
        settings.check()?;
        Ok(Some(settings))
    }

    fn check(&self) -> Result<(), String> {
        if self.rounds == 0 {
            return Err("rounds is at least 1".to_owned());
        }
        if self.requests.0 < self.connections as u64 {
            return Err("the short run needs at least one request for each connection".to_owned());
        }
        let only_instructions = self.places > 0 || !self.at_most.is_empty();
        if only_instructions && self.command != Command::Instructions {
            return Err("--where and --at-most are for instructions".to_owned());
        }
        for (server, _) in &self.at_most {
            if !self.servers.contains(server) {
                return Err(format!("--at-most: {} is not measured", server.name));
            }
        }
        Ok(())
    }

    /// What was measured, in words.
    pub fn describe(&self) -> String {
        let message = match self.case {
            Case::Echo => format!("echo of {} bytes", self.size),
            Case::Http => "HTTP hello".to_owned(),
        };
        let depth = match self.depth {
            1 => String::new(),
            depth => format!(", {depth} requests under way on each"),
        };
        let connections = match self.connections {
            1 => "1 connection".to_owned(),
            count => format!("{count} connections"),
        };
        let idle = match self.idle {
            0 => String::new(),
            idle => format!(" beside {idle} idle ones"),
        };
        format!(
            "{message}, {connections}{idle}{depth}, pace {}, `--profile {}`, difference of runs of {} and {} requests, \
             median of {} (lowest to highest)",
            self.pace, self.profile, self.requests.0, self.requests.1, self.rounds
        )
    }
}

fn servers(list: &str) -> Result<Vec<&'static Server>, String> {
    let mut servers = Vec::new();
    for name in list.split(',') {
        let server = Server::find(name)?;
        if servers.contains(&server) {
            return Err(format!("{name} is named twice"));
        }
        servers.push(server);
    }
    Ok(servers)
}

fn pair(text: &str) -> Result<(u64, u64), String> {
    let parse = |part: &str| part.parse::<u64>().map_err(|error| error.to_string());
    let (short, long) = text.split_once(',').ok_or("two numbers with a comma")?;
    let (short, long) = (parse(short)?, parse(long)?);
    if short >= long {
        return Err("the second run must be the longer one".to_owned());
    }
    Ok((short, long))
}

fn ceiling(text: &str) -> Result<(&'static Server, f64), String> {
    let (name, number) = text.split_once('=').ok_or("SERVER=N")?;
    let number = number.parse::<f64>().map_err(|error| error.to_string())?;
    Ok((Server::find(name)?, number))
}
