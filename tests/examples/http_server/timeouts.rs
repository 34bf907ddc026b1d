//! Every wait for a client has a timeout, which a busy machine may make late and never early. Those that a client has
//! to be in time for are in `tests/sim/http_timeouts.rs`, where it always is.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use crate::uninterrupted::uninterrupted;

use super::client::{Client, Example, GET, HELLO, PATIENCE, echoed, hello_with, post, refused};
use super::patience::{Awaited, Limits, Patience};

const TIMED_OUT: &str = "408 Request Timeout";
/// How late the end of a connection may be noticed here, on a machine that has other things to do.
const SLACK: Duration = Duration::from_millis(8000);
/// How often an attempt is made again for which this thread itself was late.
const ATTEMPTS: usize = 20;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Everything up to the end is this, and the end comes so long after `start`.
fn assert_ends(client: &mut Client, answer: &str, start: Instant, limit: Duration) {
    assert_eq!(client.rest(), answer);
    let elapsed = start.elapsed();
    assert!(elapsed >= limit && elapsed < limit + SLACK, "{elapsed:?} in place of {limit:?}");
}

/// A client that sends this within the limit gets this answer and the end, so long after it connected.
fn assert_ends_for(server: &Example, sent: &[u8], answer: &str, limit: Duration) {
    for _ in 0..ATTEMPTS {
        let start = Instant::now();
        let mut client = server.connect();
        client.send(sent);
        if start.elapsed() < limit {
            return assert_ends(&mut client, answer, start, limit);
        }
    }
    panic!("this thread was late {ATTEMPTS} times");
}

/// Sends a byte now and then until something comes.
fn drip(client: &mut Client, bytes: &[u8]) {
    for byte in bytes {
        client.send([*byte]);
        if !client.is_silent_for(ms(20)) {
            return;
        }
    }
    panic!("all {} bytes are taken", bytes.len());
}

#[test]
fn a_header_that_does_not_come_in_time_gets_408() {
    let server = Example::with_limits("header=300");
    for part in ["G", "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n\r\nGET /"] {
        assert_ends_for(&server, part.as_bytes(), &refused(TIMED_OUT), ms(300));
    }
    server.assert_serves();
}

#[test]
fn bytes_do_not_extend_the_time_for_a_header() {
    let server = Example::with_limits("header=300,linger=60000");
    let header = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(100));
    let start = Instant::now();
    let mut client = server.connect();
    drip(&mut client, header.as_bytes());
    assert_ends(&mut client, &refused(TIMED_OUT), start, ms(300));

    // Nor do they after an answer, and there its time begins with the first of them.
    let mut client = server.connect();
    client.send(GET);
    client.expect(HELLO);
    assert!(client.is_silent_for(ms(400)));
    let start = Instant::now();
    drip(&mut client, header.as_bytes());
    assert_ends(&mut client, &refused(TIMED_OUT), start, ms(300));
}

#[test]
fn a_header_that_came_with_the_request_before_it_has_its_time_too() {
    let server = Example::with_limits("header=300");
    let answers = HELLO.to_string() + &refused(TIMED_OUT);
    assert_ends_for(&server, &[GET, b"GET / HT"].concat(), &answers, ms(300));
}

#[test]
fn a_connection_on_which_no_request_begins_is_closed_without_an_answer() {
    let server = Example::with_limits("header=300,idle=200");
    for nothing in ["", "\r\n\r\n"] {
        assert_ends_for(&server, nothing.as_bytes(), "", ms(300));
    }
}

#[test]
fn an_idle_connection_is_closed_without_an_answer() {
    let server = Example::with_limits("idle=300");
    let mut client = server.connect();
    let start = Instant::now();
    client.send([GET, GET].concat());
    client.expect(&HELLO.repeat(2));
    assert_ends(&mut client, "", start, ms(300));
}

/// The deadline of a header is nearer than the one of an idle connection that its timer was set for.
#[test]
fn a_deadline_that_comes_nearer_is_not_missed() {
    let server = Example::with_limits("header=300,idle=60000,body=600");
    let mut client = server.connect();
    client.send(GET);
    client.expect(HELLO);
    let start = Instant::now();
    client.send("GET /");
    assert_ends(&mut client, &refused(TIMED_OUT), start, ms(300));
}

