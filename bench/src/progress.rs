//! How far a measurement is, on standard error.

use std::io::{IsTerminal, Write};

/// Shows what begins: on a terminal in one line that is written over, elsewhere a line for each step.
pub fn step(text: &str) {
    if std::io::stderr().is_terminal() {
        detail(text);
    } else if !text.is_empty() {
        eprintln!("{text}");
    }
}

/// Shows how far it is, on a terminal only.
pub fn detail(text: &str) {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
    }
}

/// Reports what is left out, and why: a missing row must not look like an oversight.
pub fn skipped(what: &str, why: &str) -> String {
    let text = format!("SKIPPED: {what}: {why}");
    detail("");
    eprintln!("{text}");
    text
}
