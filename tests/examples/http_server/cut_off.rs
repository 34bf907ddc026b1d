//! A client that reads no answers, seen from the kernel: what remains of its connection when the server drops it.

use std::io::{ErrorKind, Read};
use std::time::Instant;

use super::client::{Example, PATIENCE, echoed, post};
use super::queues::queues;

/// After a close the kernel keeps the unsent answers and sends them as the client reads. A reset discards them. Unread
/// bytes of the client would make every close a reset, so there are none here: one request is sent at a time, and the next
/// when the whole answer is in the kernel.
#[test]
fn what_a_client_that_is_cut_off_has_not_taken_is_thrown_away() {
    let server = Example::with_limits("write=3000");
    let start = Instant::now();
    while !is_cut_off_with_all_read(&server) {
        assert!(start.elapsed() < PATIENCE, "it is cut off with bytes that the server has not read");
    }
    server.assert_serves();
}

/// `false` when the last that was seen before the end are unread bytes: the server may have read them since, while this thread was
/// not run, or may not.
fn is_cut_off_with_all_read(server: &Example) -> bool {
    let mut client = server.connect();
    let here = client.stream.local_addr().expect("it is connected");
    let body = "b".repeat(65_536);
    let answer = echoed(&body).replace("Date: now", "Date: Sun, 06 Nov 1994 08:49:37 GMT").len();
    let (mut answered, mut unread) = (0, 0);
    'requests: loop {
        client.send(post(body.len(), &body));
        let start = Instant::now();
        loop {
            let Some((sent, received)) = queues(server.address, here) else { break 'requests };
            let Some((_, taken)) = queues(here, server.address) else { break 'requests };
            if sent + taken == (answered + 1) * answer {
                break;
            }
            unread = received;
            assert!(start.elapsed() < PATIENCE, "neither answered nor cut off: {sent} + {taken} bytes");
        }
        answered += 1;
        assert!(answered < 1000, "all of {answered} answers are held for a client that takes none");
    }
    assert!(answered > 0, "no answer");
    if unread > 0 {
        return false;
    }
    let end = client.stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    true
}
