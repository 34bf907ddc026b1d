//! The two smallest examples, `hello_http` and `udp_echo`, under a swarm of faults.

#[path = "../../examples/hello_http.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod hello_http;
#[path = "../../examples/udp_echo.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod udp_echo;

use crate::world::{connect, payload, swarm};
use egret::net::{TcpListener, UdpSocket};
use egret::sim;
use egret::time::{sleep, timeout};
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn an_answer_is_whole_or_the_connection_dies() {
    const END: &[u8] = b"\r\n\r\nHello, world!";
    sim::check(0..200, |sim| {
        swarm(sim);
        let server = sim.host("server");
        server.server(|| async {
            loop {
                if let Ok(listener) = TcpListener::bind("0.0.0.0:80").await {
                    let _ = hello_http::serve(listener).await;
                }
                sleep(MILLI).await;
            }
        });
        let address = server.port(80);
        for number in 0..sim.up_to(3) {
            sim.host(&format!("client{number}")).client(async move {
                let mut all = Vec::new();
                while !all.ends_with(END) {
                    assert!(all.len() < 200, "{all:?}");
                    let mut stream = connect(address).await;
                    all.clear();
                    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
                    let mut buf = [0; 100];
                    while let Ok(n @ 1..) = stream.read(&mut buf).await {
                        all.extend_from_slice(&buf[..n]);
                    }
                }
            });
        }
    });
}

#[test]
fn a_datagram_comes_back_as_it_was_or_not_at_all() {
    sim::check(0..200, |sim| {
        swarm(sim);
        let server = sim.host("server");
        server.server(|| async {
            loop {
                if let Ok(socket) = UdpSocket::bind("0.0.0.0:7").await {
                    let _ = udp_echo::serve(socket).await;
                }
                sleep(MILLI).await;
            }
        });
        let address = server.port(7);
        for number in 0..sim.up_to(3) {
            let sizes: Vec<_> = (0..sim.up_to(4)).map(|_| sim.choose(1..=1400) as usize).collect();
            sim.host(&format!("client{number}")).client(async move {
                let socket = loop {
                    match UdpSocket::bind("0.0.0.0:0").await {
                        Ok(socket) => break socket,
                        Err(_) => sleep(MILLI).await,
                    }
                };
                for (round, size) in sizes.into_iter().enumerate() {
                    let (sent, mut buf) = (payload(size, round), [0; 2000]);
                    // Copies of earlier answers may come in between.
                    loop {
                        let _ = socket.send_to(&sent, address).await;
                        match timeout(200 * MILLI, socket.recv_from(&mut buf)).await {
                            Ok(Ok((n, from))) if buf[..n] == sent[..] => break assert_eq!(from, address),
                            _ => {}
                        }
                    }
                }
            });
        }
    });
}
