//! The command line.

use crate::server::{self, Server};
use load::{Case, Config, Pace};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

pub const USAGE: &str = "\
usage: bench COMMAND [options]

  instructions   user-space instructions per request, counted by valgrind's callgrind
  syscalls       system calls per request, counted by strace
  allocations    allocations per request, counted by valgrind's memcheck
  cpu            on-CPU time of the server per request, and latency, in interleaved rounds
  memory         bytes of each idle connection with its task
  park           cpu for each way to wait (Park::Sleep, Spin) under loads from light to heavy
  build          build time from clean, size of the program, crates and unsafe lines in the tree
  gate           fails when an instruction count of bench/gate.txt has grown
  report, all    all of it, as pages under docs/benchmarks/; takes about three quarters of an hour

  --case echo|http      what is served (echo)
  --servers A,B,...     which (all; `--servers help` lists them)
  --connections N       kept-alive connections (64)
  --idle N              more connections on which nothing is sent (0; for memory 15000)
  --size BYTES          bytes of an echo message (100)
  --depth N             requests a connection has under way at once (1)
  --pace P              waves: send when all connections have their answers; free: each by itself; churn: each
                        connection makes one request and is closed; N: an open loop of N requests a second
                        (waves; for cpu free)
  --requests R1,R2      requests of the two runs whose difference is taken (2000,12000);
                        for cpu one number, of which the middle eight tenths are measured (50000)
  --rounds N            how often each server is measured (3; for cpu 9)
  --spin                cpu, park: the load looks for answers without sleeping
  --hold                instructions: the server is stopped while a wave is sent, and finds all of it at once
  --profile NAME        cargo profile of the servers: release, or lto (release)
  --seconds N           give up on a run after so long (120)
  --where N             instructions: also print the N files, functions and lines that spend most
  --at-most SERVER=N    instructions: fail when the server's figure is higher; may be repeated
  --pages A,B,...       report: only these (all)
  --quick               report: one round of each, to see that everything works
  --update              gate: write the counts of now to bench/gate.txt

The tables go to standard output as Markdown, progress to standard error.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Instructions,
    Syscalls,
    Allocations,
    Cpu,
    Memory,
    Park,
    Build,
    Gate,
    Report,
}

impl FromStr for Command {
    type Err = String;

    fn from_str(name: &str) -> Result<Command, String> {
        match name {
            "instructions" => Ok(Command::Instructions),
            "syscalls" => Ok(Command::Syscalls),
            "allocations" => Ok(Command::Allocations),
            "cpu" => Ok(Command::Cpu),
            "memory" => Ok(Command::Memory),
            "park" => Ok(Command::Park),
            "build" => Ok(Command::Build),
            "gate" => Ok(Command::Gate),
            "report" | "all" => Ok(Command::Report),
            _ => Err(format!("no command {name:?}")),
        }
    }
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Settings {
    pub command: Command,
    pub case: Case,
    pub servers: Vec<&'static Server>,
    pub connections: usize,
    pub idle: usize,
    pub size: usize,
    pub depth: u64,
    pub pace: Pace,
    /// Requests of the short and of the long run. What has one run makes the long one.
    pub requests: (u64, u64),
    pub rounds: usize,
    pub spin: bool,
    /// Whether the server is stopped while a wave is sent.
    pub hold: bool,
    pub profile: String,
    pub limit: Duration,
    /// How many places of each server's instructions to print.
    pub places: usize,
    /// Ceilings on instructions per request.
    pub at_most: Vec<(&'static Server, f64)>,
    /// Pages of the report; none is all.
    pub pages: Vec<String>,
    pub quick: bool,
    pub update: bool,
}

impl Settings {
    /// What a command does when nothing else is said.
    pub fn new(command: Command) -> Settings {
        let timed = matches!(command, Command::Cpu | Command::Park);
        Settings {
            command,
            case: Case::Echo,
            servers: Server::shown().collect(),
            connections: 64,
            idle: if command == Command::Memory { 15_000 } else { 0 },
            size: 100,
            depth: 1,
            pace: if timed { Pace::Free } else { Pace::Waves },
            requests: if timed { (0, 50_000) } else { (2_000, 12_000) },
            rounds: if timed { 9 } else { 3 },
            spin: false,
            hold: false,
            profile: "release".to_owned(),
            limit: Duration::from_secs(120),
            places: 0,
            at_most: Vec::new(),
            pages: Vec::new(),
            quick: false,
            update: false,
        }
    }

    /// `None` when help is asked for.
    pub fn from_args() -> Result<Option<Settings>, lexopt::Error> {
        use lexopt::prelude::*;

        let mut parser = lexopt::Parser::from_env();
        let command = match parser.next()? {
            Some(Value(name)) => name.parse()?,
            Some(Long("help") | Short('h')) => return Ok(None),
            Some(other) => return Err(other.unexpected()),
            None => return Err("say what to measure".into()),
        };
        let mut settings = Settings::new(command);
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
                Long("spin") => settings.spin = true,
                Long("hold") => settings.hold = true,
                Long("profile") => settings.profile = parser.value()?.string()?,
                Long("seconds") => settings.limit = Duration::from_secs(parser.value()?.parse()?),
                Long("where") => settings.places = parser.value()?.parse()?,
                Long("at-most") => settings.at_most.push(parser.value()?.parse_with(ceiling)?),
                Long("pages") => {
                    settings.pages = parser.value()?.string()?.split(',').map(str::to_owned).collect();
                }
                Long("quick") => settings.quick = true,
                Long("update") => settings.update = true,
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(arg.unexpected()),
            }
        }
        settings.check()?;
        Ok(Some(settings))
    }

    fn check(&self) -> Result<(), String> {
        if self.rounds == 0 {
            return Err("rounds is at least 1".to_owned());
        }
        let twice = matches!(self.command, Command::Instructions | Command::Syscalls | Command::Allocations);
        if twice && self.requests.0 < self.connections as u64 {
            return Err("the short run needs at least one request for each connection".to_owned());
        }
        let only_instructions = self.hold || self.places > 0 || !self.at_most.is_empty();
        if only_instructions && self.command != Command::Instructions {
            return Err("--hold, --where and --at-most are for instructions".to_owned());
        }
        for (server, _) in &self.at_most {
            if !self.servers.contains(server) {
                return Err(format!("--at-most: {} is not measured", server.name));
            }
        }
        Ok(())
    }

    /// The load of this measurement on a server.
    pub fn load(&self, addr: SocketAddr, requests: u64) -> Config {
        Config {
            case: self.case,
            connections: self.connections,
            idle: self.idle,
            requests,
            size: self.size,
            depth: self.depth,
            pace: self.pace,
            spin: self.spin,
            limit: self.limit,
            ..Config::new(addr)
        }
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
        let spin = if self.spin { ", a load that does not sleep" } else { "" };
        let hold = if self.hold { " found whole" } else { "" };
        let runs = match self.requests {
            (0, requests) => format!("{requests} requests"),
            (short, long) => format!("difference of runs of {short} and {long} requests"),
        };
        let rounds = match self.rounds {
            1 => "1 round".to_owned(),
            rounds => format!("median of {rounds} rounds (lowest to highest)"),
        };
        format!(
            "{message}, {connections}{idle}{depth}, pace {}{hold}{spin}, `--profile {}`, {runs}, {rounds}",
            self.pace, self.profile
        )
    }
}

fn servers(list: &str) -> Result<Vec<&'static Server>, String> {
    if list == "help" {
        return Err(server::list());
    }
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
    let Some((short, long)) = text.split_once(',') else { return Ok((0, parse(text)?)) };
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
