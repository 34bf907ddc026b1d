//! The cost of a simulation: many connections to one server.

use crate::world::{connect, payload};
use egret::net::TcpListener;
use egret::sim::Sim;
use std::time::Duration;

/// Each connection asks ten times.
const REQUESTS: usize = 10;

async fn serve() {
    let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        egret::spawn(async move {
            let mut buf = [0; 128];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                stream.write_all(&buf[..n]).await.unwrap();
            }
        });
    }
}

/// Descriptors of the process are one for each of a simulation: 4000 here. Without optimisation a tenth of it.
const CONNECTIONS: usize = if cfg!(debug_assertions) { 200 } else { 2_000 };

/// The time that this thread has used of a processor. How long it has waited for one says nothing of the simulation.
fn processor_time() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn a_thousand_connections_a_second_are_simulated() {
    let begin = processor_time();
    {
        let sim = Sim::new(1);
        let server = sim.host("server");
        server.descriptor_limit(10_000).server(serve);
        let address = server.port(7);
        let clients = sim.host("clients");
        clients.descriptor_limit(10_000);
        clients.client(async move {
            let talks = (0..CONNECTIONS).map(|number| {
                egret::spawn(async move {
                    let mut stream = connect(address).await;
                    let (sent, mut got) = (payload(100, number), [0; 100]);
                    for _ in 0..REQUESTS {
                        stream.write_all(&sent).await.unwrap();
                        stream.read_exact(&mut got).await.unwrap();
                        assert_eq!(got[..], sent);
                    }
                })
            });
            for talk in talks.collect::<Vec<_>>() {
                talk.await.unwrap();
            }
        });
        sim.run();
    }
    let took = processor_time() - begin;
    println!("{:.0} connections of {REQUESTS} requests a second", CONNECTIONS as f64 / took.as_secs_f64());
    // It is three times that on a machine with nothing else to do, and an unoptimised one may take its time.
    let least = if cfg!(debug_assertions) { 50 } else { 1_000 };
    assert!(took < Duration::from_secs(CONNECTIONS as u64) / least, "{took:?}");
}
