//! The command line.

use crate::cases::Case;
use crate::runtimes::Name;

pub const USAGE: &str = "\
usage: micro [options]

Measures in this one process, in rounds in which the runtimes take turns. Without --case: everything.

  --case A,B,...        of spawn, spawn-many, spawn-large, spawn-million, yield, yield-two, self-wake,
                        handover, sleep, timeout, live-timers, random-timers, tcp-echo, tcp-timed, unix-echo,
                        udp-echo, join-set, unordered, select-streams, channel, channel-across,
                        spawn-blocking, coalesced-busy, remote-back, remote-1, remote-2, remote-4, coalesced-1, coalesced-2, lateness,
                        memory (channel-across, spawn-blocking and the last eight not for --instructions)
  --runtimes A,B,...    of egret, tokio, smol, monoio (all)
  --rounds N            rounds (9)
  --full                5 times as many operations, and 10000 sleeps for lateness in place of 1000
  --instructions        count instructions per operation by valgrind's callgrind in place of time
  --where N             with --instructions: also print the N files, functions and lines that spend most
  --operations N        run the cases once with N operations and print nothing, for a tool that watches

The tables go to standard output as Markdown, progress to standard error.";

/// What to measure, and how.
#[derive(Debug)]
pub struct Settings {
    pub how: How,
    pub cases: Vec<Case>,
    pub lateness: bool,
    pub memory: bool,
    pub runtimes: Vec<Name>,
    pub rounds: usize,
    /// How many times the usual number of operations.
    pub length: u64,
    /// Sleeps of each runtime in all rounds together.
    pub sleeps: usize,
    /// How many places of the instructions to print.
    pub places: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Time,
    Instructions,
    /// Runs this many operations.
    Run(u64),
}

impl Settings {
    /// `None` when help is asked for.
    pub fn from_args() -> Result<Option<Settings>, lexopt::Error> {
        use lexopt::prelude::*;

        let mut settings = Settings {
            how: How::Time,
            cases: Case::ALL.to_vec(),
            lateness: true,
            memory: true,
            runtimes: Name::ALL.to_vec(),
            rounds: 9,
            length: 1,
            sleeps: 1_000,
            places: 0,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("case") => {
                    let list = parser.value()?.string()?;
                    settings.choose(&list)?;
                }
                Long("runtimes") => settings.runtimes = parser.value()?.parse_with(runtimes)?,
                Long("rounds") => settings.rounds = parser.value()?.parse()?,
                Long("full") => (settings.length, settings.sleeps) = (5, 10_000),
                Long("instructions") => settings.how = How::Instructions,
                Long("where") => settings.places = parser.value()?.parse()?,
                Long("operations") => settings.how = How::Run(parser.value()?.parse()?),
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(arg.unexpected()),
            }
        }
        if settings.rounds == 0 {
            return Err("rounds is at least 1".into());
        }
        if settings.places > 0 && settings.how != How::Instructions {
            return Err("--where is for --instructions".into());
        }
        Ok(Some(settings))
    }

    /// The runtimes to measure this case on.
    pub fn runtimes_of(&self, case: Case) -> impl Iterator<Item = Name> {
        self.runtimes.iter().copied().filter(move |runtime| case.is_possible_on(*runtime))
    }

    /// Measures the cases of this list and no others.
    fn choose(&mut self, list: &str) -> Result<(), String> {
        (self.cases, self.lateness, self.memory) = (Vec::new(), false, false);
        for name in list.split(',') {
            match name {
                "lateness" => self.lateness = true,
                "memory" => self.memory = true,
                _ => {
                    let case = Case::ALL.into_iter().find(|case| case.name() == name);
                    self.cases.push(case.ok_or_else(|| format!("no case {name:?}"))?);
                }
            }
        }
        Ok(())
    }
}

fn runtimes(list: &str) -> Result<Vec<Name>, String> {
    let mut runtimes = Vec::new();
    for name in list.split(',') {
        let runtime = Name::ALL.into_iter().find(|runtime| runtime.as_str() == name);
        let runtime = runtime.ok_or_else(|| format!("no runtime {name:?}"))?;
        if runtimes.contains(&runtime) {
            return Err(format!("{name} is named twice"));
        }
        runtimes.push(runtime);
    }
    Ok(runtimes)
}
