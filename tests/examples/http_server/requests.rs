//! Request lines and headers: what is served, what is refused, and by which status.

use super::client::{Example, GET, HELLO, refused};

/// Each of these gets the status and nothing that comes after it is answered.
fn assert_refused(status: &str, requests: &[&str]) {
    let server = Example::http_server();
    for request in requests {
        let answer = server.exchange([request.as_bytes(), GET].concat());
        assert_eq!(answer, refused(status), "to {request:?}");
    }
    server.assert_serves();
}

fn assert_answered(answer: &str, requests: &[&str]) {
    let server = Example::http_server();
    for request in requests {
        assert_eq!(server.exchange(request), answer, "to {request:?}");
    }
}

fn not_allowed(allow: &str) -> String {
    format!("HTTP/1.1 405 Method Not Allowed\r\nDate: now\r\nAllow: {allow}\r\nContent-Length: 0\r\n\r\n")
}

fn options(allow: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nDate: now\r\nAllow: {allow}\r\nContent-Length: 0\r\n\r\n")
}

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nDate: now\r\nContent-Type: text/plain\r\n\
    Content-Length: 14\r\n\r\nNo such page.\n";

#[test]
fn get_is_answered() {
    assert_answered(
        HELLO,
        &[
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /?query HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhOST:a\r\nAccept: */*\r\nX: \t caf\u{e9} \t\r\nEmpty:\r\n\r\n",
        ],
    );
}

#[test]
fn head_gets_the_header_that_get_would_and_no_content() {
    let server = Example::http_server();
    let head_of_hello = HELLO.strip_suffix("Hello, world!").expect("it has content");
    assert_eq!(server.exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), head_of_hello);
    let head_of_not_found = NOT_FOUND.strip_suffix("No such page.\n").expect("it has content");
    assert_eq!(server.exchange("HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n"), head_of_not_found);
    let two = [b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", GET].concat();
    assert_eq!(server.exchange(two), [head_of_hello, HELLO].concat());
}

#[test]
fn an_unknown_path_gets_404() {
    assert_answered(
        NOT_FOUND,
        &[
            "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET // HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /echo/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "OPTIONS /none HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    );
}

#[test]
fn a_known_method_that_is_not_allowed_gets_405_with_allow() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_answered(&not_allowed("GET, HEAD, OPTIONS"), &[&request]);
    }
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let request = format!("{method} /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_answered(&not_allowed("OPTIONS, POST"), &[&request]);
    }
}

#[test]
fn what_follows_a_connect_is_never_read_as_a_request() {
    let closing = "HTTP/1.1 405 Method Not Allowed\r\nDate: now\r\nAllow:\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n";
    let connect = "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_answered(closing, &[connect]);
}

#[test]
fn an_unknown_method_gets_501() {
    let answer = "HTTP/1.1 501 Not Implemented\r\nDate: now\r\nContent-Type: text/plain\r\n\
        Content-Length: 16\r\n\r\nNo such method.\n";
    for method in ["BREW", "get", "GETS", "G", "!#$%&'*+-.^_`|~9z"] {
        assert_answered(answer, &[&format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")]);
    }
}

#[test]
fn http_1_1_needs_exactly_one_valid_host() {
    assert_refused(
        "400 Bad Request",
        &[
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [a]\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1]80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: caf\u{e9}\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: %zz\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: %\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a%4\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a%4g:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a%41%\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a%%41\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
        ],
    );
    assert_answered(
        HELLO,
        &[
            "GET / HTTP/1.1\r\nHost: example.com:8080\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a%20b_c~!$&'()*+,;=\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: %41%fF%00:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        ],
    );
}

#[test]
fn another_version_gets_505_and_a_malformed_one_400() {
    assert_refused(
        "505 HTTP Version Not Supported",
        &[
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
            "GET / HTTP/3.0\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ],
    );
    assert_refused(
        "400 Bad Request",
        &[
            "GET / HTTP/2\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
            "GET / HTTP/11.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1,1\r\nHost: a\r\n\r\n",
            "GET / http/1.1\r\nHost: a\r\n\r\n",
            "GET / ICAP/1.1\r\nHost: a\r\n\r\n",
            "GET /\r\nHost: a\r\n\r\n",
            "GET /\r\n\r\n",
        ],
    );
}

#[test]
fn origin_absolute_and_asterisk_targets_are_understood() {
    assert_answered(
        HELLO,
        &[
            "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
            "GET HTTP://a.example:80/?q HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a?q=/none HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET https://[::1]:443/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    );
    assert_answered(NOT_FOUND, &["GET http://a/none HTTP/1.1\r\nHost: a\r\n\r\n"]);
    assert_answered(
        &options("GET, HEAD, OPTIONS, POST"),
        &["OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"],
    );
    assert_answered(&options("GET, HEAD, OPTIONS"), &["OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"]);
    assert_answered(&options("OPTIONS, POST"), &["OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n"]);
}

#[test]
fn a_target_of_no_known_form_gets_400() {
    assert_refused(
        "400 Bad Request",
        &[
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /#fragment HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /caf\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT :80 HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT http://a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT %zz:80 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://%zz/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a%/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /% HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    );
}

#[test]
fn what_is_malformed_gets_400() {
    assert_refused(
        "400 Bad Request",
        &[
            " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\rHost: a\r\n\r\n",
            "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: folded\r\n line\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: folded\r\n\tline\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: bare\rreturn\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: bare\r\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: nu\0l\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX{}: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\ncaf\u{e9}: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\rX",
            "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03",
        ],
    );
}

#[test]
fn empty_lines_before_a_request_are_taken() {
    assert_answered(
        HELLO,
        &["\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    );
}

/// RFC 9112 2.2 lets a server take it for the end of a line. A proxy that does not would pass a field on in the value of
/// another, and the two would disagree about where the request ends.
#[test]
fn a_bare_line_feed_gets_400_wherever_it_is() {
    assert_refused(
        "400 Bad Request",
        &[
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nEmpty:\nX: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a \t\nX: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 27\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\nC: d\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\n",
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\n0\r\n\r\n",
        ],
    );
}

#[test]
fn a_target_over_its_limit_gets_414() {
    let with_target = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "t".repeat(length - 1));
    assert_answered(NOT_FOUND, &[&with_target(4096)]);
    let endless = format!("GET /{}", "t".repeat(100_000));
    let with_worse = format!("GET /{} HTTP/9.9\r\nbad header\r\n\r\n", "t".repeat(5000));
    assert_refused("414 URI Too Long", &[&with_target(4097), &with_target(20_000), &endless, &with_worse]);
}

#[test]
fn a_header_over_its_limits_gets_431() {
    let with_fields =
        |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    let with_size =
        |size: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(size - 32));
    assert_eq!(with_size(8192).len(), 8192);
    assert_answered(HELLO, &[&with_fields(64), &with_size(8192)]);
    let endless_value = format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(100_000));
    let endless_name = format!("GET / HTTP/1.1\r\n{}", "x".repeat(100_000));
    let endless_method = "M".repeat(100_000);
    let endless_nothing = "\r\n".repeat(50_000);
    assert_refused(
        "431 Request Header Fields Too Large",
        &[
            &with_fields(65),
            &with_fields(1000),
            &with_size(8193),
            &endless_value,
            &endless_name,
            &endless_method,
            &endless_nothing,
        ],
    );
}
