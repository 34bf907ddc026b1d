//! The HTTP example's limits of time, to the millisecond: on the real kernel a busy machine is late for any of them.

use crate::http::{answer, http_server::options::Options, serve_with};
use egret::net::TcpStream;
use egret::sim::{self, Sim};
use egret::time::{Instant, sleep};
use std::future::Future;
use std::time::Duration;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// From one host to the other.
const LATENCY: Duration = ms(1);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// One client of a server with these limits, as in `header=300`, with no faults between them.
fn client_of<F>(limits: &str, client: impl Fn(TcpStream) -> F + Copy + Sync + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let limits = ["127.0.0.1:80", "9", limits].map(str::to_owned);
    sim::check(0..20, |sim: &Sim| {
        sim.latency(LATENCY..=LATENCY);
        let server = sim.host("server");
        let limits = limits.clone();
        server.server(move || serve_with(Options::parse(limits.clone().into_iter()).unwrap()));
        let address = server.port(80);
        sim.host("client").client(async move { client(crate::world::connect(address).await).await });
    });
}

/// What comes up to the end, and when the end comes.
async fn rest(stream: &mut TcpStream) -> (String, Instant) {
    let (mut said, mut buf) = (Vec::new(), [0; 512]);
    while let n @ 1.. = stream.read(&mut buf).await.unwrap() {
        said.extend_from_slice(&buf[..n]);
    }
    (String::from_utf8(said).unwrap(), Instant::now())
}

/// The end comes so long after `start`, but for the way there, the way back and a tick of either clock.
#[track_caller]
fn assert_after(limit: Duration, start: Instant, end: Instant) {
    let elapsed = end - start;
    assert!(elapsed >= limit && elapsed <= limit + 2 * LATENCY + ms(2), "{elapsed:?} in place of {limit:?}");
}

#[test]
fn the_time_for_the_first_header_begins_with_the_connection() {
    client_of("header=700", |mut stream| async move {
        let start = Instant::now();
        sleep(ms(690)).await;
        stream.write_all(b"GET /").await.unwrap();
        let (said, end) = rest(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert_after(ms(700), start, end);
    });
}

#[test]
fn bytes_do_not_extend_the_time_for_a_header() {
    client_of("header=300,linger=60000", |mut stream| async move {
        // After an answer, whose request had time of its own; the time begins with the first byte.
        stream.write_all(GET).await.unwrap();
        answer(&mut stream, &mut Vec::new()).await.unwrap();
        sleep(ms(400)).await;
        let start = Instant::now();
        for byte in &GET[..20] {
            stream.write_all(&[*byte]).await.unwrap();
            sleep(ms(14)).await;
        }
        let (said, end) = rest(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert_after(ms(300), start, end);
    });
}

#[test]
fn each_request_gives_a_connection_new_time() {
    client_of("idle=500", |mut stream| async move {
        let mut answered = Instant::now();
        for _ in 0..4 {
            stream.write_all(GET).await.unwrap();
            answer(&mut stream, &mut Vec::new()).await.unwrap();
            answered = Instant::now();
            sleep(ms(490)).await;
        }
        let (said, end) = rest(&mut stream).await;
        assert_eq!(said, "");
        assert_after(ms(500) - LATENCY, answered, end);
    });
}

#[test]
fn a_body_that_makes_progress_is_waited_for() {
    client_of("body=500", |mut stream| async move {
        let body = crate::world::payload(65_536, 0);
        let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        for part in body.chunks(8192) {
            sleep(ms(490)).await;
            stream.write_all(part).await.unwrap();
        }
        let (head, echoed) = answer(&mut stream, &mut Vec::new()).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && echoed == body, "{head}");
    });
}

#[test]
fn a_body_that_makes_too_little_progress_is_not() {
    client_of("body=500,linger=60000", |mut stream| async move {
        let start = Instant::now();
        stream.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await.unwrap();
        for _ in 0..8 {
            sleep(ms(60)).await;
            stream.write_all(b"b").await.unwrap();
        }
        let (said, end) = rest(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert_after(ms(500), start, end);
    });
}

#[test]
fn an_empty_line_begins_a_header_and_is_no_request() {
    client_of("header=300,idle=200,linger=60000", |mut stream| async move {
        stream.write_all(GET).await.unwrap();
        answer(&mut stream, &mut Vec::new()).await.unwrap();
        sleep(ms(190)).await;
        let start = Instant::now();
        stream.write_all(b"\r\n").await.unwrap();
        let (said, end) = rest(&mut stream).await;
        assert_eq!(said, "");
        assert_after(ms(300), start, end);
    });
}
