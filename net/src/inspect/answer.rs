//! [`Answer`]: the head and the body of an answer.

use super::door::Refusal;
use std::borrow::Cow;
use std::rc::Rc;

/// How many traces are in memory at a time: each takes megabytes.
const MOST_TRACES: usize = 2;

/// Nothing but what this server sends is loaded, framed or sent to.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const CSS: &str = "text/css; charset=utf-8";
pub(super) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// An answer that is not written yet.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: &'static str,
    content_type: &'static str,
    /// One more field, with its line end, or none.
    field: &'static str,
    pub(super) body: Cow<'static, [u8]>,
    /// Given back when the answer is written.
    permit: Option<Permit>,
}

/// The traces that are in memory.
#[derive(Default)]
pub(super) struct Traces(Rc<()>);

/// Leave to have one more.
#[derive(Debug)]
pub(super) struct Permit(#[expect(dead_code, reason = "it counts by being there")] Rc<()>);

impl Traces {
    pub(super) fn permit(&self) -> Option<Permit> {
        (Rc::strong_count(&self.0) <= MOST_TRACES).then(|| Permit(self.0.clone()))
    }
}

impl Answer {
    pub(super) fn new(content_type: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Answer {
        Answer { status: "200 OK", content_type, field: "", body: body.into(), permit: None }
    }

    /// Creates an answer that is a sentence, or nothing.
    pub(super) fn error(status: &'static str, text: impl Into<String>) -> Answer {
        let mut body = text.into();
        if !body.is_empty() {
            body.push('\n');
        }
        Answer { status, content_type: TEXT, field: "", body: body.into_bytes().into(), permit: None }
    }

    /// Adds a field: `Name: value\r\n`.
    pub(super) fn with(mut self, field: &'static str) -> Answer {
        self.field = field;
        self
    }

    pub(super) fn holding(mut self, permit: Permit) -> Answer {
        self.permit = Some(permit);
        self
    }

    pub(super) fn head(&self, close: bool) -> String {
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
             Content-Security-Policy: {POLICY}\r\n{}{}\r\n",
            self.status,
            self.content_type,
            self.body.len(),
            self.field,
            if close { "Connection: close\r\n" } else { "" },
        )
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        let answer = Answer::error(refusal.status, refusal.text);
        match refusal.status.split(' ').next() {
            Some("401") => answer.with("WWW-Authenticate: Basic realm=\"egret\", charset=\"UTF-8\"\r\n"),
            Some("405") => answer.with("Allow: GET\r\n"),
            _ => answer,
        }
    }
}
