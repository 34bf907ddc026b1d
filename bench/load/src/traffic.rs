//! What is sent on each connection, and what must come back.
//!
//! Both directions of both cases are periodic streams cut into messages of one length. An echo stream is random
//! bytes with a prime period, entered at another place by each connection, so that a byte that is lost, doubled,
//! shifted or sent to the wrong connection shows.

use crate::random::Random;
use crate::ring::Ring;
use crate::{CHUNK, Case, Config};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Bytes after which an echo stream repeats: a prime, so that no message size divides it.
const ECHO_PERIOD: usize = 65_521;

/// Bytes between the starts of two connections' echo streams: a prime as well.
const ECHO_STRIDE: u64 = 7_919;

/// What wrk sends, but for the host's name.
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

const HELLO: &[u8] = b"Hello, world!";

/// The longest answer to the probe that is waited for.
const MAX_HEAD: usize = 8 * 1024;

/// The streams of a load.
#[derive(Debug)]
pub struct Traffic {
    request: Ring,
    answer: Ring,
    /// Bytes of one request.
    pub request_len: u64,
    /// Bytes of one answer.
    pub answer_len: u64,
    stride: u64,
    /// Bytes of an answer that may differ from one to the next.
    free: Range<u64>,
}

impl Traffic {
    /// Makes the streams. For HTTP this asks the server once, on a connection of its own, checks that answer,
    /// and expects the same bytes from then on.
    pub fn new(config: &Config) -> Result<Traffic> {
        match config.case {
            Case::Echo => {
                let random = random_bytes(ECHO_PERIOD);
                Ok(Traffic {
                    request: Ring::new(random.clone()),
                    answer: Ring::new(random),
                    request_len: config.size as u64,
                    answer_len: config.size as u64,
                    stride: ECHO_STRIDE,
                    free: 0..0,
                })
            }
            Case::Http => {
                let answer = probe(config, GET)?;
                Ok(Traffic {
                    request_len: GET.len() as u64,
                    answer_len: answer.len() as u64,
                    free: date(&answer),
                    request: Ring::new(GET.to_vec()),
                    answer: Ring::new(answer),
                    stride: 0,
                })
            }
        }
    }

    /// Bytes to send on connection `index` after `sent`, up to `goal` or a chunk.
    pub fn to_send(&self, index: u64, sent: u64, goal: u64) -> &[u8] {
        let length = (goal - sent).min(CHUNK as u64) as usize;
        self.request.slice(index * self.stride + sent, length)
    }

    /// The place of the first wrong byte of `bytes`, which came after `received` right ones on connection `index`.
    pub fn wrong(&self, index: u64, received: u64, bytes: &[u8]) -> Option<u64> {
        let expected = self.answer.slice(index * self.stride + received, bytes.len());
        if bytes == expected {
            return None;
        }
        let places = (received..).zip(bytes.iter().zip(expected));
        let mut wrong = places.filter(|(_, (byte, expected))| byte != expected).map(|(at, _)| at);
        wrong.find(|at| !self.free.contains(&(at % self.answer_len)))
    }
}

/// Where the value of the header `Date` is: some servers have one, and it changes with the second.
fn date(answer: &[u8]) -> Range<u64> {
    const NAME: &[u8] = b"\r\ndate: ";
    let start = answer.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME));
    let Some(start) = start.map(|at| at + NAME.len()) else { return 0..0 };
    let length = answer[start..].iter().position(|byte| *byte == b'\r').unwrap_or(0);
    start as u64..(start + length) as u64
}

fn random_bytes(count: usize) -> Vec<u8> {
    let mut random = Random::new(0x5eed);
    (0..count).map(|_| random.next() as u8).collect()
}

/// Asks once and returns the whole answer, checked.
fn probe(config: &Config, request: &[u8]) -> Result<Vec<u8>> {
    let deadline = Instant::now() + config.limit;
    let mut stream = TcpStream::connect_timeout(&config.addr, config.limit)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    loop {
        if let Some(length) = hello_len(&answer)? {
            if answer.len() > length {
                return Err(bad("more bytes than the answer announces"));
            }
            if answer.len() == length {
                break;
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || answer.len() > MAX_HEAD {
            return Err(bad("the answer does not end"));
        }
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut chunk = [0; 1024];
        match read(&mut stream, &mut chunk)? {
            0 => return Err(bad("the server closed before it had answered")),
            count => answer.extend_from_slice(&chunk[..count]),
        }
    }
    if !answer.ends_with(HELLO) {
        return Err(bad("the body is not \"Hello, world!\""));
    }
    // The server must close when we do, so that nothing of the probe is left when the load begins.
    stream.shutdown(std::net::Shutdown::Write)?;
    if read(&mut stream, &mut [0])? != 0 {
        return Err(bad("more bytes than the answer announces"));
    }
    Ok(answer)
}

/// Reads once. A socket with a time limit is interrupted when the process is stopped and goes on.
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// The length of the answer that `bytes` begins, or `None` while its head is incomplete.
fn hello_len(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(head_len) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..head_len]).map_err(|_| bad("the head is not text"))?;
    let mut lines = head.split("\r\n");
    if !lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 200 ")) {
        return Err(bad("the status is not 200"));
    }
    let body_len: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| bad("no Content-Length"))?;
    if body_len != HELLO.len() {
        return Err(bad("the body has not 13 bytes"));
    }
    Ok(Some(head_len + 4 + body_len))
}

fn bad(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("HTTP probe: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_answer_is_known_once_its_head_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, world!";
        for split in 0..answer.len() - HELLO.len() {
            assert_eq!(hello_len(&answer[..split]).unwrap(), None);
        }
        assert_eq!(hello_len(answer).unwrap(), Some(answer.len()));
    }

    #[test]
    fn only_the_value_of_the_date_may_change() {
        let answer = b"HTTP/1.1 200 OK\r\nDate: 12:00\r\nContent-Length: 13\r\n\r\nHello, world!".to_vec();
        let length = answer.len() as u64;
        let traffic = Traffic {
            free: date(&answer),
            request: Ring::new(GET.to_vec()),
            answer: Ring::new(answer.clone()),
            request_len: GET.len() as u64,
            answer_len: length,
            stride: 0,
        };
        assert_eq!(&answer[traffic.free.start as usize..traffic.free.end as usize], b"12:00");
        for (at, byte) in (0..).zip(&answer) {
            let wrong = [byte ^ 1];
            let found = traffic.wrong(0, 3 * length + at, &wrong);
            assert_eq!(found, (!traffic.free.contains(&at)).then_some(3 * length + at));
        }
    }

    #[test]
    fn an_answer_that_is_not_hello_is_an_error() {
        for answer in [
            &b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
        ] {
            assert!(hello_len(answer).is_err());
        }
    }
}
