//! A recording in the trace event format.

use super::{Cause, Record, RecordedTask, Recording, What};
use crate::observe::chrome::{ChromeEvents, ChromeTrack, Text};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

pub(super) fn write(recording: &Recording, out: impl Write) -> io::Result<()> {
    let mut events = ChromeEvents::begin(
        out,
        ChromeTrack { process: std::process::id(), thread: recording.runtime.into() },
    )?;
    events.name("thread_name", &format!("egret loop {}", recording.runtime))?;
    // The arrows that have begun: by task, the number of its last wake.
    let (mut arrows, mut arrow) = (HashMap::new(), 0u64);
    for record in &recording.records {
        match record.what {
            What::Poll { task, by } => {
                let name = name(recording, task);
                let args = Args { recording, task, by };
                slice(&mut events, "poll", &name, record, format_args!("{args}"))?;
                if let Some(number) = arrows.remove(&task) {
                    events.arrow_ends("wake", record.at, number)?;
                }
            }
            What::Wake { task, .. } => {
                arrow += 1;
                arrows.insert(task, arrow);
                events.arrow_begins("wake", record.at, arrow)?;
            }
            What::Wait { events: count, sleeps } => {
                let name = if sleeps { "sleep" } else { "look" };
                slice(&mut events, "wait", name, record, format_args!("\"events\":{count}"))?;
            }
            What::Timers { fired } => {
                events.instant("timers", record.at, format_args!("\"fired\":{fired}"))?
            }
            What::Spawn { task } => {
                events.instant(
                    "spawn",
                    record.at,
                    format_args!("\"task\":{}", Text(&name(recording, task))),
                )?;
            }
            What::End { task } => {
                events.instant(
                    "end",
                    record.at,
                    format_args!("\"task\":{}", Text(&name(recording, task))),
                )?;
            }
        }
    }
    events.end()
}

/// Writes the slice of a record.
fn slice<W: Write>(
    events: &mut ChromeEvents<W>,
    kind: &str,
    name: &str,
    record: &Record,
    args: fmt::Arguments<'_>,
) -> io::Result<()> {
    events.slice(kind, name, record.at, record.took, args)
}

/// Returns how a task is called: by its name, or by the line that spawned it, with its id.
fn name(recording: &Recording, task: u32) -> String {
    let RecordedTask { id, name, spawned_at } = &recording.tasks[task as usize];
    let id = id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    match (name, spawned_at) {
        (Some(name), _) => format!("{name} #{id}"),
        (None, Some(at)) => format!("{}:{} #{id}", at.file(), at.line()),
        (None, None) => format!("task #{id}"),
    }
}

/// The arguments of a poll.
struct Args<'a> {
    recording: &'a Recording,
    task: u32,
    by: Cause,
}

impl fmt::Display for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = &self.recording.tasks[self.task as usize];
        if let Some(at) = task.spawned_at {
            write!(f, "\"spawned_at\":{},", Text(&format!("{}:{}", at.file(), at.line())))?;
        }
        match self.by {
            Cause::Spawn => f.write_str("\"woken_by\":\"its spawn\""),
            Cause::Event { fd, mask } => {
                write!(f, "\"woken_by\":\"an event of descriptor {fd}\",\"mask\":\"{mask:#x}\"")
            }
            Cause::Timer => f.write_str("\"woken_by\":\"a timer\""),
            Cause::Task(by) => {
                let by = format!("task {}", name(self.recording, by));
                write!(f, "\"woken_by\":{}", Text(&by))
            }
            Cause::Thread => f.write_str("\"woken_by\":\"another thread\""),
        }
    }
}
