//! `fd_echo`.

use std::io::Write;
use std::net::Shutdown;

use crate::server::{Client, Server, assert_explains_itself};

/// How many connections its next lines report, until they are `count` together.
fn accepted(server: &Server, count: usize) -> Vec<usize> {
    let mut all = Vec::new();
    while all.iter().sum::<usize>() < count {
        let line = server.line();
        let number = line.strip_prefix("accepted ").and_then(|line| line.strip_suffix(", then EWOULDBLOCK"));
        all.push(number.expect("such a line").parse().expect("a number"));
    }
    all
}

#[test]
fn one_report_of_readiness_is_enough_for_all_who_wait() {
    let server = Server::start("fd_echo", &["127.0.0.1:0"]);
    drop(server.connect());
    assert_eq!(accepted(&server, 1), [1]);
    // While it stands still, the kernel queues them; then it finds them all at once.
    server.stop();
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    server.go_on();
    assert_eq!(accepted(&server, 20), [20]);
    for (number, client) in clients.iter_mut().enumerate() {
        let message = format!("message of {number}");
        client.send(&message);
        assert_eq!(client.exactly(message.len()), message.as_bytes());
    }
}

#[test]
fn what_fills_every_buffer_comes_back_whole() {
    let server = Server::start("fd_echo", &["127.0.0.1:0"]);
    let bytes: Vec<_> = (0..8_000_000).map(|n: u32| (n % 251) as u8).collect();
    let mut clients: [Client; 3] = std::array::from_fn(|_| server.connect());
    std::thread::scope(|scope| {
        for client in &clients {
            let stream = client.stream().try_clone().expect("a descriptor is left");
            let bytes = &bytes;
            scope.spawn(move || {
                (&stream).write_all(bytes).expect("the server takes it");
                stream.shutdown(Shutdown::Write).expect("it is connected");
            });
        }
        for client in &mut clients {
            assert!(client.rest() == bytes, "what came back is another");
        }
    });
}

#[test]
fn its_port_is_5000_unless_it_is_told_another() {
    // Nothing is bound here, because the port may be in use: the source has the address.
    let source =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/fd_echo.rs")).unwrap();
    assert!(source.contains("unwrap_or_else(|| \"127.0.0.1:5000\".to_string())"));
    assert_explains_itself("fd_echo", &["127.0.0.1:x"]);
}
