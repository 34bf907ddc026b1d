//! [`Door`]: the checks of a request, made before a runtime is read. Functions of the bytes, without I/O.
//!
//! - **Method.** GET without a body. Each path is read-only.
//! - **Host.** An IP address, `localhost`, or a name that the program allows. Any other name is refused: a web site
//!   that points its own name at this address (DNS rebinding) would otherwise read the answers with its scripts.
//! - **Origin.** A request of another site's page is refused, except that a link may lead to a page of this one. No
//!   answer has a CORS header.
//! - **Token.** When the program sets one, each path needs it: `Authorization: Bearer`, or `Basic` with any user and
//!   the token as the password, which is what a browser asks for.
//! - **Size.** A head is at most [`MAX_HEAD`] bytes, its target [`MAX_TARGET`].

use super::query::Query;
use httparse::{EMPTY_HEADER, Error, Header, Status};
use std::hint::black_box;
use std::net::IpAddr;
use std::str;

/// The longest request line with its header fields.
pub(super) const MAX_HEAD: usize = 8 * 1024;
/// The longest target.
const MAX_TARGET: usize = 2 * 1024;
const MAX_FIELDS: usize = 64;

/// The conditions under which a request passes.
#[derive(Default)]
pub(super) struct Door {
    pub(super) token: Option<String>,
    /// Names in addition to `localhost`, in lower case.
    pub(super) hosts: Vec<String>,
}

/// A request that passed.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) query: Query,
    /// The last of its connection.
    pub(super) close: bool,
}

/// Why a request is refused. The connection ends.
#[derive(Debug, PartialEq, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) status: &'static str,
    /// A sentence for the person that reads the answer.
    pub(super) text: &'static str,
}

const fn refuse<T>(status: &'static str, text: &'static str) -> Result<T, Refusal> {
    Err(Refusal { status, text })
}

const TOO_LARGE: Refusal = Refusal {
    status: "431 Request Header Fields Too Large",
    text: "A head is at most 8192 bytes and 64 fields.",
};
const MALFORMED: Refusal =
    Refusal { status: "400 Bad Request", text: "This is not a request of HTTP/1.0 or HTTP/1.1." };

impl Door {
    /// Checks the bytes so far: `None` while the head is incomplete, otherwise the request and its length.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<Option<(usize, Request)>, Refusal> {
        let mut fields = [EMPTY_HEADER; MAX_FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        let used = match head.parse(bytes) {
            Ok(Status::Complete(used)) => used,
            Ok(Status::Partial) if bytes.len() >= MAX_HEAD => return Err(TOO_LARGE),
            Ok(Status::Partial) => return Ok(None),
            Err(Error::TooManyHeaders) => return Err(TOO_LARGE),
            Err(_) => return Err(MALFORMED),
        };
        let target = head.path.unwrap_or_default();
        if head.method == Some("HEAD") {
            return refuse("405 Method Not Allowed", ""); // whose answer has no body
        }
        if head.method != Some("GET") {
            return refuse("405 Method Not Allowed", "Only GET is served: all of this is read-only.");
        }
        if target.len() > MAX_TARGET {
            return refuse("414 URI Too Long", "A target is at most 2048 bytes.");
        }
        if field(head.headers, "transfer-encoding").next().is_some()
            || field(head.headers, "content-length").any(|length| length != b"0")
        {
            return refuse("400 Bad Request", "A GET has no body.");
        }
        let version = head.version.unwrap_or_default();
        let host = self.check_host(head.headers, version)?;
        check_origin(head.headers, host)?;
        self.check_token(head.headers)?;
        if !target.starts_with('/') {
            return refuse("400 Bad Request", "A target begins with a slash.");
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let close = version == 0 || field(head.headers, "connection").any(asks_to_close);
        Ok(Some((used, Request { path: path.to_owned(), query: Query::parse(query), close })))
    }

    /// Returns the value of the one `Host` field, if its name is allowed.
    fn check_host<'a>(&self, fields: &[Header<'a>], version: u8) -> Result<&'a str, Refusal> {
        let mut hosts = field(fields, "host");
        let (host, other) = (hosts.next(), hosts.next());
        let host = match (host, other) {
            (Some(host), None) => str::from_utf8(host).unwrap_or_default(),
            (None, None) if version == 0 => return Ok(""), // such a client is not a browser
            _ => return refuse("400 Bad Request", "A request has one Host field."),
        };
        match name_of(host) {
            Some(name) if self.allows(name) => Ok(host),
            _ => refuse(
                "421 Misdirected Request",
                "This name is not allowed: use the IP address or localhost, or give the name to Options::host.",
            ),
        }
    }

    fn allows(&self, name: &str) -> bool {
        let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        literal.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }

    fn check_token(&self, fields: &[Header]) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let mut given = field(fields, "authorization");
        match (given.next().and_then(credentials), given.next()) {
            (Some(given), None) if is_same(&given, token.as_bytes()) => Ok(()),
            _ => refuse(
                "401 Unauthorized",
                "A token is needed: as the password, with any user name, or as Authorization: Bearer.",
            ),
        }
    }
}

/// Returns the values of the fields with this name.
fn field<'a, 'b>(fields: &'b [Header<'a>], name: &'b str) -> impl Iterator<Item = &'a [u8]> + 'b {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

fn asks_to_close(options: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// Returns the name in `name[:port]`.
fn name_of(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, port) = host.split_at(end);
    let digits = port.strip_prefix(':').unwrap_or(port);
    let is_port = digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && (port.is_empty() || port.starts_with(':'))).then_some(name)
}

/// Refuses what a page of another site asks for. Browsers send these fields and scripts cannot change them.
fn check_origin(fields: &[Header], host: &str) -> Result<(), Refusal> {
    let is_own = |origin: &[u8]| {
        let origin = str::from_utf8(origin).unwrap_or_default();
        origin.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host))
    };
    let is = |name, value: &[u8]| field(fields, name).any(|field| field == value);
    let from_elsewhere = is("sec-fetch-site", b"cross-site") || is("sec-fetch-site", b"same-site");
    let is_link = is("sec-fetch-mode", b"navigate") && is("sec-fetch-dest", b"document");
    if !field(fields, "origin").all(is_own) || from_elsewhere && !is_link {
        return refuse("403 Forbidden", "Pages of other sites may not read this one.");
    }
    Ok(())
}

/// Returns the token of an `Authorization` field.
fn credentials(value: &[u8]) -> Option<Vec<u8>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, given) = (&value[..space], value[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(given.to_vec());
    }
    let pair = scheme.eq_ignore_ascii_case(b"basic").then(|| from_base64(given))??;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

/// RFC 4648, section 4, with or without the padding.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// Compares in a time that depends on the lengths alone.
fn is_same(given: &[u8], token: &[u8]) -> bool {
    let differ = given.iter().zip(token).fold(0, |differ, (a, b)| black_box(differ | (a ^ b)));
    given.len() == token.len() && differ == 0
}

#[cfg(test)]
mod tests;
