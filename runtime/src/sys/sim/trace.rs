//! The trace: what happened, in order. Its hash compares two runs; its text is for people.

use std::fmt::{self, Write as _};
use std::sync::Arc;

/// One event of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceRecord {
    /// True time, in nanoseconds; the clocks of hosts may differ.
    pub(crate) at: u64,
    /// The program that did it; `None` for what no program does.
    pub(crate) program: Option<u16>,
    pub(crate) what: &'static str,
    /// The open file concerned.
    pub(crate) file: Option<u32>,
    pub(crate) outcome: Outcome,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// A length, a count or another number.
    Value(u64),
    /// An errno.
    Error(i32),
    /// An event mask.
    Mask(u32),
    Text(Arc<str>),
}

/// The records of one simulation.
#[derive(Default)]
pub(crate) struct SimTrace {
    records: Vec<TraceRecord>,
    hash: u64,
}

/// Returns a text as numbers of eight bytes, the last one with its length: by the byte it was an eighth of the time
/// of a run.
fn words(text: &str) -> impl Iterator<Item = u64> {
    let chunks = text.as_bytes().chunks_exact(8);
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    last[7] = chunks.remainder().len() as u8;
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    chunks.map(word).chain([u64::from_le_bytes(last)])
}

/// Records beyond this count enter the hash and are not kept: 64 bytes each, some 250 MB at this limit.
const KEPT: usize = 4_000_000;

impl SimTrace {
    pub(crate) fn push(&mut self, record: TraceRecord) {
        let mut mix = |value: u64| {
            // The finaliser of splitmix64 over the hash and the next value.
            let mut z = (self.hash ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            self.hash = z ^ (z >> 31);
        };
        mix(record.at);
        mix(record.program.map_or(0, |program| u64::from(program) + 1));
        words(record.what).for_each(&mut mix);
        mix(record.file.map_or(0, |file| u64::from(file) + 1));
        match &record.outcome {
            Outcome::Done => mix(1),
            Outcome::Value(value) => mix(value.wrapping_mul(8) ^ 2),
            Outcome::Error(errno) => mix(*errno as u64 ^ 3 << 32),
            Outcome::Mask(mask) => mix(u64::from(*mask) ^ 4 << 32),
            Outcome::Text(text) => words(text).for_each(mix),
        }
        if self.records.len() < KEPT {
            self.records.push(record);
        }
    }

    /// Equal for two runs in which the same things happened at the same times.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns the records that are kept.
    pub(crate) fn records(&self) -> &[TraceRecord] {
        &self.records
    }

    /// Records as lines of text.
    pub(crate) fn text(records: &[TraceRecord], program: impl Fn(u16) -> Arc<str>) -> String {
        let mut text = String::new();
        for record in records {
            let _ = write!(text, "{:>6}.{:06} ms ", record.at / 1_000_000, record.at % 1_000_000);
            let program = record.program.map_or_else(|| "network".into(), &program);
            let file = record.file.map_or_else(String::new, |file| format!("#{file}"));
            let _ = writeln!(text, "{program:>10} {:<14} {file:>6} {}", record.what, record.outcome);
        }
        text
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done => Ok(()),
            Outcome::Value(value) => write!(f, "{value}"),
            Outcome::Error(errno) => {
                let error = std::io::Error::from_raw_os_error(*errno);
                write!(f, "{error}")
            }
            Outcome::Mask(mask) => f.write_str(&super::poll::names(*mask)),
            Outcome::Text(text) => f.write_str(text),
        }
    }
}
