//! A run in the trace event format: a process for each host, a track for its kernel, its loop and each of its tasks.
//!
//! - Time is the simulation's. A poll lasts as long as its system calls; what has no length is shown as half a microsecond, or
//!   less when the next follows.
//! - Arrows go from what sends a packet to its arrival, and from what wakes a task to its poll.

use crate::observe::chrome::{ChromeEvents, ChromeTrack, Text};
use crate::sim::compare::Traced;
use crate::sys::sim::{Marked, Packet, ProgramId, TraceMark, TraceMoment, TraceRecord};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The first process is for what has no host.
const NETWORK: ChromeTrack = ChromeTrack { process: 1, thread: KERNEL };
/// The threads of a host; those of its tasks follow. Some readers take a 0 for nothing.
const KERNEL: u32 = 1;
const LOOP: u32 = 2;
const TASKS: u32 = 3;

/// The length of what has none, in nanoseconds.
const SHORT: u64 = 500;

pub(super) fn write(traced: &Traced, out: impl Write) -> io::Result<()> {
    let events = ChromeEvents::begin(out, NETWORK)?;
    let mut timeline = Timeline {
        events,
        begun: BTreeMap::new(),
        polls: BTreeMap::new(),
        names: BTreeMap::new(),
        arrows: 0,
        woken: BTreeMap::new(),
    };
    timeline.names(traced)?;
    let files = traced.users_of_files();
    let mut marks = traced.marks.iter().peekable();
    for (line, record) in traced.trace.records().iter().enumerate() {
        while let Some(mark) = marks.next_if(|mark| mark.moment.line <= line) {
            timeline.mark(mark)?;
        }
        let host = record.program.or_else(|| files.get(&record.file?).copied());
        timeline.record(record, host)?;
    }
    marks.try_for_each(|mark| timeline.mark(mark))?;
    timeline.end(traced.trace.records().last().map_or(0, |record| record.at))
}

struct Timeline<W: Write> {
    events: ChromeEvents<W>,
    /// The last of a track, whose length depends on the next: when it began, its name, the most that it lasts, its arguments.
    begun: BTreeMap<ChromeTrack, (u64, &'static str, u64, String)>,
    /// The task of each host that is polled, and since when.
    polls: BTreeMap<ProgramId, (u32, u64)>,
    names: BTreeMap<(ProgramId, u32), String>,
    /// The arrow that the next poll of a task ends.
    woken: BTreeMap<(ProgramId, u32), u64>,
    arrows: u64,
}

fn track(host: ProgramId, thread: u32) -> ChromeTrack {
    ChromeTrack { process: u32::from(host) + 2, thread }
}

impl<W: Write> Timeline<W> {
    /// Names processes and threads.
    fn names(&mut self, traced: &Traced) -> io::Result<()> {
        self.events.name("process_name", "network")?;
        self.events.name("thread_name", "network")?;
        for (number, name) in traced.programs.iter().enumerate() {
            let host = ProgramId::try_from(number).expect("fewer than 65 536 programs");
            for (thread, name) in [(KERNEL, "kernel"), (LOOP, "loop")] {
                self.events.track = track(host, thread);
                self.events.name("thread_name", name)?;
            }
            self.events.name("process_name", name)?;
        }
        let mut slots: Vec<_> = traced
            .marks
            .iter()
            .filter_map(|mark| match mark.what {
                Marked::Spawned { host, task, .. } => Some((host, task)),
                _ => None,
            })
            .collect();
        slots.sort_unstable();
        slots.dedup();
        for (host, task) in slots {
            self.events.track = track(host, TASKS + task);
            self.events.name("thread_name", &format!("tasks in slot {}", task.wrapping_sub(1)))?;
        }
        Ok(())
    }

