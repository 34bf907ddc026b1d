//! Clients that demand too much: memory stays bounded, the server stays up, and it recovers by itself.

use std::io::ErrorKind;

use super::client::{A_WHILE, Client, Example, GET, HELLO, echoed};

/// The growth of a debug build over its size at rest, at most, in KiB.
const SOME: usize = 8 * 1024;

#[test]
fn a_client_that_pipelines_and_never_reads_is_not_buffered_without_bound() {
    let server = Example::http_server();
    let before = server.memory();
    let mut client = server.connect();
    let many = GET.repeat(200_000);
    let (_, end) = client.send_while_taken(&many, A_WHILE);
    // The kernel's buffers are full in both directions, so the server has stopped reading.
    assert_eq!(end, ErrorKind::WouldBlock);
    let held = server.memory().saturating_sub(before);
    assert!(held < 1024, "{held} KiB for one client");
    server.assert_serves();
}

#[test]
fn a_client_that_sends_large_bodies_and_never_reads_is_not_buffered_without_bound() {
    let server = Example::http_server();
    let before = server.memory();
    let mut client = server.connect();
    let request =
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n{}", "b".repeat(65_536));
    let (_, end) = client.send_while_taken(request.as_bytes(), A_WHILE);
    assert_eq!(end, ErrorKind::WouldBlock);
    let held = server.memory().saturating_sub(before);
    assert!(held < 1024, "{held} KiB for one client");
    server.assert_serves();
}

#[test]
fn unfinished_requests_hold_no_more_than_their_limits() {
    let server = Example::http_server();
    let before = server.memory();
    let body = "b".repeat(65_535);
    let parts = [
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(8000)),
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n{body}"),
        format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{body}\r\n0\r\nX:"
        ),
    ];
    let mut clients = Vec::new();
    for _ in 0..30 {
        for part in &parts {
            let mut client = server.connect();
            client.send(GET);
            client.send(part);
            clients.push(client);
        }
    }
    for client in &mut clients {
        client.expect(HELLO);
    }
    server.assert_serves();
    let held = server.memory().saturating_sub(before);
    // Each may hold a head and a body, which is in a buffer that has grown to twice its size at most.
    assert!(held < SOME + clients.len() * (8 + 2 * 64), "{held} KiB");
}

#[test]
fn an_idle_connection_does_not_keep_the_memory_of_a_large_answer() {
    let server = Example::http_server();
    let body = "b".repeat(65_536);
    let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n{body}");
    let before = server.memory();
    let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(&request);
        client.expect(&echoed(&body));
    }
    let held = server.memory().saturating_sub(before);
    // 8 KiB of input and 16 KiB of output each.
    assert!(held < 1024 + clients.len() * 24, "{held} KiB for {} idle connections", clients.len());
}

#[test]
fn nothing_is_kept_of_connections_that_have_ended() {
    let server = Example::http_server();
    let body = "b".repeat(60_000);
    let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{body}");
    (0..20).for_each(|_| drop(server.exchange(&request)));
    let before = server.memory();
    (0..500).for_each(|_| drop(server.exchange(&request)));
    let held = server.memory().saturating_sub(before);
    assert!(held < 1024, "{held} KiB after 500 connections");
}

#[test]
fn connections_over_the_cap_wait_until_another_ends() {
    let server = Example::with_most_connections(3);
    let mut taken: Vec<_> = (0..3).map(|_| server.connect()).collect();
    let mut waiting = server.connect();
    waiting.send(GET);
    assert_serves_and_then_one_more(&mut taken, &mut waiting);
}

#[test]
fn a_server_out_of_descriptors_serves_on_and_recovers_by_itself() {
    let server = Example::with_most_descriptors(16);
    let mut taken = Vec::new();
    while !server.has_all_descriptors(16) {
        let mut client = server.connect();
        client.send(GET);
        client.expect(HELLO);
        taken.push(client);
    }
    let mut waiting = server.connect();
    waiting.send(GET);
    let before = server.ticks();
    assert!(waiting.is_silent());
    let spent = server.ticks() - before;
    assert!(spent < 10, "{spent} ticks of 10 ms spent on waiting 200 ms for a descriptor");
    assert_serves_and_then_one_more(&mut taken, &mut waiting);
}

/// Those that are missing are not held by connections of its own, whose end it would notice.
#[test]
fn a_server_without_any_descriptor_left_recovers_with_no_new_connection() {
    let server = Example::http_server();
    server.limit_descriptors(0);
    let mut waiting = server.connect();
    waiting.send(GET);
    let before = server.ticks();
    assert!(waiting.is_silent());
    assert!(waiting.is_silent());
    let spent = server.ticks() - before;
    assert!(spent < 10, "{spent} ticks of 10 ms spent on waiting 400 ms for a descriptor");
    server.limit_descriptors(100);
    waiting.expect(HELLO);
}

/// All of `taken` are served, and the request of `waiting` only when one of them has gone.
fn assert_serves_and_then_one_more(taken: &mut Vec<Client>, waiting: &mut Client) {
    for client in &mut *taken {
        client.send(GET);
        client.expect(HELLO);
    }
    assert!(waiting.is_silent());
    drop(taken.pop());
    waiting.expect(HELLO);
}
