//! [`Search`]: which tasks match what a person typed.
//!
//! All words have to match. `spawned:src/main.rs:41`, `at:src/main.rs:41` and `wait:read` are exact; any other word is
//! a part, in any case, of the id, the name, a place, a wait, a frame or the state.

use egret_runtime::inspect::{Place, TaskState, TaskView, WaitKind};
use std::fmt::Write;

/// The most words of a search.
const MOST_WORDS: usize = 8;

pub(super) struct Search {
    words: Vec<Word>,
    /// "running", "queued", "waiting", or empty.
    is: String,
    buffer: String,
}

enum Word {
    SpawnedAt(String),
    WaitsAt(String),
    Waits(String),
    /// In lower case.
    TimelinePart(String),
}

impl Search {
    pub(super) fn new(text: &str, is: &str) -> Search {
        let word = |word: &str| match word.split_once(':') {
            Some(("spawned", place)) => Word::SpawnedAt(place.to_owned()),
            Some(("at", place)) => Word::WaitsAt(place.to_owned()),
            Some(("wait", kind)) => Word::Waits(kind.to_owned()),
            _ => Word::TimelinePart(word.to_ascii_lowercase()),
        };
        let words = text.split_whitespace().take(MOST_WORDS).map(word).collect();
        Search { words, is: is.to_owned(), buffer: String::new() }
    }

    pub(super) fn finds(&mut self, task: &TaskView) -> bool {
        let buffer = &mut self.buffer;
        (self.is.is_empty() || state(task) == self.is)
            && self.words.iter().all(|word| match word {
                Word::SpawnedAt(place) => is_place(&task.spawned_at, place, buffer),
                Word::WaitsAt(place) => {
                    task.waits.iter().flat_map(|wait| wait.at).any(|at| is_place(&at, place, buffer))
                }
                Word::Waits(kind) => task.waits.iter().any(|wait| name(wait.kind) == kind),
                Word::TimelinePart(part) => has(task, part, buffer),
            })
    }

    /// Returns whether a row of words matches, for the lists that have no columns to name.
    pub(super) fn finds_text(&self, text: &str) -> bool {
        self.words.iter().all(|word| match word {
            Word::TimelinePart(part) => contains(text, part),
            _ => false,
        })
    }
}

fn has(task: &TaskView, part: &str, buffer: &mut String) -> bool {
    let mut is_in = |value: &dyn std::fmt::Display| {
        buffer.clear();
        let _ = write!(buffer, "{value}"); // a String takes everything
        contains(buffer, part)
    };
    task.name.as_deref().is_some_and(|name| contains(name, part))
        || is_in(&task.id)
        || is_in(&task.spawned_at)
        || contains(state(task), part)
        || task.waits.iter().any(|wait| contains(&wait.text, part) || wait.at.is_some_and(|at| is_in(&at)))
        || task.frames.iter().any(|frame| contains(&frame.name, part))
}

fn is_place(at: &Place, place: &str, buffer: &mut String) -> bool {
    buffer.clear();
    let _ = write!(buffer, "{at}");
    buffer == place
}

pub(super) fn state(task: &TaskView) -> &'static str {
    match task.state {
        TaskState::Running { .. } => "running",
        TaskState::Queued { .. } => "queued",
        _ => "waiting",
    }
}

/// Returns the name of a kind of wait, as in the JSON.
pub(super) fn name(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::Read => "read",
        WaitKind::Write => "write",
        WaitKind::Accept => "accept",
        WaitKind::Sleep => "sleep",
        WaitKind::Join => "join",
        WaitKind::Blocking => "blocking",
        WaitKind::Child => "child",
        WaitKind::Signal => "signal",
        WaitKind::Shutdown => "shutdown",
        _ => "foreign",
    }
}

/// Returns whether `text` has `part`, which is in lower case.
fn contains(text: &str, part: &str) -> bool {
    part.is_empty()
        || text
            .as_bytes()
            .windows(part.len())
            .any(|window| window.iter().zip(part.as_bytes()).all(|(a, b)| a.to_ascii_lowercase() == *b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_runtime::inspect::WaitView;

    fn place(line: u32) -> Place {
        let mut place = Place::default();
        (place.file, place.line, place.column) = ("src/main.rs", line, 5);
        place
    }

    fn task() -> TaskView {
        let mut wait = WaitView::default();
        (wait.kind, wait.at) = (WaitKind::Read, Some(place(41)));
        wait.text = "reads TcpStream #7 127.0.0.1:8080 <- 127.0.0.1:51234".to_owned();
        let mut task = TaskView::default();
        (task.id, task.name, task.spawned_at) = (4711, Some("Accept Loop".to_owned()), place(12));
        task.state = TaskState::Queued { since_ns: 0 };
        task.waits = vec![wait];
        task
    }

    #[test]
    fn each_word_has_to_match_a_part() {
        for found in
            ["", "471", "accept", "ACCEPT loop", "main.rs:12", "main.rs:41 51234", "tcpstream #7", "queued"]
        {
            assert!(Search::new(found, "").finds(&task()), "{found}");
        }
        for missed in ["4712", "accept pool", "main.rs:42", "waiting", "é"] {
            assert!(!Search::new(missed, "").finds(&task()), "{missed}");
        }
    }

    #[test]
    fn a_word_with_a_column_is_exact() {
        for found in
            ["spawned:src/main.rs:12", "at:src/main.rs:41", "wait:read", "wait:read at:src/main.rs:41"]
        {
            assert!(Search::new(found, "queued").finds(&task()), "{found}");
        }
        for missed in
            ["spawned:src/main.rs:1", "spawned:main.rs:12", "at:src/main.rs:12", "wait:write", "wait:rea"]
        {
            assert!(!Search::new(missed, "").finds(&task()), "{missed}");
        }
        assert!(!Search::new("", "waiting").finds(&task()));
    }
}
