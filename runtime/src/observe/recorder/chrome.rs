//! The trace event format.

use super::{Cause, Record, RecordedTask, Recording, What};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufWriter, Write};

/// The events are separated by commas; the first has none.
struct Events<W: Write> {
    out: BufWriter<W>,
    process: u32,
    thread: u16,
    is_first: bool,
}

pub(super) fn write(recording: &Recording, out: impl Write) -> io::Result<()> {
    let out = BufWriter::new(out);
    let mut events = Events { out, process: std::process::id(), thread: recording.runtime, is_first: true };
    events.out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
    let track = format!("egret loop {}", recording.runtime);
    // Parsers other than Perfetto's refuse events without a category.
    let cat = ",\"cat\":\"__metadata\"";
    events.event("M", "thread_name", 0, format_args!("{cat},\"args\":{{\"name\":{}}}", Text(&track)))?;
    // The arrows that have begun: by task, the number of its last wake.
    let (mut arrows, mut arrow) = (HashMap::new(), 0u64);
    for record in &recording.records {
        match record.what {
            What::Poll { task, by } => {
                let name = name(recording, task);
                let args = Args { recording, task, by };
                events.slice("poll", &name, record, format_args!("{args}"))?;
                if let Some(number) = arrows.remove(&task) {
                    events.arrow("f", record, number, ",\"bp\":\"e\"")?;
                }
            }
            What::Wake { task, .. } => {
                arrow += 1;
                arrows.insert(task, arrow);
                events.arrow("s", record, arrow, "")?;
            }
            What::Wait { events: count, sleeps } => {
                let name = if sleeps { "sleep" } else { "look" };
                events.slice("wait", name, record, format_args!("\"events\":{count}"))?;
            }
            What::Timers { fired } => events.instant("timers", record, format_args!("\"fired\":{fired}"))?,
            What::Spawn { task } => {
                events.instant("spawn", record, format_args!("\"task\":{}", Text(&name(recording, task))))?;
            }
            What::End { task } => {
                events.instant("end", record, format_args!("\"task\":{}", Text(&name(recording, task))))?;
            }
        }
    }
    events.out.write_all(b"]}\n")?;
    events.out.flush()
}

impl<W: Write> Events<W> {
    /// An event of a phase, with what it has in addition to the time and the track.
    fn event(&mut self, phase: &str, name: &str, at: u64, rest: fmt::Arguments<'_>) -> io::Result<()> {
        let comma = if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" };
        let (process, thread) = (self.process, self.thread);
        let (name, at) = (Text(name), Micros(at));
        write!(
            self.out,
            "{comma}{{\"ph\":\"{phase}\",\"name\":{name},\"pid\":{process},\"tid\":{thread},\"ts\":{at}{rest}}}"
        )
    }

    fn slice(&mut self, kind: &str, name: &str, record: &Record, args: fmt::Arguments<'_>) -> io::Result<()> {
        let (at, took) = (record.at, Micros(record.took));
        self.event("X", name, at, format_args!(",\"dur\":{took},\"cat\":\"{kind}\",\"args\":{{{args}}}"))
    }

    /// The begin or the end of an arrow.
    fn arrow(&mut self, phase: &str, record: &Record, number: u64, end: &str) -> io::Result<()> {
        self.event(phase, "wake", record.at, format_args!(",\"cat\":\"wake\",\"id\":{number}{end}"))
    }

    fn instant(&mut self, name: &str, record: &Record, args: fmt::Arguments<'_>) -> io::Result<()> {
        self.event("i", name, record.at, format_args!(",\"cat\":\"loop\",\"s\":\"t\",\"args\":{{{args}}}"))
    }
}

/// How a task is called: by its name, or by the line that spawned it, with its id.
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

/// Nanoseconds as the microseconds of the format.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A string of JSON.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_times_have_three_places() {
        assert_eq!(Text("a\"b\\c\n<script>\u{e9}").to_string(), "\"a\\\"b\\\\c\\u000a<script>\u{e9}\"");
        assert_eq!(Micros(1_234_005).to_string(), "1234.005");
    }
}