    fn mark(&mut self, mark: &TraceMark) -> io::Result<()> {
        let at = mark.moment.at;
        match &mark.what {
            Marked::Spawned { host, task, name } => {
                self.names.insert((*host, *task), name.clone());
                Ok(())
            }
            Marked::Polled { host, task } => {
                self.poll_ends(*host, at)?;
                self.polls.insert(*host, (*task, at));
                let Some(arrow) = self.woken.remove(&(*host, *task)) else { return Ok(()) };
                self.events.track = track(*host, TASKS + task);
                self.events.arrow_ends("wake", at, arrow)
            }
            Marked::Woken { host, task } => {
                let waker = mark.moment.task.map_or(LOOP, |task| TASKS + task);
                let waker = track(*host, waker);
                if waker.thread == LOOP && self.begun.get(&waker).is_none_or(|begun| begun.0 != at) {
                    return Ok(()); // nothing to begin at
                }
                self.arrows += 1;
                self.woken.insert((*host, *task), self.arrows);
                self.events.track = waker;
                self.events.arrow_begins("wake", at, self.arrows)
            }
            Marked::Sent { host } => self.begins(track(*host, KERNEL), at, "sends", SHORT, String::new()),
            Marked::Arrived { packet, from, to, sent } => self.arrived(*packet, *from, *to, *sent, at),
        }
    }

    fn arrived(
        &mut self,
        packet: Packet,
        from: ProgramId,
        to: ProgramId,
        sent: TraceMoment,
        at: u64,
    ) -> io::Result<()> {
        let (name, args) = match packet {
            Packet::Syn => ("SYN", String::new()),
            Packet::SynAck => ("SYN, ACK", String::new()),
            Packet::Data(len) => ("data", format!("\"bytes\":{len}")),
            Packet::Fin => ("FIN", String::new()),
            Packet::Reset => ("RST", String::new()),
            Packet::Datagram(len) => ("datagram", format!("\"bytes\":{len}")),
        };
        self.begins(track(to, KERNEL), at, name, SHORT, args)?;
        self.arrows += 1;
        self.events.track = track(from, sent.task.map_or(KERNEL, |task| TASKS + task));
        self.events.arrow_begins("packet", sent.at, self.arrows)?;
        self.events.track = track(to, KERNEL);
        self.events.arrow_ends("packet", at, self.arrows)
    }

    fn record(&mut self, record: &TraceRecord, host: Option<ProgramId>) -> io::Result<()> {
        let file = record.file.map_or_else(String::new, |file| format!("\"file\":\"#{file}\","));
        let args = format!("{file}\"result\":{}", Text(&record.outcome.to_string()));
        match (host, record.program, record.what) {
            (_, None, "data" | "fin" | "datagram") => Ok(()), // drawn by its mark
            (Some(host), Some(_), "polled") => self.poll_ends(host, record.at),
            (Some(host), Some(_), "sleep") => {
                self.begins(track(host, LOOP), record.at, "sleep", u64::MAX, args)
            }
            (Some(host), Some(_), what) => match self.polls.get(&host) {
                Some((task, _)) => {
                    self.events.track = track(host, TASKS + task);
                    self.events.instant(what, record.at, format_args!("{args}"))
                }
                None => self.begins(track(host, LOOP), record.at, what, SHORT, args),
            },
            (Some(host), None, what) => self.begins(track(host, KERNEL), record.at, what, SHORT, args),
            (None, _, what) => self.begins(NETWORK, record.at, what, SHORT, args),
        }
    }

    /// Something begins on a track, and what was there ends.
    fn begins(
        &mut self,
        track: ChromeTrack,
        at: u64,
        name: &'static str,
        most: u64,
        args: String,
    ) -> io::Result<()> {
        match self.begun.insert(track, (at, name, most, args)) {
            Some(before) => self.ends(track, before, at),
            None => Ok(()),
        }
    }

    fn ends(&mut self, track: ChromeTrack, begun: (u64, &str, u64, String), at: u64) -> io::Result<()> {
        let (since, name, most, args) = begun;
        self.events.track = track;
        let took = at.saturating_sub(since).min(most);
        self.events.slice("simulated", name, since, took, format_args!("{args}"))
    }

    fn poll_ends(&mut self, host: ProgramId, at: u64) -> io::Result<()> {
        let Some((task, since)) = self.polls.remove(&host) else { return Ok(()) };
        let name = self.names.get(&(host, task)).map_or("a task", String::as_str);
        self.events.track = track(host, TASKS + task);
        self.events.slice("poll", name, since, at.saturating_sub(since), format_args!(""))
    }

    fn end(mut self, at: u64) -> io::Result<()> {
        for host in self.polls.keys().copied().collect::<Vec<_>>() {
            self.poll_ends(host, at)?;
        }
        for (track, begun) in std::mem::take(&mut self.begun) {
            let least = begun.0 + SHORT.min(begun.2);
            self.ends(track, begun, at.max(least))?;
        }
        self.events.end()
    }
}
