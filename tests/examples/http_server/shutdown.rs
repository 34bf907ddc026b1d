//! Shutdown: no request in flight is lost, no client is waited for too long, and no new request is started.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::uninterrupted::uninterrupted;

use super::client::{Client, Example, GET, HELLO, PATIENCE, echoed, hello_with};

/// Limits far longer than a test waits: a server that ends within it has not waited for any of them.
const ENDLESS: &str = "header=600000,idle=600000,last_call=600000,drain=600000";

/// A server that has received its shutdown signal: an idle connection is closed. Its clients have sent
/// `first`, every other one after a whole request, and got `before`.
fn ending(limits: &str, clients: usize, first: &[u8], before: &str) -> (Example, Vec<Client>) {
    let server = Example::with_limits(limits);
    let mut idle = server.connect();
    let mut clients: Vec<_> = (0..clients).map(|_| server.connect()).collect();
    for client in clients.iter_mut().step_by(2) {
        client.send(GET);
        client.expect(HELLO);
    }
    for client in &mut clients {
        client.send(first);
        client.expect(before);
    }
    idle.send(GET);
    idle.expect(HELLO);
    server.signal("TERM");
    assert_eq!(idle.rest(), "");
    (server, clients)
}

#[test]
fn a_server_that_does_nothing_ends_at_once_on_either_signal() {
    for signal in ["TERM", "INT"] {
        let server = Example::with_limits(ENDLESS);
        server.signal(signal);
        assert_eq!(server.exit_code(), Some(0));
    }
}

#[test]
fn idle_connections_are_closed_at_the_end_and_not_waited_for() {
    let server = Example::with_limits("header=600000,idle=600000,drain=600000");
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for client in clients.iter_mut().step_by(2) {
        client.send(GET);
        client.expect(HELLO);
    }
    server.assert_serves();
    server.signal("TERM");
    // The clients are open all the while.
    assert_eq!(server.exit_code(), Some(0));
    clients.iter_mut().for_each(|client| assert_eq!(client.rest(), ""));
}

#[test]
fn a_request_that_has_begun_is_finished_and_answered_with_close() {
    let post = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let closing_echo = echoed("body").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    for (first, before, second, answer) in [
        (&b"GET / HT"[..], "", "TP/1.1\r\nHost: a\r\n\r\n", hello_with("close")),
        (post, go_on, "body", closing_echo),
        (
            b"GE",
            "",
            "T / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            HELLO.to_string() + &hello_with("close"),
        ),
    ] {
        let (server, mut clients) = ending("last_call=20", 2, first, before);
        for client in &mut clients {
            client.send(second);
            assert_eq!(client.rest(), answer);
        }
        drop(clients);
        assert_eq!(server.exit_code(), Some(0));
    }
}

