//! `tcp_server`.

use std::collections::BTreeMap;
use std::io::Write;

use crate::server::{PATIENCE, Server, assert_explains_itself};
use crate::uninterrupted::uninterrupted;

#[test]
fn many_clients_get_their_own_bytes_and_each_departure_is_logged() {
    let mut server = Server::start("tcp_server", &["127.0.0.1:0"]);
    let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for round in 0..3 {
        for (number, client) in clients.iter().enumerate() {
            client.send(format!("{number:4} in round {round}\n"));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.line(), format!("{number:4} in round {round}"));
        }
    }
    let mut names = BTreeMap::new();
    for connected in 1..=100 {
        let line = server.line();
        let (address, rest) = line.split_once(' ').expect("an address first");
        assert_eq!(rest, format!("connected, {connected} now"));
        assert!(names.insert(address.to_owned(), ()).is_none(), "{address} twice");
    }
    for (number, mut client) in clients.into_iter().enumerate() {
        let address = client.stream().local_addr().unwrap().to_string();
        assert!(names.remove(&address).is_some(), "{address} was not logged");
        client.finish();
        assert_eq!(client.rest(), b"");
        let left = 99 - number;
        assert_eq!(server.line(), format!("{address} disconnected after {} bytes, {left} left", 3 * 16));
    }
    server.signal("-TERM");
    let last = server.last_lines();
    assert_eq!(last.len(), 1, "{last:?}");
    assert!(last[0].starts_with("done: 100 clients, 0 cut off, "), "{last:?}");
    assert!(server.wait().success());
}

#[test]
fn a_reset_is_logged_as_what_it_is_and_harms_nobody_else() {
    let server = Server::start("tcp_server", &["127.0.0.1:0"]);
    let mut stays = server.connect();
    server.line();
    let goes = server.connect();
    server.line();
    let address = goes.stream().local_addr().unwrap();
    goes.send(b"12345");
    // The echo has arrived and is unread: a close now is a reset.
    let mut first = [0; 1];
    while uninterrupted(PATIENCE, || goes.stream().peek(&mut first)).expect("the answer comes in time") == 0 {
    }
    drop(goes);
    let line = server.line();
    assert!(line.starts_with(&format!("{address} failed after 5 bytes, 1 left: ")), "{line}");
    assert!(line.contains("reset"), "{line}");
    stays.send(b"still here\n");
    assert_eq!(stays.line(), "still here");
}

#[test]
fn a_client_that_stays_is_cut_off_when_the_server_ends() {
    let mut server = Server::start("tcp_server", &["127.0.0.1:0"]);
    let mut client = server.connect();
    client.send(b"x\n");
    assert_eq!(client.line(), "x");
    server.signal("-INT");
    assert!(server.wait().success());
    assert_eq!(
        server.last_lines().pop_back().as_deref(),
        Some("done: 1 clients, 1 cut off, 1 reads sent back")
    );
    assert!(matches!((&mut client.reader.get_mut()).write(b"y"), Ok(1) | Err(_)));
    assert_eq!(client.rest(), b"");
    assert_explains_itself("tcp_server", &["127.0.0.1:x"]);
}
