//! The trace event format of Chrome, which Perfetto reads: of the recorder, and of a simulation.

use std::fmt;
use std::io::{self, BufWriter, Write};

/// Writes events. They are separated by commas; the first has none.
pub(crate) struct ChromeEvents<W: Write> {
    out: BufWriter<W>,
    /// Where the next event goes.
    pub(crate) track: ChromeTrack,
    is_first: bool,
}

/// A row of the picture: a thread of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChromeTrack {
    pub(crate) process: u32,
    pub(crate) thread: u32,
}

impl<W: Write> ChromeEvents<W> {
    #[inline]
    pub(crate) fn begin(out: W, track: ChromeTrack) -> io::Result<ChromeEvents<W>> {
        let mut out = BufWriter::new(out);
        out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        Ok(ChromeEvents { out, track, is_first: true })
    }

    #[inline]
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.out.write_all(b"]}\n")?;
        self.out.flush()
    }

    /// Writes an event of a phase, with what it has in addition to the time and the track.
    fn event(&mut self, phase: &str, name: &str, at: u64, rest: fmt::Arguments<'_>) -> io::Result<()> {
        let comma = if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" };
        let ChromeTrack { process, thread } = self.track;
        let (name, at) = (Text(name), Micros(at));
        write!(
            self.out,
            "{comma}{{\"ph\":\"{phase}\",\"name\":{name},\"pid\":{process},\"tid\":{thread},\"ts\":{at}{rest}}}"
        )
    }

    /// Names the track (`thread_name`) or its process (`process_name`).
    #[inline]
    pub(crate) fn name(&mut self, what: &str, name: &str) -> io::Result<()> {
        // Parsers other than Perfetto's refuse events without a category.
        let cat = ",\"cat\":\"__metadata\"";
        self.event("M", what, 0, format_args!("{cat},\"args\":{{\"name\":{}}}", Text(name)))
    }

    /// Writes something that takes `took` nanoseconds. `args` are members of an object.
    #[inline]
    pub(crate) fn slice(
        &mut self,
        kind: &str,
        name: &str,
        at: u64,
        took: u64,
        args: fmt::Arguments<'_>,
    ) -> io::Result<()> {
        let took = Micros(took);
        self.event("X", name, at, format_args!(",\"dur\":{took},\"cat\":\"{kind}\",\"args\":{{{args}}}"))
    }

    /// Writes the begin of the arrow with this number, in the slice of the track that is on at that time.
    #[inline]
    pub(crate) fn arrow_begins(&mut self, kind: &str, at: u64, number: u64) -> io::Result<()> {
        self.event("s", kind, at, format_args!(",\"cat\":\"{kind}\",\"id\":{number}"))
    }

    /// Writes the end of the arrow.
    #[inline]
    pub(crate) fn arrow_ends(&mut self, kind: &str, at: u64, number: u64) -> io::Result<()> {
        self.event("f", kind, at, format_args!(",\"cat\":\"{kind}\",\"id\":{number},\"bp\":\"e\""))
    }

    /// Writes something that takes no time.
    #[inline]
    pub(crate) fn instant(&mut self, name: &str, at: u64, args: fmt::Arguments<'_>) -> io::Result<()> {
        self.event("i", name, at, format_args!(",\"cat\":\"loop\",\"s\":\"t\",\"args\":{{{args}}}"))
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
pub(crate) struct Text<'a>(pub(crate) &'a str);

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
