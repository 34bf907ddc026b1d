//! The echo server of the examples, and its clients.

#[path = "../../examples/echo.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod example;

use crate::world::{assert_died, connect, everything, payload, swarm, what_connections_survive};
use crate::zip::zip;
use egret::net::TcpListener;
use egret::sim::{self, Host, Sim};
use std::io;
use std::net::SocketAddr;

fn server(sim: &Sim) -> Host {
    let server = sim.host("server");
    // Started again, as an operator would, when it has no descriptors.
    server.server(|| async {
        loop {
            if let Ok(listener) = TcpListener::bind("0.0.0.0:7").await {
                let _ = example::serve(listener).await;
            }
        }
    });
    server
}

/// The bytes that come back are the bytes sent, for any sizes.
async fn talk(address: SocketAddr, sizes: &[usize]) -> io::Result<()> {
    let mut stream = connect(address).await;
    for (round, size) in sizes.iter().copied().enumerate() {
        let sent = payload(size, round);
        let (mut reader, mut writer) = stream.split();
        let mut got = vec![0; size];
        let (written, read) = zip(writer.write_all(&sent), reader.read_exact(&mut got)).await;
        written?;
        read?;
        assert_eq!(got, sent);
    }
    Ok(())
}

fn clients(sim: &Sim, server: &Host) -> Vec<(Host, SocketAddr, Vec<usize>)> {
    let client = |number: usize| {
        let sizes = (0..sim.up_to(4)).map(|_| sim.choose(1..=3000) as usize).collect();
        (sim.host(&format!("client{number}")), server.port(7), sizes)
    };
    (0..sim.up_to(3)).map(client).collect()
}

#[test]
fn what_comes_back_is_what_was_sent() {
    sim::check(0..1000, |sim| {
        what_connections_survive(sim);
        let server = server(sim);
        for (client, address, sizes) in clients(sim, &server) {
            client.client(async move { talk(address, &sizes).await.unwrap() });
        }
    });
}

#[test]
fn what_comes_back_is_what_was_sent_when_connections_die() {
    sim::check(0..1000, |sim| {
        everything(sim);
        talk_until_it_is_done(sim);
    });
}

#[test]
fn what_comes_back_is_what_was_sent_under_a_swarm_of_faults() {
    sim::check(0..1000, |sim| {
        swarm(sim);
        talk_until_it_is_done(sim);
    });
}

fn talk_until_it_is_done(sim: &Sim) {
    let server = server(sim);
    for (client, address, sizes) in clients(sim, &server) {
        client.client(async move {
            while let Err(error) = talk(address, &sizes).await {
                assert_died(&error);
            }
        });
    }
}
