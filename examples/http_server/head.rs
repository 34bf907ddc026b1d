//! The head of an answer. Most equal the previous one, up to the second of the date, so the last is cached.

use std::ptr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::date::imf_fixdate;
use super::request::Status;

pub struct LastHead {
    /// What it was made of, besides the date.
    status: Status,
    fields: &'static str,
    content_length: usize,
    date: [u8; 29],
    /// All but `Connection` and the empty line. None is empty.
    bytes: Vec<u8>,
}

impl LastHead {
    pub fn new() -> LastHead {
        LastHead { status: "", fields: "", content_length: 0, date: [0; 29], bytes: Vec::with_capacity(256) }
    }

    /// Sets the date, and says for how long it is right.
    pub fn set_date(&mut self, now: SystemTime) -> Duration {
        let unix = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.date = imf_fixdate(unix.as_secs());
        self.bytes.clear();
        Duration::from_nanos(1_000_000_000 - u64::from(unix.subsec_nanos()))
    }

    /// The head with this status, these lines of its own and this length, but for `Connection` and the
    /// empty line.
    #[inline]
    pub fn of(&mut self, status: Status, fields: &'static str, content_length: usize) -> &[u8] {
        let is_last = ptr::eq(self.status, status)
            && ptr::eq(self.fields, fields)
            && self.content_length == content_length
            && !self.bytes.is_empty();
        if !is_last {
            (self.status, self.fields, self.content_length) = (status, fields, content_length);
            self.format();
        }
        &self.bytes
    }

    /// Without `write!`, which takes three times the instructions.
    fn format(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(b"HTTP/1.1 ");
        self.bytes.extend_from_slice(self.status.as_bytes());
        self.bytes.extend_from_slice(b"\r\nDate: ");
        self.bytes.extend_from_slice(&self.date);
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes.extend_from_slice(self.fields.as_bytes());
        self.bytes.extend_from_slice(b"Content-Length: ");
        push_decimal(&mut self.bytes, self.content_length);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

fn push_decimal(bytes: &mut Vec<u8>, number: usize) {
    if number > 9 {
        push_decimal(bytes, number / 10);
    }
    bytes.push(b'0' + (number % 10) as u8);
}
