//! The lifetime of a connection, the order of its answers, and its end.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::client::{Example, GET, HELLO, PATIENCE, echoed, hello_with, refused};
use super::date::imf_fixdate;

fn get(version: &str, fields: &str) -> String {
    format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")
}

fn post(body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn http_1_1_stays_open() {
    let server = Example::http_server();
    let mut client = server.connect();
    for fields in ["", "Connection: keep-alive\r\n", "Connection: closed, x\r\n", "Connection:\r\n", ""] {
        client.send(get("1.1", fields));
        client.expect(HELLO);
    }
}

#[test]
fn connection_close_is_honoured_and_answered() {
    let server = Example::http_server();
    for fields in [
        "Connection: close\r\n",
        "connection: CLOSE\r\n",
        "Connection: keep-alive, close\r\n",
        "Connection: x ,\tclose , y\r\n",
        "Connection: x\r\nConnection: close\r\n",
        "Connection: close\r\nConnection: keep-alive\r\n",
    ] {
        let mut client = server.connect();
        client.send(get("1.1", fields) + &get("1.1", ""));
        assert_eq!(client.rest(), hello_with("close"), "to {fields:?}");
    }
}

#[test]
fn http_1_0_closes_unless_it_asks_to_stay() {
    let server = Example::http_server();
    for request in
        ["GET / HTTP/1.0\r\n\r\n", &get("1.0", ""), &get("1.0", "Connection: keep-alive, close\r\n")]
    {
        let mut client = server.connect();
        client.send(request);
        assert_eq!(client.rest(), hello_with("close"), "to {request:?}");
    }
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(get("1.0", "Connection: Keep-Alive\r\n"));
        client.expect(&hello_with("keep-alive"));
    }
    client.send(get("1.0", ""));
    assert_eq!(client.rest(), hello_with("close"));
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let server = Example::http_server();
    let bodies: Vec<_> = (0..2000).map(|number| format!("{number} {}", "x".repeat(number % 50))).collect();
    let requests: String = bodies.iter().map(|body| post(body) + &get("1.1", "")).collect();
    let answers: String = bodies.iter().map(|body| echoed(body) + HELLO).collect();
    assert_eq!(server.exchange(requests), answers);
}

#[test]
fn requests_before_one_that_is_refused_are_answered_first() {
    let server = Example::http_server();
    for (bad, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("\0", "400 Bad Request"),
        ("GET / HTTP/2.0\r\n", "505 HTTP Version Not Supported"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", "413 Content Too Large"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "400 Bad Request"),
    ] {
        for before in [0, 1, 2, 500] {
            let mut client = server.connect();
            client.send(get("1.1", "").repeat(before) + bad + &get("1.1", "").repeat(3));
            assert_eq!(client.rest(), HELLO.repeat(before) + &refused(status), "{before} before {bad:?}");
        }
    }
}

#[test]
fn a_client_that_has_closed_its_side_still_gets_its_answers() {
    let server = Example::http_server();
    let body = "b".repeat(65_536);
    assert_eq!(server.exchange(post(&body).repeat(20)), echoed(&body).repeat(20));
}

#[test]
fn a_client_that_closes_between_requests_gets_nothing_and_within_one_400() {
    let server = Example::http_server();
    assert_eq!(server.exchange(""), "");
    assert_eq!(server.exchange("\r\n"), "");
    assert_eq!(server.exchange(get("1.1", "") + "\r\n"), HELLO);
    for part in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        assert_eq!(server.exchange(part), refused("400 Bad Request"), "to {part:?}");
    }
    for part in [
        &post("body")[..post("body").len() - 1],
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n",
    ] {
        assert_eq!(server.exchange(part), refused("400 Bad Request"), "to {part:?}");
    }
}

#[test]
fn the_last_answer_arrives_although_the_client_is_still_sending() {
    let server = Example::http_server();
    let more = vec![b'x'; 512 * 1024];
    for (last, answer) in [
        (get("1.1", "Connection: close\r\n"), hello_with("close")),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n".to_string(),
            refused("413 Content Too Large"),
        ),
        ("GET / HTTP/9.9".to_string(), refused("505 HTTP Version Not Supported")),
    ] {
        let mut client = server.connect();
        client.send(last);
        client.send(&more);
        assert_eq!(client.rest(), answer);
        client.send(&more); // and it is still not reset
        client.finish();
    }
}

#[test]
fn a_client_that_never_stops_sending_after_the_last_answer_is_cut_off() {
    let server = Example::http_server();
    let mut client = server.connect();
    client.send(get("1.1", "Connection: close\r\n"));
    let (sent, error) = client.send_while_taken(&[b'x'; 64 * 1024], PATIENCE);
    assert!(
        matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{error} after {sent} bytes"
    );
    server.assert_serves();
}

#[test]
fn a_client_that_goes_away_harms_nobody() {
    let server = Example::http_server();
    for part in ["", "G", &get("1.1", ""), &post("body")[..40], &get("1.1", "").repeat(1000)] {
        let mut client = server.connect();
        client.send(part);
        drop(client); // with answers unread or on their way, so that the server meets a reset
    }
    server.assert_serves();
}

#[test]
fn the_date_moves_with_the_clock() {
    let server = Example::http_server();
    let mut client = server.connect();
    client.send(GET);
    let first = client.expect(HELLO);
    let (start, mut late) = (Instant::now(), 0);
    loop {
        // A server that was late itself answers what has come before it sets the date.
        late += usize::from(start.elapsed() >= Duration::from_secs(2));
        assert!(late < 3, "the date stands still");
        client.send(GET);
        if client.expect(HELLO) != first {
            break;
        }
    }
}

#[test]
fn dates_are_of_the_form_that_http_wants() {
    for (unix_seconds, date) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (1_704_067_199, "Sun, 31 Dec 2023 23:59:59 GMT"),
        (1_704_067_200, "Mon, 01 Jan 2024 00:00:00 GMT"),
        (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    ] {
        assert_eq!(String::from_utf8_lossy(&imf_fixdate(unix_seconds)), date);
    }
}