#[test]
fn a_deadline_is_not_missed_by_a_task_that_had_to_let_others_run() {
    let mut limits = Limits::DEFAULT;
    limits.change("header=100,idle=200").expect("they have these names");
    let mut patience = Patience::new(&limits, Awaited::FirstRequest);
    let mut polls = 0;
    let over = poll_fn(|cx| {
        polls += 1;
        match polls {
            1 => while pin!(egret::time::sleep(Duration::ZERO)).poll(cx).is_ready() {},
            2 => patience.await_next(Awaited::AnotherRequest), // it had read all the while
            _ => {}
        }
        patience.poll_end(cx)
    });
    let start = Instant::now();
    // Something has to wake it, or it would not be polled again.
    let _ = egret::block_on(egret::time::timeout(PATIENCE, over));
    assert!(start.elapsed() >= ms(200) && start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn a_body_that_does_not_come_gets_408() {
    let server = Example::with_limits("body=300");
    for part in [
        post(4, ""),
        post(65_536, "bod"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n".to_string(),
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n".to_string(),
    ] {
        let start = Instant::now();
        let mut client = server.connect();
        client.send(part);
        assert_ends(&mut client, &refused(TIMED_OUT), start, ms(300));
    }
}

#[test]
fn a_dripping_body_makes_no_progress() {
    let server = Example::with_limits("body=300,linger=60000");
    let mut client = server.connect();
    let start = Instant::now();
    client.send(post(1000, ""));
    drip(&mut client, &[b'b'; 100]);
    assert_ends(&mut client, &refused(TIMED_OUT), start, ms(300));
}

#[test]
fn a_client_that_takes_no_answers_is_cut_off() {
    let server = Example::with_limits("write=300");
    let mut client = server.connect();
    let (_, end) = client.send_while_taken(&GET.repeat(10_000), ms(5000));
    assert!(matches!(end, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end}");
    server.assert_serves();
}

#[test]
fn a_client_that_takes_its_answers_slowly_gets_them_all() {
    let server = Example::with_limits("write=400");
    let body = "b".repeat(65_536);
    let requests = post(body.len(), &body).repeat(200);
    let expected = echoed(&body).repeat(200).len() + 200 * ("Sun, 06 Nov 1994 08:49:37 GMT".len() - 3);
    let tested = (0..ATTEMPTS).find_map(|_| {
        let mut client = server.connect();
        let mut sender = client.stream.try_clone().expect("a descriptor is left");
        let (start, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        thread::scope(|scope| {
            scope.spawn(|| sender.write_all((requests.clone() + "GET / HTTP/9.9").as_bytes()));
            let (mut taken, mut buffer) = (0, vec![0; 256 * 1024]);
            let end = loop {
                // The pace of the client is what is tested: all takes longer than the limit, and no piece does.
                thread::sleep(ms(20));
                let read = uninterrupted(PATIENCE, || client.stream.read(&mut buffer));
                longest = longest.max(last.elapsed());
                last = Instant::now();
                match read {
                    Ok(n @ 1..) => taken += n,
                    end => break end,
                }
            };
            let all = expected + refused("505 HTTP Version Not Supported").len() + 26;
            // Cut off, by an end or a reset, for a pause that this thread did not mean to make; it tries again.
            if longest > ms(300) && (end.is_err() || taken < all) {
                return None;
            }
            end.expect("it is not cut off");
            assert_eq!(taken, all);
            assert!(start.elapsed() > ms(400), "{:?} is no longer than the limit", start.elapsed());
            Some(())
        })
    });
    tested.expect("this thread was not late every time");
}

#[test]
fn a_client_that_does_not_close_after_the_last_answer_is_waited_for_and_not_for_ever() {
    let server = Example::with_limits("linger=400");
    let mut client = server.connect();
    let start = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(client.rest(), hello_with("close"));
    // What is sent meanwhile neither resets the connection nor gives it new time. The pauses spread fewer bytes than
    // the server discards over all of that time.
    while client.stream.write_all(b"x").is_ok() {
        assert!(start.elapsed() < ms(400) + SLACK, "it is still open");
        thread::sleep(ms(20));
    }
    assert!(start.elapsed() >= ms(400), "only {:?}", start.elapsed());
}
