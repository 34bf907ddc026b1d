//! Conditional requests (9110 13), by a client that already has the file or a part of it.

use std::str;

use super::message::Status;

/// Distinguishes two states of a file (9110 8.8).
pub struct Validators {
    /// What is between the quotes of its `ETag`.
    pub tag: String,
    /// It may change again without another tag, because the clock of the file system is coarse.
    pub is_weak: bool,
    /// When it was changed, in seconds since 1970.
    pub modified: u64,
}

/// The values of the fields; those of fields that came more than once are joined (9110 5.3).
#[derive(Default)]
pub struct Conditions {
    if_match: Option<Vec<u8>>,
    if_none_match: Option<Vec<u8>>,
    if_modified_since: Option<Vec<u8>>,
    if_unmodified_since: Option<Vec<u8>>,
    if_range: Option<Vec<u8>>,
}

impl Conditions {
    /// Keeps the field if it is a condition.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        let condition = match name.to_ascii_lowercase().as_str() {
            "if-match" => &mut self.if_match,
            "if-none-match" => &mut self.if_none_match,
            "if-modified-since" => &mut self.if_modified_since,
            "if-unmodified-since" => &mut self.if_unmodified_since,
            "if-range" => &mut self.if_range,
            _ => return,
        };
        match condition {
            Some(values) => values.extend([b", ", value].concat()),
            None => *condition = Some(value.to_vec()),
        }
    }

    /// The status to answer with in place of the file, if any; in the order of 9110 13.2.2.
    pub fn status(&self, file: &Validators) -> Option<Status> {
        let has_changed = match (&self.if_match, &self.if_unmodified_since) {
            (Some(tags), _) => !names(tags, file, false),
            (None, Some(date)) => parse_date(date).is_some_and(|date| file.modified > date),
            (None, None) => false,
        };
        let is_the_same = match (&self.if_none_match, &self.if_modified_since) {
            (Some(tags), _) => names(tags, file, true),
            (None, Some(date)) => parse_date(date).is_some_and(|date| file.modified <= date),
            (None, None) => false,
        };
        match (has_changed, is_the_same) {
            (true, _) => Some("412 Precondition Failed"),
            (false, true) => Some("304 Not Modified"),
            (false, false) => None,
        }
    }

    /// Whether a part may be sent to a client that has the others (9110 13.1.5).
    pub fn allow_part(&self, file: &Validators) -> bool {
        match self.if_range.as_deref() {
            None => true,
            Some(tag @ [b'"', ..]) => names(tag, file, false),
            Some(date) => !file.is_weak && parse_date(date) == Some(file.modified),
        }
    }
}

/// Whether a list of entity tags has the one of the file, or is `*`. In a strong comparison a weak tag is like no other
/// (9110 8.8.3.2). What is not of the form, and what comes after it, names nothing.
fn names(tags: &[u8], file: &Validators, weakly: bool) -> bool {
    let mut rest = tags.trim_ascii();
    if rest == b"*" {
        return true;
    }
    loop {
        while let [b' ' | b'\t' | b',', behind @ ..] = rest {
            rest = behind;
        }
        let (is_weak, quoted) = rest.strip_prefix(b"W/").map_or((false, rest), |quoted| (true, quoted));
        let Some(tag) = quoted.strip_prefix(b"\"") else { return false };
        let Some(len) = tag.iter().position(|byte| *byte == b'"') else { return false };
        if &tag[..len] == file.tag.as_bytes() && (weakly || !is_weak && !file.is_weak) {
            return true;
        }
        rest = &tag[len + 1..];
    }
}

/// Seconds since 1970 of a date in each of its three forms (9110 5.6.7); the two old ones have a year of two digits, and
/// another order.
fn parse_date(value: &[u8]) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = str::from_utf8(value).ok()?;
    let words: Vec<_> = text.split([' ', '-', ',']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let number = |digits: &str, range: std::ops::RangeInclusive<u64>| {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|number| is_number && range.contains(number))
    };
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let seconds = number(hour, 0..=23)? * 3600 + number(minute, 0..=59)? * 60 + number(second, 0..=60)?;
    let (day, month) = (number(day, 1..=31)?, MONTHS.iter().position(|name| *name == month)? as u64);
    let year = match (year.len(), number(year, 0..=9999)?) {
        (2, year @ 70..) => 1900 + year,
        (2, year) => 2000 + year,
        (4, year @ 1970..) => year,
        _ => return None,
    };
    // A year begins with March here, so that the 29th of February is the last day of one: 306 days until January.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1;
    let days = days.checked_sub(719_468)?; // those before 1970
    (parts.next().is_none()).then_some(days * 86_400 + seconds)
}
