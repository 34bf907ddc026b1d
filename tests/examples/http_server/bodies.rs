//! Where a body ends, and inputs that must not end it.

use super::client::{Example, GET, HELLO, echoed, refused};

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

fn post(fields: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// Each of these gets the status, and what comes after it is never read as another request.
fn assert_refused(status: &str, requests: &[String]) {
    let server = Example::http_server();
    for request in requests {
        let smuggled = [request.as_bytes(), GET].concat();
        assert_eq!(server.exchange(smuggled), refused(status), "to {request:?}");
    }
    server.assert_serves();
}

/// Each of these is echoed, and a request right behind it is answered too.
fn assert_echoed(body: &str, requests: &[String]) {
    let server = Example::http_server();
    for request in requests {
        let both = [request.as_bytes(), GET].concat();
        assert_eq!(server.exchange(both), echoed(body) + HELLO, "to {request:?}");
    }
}

#[test]
fn a_content_length_tells_where_a_body_ends() {
    assert_echoed(
        "body",
        &[post("Content-Length: 4\r\n", "body"), post("Content-Length:  004 \r\n", "body")],
    );
    assert_echoed("body", &[post("Content-Length: 4\r\nContent-Length: 4\r\n", "body")]);
    assert_echoed("", &[post("Content-Length: 0\r\n", ""), post("", "")]);
    assert_echoed("GET / HTTP/1.1\r\n\r\n", &[post("Content-Length: 18\r\n", "GET / HTTP/1.1\r\n\r\n")]);
}

#[test]
fn a_body_that_has_no_use_is_not_taken_for_a_request() {
    let server = Example::http_server();
    let body = "POST /echo HTTP/1.1\r\nHost: a\r\n\r\n";
    let with_length = format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(server.exchange(with_length.repeat(2)), HELLO.repeat(2));
    let in_chunks = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    assert_eq!(server.exchange(in_chunks.repeat(2)), HELLO.repeat(2));
}

#[test]
fn a_content_length_of_anything_but_digits_or_in_disagreement_gets_400() {
    let of = |length: &str| post(&format!("Content-Length: {length}\r\n"), "body");
    let lengths = ["", "+4", "-4", "4.0", "0x4", "4 4", "4, 4", "4,", ",4", "four", "4;", "\u{664}"];
    assert_refused("400 Bad Request", &lengths.map(of));
    assert_refused(
        "400 Bad Request",
        &[
            post("Content-Length: 4\r\nContent-Length: 5\r\n", "body"),
            post("Content-Length: 4\r\nX: y\r\ncontent-length: 0\r\n", "body"),
            post("Content-Length: 0\r\nContent-Length: 4\r\n", "body"),
        ],
    );
}

#[test]
fn a_length_with_a_transfer_encoding_gets_400() {
    assert_refused(
        "400 Bad Request",
        &[
            post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n"),
        ],
    );
}

#[test]
fn a_transfer_encoding_that_tells_no_end_gets_400() {
    let of = |coding: &str| post(&format!("Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n");
    let codings = [
        "",
        "gzip",
        "identity",
        "xchunked",
        "chunked2",
        "\"chunked\"",
        "chunked;q=1",
        "chunked, gzip",
        "chunked, chunked",
        "chunked, identity",
        "chunked,",
        "chunked x",
        "x chunked",
    ];
    assert_refused("400 Bad Request", &codings.map(of));
    assert_refused(
        "400 Bad Request",
        &[
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding:\x0bchunked\r\n", "0\r\n\r\n"),
            "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_string(),
        ],
    );
}

#[test]
fn a_coding_that_is_not_known_gets_501() {
    assert_refused(
        "501 Not Implemented",
        &[
            post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
            post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ],
    );
}

#[test]
fn chunks_are_joined_and_extensions_and_trailers_dropped() {
    assert_echoed(
        "Hello, world!",
        &[
            chunked("d\r\nHello, world!\r\n0\r\n\r\n"),
            chunked("7\r\nHello, \r\n6\r\nworld!\r\n0\r\n\r\n"),
            chunked("D\r\nHello, world!\r\n000\r\n\r\n"),
            chunked("0000000000000000000d\r\nHello, world!\r\n0\r\n\r\n"),
            chunked("d;a=b;c=\"d e\"\r\nHello, world!\r\n0;x\r\n\r\n"),
            chunked("d ; a\r\nHello, world!\r\n0\r\n\r\n"),
            chunked("d\r\nHello, world!\r\n0\r\nTrailer: dropped\r\nContent-Length: 9\r\n\r\n"),
            post("Transfer-Encoding:\tChunked \r\n", "d\r\nHello, world!\r\n0\r\n\r\n"),
        ],
    );
    assert_echoed("", &[chunked("0\r\n\r\n")]);
    assert_echoed("0\r\n\r\n", &[chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n")]);
}

#[test]
fn malformed_chunks_get_400() {
    assert_refused(
        "400 Bad Request",
        &[
            chunked("\r\n\r\n"),
            chunked("x\r\n\r\n"),
            chunked("-1\r\n\r\n"),
            chunked("+1\r\na\r\n0\r\n\r\n"),
            chunked("0x1\r\na\r\n0\r\n\r\n"),
            chunked(" 1\r\na\r\n0\r\n\r\n"),
            chunked("1 \r\na\r\n0\r\n\r\n"),
            chunked("1 1\r\na\r\n0\r\n\r\n"),
            chunked("1\na\r\n0\r\n\r\n"),
            chunked("1;\na\r\n0\r\n\r\n"),
            chunked("1;a\rb\r\na\r\n0\r\n\r\n"),
            chunked("1;\0\r\na\r\n0\r\n\r\n"),
            chunked("1\r\nab\r\n0\r\n\r\n"),
            chunked("2\r\na\r\n0\r\n\r\n"),
            chunked("1\r\na\n0\r\n\r\n"),
            chunked("1\r\na0\r\n\r\n"),
            chunked("0\r\nbad trailer\r\n\r\n"),
            chunked("0\r\nX : y\r\n\r\n"),
            chunked("0\r\n X: y\r\n\r\n"),
        ],
    );
}

#[test]
fn a_body_over_its_limit_gets_413_and_one_at_it_is_taken() {
    let most = "b".repeat(65_536);
    assert_echoed(
        &most,
        &[post("Content-Length: 65536\r\n", &most), chunked(&format!("10000\r\n{most}\r\n0\r\n\r\n"))],
    );
    assert_refused(
        "413 Content Too Large",
        &[
            post("Content-Length: 65537\r\n", &"b".repeat(65_537)),
            post("Content-Length: 65537\r\n", ""),
            post("Content-Length: 18446744073709551615\r\n", ""),
            post("Content-Length: 99999999999999999999999999\r\n", ""),
            chunked(&format!("10000\r\n{most}\r\n1\r\nb\r\n0\r\n\r\n")),
            chunked("10001\r\n"),
            chunked("ffffffffffffffff\r\n"),
            chunked("ffffffffffffffffffffffff\r\n"),
            "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n".to_string(),
        ],
    );
}

#[test]
fn chunk_extensions_and_trailers_are_limited_too() {
    assert_echoed("a", &[chunked(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(1023)))]);
    let one = format!("1;{}\r\na\r\n", "x".repeat(400));
    assert_refused(
        "413 Content Too Large",
        &[chunked(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(1024))), chunked(&one.repeat(1000))],
    );
    assert_refused(
        "431 Request Header Fields Too Large",
        &[
            chunked(&format!("0\r\nX: {}\r\n\r\n", "y".repeat(100_000))),
            chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(65))),
            chunked(&format!("1;{}", "x".repeat(100_000))),
        ],
    );
}

