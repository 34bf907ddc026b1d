//! [`Query`]: what a target says behind its `?`.

use std::str::FromStr;

/// Names with their values, decoded.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Query(pairs.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    /// Returns the first value of a name; empty without one.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// Returns the number of a name; `None` without one, and for what is not a number.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).parse().ok()
    }
}

/// Undoes percent-encoding. A `%` without an encoding stays as it is, and invalid UTF-8 is replaced.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match (bytes[at], digits) {
            (b'%', Some(digits)) => {
                let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
                decoded.push(value(digits[0]) * 16 + value(digits[1]));
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once() {
        let query = Query::parse("q=a%20b+c%2525&limit=20&empty&bad=%zz%4&=x&q=second");
        assert_eq!(query.text("q"), "a b c%25");
        assert_eq!(query.number("limit"), Some(20));
        assert_eq!(query.number::<u32>("q"), None);
        assert_eq!((query.text("empty"), query.text("missing")), ("", ""));
        assert_eq!(query.text("bad"), "%zz%4");
        assert_eq!(Query::parse("a=%ff").text("a"), "\u{fffd}");
        assert_eq!(Query::parse(""), Query::default());
    }
}
