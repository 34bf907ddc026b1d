//! The routes.

use httparse::Request;

use super::request::{self, Framing, Message, Parsed, Status};

pub const MAX_BODY: usize = 64 * 1024;

/// The properties of a request line and header that the server uses.
#[derive(Debug, PartialEq)]
pub struct Head {
    /// The minor version: HTTP/1.0 or HTTP/1.1.
    pub version: u8,
    /// The answer has no content but tells its length.
    pub is_head: bool,
    pub framing: Framing,
    pub expects_continue: bool,
    /// It is the last request of its connection.
    pub close: bool,
    pub answer: Answer,
}

#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: Status,
    /// The fields that only this answer has, in whole lines.
    pub fields: &'static str,
    pub content: Content,
}

#[derive(Debug, PartialEq)]
pub enum Content {
    Text(&'static str),
    RequestBody,
    /// Whether a balancer may send new clients: the status is that of this, or 503.
    Health,
}

#[inline]
pub fn parse_head(bytes: &[u8]) -> Parsed<Head> {
    request::parse_head(bytes, answer)
}

#[inline]
fn answer(request: &Request, message: Message) -> Result<Head, Status> {
    let (method, target) = request.method.zip(request.path).ok_or("400 Bad Request")?; // a whole head has both
    let Message { version, framing, expects_continue, close } = message;
    if matches!(framing, Framing::Length(length) if length > MAX_BODY) {
        return Err("413 Content Too Large");
    }
    let answer = route(method, target)?;
    let mut head = Head { version, is_head: method == "HEAD", framing, expects_continue, close, answer };
    if head.expects_continue && !matches!(head.answer.content, Content::RequestBody) {
        // The body is not needed, so this answer replaces the 100. The client may
        // or may not send the body, so the start of another request is unknown.
        head.framing = Framing::Length(0);
        head.close = true;
    }
    Ok(head)
}

#[inline]
fn route(method: &str, target: &str) -> Result<Answer, Status> {
    const TEXT: &str = "Content-Type: text/plain\r\n";
    const BYTES: &str = "Content-Type: application/octet-stream\r\n";
    let (path, _) = request::split_target(method, target).ok_or("400 Bad Request")?;
    let answer = |status, fields, text| Ok(Answer { status, fields, content: Content::Text(text) });
    match (method, path) {
        ("GET" | "HEAD", "/") => return answer("200 OK", TEXT, "Hello, world!"),
        ("GET" | "HEAD", "/health") => {
            return Ok(Answer { status: "200 OK", fields: TEXT, content: Content::Health });
        }
        ("POST", "/echo") => {
            return Ok(Answer { status: "200 OK", fields: BYTES, content: Content::RequestBody });
        }
        ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH" | "CONNECT" | "TRACE", _) => {}
        _ => return answer("501 Not Implemented", TEXT, "No such method.\n"),
    }
    let allow = match path {
        "/" | "/health" => "Allow: GET, HEAD, OPTIONS\r\n",
        "/echo" => "Allow: OPTIONS, POST\r\n",
        "*" => "Allow: GET, HEAD, OPTIONS, POST\r\n",
        _ if method == "CONNECT" => "Allow:\r\n",
        _ if request::decode(path).is_none() => return Err("400 Bad Request"),
        _ => return answer("404 Not Found", TEXT, "No such page.\n"),
    };
    match method {
        "OPTIONS" => answer("200 OK", allow, ""),
        _ => answer("405 Method Not Allowed", allow, ""),
    }
}
