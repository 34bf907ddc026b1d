//! A page with a sequence diagram: a line for each host, an arrow for each packet, time downwards.
//!
//! It shows the end of the run: what was called, what arrived and what went wrong, without the waits of the loops and calls that
//! would have blocked. Times are not to scale.

use crate::sim::check::Ran;
use crate::sim::seeds::Replay;
use crate::sys::sim::{Marked, Outcome, Packet, ProgramId, TraceRecord};
use std::fmt::{self, Write as _};
use std::io;

/// The most rows that are shown.
const MOST: usize = 400;

/// Lengths in pixels: a row, a column, and where the first line is.
const ROW: usize = 18;
const COLUMN: usize = 300;
const FIRST: usize = 190;
const HEAD: usize = 34;

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1c1c1c;--quiet:#5c5c5c;--line:#8a8a8a;--packet:#0b57a4;--wrong:#b3261e;--page:#fff}
@media(prefers-color-scheme:dark){:root{--text:#e8e8e8;--quiet:#a9a9a9;--line:#777;--packet:#8ab8f0;--wrong:#ff8a80;--page:#161616}}
body{background:var(--page);color:var(--text);font:14px system-ui,sans-serif;margin:20px}pre{white-space:pre-wrap}
svg text{font:12px ui-monospace,monospace;fill:var(--text);stroke:var(--page);stroke-width:3px;paint-order:stroke}svg .time{fill:var(--quiet);text-anchor:end}
svg .host{font-weight:bold;text-anchor:middle}svg .life{stroke:var(--line);stroke-dasharray:3 3}
svg .packet{stroke:var(--packet)}svg .packet-text{fill:var(--packet);text-anchor:middle}svg .wrong{fill:var(--wrong)}
svg circle{fill:var(--line)}svg circle.wrong{fill:var(--wrong)}svg marker path{fill:var(--packet)}";

/// A row of the diagram.
struct DiagramRow {
    at: u64,
    host: Option<ProgramId>,
    text: String,
    is_wrong: bool,
    /// For an arrival from elsewhere: the row of the sender, and its host.
    from: Option<(Option<usize>, ProgramId)>,
}

pub(super) fn page(replay: &Replay, ran: &Ran) -> String {
    let hosts = &ran.trace.programs;
    let rows = rows(ran);
    let skipped = rows.len().saturating_sub(MOST);
    let said = match &ran.failure {
        Some(failure) => format!("{}: {}", failure.kind, failure.report.trim_end()),
        None => "This run does not fail.".to_owned(),
    };
    let (width, height) = (FIRST + COLUMN * (hosts.len() + 1), HEAD + ROW * (rows.len() - skipped + 1));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>EGRET_SEED={replay}</title>\n\
         </head><body>\n<h1>EGRET_SEED={replay}</h1>\n<pre>{}</pre>\n",
        Escaped(&said)
    );
    if skipped > 0 {
        let _ = writeln!(page, "<p>The last {MOST} of {} rows.</p>", rows.len());
    }
    let _ = writeln!(
        page,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <style>{STYLE}</style>\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\"/></marker></defs>"
    );
    for (number, name) in hosts.iter().enumerate() {
        let x = FIRST + COLUMN * number;
        let _ = writeln!(
            page,
            "<text class=\"host\" x=\"{x}\" y=\"14\">{}</text><line class=\"life\" x1=\"{x}\" y1=\"20\" x2=\"{x}\" y2=\"{height}\"/>",
            Escaped(name)
        );
    }
    for (number, row) in rows.iter().enumerate().skip(skipped) {
        draw(&mut page, number - skipped, skipped, row);
    }
    page += "</svg>\n</body></html>\n";
    page
}

fn draw(page: &mut String, number: usize, skipped: usize, row: &DiagramRow) {
    let y_of = |number: usize| HEAD + ROW * number;
    let x_of = |host: ProgramId| FIRST + COLUMN * usize::from(host);
    let y = y_of(number);
    let time = format!("{}.{:06} ms", row.at / 1_000_000, row.at % 1_000_000);
    let _ = write!(page, "<text class=\"time\" x=\"{}\" y=\"{}\">{time}</text>", FIRST - 50, y + 4);
    let (text, wrong) = (Escaped(&row.text), if row.is_wrong { " class=\"wrong\"" } else { "" });
    match (row.from, row.host) {
        (Some((sent, from)), Some(to)) => {
            // Sent before the first row that is shown: from the top.
            let sent = sent.and_then(|sent| sent.checked_sub(skipped)).map_or(HEAD - ROW, y_of);
            let (x1, x2) = (x_of(from), x_of(to));
            let to_the_right = x1 < x2;
            let (middle, end) = if to_the_right { (x2 - 90, x2 - 3) } else { (x2 + 90, x2 + 3) };
            let _ = writeln!(
                page,
                "<line class=\"packet\" x1=\"{x1}\" y1=\"{sent}\" x2=\"{end}\" y2=\"{y}\" marker-end=\"url(#tip)\"/>\
                 <text class=\"packet-text\" x=\"{middle}\" y=\"{}\">{text}</text>",
                y - 4
            );
        }
        (_, Some(host)) => {
            let x = x_of(host);
            let _ = writeln!(
                page,
                "<circle{wrong} cx=\"{x}\" cy=\"{y}\" r=\"3\"/><text{wrong} x=\"{}\" y=\"{}\">{text}</text>",
                x + 8,
                y + 4
            );
        }
        (_, None) => {
            let _ = writeln!(page, "<text{wrong} x=\"{}\" y=\"{}\">{text}</text>", FIRST - 40, y + 4);
        }
    }
}

/// Returns the rows, in their order.
fn rows(ran: &Ran) -> Vec<DiagramRow> {
    let (records, files) = (ran.trace.trace.records(), ran.trace.users_of_files());
    let mut rows: Vec<DiagramRow> = Vec::new();
    let mut marks = ran.trace.marks.iter().peekable();
    for line in 0..=records.len() {
        while let Some(mark) = marks.next_if(|mark| mark.moment.line <= line) {
            if let Marked::Arrived { packet, from, to, sent } = mark.what {
                let (text, is_wrong) = (packet.to_string(), packet == Packet::Reset);
                let from = (from != to).then(|| (sender(&rows, sent.at, from), from));
                rows.push(DiagramRow { at: mark.moment.at, host: Some(to), text, is_wrong, from });
            }
        }
        let Some(record) = records.get(line).filter(|record| is_shown(record)) else { continue };
        let file = record.file.map_or_else(String::new, |file| format!(" #{file}"));
        let text = format!("{}{file} {}", record.what, record.outcome);
        let is_wrong = matches!(record.what, "fault" | "crash" | "lost" | "cut" | "broken")
            || matches!(record.outcome, Outcome::Error(_));
        let host = record.program.or_else(|| files.get(&record.file?).copied());
        rows.push(DiagramRow { at: record.at, host, text, is_wrong, from: None });
    }
    rows
}

/// Returns the row of what `from` did at this time: of the call that sent something, or of what arrived. Else of what
/// happened last.
fn sender(rows: &[DiagramRow], at: u64, from: ProgramId) -> Option<usize> {
    let until = rows.partition_point(|row| row.at <= at);
    let own = (0..until).rev().take_while(|number| rows[*number].at == at);
    own.clone().find(|number| rows[*number].host == Some(from)).or(until.checked_sub(1))
}

/// Without what a loop does to wait, and what arrows show.
fn is_shown(record: &TraceRecord) -> bool {
    let is_loop = matches!(record.what, "polled" | "sleep" | "epoll_wait" | "edge" | "notify")
        || record.what.starts_with("epoll ");
    let is_arrow = record.program.is_none() && matches!(record.what, "data" | "fin" | "datagram" | "backlog");
    let would_block = match record.outcome {
        Outcome::Error(errno) => io::Error::from_raw_os_error(errno).kind() == io::ErrorKind::WouldBlock,
        _ => false,
    };
    !is_loop && !is_arrow && !would_block
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Packet::Syn => f.write_str("SYN"),
            Packet::SynAck => f.write_str("SYN, ACK"),
            Packet::Data(1) => f.write_str("1 byte"),
            Packet::Data(len) => write!(f, "{len} bytes"),
            Packet::Fin => f.write_str("FIN"),
            Packet::Reset => f.write_str("RST"),
            Packet::Datagram(len) => write!(f, "datagram of {len}"),
        }
    }
}

/// Text in HTML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '&' => f.write_str("&amp;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
