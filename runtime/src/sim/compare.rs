//! Where two runs of one seed part, and a guess why.

use super::Sim;
use crate::sys::sim::{Outcome, ProgramId, SimTrace, TraceMark, TraceRecord};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

/// How many lines are shown that both runs have.
const BEFORE: usize = 12;

/// The trace of a run that is over.
pub(super) struct Traced {
    pub(super) trace: SimTrace,
    /// The names of the programs.
    pub(super) programs: Vec<Arc<str>>,
    /// Of a run that is drawn.
    pub(super) marks: Vec<TraceMark>,
}

impl Traced {
    pub(super) fn take(sim: &Sim) -> Traced {
        let (trace, programs) = sim.shared.world.take_trace();
        Traced { trace, programs, marks: sim.shared.world.take_marks() }
    }

    /// Returns a program that has used each open file.
    pub(super) fn users_of_files(&self) -> BTreeMap<u32, ProgramId> {
        let records = self.trace.records().iter();
        records.filter_map(|record| Some((record.file?, record.program?))).collect()
    }

    pub(super) fn hash(&self) -> u64 {
        self.trace.hash()
    }

    /// Returns the number of lines.
    pub(super) fn len(&self) -> usize {
        self.trace.records().len()
    }

    pub(super) fn text(&self, lines: Range<usize>) -> String {
        SimTrace::text(&self.trace.records()[lines], |program| self.programs[usize::from(program)].clone())
    }

    fn line(&self, number: usize) -> String {
        match self.trace.records().get(number) {
            Some(_) => self.text(number..number + 1),
            None => "(the run has ended)\n".to_owned(),
        }
    }
}

/// Returns the first line in which two traces differ, with the lines before it.
pub(super) fn difference(one: &Traced, other: &Traced) -> String {
    let (these, those) = (one.trace.records(), other.trace.records());
    let same = these.iter().zip(those).take_while(|(this, that)| this == that).count();
    let mut text = String::new();
    if same == these.len() && same == those.len() {
        return "the traces are the same, as far as they are kept".to_owned();
    }
    let _ =
        write!(text, "the runs part at line {}:\n{}", same + 1, one.text(same.saturating_sub(BEFORE)..same));
    let _ = write!(text, "one run:   {}the other: {}", one.line(same), other.line(same));
    let _ = write!(text, "maybe by {}", guess(these.get(same), those.get(same)));
    text
}

/// Guesses why two runs of one seed differ, by the first line in which they do.
fn guess(this: Option<&TraceRecord>, that: Option<&TraceRecord>) -> &'static str {
    const THREAD: &str = "a wake of a real thread, which is outside of the simulation";
    const ORDER: &str = "the order of a HashMap, random numbers, an address in memory, or a real thread that answers sooner or later";
    let (Some(this), Some(that)) = (this, that) else { return ORDER };
    if (this.what == "notify") != (that.what == "notify") {
        return THREAD;
    }
    if this.what != that.what || this.program != that.program || this.file != that.file {
        return ORDER;
    }
    match (this.what, &this.outcome) {
        ("sleep", _) => {
            "a deadline from a real clock: std's Instant::now or SystemTime::now, or random numbers"
        }
        ("connect" | "bind", _) => "an address: it was chosen by random numbers or by the order of a HashMap",
        (_, Outcome::Value(_)) => {
            "the length of the data: random bytes, a time or an address in memory as text, or the order of a HashMap"
        }
        _ => ORDER,
    }
}
