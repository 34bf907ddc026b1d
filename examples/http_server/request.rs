//! Parsing of requests, independent of what is served: pure functions of the bytes read so far, always from the start
//! of the head, chunk line or trailer. Each returns `None` while it needs more, so the result
//! depends on the bytes and not on how they arrived. `static_files` uses them too.

use std::mem::MaybeUninit;
use std::net::Ipv6Addr;
use std::str;

use httparse::{EMPTY_HEADER, Error, Header, Request};

const MAX_TARGET: usize = 4 * 1024;
const MAX_FIELDS: usize = 64;

/// The number of bytes used and their value, or the status that refuses them.
pub type Parsed<T> = Result<Option<(usize, T)>, Status>;

/// The status line after the version.
pub type Status = &'static str;

/// The properties of a message from its head, independent of the target.
pub struct Message {
    /// The minor version: HTTP/1.0 or HTTP/1.1.
    pub version: u8,
    pub framing: Framing,
    pub expects_continue: bool,
    /// It is the last request of its connection.
    pub close: bool,
}

/// Where the body ends.
#[derive(Debug, PartialEq)]
pub enum Framing {
    Length(usize),
    Chunked,
}

// ---- The head --------------------------------------------------------------------------------------

/// Checks a head, and passes it to `read` for the target.
#[inline]
pub fn parse_head<T>(bytes: &[u8], read: impl FnOnce(&Request, Message) -> Result<T, Status>) -> Parsed<T> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut request = Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(bytes, &mut fields);
    // Had the bytes come in smaller pieces, the target would have been refused before an error behind it.
    if target_length(bytes, &request) > MAX_TARGET {
        return Err("414 URI Too Long");
    }
    match parsed {
        Ok(httparse::Status::Complete(used)) if has_bare_newline(&bytes[..used], request.headers) => {
            Err("400 Bad Request")
        }
        Ok(httparse::Status::Complete(used)) => Ok(Some((used, read(&request, check_head(&request)?)?))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(Error::Version) => parse_other_version(bytes).map(|()| None),
        Err(Error::TooManyHeaders) => Err("431 Request Header Fields Too Large"),
        Err(_) => Err("400 Bad Request"),
    }
}

/// Whether a line ends without a carriage return. `httparse` takes that (9112 2.2 lets it), and to a reader that
/// does not, the lines are others. They end where a name begins, and at the end: there is no need to look at all bytes.
#[inline]
fn has_bare_newline(lines: &[u8], fields: &[Header]) -> bool {
    let is_behind_a_line = |field: &Header| {
        let start = (field.name.as_ptr() as usize).wrapping_sub(lines.as_ptr() as usize);
        start == 0 || lines.get(..start).is_some_and(|before| before.ends_with(b"\r\n"))
    };
    let empty = lines.len() - lines.trim_ascii_start().len(); // those in front, or all of a trailer
    !lines[..empty].chunks(2).all(|line| line == b"\r\n")
        || !(lines.ends_with(b"\r\n\r\n") || empty == lines.len())
        || !fields.iter().all(is_behind_a_line)
}

/// The three parts of a request line, which may come after empty lines (9112 2.2).
fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.trim_ascii_start().splitn(3, |byte| *byte == b' ')
}

fn target_length(bytes: &[u8], request: &Request) -> usize {
    match (request.method, request.path) {
        (_, Some(target)) => target.len(),
        (Some(_), None) => {
            let word = words(bytes).nth(1).unwrap_or_default();
            word.iter().take_while(|byte| **byte > b' ' && **byte != 0x7f).count()
        }
        (None, None) => 0,
    }
}

/// `httparse` gives up at the first byte that is not of HTTP/1.0 or HTTP/1.1. Whether it is another
/// version or none at all is known when all of it is there.
fn parse_other_version(bytes: &[u8]) -> Result<(), Status> {
    const FORM: &[u8] = b"HTTP/0.0";
    let version = words(bytes).nth(2).unwrap_or_default();
    let fits = |(byte, form): (&u8, &u8)| byte == form || *form == b'0' && byte.is_ascii_digit();
    match version.iter().zip(FORM).all(fits) {
        true if version.len() < FORM.len() => Ok(()),
        true => Err("505 HTTP Version Not Supported"),
        false => Err("400 Bad Request"),
    }
}

