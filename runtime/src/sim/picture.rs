//! The trace of a run in a file, which `EGRET_TRACE` names: as text, as a timeline, or as a sequence diagram.

mod sequence; // a page of HTML
mod timeline; // the trace event format

use super::check::Ran;
use super::seeds::Replay;
use std::env;
use std::fs::File;
use std::io::{self, Write};

/// Returns the file in which a picture is wanted.
pub(super) fn wanted() -> Option<String> {
    env::var("EGRET_TRACE").ok()
}

/// Writes the trace, and says where it is.
pub(super) fn keep(file: &str, replay: &Replay, ran: &Ran) -> String {
    let write = |mut out: File| -> io::Result<()> {
        match file.rsplit_once('.') {
            Some((_, "json")) => timeline::write(&ran.trace, out),
            Some((_, "html")) => out.write_all(sequence::page(replay, ran).as_bytes()),
            _ => out.write_all(ran.trace.text(0..ran.trace.len()).as_bytes()),
        }
    };
    match File::create(file).and_then(write) {
        Ok(()) => format!("the whole trace is in {file}"),
        Err(error) => format!("the whole trace could not be written to {file}: {error}"),
    }
}
