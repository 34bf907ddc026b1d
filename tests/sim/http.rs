//! The HTTP server of the examples: requests, timeouts, and its end by a signal.

#[path = "../../examples/http_server.rs"]
#[allow(dead_code, reason = "its main is not called here")]
pub mod http_server;

use crate::world::{assert_died, connect, connect_with_room, everything, swarm, what_connections_survive};
use egret::net::{TcpListener, TcpStream};
use egret::signal::unix::SignalKind;
use egret::sim::{self, Host, Sim};
use egret::time::{Instant, sleep};
use http_server::options::Options;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

/// The same in every run.
fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

async fn serve() {
    serve_with(Options { clock, ..Options::parse(std::iter::empty()).unwrap() }).await;
}

pub async fn serve_with(options: Options) {
    while try_to_serve(&options).await.is_err() {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn try_to_serve(options: &Options) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    let server = http_server::Server::start(options)?;
    http_server::serve(listener, server, options).await
}

fn server(sim: &Sim) -> Host {
    let server = sim.host("server");
    server.server(serve);
    server
}

/// Reads one answer: its head, and as much as its length says.
pub async fn answer(stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<(String, Vec<u8>)> {
    let mut buf = [0; 700];
    loop {
        if let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(input[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if input.len() >= end + 4 + length {
                let body = input[end + 4..end + 4 + length].to_vec();
                input.drain(..end + 4 + length);
                return Ok((head, body));
            }
        }
        match stream.read(&mut buf).await? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => input.extend_from_slice(&buf[..n]),
        }
    }
}

/// Some requests on one connection, pipelined as far as the seed says.
async fn session(address: SocketAddr, requests: usize, depth: usize, body: usize) -> io::Result<()> {
    let mut stream = connect(address).await;
    let body = crate::world::payload(body, 0);
    let mut input = Vec::new();
    for _ in 0..requests {
        let mut sent = Vec::new();
        for _ in 0..depth {
            sent.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            sent.extend_from_slice(head.as_bytes());
            sent.extend_from_slice(&body);
        }
        stream.write_all(&sent).await?;
        for _ in 0..depth {
            let (head, hello) = answer(&mut stream, &mut input).await?;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert_eq!(hello, b"Hello, world!");
            let (head, echoed) = answer(&mut stream, &mut input).await?;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert_eq!(echoed, body);
        }
    }
    Ok(())
}

#[test]
fn every_request_has_its_answer_and_no_other() {
    sim::check(0..500, |sim| {
        what_connections_survive(sim);
        let address = server(sim).port(80);
        for number in 0..sim.up_to(3) {
            let (requests, depth) = (sim.up_to(3), sim.choose(1..=sim.up_to(4) as u64) as usize);
            let body = sim.choose(0..=2000) as usize;
            sim.host(&format!("client{number}")).client(async move {
                session(address, requests, depth, body).await.unwrap();
            });
        }
    });
}

#[test]
fn every_request_has_its_answer_or_the_connection_dies() {
    sim::check(0..500, |sim| {
        everything(sim);
        let server = server(sim);
        server.descriptor_limit(sim.choose(6..=9) as usize);
        let address = server.port(80);
        for number in 0..sim.up_to(3) {
            let body = sim.choose(0..=2000) as usize;
            sim.host(&format!("client{number}")).client(async move {
                while let Err(error) = session(address, 3, 2, body).await {
                    assert_died(&error);
                }
            });
        }
    });
}

#[test]
fn every_request_has_its_answer_or_the_connection_dies_under_a_swarm_of_faults() {
    sim::check(0..500, |sim| {
        swarm(sim);
        let address = server(sim).port(80);
        for number in 0..sim.up_to(3) {
            let (requests, depth) = (sim.up_to(3), sim.choose(1..=4) as usize);
            let body = sim.choose(0..=2000) as usize;
            sim.host(&format!("client{number}")).client(async move {
                while let Err(error) = session(address, requests, depth, body).await {
                    assert_died(&error);
                }
            });
        }
    });
}

#[test]
fn a_client_that_says_nothing_is_let_go_when_its_time_is_over() {
    sim::check(0..100, |sim| {
        what_connections_survive(sim);
        let address = server(sim).port(80);
        let words: &[u8] =
            [&b""[..], b"GET / HT", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"]
                [sim.choose(0..=2) as usize];
        sim.host("client").client(async move {
            let mut stream = connect(address).await;
            let begin = Instant::now();
            stream.write_all(words).await.unwrap();
            // Ten seconds for a head and for a body; and the answer, which says so.
            let mut said = Vec::new();
            let mut buf = [0; 512];
            while let n @ 1.. = stream.read(&mut buf).await.unwrap() {
                said.extend_from_slice(&buf[..n]);
            }
            let waited = begin.elapsed();
            assert!(waited >= Duration::from_secs(9) && waited < Duration::from_secs(14), "{waited:?}");
            assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408 "), "{said:?}");
        });
    });
}

/// Room in a send buffer of a megabyte would come when a third of it is free: after 85 seconds at this speed.
#[test]
fn a_client_that_takes_four_kilobytes_a_second_gets_all_of_its_answers() {
    const BODIES: usize = 24;
    sim::check(0..4, |sim| {
        sim.buffers(1 << 20, 64 << 10);
        let address = server(sim).port(80);
        sim.host("client").client(async move {
            let mut stream = connect_with_room(address, 4 << 20).await;
            let body = crate::world::payload(64 << 10, 0);
            for _ in 0..BODIES {
                let head =
                    format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
            }
            let (begin, mut taken, mut buf) = (Instant::now(), Vec::new(), [0; 4000]);
            while taken.len() < BODIES * body.len() {
                sleep(Duration::from_secs(1)).await;
                let n = stream.read(&mut buf).await.unwrap();
                assert_ne!(n, 0, "the end after {} bytes and {:?}", taken.len(), begin.elapsed());
                taken.extend_from_slice(&buf[..n]);
            }
            let (head, first) = answer(&mut stream, &mut taken).await.unwrap();
            assert!(head.starts_with("HTTP/1.1 200 ") && first == body, "{head}");
        });
    });
}

#[test]
fn a_signal_ends_the_server_and_cuts_nobody_off_in_the_middle() {
    sim::check(0..300, |sim| {
        what_connections_survive(sim);
        let server = sim.host("server");
        server.client(serve());
        let address = server.port(80);
        sim.at(Duration::from_millis(sim.choose(5..=40)), move |_| server.signal(SignalKind::terminate()));
        for number in 0..sim.up_to(3) {
            sim.host(&format!("client{number}")).client(async move {
                let Ok(mut stream) = TcpStream::connect(address).await else { return };
                let mut input = Vec::new();
                for _ in 0..20 {
                    if stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.is_err() {
                        return; // closed between two requests
                    }
                    match answer(&mut stream, &mut input).await {
                        Ok((head, hello)) => {
                            assert_eq!(hello, b"Hello, world!");
                            if head.contains("Connection: close") {
                                return;
                            }
                        }
                        // It crossed the end of an idle connection on the way: nothing of an answer came.
                        Err(_) => return assert!(input.is_empty(), "half an answer"),
                    }
                }
            });
        }
    });
}