/// They count as extensions do: 64 KiB of body in chunks of a byte took half a gigabyte of them.
#[test]
fn leading_zeros_of_chunk_sizes_are_limited_in_all_chunks_together() {
    let zeros = |count: usize, chunks: usize| {
        let chunk = format!("{}1\r\nb\r\n", "0".repeat(count));
        chunked(&(chunk.repeat(chunks) + "0\r\n\r\n"))
    };
    assert_echoed("b", &[zeros(1024, 1)]);
    assert_echoed(&"b".repeat(341), &[zeros(3, 341)]);
    let too_large = chunked(&format!("1\r\nb\r\n{}\r\n\r\n", "0".repeat(1026)));
    assert_refused("413 Content Too Large", &[zeros(1025, 1), zeros(3, 342), zeros(8100, 100), too_large]);
}

#[test]
fn a_body_that_will_be_read_is_asked_for_first() {
    let server = Example::http_server();
    let mut client = server.connect();
    for fields in
        ["Content-Length: 4\r\nExpect: 100-continue\r\n", "expect: 100-Continue\r\ncontent-length:4\r\n"]
    {
        client.send(post(fields, ""));
        client.expect(CONTINUE);
        client.send("body");
        client.expect(&echoed("body"));
    }
    client.send(post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", ""));
    client.expect(CONTINUE);
    client.send("4\r\nbody\r\n0\r\n\r\n");
    client.expect(&echoed("body"));
}

#[test]
fn a_body_that_will_not_be_read_is_not_asked_for() {
    let expecting = |line: &str, fields: &str| {
        format!("{line} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{fields}\r\n")
    };
    assert_refused("413 Content Too Large", &[expecting("POST /echo", "Content-Length: 65537\r\n")]);
    let server = Example::http_server();
    let none = server
        .exchange(expecting("POST /none", "Content-Length: 33\r\n") + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let not_found = "HTTP/1.1 404 Not Found\r\nDate: now\r\nContent-Type: text/plain\r\n\
        Content-Length: 14\r\nConnection: close\r\n\r\nNo such page.\n";
    assert_eq!(none, not_found);
    // There is none to ask for.
    assert_eq!(server.exchange(expecting("POST /echo", "")), echoed(""));
    // HTTP/1.0 knows no 100.
    let old = "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(server.exchange(old), echoed("body").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
}

#[test]
fn another_expectation_gets_417() {
    assert_refused(
        "417 Expectation Failed",
        &[
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n".to_string(),
            post("Expect: 100-continue, x\r\nContent-Length: 4\r\n", "body"),
            post("Expect: 100-continue\r\nExpect: x\r\nContent-Length: 4\r\n", "body"),
            post("Expect:\r\nContent-Length: 4\r\n", "body"),
        ],
    );
}