#[inline]
fn check_head(request: &Request) -> Result<Message, Status> {
    let version = request.version.unwrap_or_default(); // a whole head has one
    let (mut has_host, mut close, mut keep_alive) = (false, false, false);
    let (mut expects_continue, mut expects_other) = (false, false);
    let (mut content_length, mut codings) = (None, Codings::default());
    for field in &*request.headers {
        if field.name.eq_ignore_ascii_case("host") {
            if has_host || !is_host(field.value) {
                return Err("400 Bad Request");
            }
            has_host = true;
        } else if field.name.eq_ignore_ascii_case("connection") {
            close |= list(field.value).any(|option| option.eq_ignore_ascii_case(b"close"));
            keep_alive |= list(field.value).any(|option| option.eq_ignore_ascii_case(b"keep-alive"));
        } else if field.name.eq_ignore_ascii_case("content-length") {
            let length = parse_content_length(field.value)?;
            if content_length.is_some_and(|other| other != length) {
                return Err("400 Bad Request");
            }
            content_length = Some(length);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            list(field.value).for_each(|coding| codings.add(coding));
        } else if field.name.eq_ignore_ascii_case("expect") {
            expects_continue |= field.value.eq_ignore_ascii_case(b"100-continue");
            expects_other |= !field.value.eq_ignore_ascii_case(b"100-continue");
        }
    }
    if version > 0 && !has_host {
        return Err("400 Bad Request");
    }
    let framing = match (codings.all, content_length) {
        (0, length) => Framing::Length(length.unwrap_or(0)),
        (_, None) if version > 0 => codings.framing()?,
        // Some hop may have gone by the length, and one that speaks 1.0 knows no coding (9112 6.1).
        _ => return Err("400 Bad Request"),
    };
    if expects_other {
        return Err("417 Expectation Failed");
    }
    Ok(Message {
        version,
        framing,
        expects_continue: expects_continue && version > 0, // 1.0 has no 100 to wait for (9110 10.1.1)
        // What follows a CONNECT may have been sent in the hope of a tunnel, and not be HTTP.
        close: close || version == 0 && !keep_alive || request.method == Some("CONNECT"),
    })
}

fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Digits and nothing else. A number that does not fit is like the largest that does: a body too large.
fn parse_content_length(value: &[u8]) -> Result<usize, Status> {
    match str::from_utf8(value) {
        Ok(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(digits.parse().unwrap_or(usize::MAX))
        }
        _ => Err("400 Bad Request"),
    }
}

/// The members of all `Transfer-Encoding` fields.
#[derive(Default)]
struct Codings {
    all: usize,
    chunked: usize,
    ends_chunked: bool,
}

impl Codings {
    fn add(&mut self, coding: &[u8]) {
        self.ends_chunked = coding.eq_ignore_ascii_case(b"chunked");
        self.chunked += usize::from(self.ends_chunked);
        self.all += 1;
    }

    /// A body has an end when chunked is its last coding and is there once (9112 6.1, 6.3).
    fn framing(self) -> Result<Framing, Status> {
        match self {
            Codings { ends_chunked: true, chunked: 1, all: 1 } => Ok(Framing::Chunked),
            Codings { ends_chunked: true, chunked: 1, .. } => Err("501 Not Implemented"),
            _ => Err("400 Bad Request"),
        }
    }
}

/// `uri-host [ ":" port ]` (9110 7.2); a host may be empty.
#[inline]
fn is_host(value: &[u8]) -> bool {
    let host_end = match value {
        [b'[', ..] => value.iter().position(|byte| *byte == b']').map_or(0, |bracket| bracket + 1),
        _ => name_length(value),
    };
    let (host, port) = value.split_at(host_end);
    let is_valid = match host {
        [b'[', address @ .., b']'] => str::from_utf8(address).is_ok_and(|a| a.parse::<Ipv6Addr>().is_ok()),
        _ => true,
    };
    is_valid && matches!(port, [] | [b':', ..]) && port.iter().skip(1).all(u8::is_ascii_digit)
}

