//! `hello_http` and `echo`, and the address argument of each example.

use std::io::Write;
use std::net::TcpListener;

use super::client::{Example, PATIENCE, run};

const EXAMPLES: [&str; 3] = ["hello_http", "http_server", "echo"];

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\
    Connection: close\r\n\r\nHello, world!";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn an_example_prints_exactly_one_line_with_the_address_it_listens_on() {
    for (name, before_address) in EXAMPLES.into_iter().zip(["http://", "http://", ""]) {
        let example = Example::named(name);
        let address = example.address;
        assert_ne!(address.port(), 0);
        drop(example.connect());
        assert_eq!(example.output(), format!("listening on {before_address}{address}\n"));
    }
}

#[test]
fn an_example_says_what_to_do_when_it_cannot_listen() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = listener.local_addr().expect("it is bound").to_string();
    for name in EXAMPLES {
        for (address, reason) in
            [(taken.as_str(), "in use"), ("127.0.0.1:x", "port"), ("nonsense", "address")]
        {
            let output = run(name, &[address]);
            let message = String::from_utf8(output.stderr).expect("text");
            assert_eq!(output.status.code(), Some(1), "{name} {address}: {message}");
            assert!(message.starts_with(&format!("cannot serve on {address}: ")), "{message}");
            assert!(message.contains(reason), "{message}");
            assert!(message.contains(&format!("usage: {name} [ADDRESS:PORT")), "{message}");
            assert!(output.stdout.is_empty());
        }
    }
    for most in ["0", "-1", "many"] {
        let output = run("http_server", &["127.0.0.1:0", most]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("not a number above 0"));
    }
    for limits in ["", "header", "header=", "header=x", "header=-1", "header=1,", "nonsense=1"] {
        let output = run("http_server", &["127.0.0.1:0", "1", limits]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("TIMEOUTS is not of the form"),
            "to {limits:?}"
        );
    }
}

#[test]
fn hello_http_answers_once_the_empty_line_has_come() {
    let server = Example::named("hello_http");
    assert_eq!(server.exchange(GET), HELLO);
    for at in 0..GET.len() {
        let mut client = server.connect();
        client.send(&GET[..at]);
        client.send(&GET[at..]);
        assert_eq!(client.rest(), HELLO);
    }
    let mut client = server.connect();
    GET.as_bytes().chunks(1).for_each(|byte| client.send(byte));
    assert_eq!(client.rest(), HELLO);
}

#[test]
fn hello_http_loses_no_answer_to_a_client_that_sends_more() {
    let server = Example::named("hello_http");
    let mut client = server.connect();
    client.send(GET);
    client.send(vec![b'x'; 512 * 1024]);
    assert_eq!(client.rest(), HELLO);
    (0..1000).for_each(|_| client.send("and it is not reset either"));
    client.finish();
}

#[test]
fn hello_http_closes_on_a_header_that_does_not_end() {
    let server = Example::named("hello_http");
    assert_eq!(server.exchange("GET / HTTP/1.1\r\n"), "");
    let mut client = server.connect();
    let _ = client.stream.write_all(&[b'x'; 64 * 1024]);
    assert_ne!(client.send_while_taken(b"x", PATIENCE).1, std::io::ErrorKind::WouldBlock);
    assert_eq!(server.exchange(GET), HELLO);
}

#[test]
fn echo_sends_back_every_byte_also_after_the_client_has_finished() {
    let server = Example::named("echo");
    let text: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    let mut client = server.connect();
    for line in text.split_inclusive('\n').take(100) {
        client.send(line);
        client.expect(line);
    }
    assert_eq!(server.exchange(""), "");
    assert_eq!(server.exchange(&text), text);
    // The first connection has been open all the time.
    client.send("and again");
    client.expect("and again");
}
