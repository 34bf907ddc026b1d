//! The answer does not depend on how the bytes of a request are split.

use super::client::{Client, Example, GET, HELLO};
use super::request::{Parsed, parse_chunk_size, parse_line_end, parse_trailer};
use super::routes::parse_head;

/// Requests of every kind, good and bad.
const REQUESTS: [&str; 26] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET http://[::1]:80/?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /none HTTP/1.1\nHost: a\n\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n1234\r\n\r\n890",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n01\r\n4\r\nb\r\n5678\
        9abcdef\r\n0\r\nA: b\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n01\r\n\r\n00\r\nA: b\r\nC: d\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    "POST /none HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.x\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbodyx\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n",
    "GET http://a%20b/%2F HTTP/1.1\r\nHost: %61%\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0001\r\nb\r\n0\r\nA: b\n\r\n",
];

/// As the server could not answer the first request without it, it has read what came with it: a GET and
/// a first piece are written at once, and the second piece follows the answer to the GET.
fn exchange_in_two(client: &mut Client, request: &[u8], at: usize) -> String {
    client.send([GET, &request[..at]].concat());
    client.expect(HELLO);
    client.send(&request[at..]);
    client.finish();
    client.rest()
}

#[test]
fn every_two_way_split_gives_the_same_answer() {
    let server = Example::http_server();
    for request in REQUESTS {
        let whole = server.exchange(request);
        for at in 0..=request.len() {
            let answer = exchange_in_two(&mut server.connect(), request.as_bytes(), at);
            assert_eq!(answer, whole, "to {request:?} cut at {at}");
        }
    }
}

#[test]
fn one_byte_a_write_gives_the_same_answer() {
    let server = Example::http_server();
    for request in REQUESTS {
        let whole = server.exchange(request);
        let mut client = server.connect();
        request.as_bytes().chunks(1).for_each(|byte| client.send(byte));
        client.finish();
        assert_eq!(client.rest(), whole, "to {request:?}");
    }
}

#[test]
fn a_split_at_a_limit_gives_the_same_answer() {
    let server = Example::http_server();
    let target = format!("GET /{} HTTP/9.9\r\nbad header\r\n\r\n", "t".repeat(5000));
    let broken_target = format!("GET /{}\0 HTTP/1.1\r\n\r\n", "t".repeat(5000));
    let header = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(8192));
    let fitting = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(8192 - 32));
    let chunks = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;{}\r\nb\r\n0\r\n\r\n",
        "x".repeat(8192)
    );
    for request in [target, broken_target, header, fitting, chunks] {
        let whole = server.exchange(&request);
        let near = [4095, 4096, 4100, 4101, 4102, 4103, 5005, 5006, 5007, 8163, 8190, 8191, 8192, 8193, 8250];
        for at in near.into_iter().filter(|at| *at <= request.len()) {
            let answer = exchange_in_two(&mut server.connect(), request.as_bytes(), at);
            assert_eq!(answer, whole, "cut at {at}: {:?}...", &request[..20]);
        }
    }
}

/// A parser may need more bytes, but a result for a prefix must hold for every continuation.
fn assert_says_the_same_of_every_prefix<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Parsed<T>,
) {
    let whole = parse(bytes);
    for end in 0..bytes.len() {
        match parse(&bytes[..end]) {
            Ok(None) => {}
            said => assert_eq!(said, whole, "the first {end} of {:?}", String::from_utf8_lossy(bytes)),
        }
    }
}

#[test]
fn random_damage_is_judged_the_same_in_every_prefix() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let noise = b"\r\n\0 \t:;,/aA019\x7f\xff";
    for round in 0..4000 {
        let mut bytes = REQUESTS[round % REQUESTS.len()].as_bytes().to_vec();
        for _ in 0..random(4) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = noise[random(noise.len())],
                1 => bytes.insert(at, noise[random(noise.len())]),
                _ => drop(bytes.remove(at)),
            }
        }
        assert_says_the_same_of_every_prefix(&bytes, parse_head);
        let body = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| end + 4);
        assert_says_the_same_of_every_prefix(&bytes[body..], parse_chunk_size);
        assert_says_the_same_of_every_prefix(&bytes[body..], parse_trailer);
        assert_says_the_same_of_every_prefix(&bytes[body..], parse_line_end);
    }
}