/// How long a registered name or an IPv4 address is at the start (RFC 3986, 3.2.2).
#[inline]
fn name_length(value: &[u8]) -> usize {
    let mut length = 0;
    loop {
        let rest = &value[length..];
        length += rest.iter().position(|byte| !IS_IN_NAME[usize::from(*byte)]).unwrap_or(rest.len());
        match &value[length..] {
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => length += 3,
            _ => return length,
        }
    }
}

/// The bytes of them but for what is percent-encoded. Every request has a host, and a
/// table takes half the instructions of comparing.
static IS_IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let is_mark = matches!(byte, b'!' | b'$' | b'&'..=b'.' | b';' | b'=' | b'_' | b'~'); // &'()*+,-. are a row
        table[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        byte += 1;
    }
    table
};

// ---- A chunked body --------------------------------------------------------------------------------

#[derive(Debug, PartialEq)]
pub struct Chunk {
    pub size: usize,
    /// Bytes of the line that say nothing of the size: extensions, and zeros in front of it.
    pub padding: usize,
}

pub fn parse_chunk_size(bytes: &[u8]) -> Parsed<Chunk> {
    let Some(newline) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let line = bytes[..newline].strip_suffix(b"\r").ok_or("400 Bad Request")?;
    let (digits, extension) = line.split_at(line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count());
    // A byte that some reader takes for the end of the line would hide a chunk from it or from us.
    let is_extension = extension.is_empty() || extension.trim_ascii_start().starts_with(b";");
    if digits.is_empty() || !is_extension || extension.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err("400 Bad Request");
    }
    let digits = str::from_utf8(digits).map_err(|_| "400 Bad Request")?;
    let zeros = digits.bytes().take(digits.len() - 1).take_while(|digit| *digit == b'0').count();
    let size = usize::from_str_radix(digits, 16).unwrap_or(usize::MAX);
    Ok(Some((newline + 1, Chunk { size, padding: zeros + extension.len() })))
}

pub fn parse_line_end(bytes: &[u8]) -> Parsed<()> {
    match bytes {
        [b'\r', b'\n', ..] => Ok(Some((2, ()))),
        [] | [b'\r'] => Ok(None),
        _ => Err("400 Bad Request"),
    }
}

/// The fields after the last chunk are checked and dropped: nothing here has a use for them.
pub fn parse_trailer(bytes: &[u8]) -> Parsed<()> {
    match httparse::parse_headers(bytes, &mut [EMPTY_HEADER; MAX_FIELDS]) {
        Ok(httparse::Status::Complete((used, fields))) if has_bare_newline(&bytes[..used], fields) => {
            Err("400 Bad Request")
        }
        Ok(httparse::Status::Complete((used, _))) => Ok(Some((used, ()))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(Error::TooManyHeaders) => Err("431 Request Header Fields Too Large"),
        Err(_) => Err("400 Bad Request"),
    }
}

// ---- The target ------------------------------------------------------------------------------------

/// The path that a target names, in each of its forms (9112 3.2), and the query with its `?`. For CONNECT it is the
/// whole target.
#[inline]
pub fn split_target<'a>(method: &str, target: &'a str) -> Option<(&'a str, &'a str)> {
    if target.bytes().any(|byte| !byte.is_ascii() || byte == b'#') {
        return None;
    }
    if method == "CONNECT" {
        let (_, port) = target.rsplit_once(':')?;
        return (is_authority(target) && !port.is_empty()).then_some((target, ""));
    }
    if target.starts_with('/') || (method, target) == ("OPTIONS", "*") {
        return Some(split_query(target));
    }
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let (authority, origin) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    match split_query(origin) {
        _ if !is_authority(authority) => None,
        ("", "") if method == "OPTIONS" => Some(("*", "")),
        ("", query) => Some(("/", query)),
        path_and_query => Some(path_and_query),
    }
}

fn split_query(target: &str) -> (&str, &str) {
    target.split_at(target.bytes().position(|byte| byte == b'?').unwrap_or(target.len()))
}

fn is_authority(authority: &str) -> bool {
    !authority.is_empty() && !authority.starts_with(':') && is_host(authority.as_bytes())
}

/// Undoes percent-encoding, once.
pub fn decode(text: &str) -> Option<Vec<u8>> {
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
    Some(decoded)
}
