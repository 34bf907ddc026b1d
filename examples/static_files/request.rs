//! The file that a request asks for. `http_server/request.rs` decides whether it is a valid request.

use std::ops;
use std::str;

use super::conditions::Conditions;
use super::message::{self, Framing, Parsed};

pub struct Request {
    /// The minor version: HTTP/1.0 or HTTP/1.1.
    pub version: u8,
    pub is_head: bool,
    /// The path and the query of the target as they came, and the path as the name of a file: decoded, and without slashes
    /// in front.
    pub path: String,
    pub query: String,
    pub file: Vec<u8>,
    pub range: Option<Range>,
    pub conditions: Conditions,
    /// It is the last request of its connection.
    pub close: bool,
}

/// The requested part of a file (9110 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// From the first byte to the second, both included.
    Span(u64, u64),
    Last(u64),
}

impl Range {
    /// What it comes to in a file of this length, which is not 0; `None` when nothing does.
    pub fn of(self, len: u64) -> Option<ops::Range<u64>> {
        let part = match self {
            Range::Span(first, last) => first..last.saturating_add(1).min(len),
            Range::Last(count) => len.saturating_sub(count)..len,
        };
        (part.start < part.end).then_some(part)
    }
}

/// How many bytes the head has and what it asks for, or the status that refuses it.
pub fn parse(bytes: &[u8]) -> Parsed<Request> {
    message::parse_head(bytes, |head, message| {
        let (method, target) = head.method.zip(head.path).ok_or("400 Bad Request")?; // a whole head has both
        let is_head = match method {
            "GET" => false,
            "HEAD" => true,
            "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "TRACE" | "CONNECT" => {
                return Err("405 Method Not Allowed");
            }
            _ => return Err("501 Not Implemented"),
        };
        if message.framing != Framing::Length(0) {
            // Nothing here takes a body. That a GET may have one is how requests are smuggled, so it is not read past.
            return Err("413 Content Too Large");
        }
        let (mut ranges, mut conditions) = (Vec::new(), Conditions::default());
        for field in &*head.headers {
            conditions.add(field.name, field.value);
            if field.name.eq_ignore_ascii_case("range") {
                ranges.push(field.value);
            }
        }
        let (path, query) = message::split_target(method, target).ok_or("400 Bad Request")?;
        let file = message::decode(path.trim_start_matches('/')).ok_or("400 Bad Request")?;
        if file.contains(&0) {
            return Err("400 Bad Request"); // it would end the name early for the kernel
        }
        let range = match ranges[..] {
            [range] if !is_head => parse_range(range), // a HEAD has none (9110 14.2)
            _ => None,
        };
        let (path, query) = (path.to_owned(), query.to_owned());
        let message::Message { version, close, .. } = message;
        Ok(Request { version, is_head, path, query, file, range, conditions, close })
    })
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
