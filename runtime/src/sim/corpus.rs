//! Which seeds see something new, by edges of the trace, and the file that keeps them.
//!
//! * An edge is a pair of consecutive lines of a trace, each without its time, its file and its numbers: which program, what,
//!   and how it went ([`kind`]). It is computed from the trace of a run that is over, so a run costs nothing when
//!   `EGRET_CORPUS` is not set.
//! * Runs on several threads end in any order. Their edges are counted in the order of the places of their seeds
//!   ([`Corpus::add`]), so what is kept does not depend on the threads.

use super::compare::Traced;
use crate::sys::sim::{Outcome, TraceRecord};
use std::collections::{BTreeMap, HashSet};
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::thread;

/// The edges of one run, each once.
pub(super) type Edges = HashSet<u64>;

/// The seeds that have seen something new.
pub(super) struct Corpus {
    file: PathBuf,
    /// Those of the file, which are run first.
    pub(super) before: Vec<u64>,
    edges: Edges,
    kept: Vec<u64>,
    /// How many runs were counted, and how many since the last new edge.
    counted: u64,
    since: u64,
    /// Runs that are over, before one that is not.
    waiting: BTreeMap<u64, (u64, Edges)>,
}

/// Returns the edges of a run.
pub(super) fn edges(traced: &Traced) -> Edges {
    let kinds = traced.trace.records().iter().map(kind);
    let mut last = 0;
    kinds.map(|kind| hash((std::mem::replace(&mut last, kind), kind))).collect()
}

/// Returns a line without its time, its file and its numbers: a number is none or some, an error its errno, and a
/// fault its name.
fn kind(record: &TraceRecord) -> u64 {
    let class = match &record.outcome {
        Outcome::Done => (0, 0),
        Outcome::Value(value) => (1, u64::from(*value > 0)),
        Outcome::Error(errno) => (2, *errno as u64),
        Outcome::Mask(mask) => (3, u64::from(*mask)),
        Outcome::Text(name) if record.what == "fault" => (4, hash(name)),
        Outcome::Text(_) => (5, 0),
    };
    hash((record.program, record.what, class))
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Corpus {
    /// That of a test, if `EGRET_CORPUS` names a directory. `check` is the call of the test.
    ///
    /// # Panics
    ///
    /// When its file is not a list of seeds.
    pub(super) fn wanted(check: &Location<'_>) -> Option<Corpus> {
        let folder = env::var_os("EGRET_CORPUS")?;
        let name = match thread::current().name() {
            Some(test) if test != "main" => test.replace("::", "-"),
            // All tests run on one thread: with `--test-threads=1`, say.
            _ => format!("{}-{}", check.file().replace('/', "-"), check.line()),
        };
        let file = Path::new(&folder).join(name).with_extension("seeds");
        let seeds = read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Some(Corpus::new(file, seeds))
    }

    fn new(file: PathBuf, before: Vec<u64>) -> Corpus {
        let (edges, kept, waiting) = Default::default();
        Corpus { file, before, edges, kept, counted: 0, since: 0, waiting }
    }

    /// The run of `seed`, the one at this place, is over.
    pub(super) fn add(&mut self, place: u64, seed: u64, edges: Edges) {
        self.waiting.insert(place, (seed, edges));
        while let Some((seed, edges)) = self.waiting.remove(&self.counted) {
            self.counted += 1;
            self.since += 1;
            let known = self.edges.len();
            self.edges.extend(edges);
            if self.edges.len() > known {
                self.kept.push(seed);
                self.since = 0;
            }
        }
    }

    /// Writes the file, and says what was seen.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub(super) fn keep(&self) -> String {
        let seeds: String = self.kept.iter().map(|seed| format!("{seed}\n")).collect();
        let folder = self.file.parent().expect("a file in a folder");
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&self.file, seeds));
        written.unwrap_or_else(|error| panic!("{}: {error}", self.file.display()));
        format!(
            "{} edges of the trace were seen in {} runs, the last new one {} runs before the end; {} seeds are kept in {}",
            self.edges.len(),
            self.counted,
            self.since,
            self.kept.len(),
            self.file.display()
        )
    }
}

/// Returns the seeds of a file, none if there is no such file.
fn read(file: &Path) -> io::Result<Vec<u64>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let no_seed = |_| io::Error::new(io::ErrorKind::InvalidData, "a seed is a number, one a line");
    text.lines().map(|line| line.parse().map_err(no_seed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_count_in_the_order_of_their_places_whichever_is_over_first() {
        let mut corpus = Corpus::new("file".into(), Vec::new());
        let run = |edges: &[u64]| edges.iter().copied().collect::<Edges>();
        corpus.add(2, 12, run(&[1, 2, 3]));
        corpus.add(1, 11, run(&[2, 1]));
        assert_eq!((corpus.edges.len(), corpus.counted), (0, 0));
        corpus.add(0, 10, run(&[1, 2]));
        assert_eq!((corpus.edges.len(), corpus.counted, corpus.since), (3, 3, 0));
        assert_eq!(corpus.kept, [10, 12]);
        corpus.add(3, 13, run(&[]));
        assert_eq!((corpus.counted, corpus.since), (4, 1));
    }

    #[test]
    fn a_kind_is_of_a_program_a_call_and_how_it_went() {
        let record = |program, what, outcome| TraceRecord { at: 7, program, what, file: Some(3), outcome };
        let kinds = [
            record(Some(0), "read", Outcome::Value(0)),
            record(Some(0), "read", Outcome::Value(1)),
            record(Some(0), "read", Outcome::Error(libc::EAGAIN)),
            record(Some(0), "read", Outcome::Error(libc::EPIPE)),
            record(Some(0), "write", Outcome::Value(1)),
            record(Some(1), "read", Outcome::Value(1)),
            record(None, "fault", Outcome::Text("Loss".into())),
            record(None, "fault", Outcome::Text("Delay".into())),
        ];
        assert_eq!(kinds.iter().map(kind).collect::<HashSet<_>>().len(), kinds.len());
        let other = TraceRecord { at: 8, file: Some(4), ..record(Some(0), "read", Outcome::Value(9)) };
        assert_eq!(kind(&other), kind(&kinds[1]));
    }
}
