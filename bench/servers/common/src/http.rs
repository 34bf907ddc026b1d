//! "Hello, world!" over HTTP/1.1: one function that turns received bytes into answers, the same for
//! every server. It is a benchmark's server: GET only, no bodies, everything else is refused and closed.

use crate::BUFFER;

/// Header lines a request may have.
const MAX_HEADERS: usize = 16;

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 13\r\n\
    \r\n\
    Hello, world!";

const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Length: 0\r\n\
    Connection: close\r\n\
    \r\n";

/// What became of the bytes given to [`answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answered {
    /// Bytes at the front of the input that are dealt with. The rest is the start of a request.
    pub consumed: usize,
    /// Whether the connection ends once the output is sent.
    pub close: bool,
}

impl Answered {
    /// Moves what is left of the `filled` bytes, the start of a request, to the front of `buffer`; returns how many bytes that is.
    /// Between requests it is none, and nothing is called.
    #[inline]
    pub fn keep_rest(&self, buffer: &mut [u8], filled: usize) -> usize {
        let rest = filled - self.consumed;
        if rest != 0 {
            buffer.copy_within(self.consumed..filled, 0);
        }
        rest
    }
}

/// Appends to `output` the answer to every whole request in `input`, in order.
pub fn answer(input: &[u8], output: &mut Vec<u8>) -> Answered {
    let mut consumed = 0;
    while consumed < input.len() {
        match request(&input[consumed..]) {
            Request::Whole { length, close } => {
                output.extend_from_slice(HELLO);
                consumed += length;
                if close {
                    return Answered { consumed, close };
                }
            }
            Request::Partial if input.len() - consumed < BUFFER => break,
            Request::Partial | Request::Bad => {
                output.extend_from_slice(BAD_REQUEST);
                return Answered { consumed, close: true };
            }
        }
    }
    Answered { consumed, close: false }
}

enum Request {
    Whole { length: usize, close: bool },
    Partial,
    Bad,
}

fn request(input: &[u8]) -> Request {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Request::Partial,
        Err(_) => return Request::Bad,
    };
    if request.method != Some("GET") {
        return Request::Bad;
    }
    let mut close = request.version == Some(0);
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("connection") {
            close |= header.value.eq_ignore_ascii_case(b"close");
        } else if header.name.eq_ignore_ascii_case("content-length")
            || header.name.eq_ignore_ascii_case("transfer-encoding")
        {
            return Request::Bad;
        }
    }
    Request::Whole { length, close }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    #[test]
    fn every_split_of_a_request_gives_one_answer() {
        for split in 0..GET.len() {
            let mut output = Vec::new();
            let first = answer(&GET[..split], &mut output);
            assert_eq!((first.consumed, first.close), (0, false));
            assert!(output.is_empty());
            let second = answer(GET, &mut output);
            assert_eq!((second.consumed, second.close), (GET.len(), false));
            assert_eq!(output, HELLO);
        }
    }

    #[test]
    fn pipelined_requests_are_answered_in_one_go_and_the_rest_is_kept() {
        let input = [GET, GET, &GET[..5]].concat();
        let mut output = Vec::new();
        let answered = answer(&input, &mut output);
        assert_eq!((answered.consumed, answered.close), (2 * GET.len(), false));
        assert_eq!(output, [HELLO, HELLO].concat());
        let mut buffer = input.clone();
        assert_eq!(answered.keep_rest(&mut buffer, input.len()), 5);
        assert_eq!(buffer[..5], GET[..5]);
    }

    #[test]
    fn what_is_not_a_plain_get_is_refused_and_closed() {
        for input in [
            &b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"[..],
            b"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            b"GET /\x00 HTTP/1.1\r\n\r\n",
            &[b'A'; BUFFER],
        ] {
            let mut output = Vec::new();
            assert!(answer(input, &mut output).close);
            assert_eq!(output, BAD_REQUEST);
        }
    }

    #[test]
    fn a_client_that_asks_to_close_is_answered_first() {
        for input in [&b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"[..], b"GET / HTTP/1.0\r\n\r\n"] {
            let mut output = Vec::new();
            assert!(answer(input, &mut output).close);
            assert_eq!(output, HELLO);
        }
    }
}
