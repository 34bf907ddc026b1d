//! What the bytes of a head mean: pure functions of what was read so far, always from its start. `None` as long as it
//! would need more, so that the answer depends on the bytes and not on how they arrived.

use std::ops;
use std::str;

const MAX_FIELDS: usize = 64;

/// What a status line says after the version.
pub type Status = &'static str;

pub struct Request {
    /// The minor version: HTTP/1.0 or HTTP/1.1.
    pub version: u8,
    pub is_head: bool,
    /// The path of the target as it came, and as the name of a file: decoded, and without the slash in front.
    pub target: String,
    pub path: Vec<u8>,
    pub range: Option<Range>,
    /// It is the last request of its connection.
    pub close: bool,
}

/// The part of a file that is asked for (9110 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// From the first byte to the second, both included.
    Span(u64, u64),
    Last(u64),
}

impl Range {
    /// What it comes to in a file of this length; `None` when nothing does.
    pub fn of(self, len: u64) -> Option<ops::Range<u64>> {
        let part = match self {
            Range::Span(first, last) => first..last.saturating_add(1).min(len),
            Range::Last(count) => len.saturating_sub(count)..len,
        };
        (part.start < part.end).then_some(part)
    }
}

/// How many bytes the head has and what it asks for, or the status that refuses it.
pub fn parse(bytes: &[u8]) -> Result<Option<(usize, Request)>, Status> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let used = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err("431 Request Header Fields Too Large"),
        Err(httparse::Error::Version) => return Err("505 HTTP Version Not Supported"),
        Err(_) => return Err("400 Bad Request"),
    };
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err("400 Bad Request"); // a whole head has all three
    };
    let is_head = match method {
        "GET" => false,
        "HEAD" => true,
        "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "TRACE" | "CONNECT" => {
            return Err("405 Method Not Allowed");
        }
        _ => return Err("501 Not Implemented"),
    };
    let (mut hosts, mut close, mut keep_alive) = (0, false, false);
    let (mut ranges, mut conditional) = (Vec::new(), false);
    for field in &*parsed.headers {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let lists = |option: &[u8]| {
            field.value.split(|byte| *byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(option))
        };
        if is("host") {
            hosts += 1;
        } else if is("connection") {
            close |= lists(b"close");
            keep_alive |= lists(b"keep-alive");
        } else if is("transfer-encoding") || is("content-length") && field.value != b"0" {
            // Nothing here takes a body. That a GET may have one is how requests are smuggled, so it is not read past.
            return Err("413 Content Too Large");
        } else if is("range") {
            ranges.push(field.value);
        } else if is("if-range") {
            conditional = true;
        }
    }
    if hosts > 1 || hosts == 0 && version > 0 {
        return Err("400 Bad Request");
    }
    // A proxy may send the whole address (9112 3.2.2); which host it names makes no difference here.
    let target =
        target.strip_prefix("http://").map_or(target, |rest| &rest[rest.find('/').unwrap_or(rest.len())..]);
    let target = target.split('?').next().unwrap_or_default();
    let path = target.strip_prefix('/').and_then(decode).ok_or("400 Bad Request")?;
    let range = match ranges[..] {
        // A HEAD has none (9110 14.2). No validator is ever given out, so none of an `If-Range` fits (9110 13.1.5).
        [range] if !is_head && !conditional => parse_range(range),
        _ => None,
    };
    let close = close || version == 0 && !keep_alive;
    Ok(Some((used, Request { version, is_head, target: target.to_owned(), path, range, close })))
}

/// Undoes percent-encoding, once. A NUL would end the name early for the kernel, so it is none.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?].map(|digit| char::from(digit).to_digit(16));
                (digits[0]? * 16 + digits[1]?) as u8
            }
            byte => byte,
        });
    }
    (!decoded.contains(&0)).then_some(decoded)
}

/// One range of bytes. What is anything else asks for the whole, as if it were not there (9110 14.2): other units,
/// what is not of the form, and more than one range.
fn parse_range(value: &[u8]) -> Option<Range> {
    let (unit, range) = str::from_utf8(value).ok()?.split_once('=')?;
    let (first, last) = range.trim_ascii().split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (first, last) {
        ("", count) => Some(Range::Last(number(count)?)),
        (first, "") => Some(Range::Span(number(first)?, u64::MAX)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::Span(first, last))
        }
    }
}

/// Digits only; one that is too large is larger than every file.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}