#[test]
fn a_server_that_ends_refuses_connections() {
    let (server, _clients) = ending("last_call=20", 1, b"GET", "");
    let refused = TcpStream::connect(server.address).expect_err("no listener");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_request_that_was_on_its_way_is_answered() {
    let server = Example::with_limits("last_call=600000");
    let mut client = server.connect();
    client.send(GET);
    client.expect(HELLO);
    server.signal("TERM");
    while TcpStream::connect(server.address).is_ok() {} // it has heard the signal
    client.send(GET);
    assert_eq!(client.rest(), hello_with("close"));
    drop(client);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn what_does_not_finish_is_cut_off_at_the_deadline() {
    let start = Instant::now();
    let (server, mut clients) = ending("header=600000,last_call=20,drain=500", 20, b"GET / HTTP/1.1\r\n", "");
    assert_eq!(server.exit_code(), Some(0));
    assert!(start.elapsed() >= Duration::from_millis(500), "only {:?}", start.elapsed());
    for client in &mut clients {
        assert!(!client.is_silent(), "it is open");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in ["TERM", "INT"] {
        let (server, _clients) =
            ending("header=600000,last_call=20,drain=600000", 1, b"GET / HTTP/1.1\r\n", "");
        server.signal(second);
        assert_eq!(server.exit_code(), Some(1));
    }
}

/// Traffic of clients until the server ends, with the requests that it had to answer.
#[derive(Default)]
struct Load {
    answered: AtomicUsize,
    /// Set before the signal is sent.
    is_signalled: AtomicBool,
}

/// The kinds of requests of the load: how they are written, and how many answers that brings.
const KINDS: [(&[&[u8]], usize); 4] = [
    (&[GET], 1),
    (&[b"GET / HTTP", b"/1.1\r\nHost: a\r\n\r\n"], 1),
    (&[b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n", b"Hello, world!"], 1),
    (&[b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"], 3),
];

impl Load {
    /// Sends requests on one connection until the server ends it.
    fn on_connection(&self, mut stream: TcpStream, (writes, answers): (&[&[u8]], usize)) {
        stream.set_nodelay(true).expect("TCP has it");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        loop {
            let sent = writes.iter().try_for_each(|bytes| stream.write_all(bytes));
            let must_be_answered = sent.is_ok() && !self.is_signalled.load(Ordering::SeqCst);
            let (got, is_last) = read_answers(&mut stream, answers);
            assert!(got == answers || !must_be_answered && got == 0, "{got} of {answers} answers");
            assert!(sent.is_ok() || got == 0, "{sent:?}");
            self.answered.fetch_add(got, Ordering::SeqCst);
            if is_last || got == 0 {
                assert!(self.is_signalled.load(Ordering::SeqCst), "closed before the signal");
                let end = uninterrupted(PATIENCE, || stream.read(&mut [0]));
                assert!(matches!(end, Ok(0)), "{end:?} in place of an end of file");
                return;
            }
        }
    }

    /// Makes connection after connection with one request each, until the listener is closed.
    fn on_new_connections(&self, server: &Example) {
        while let Ok(mut stream) = TcpStream::connect(server.address) {
            stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
            let sent = stream.write_all(GET);
            let must_be_answered = sent.is_ok() && !self.is_signalled.load(Ordering::SeqCst);
            if must_be_answered {
                assert_eq!(read_answers(&mut stream, 1).0, 1);
                self.answered.fetch_add(1, Ordering::SeqCst);
            }
        }
        assert!(self.is_signalled.load(Ordering::SeqCst), "refused before the signal");
    }
}

/// Reads so many answers, or those that come before the end of file: how many, and whether the last one says
/// that it is. Part of an answer is none at all.
fn read_answers(stream: &mut TcpStream, answers: usize) -> (usize, bool) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes);
        let got = text.matches("\r\n\r\nHello, world!").count();
        let is_last = text.contains("\r\nConnection: close\r\n");
        if got == answers {
            return (got, is_last);
        }
        match uninterrupted(PATIENCE, || stream.read(&mut buffer)) {
            Ok(0) => {
                assert!(bytes.is_empty() || is_last, "the end within {text:?}");
                return (got, is_last);
            }
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) => panic!("{error} after {text:?}"),
        }
    }
}

#[test]
fn no_request_in_flight_is_lost() {
    for round in 0..8 {
        // A long linger: a request that a client sends when it has long been closed resets no connection.
        let server = Example::with_limits("linger=600000");
        let load = Load::default();
        thread::scope(|scope| {
            for number in 0..12 {
                let stream = TcpStream::connect(server.address).expect("it listens");
                let load = &load;
                scope.spawn(move || load.on_connection(stream, KINDS[number % KINDS.len()]));
            }
            scope.spawn(|| load.on_new_connections(&server));
            // Another moment of the load each time.
            while load.answered.load(Ordering::SeqCst) < 400 + 37 * round {
                thread::yield_now();
            }
            load.is_signalled.store(true, Ordering::SeqCst);
            server.signal("TERM");
        });
        assert_eq!(server.exit_code(), Some(0));
    }
}
