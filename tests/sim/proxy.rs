//! The proxy of the examples, between clients and a server that both send before they read.

#[path = "../../examples/proxy.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod example;

use crate::world::{connect, payload, what_connections_survive};
use crate::zip::zip;
use egret::net::TcpListener;
use egret::net::tcp::ReadHalf;
use egret::sim;
use std::time::Duration;

async fn read_to_end(reader: &mut ReadHalf<'_>) -> Vec<u8> {
    let (mut all, mut buf) = (Vec::new(), [0; 900]);
    while let n @ 1.. = reader.read(&mut buf).await.unwrap() {
        all.extend_from_slice(&buf[..n]);
    }
    all
}

#[test]
fn what_either_side_sends_reaches_the_other_and_so_does_its_end() {
    sim::check(0..300, |sim| {
        what_connections_survive(sim);
        sim.buffers(sim.choose(1..=2000) as usize, sim.choose(1..=2000) as usize);
        let target = sim.host("target");
        let (there, back) = (sim.choose(0..=20_000) as usize, sim.choose(0..=20_000) as usize);
        let count = sim.up_to(3);
        // B6: each connection sends all it has, whatever comes, and hears all that the other side has.
        target.server(move || async move {
            let listener = TcpListener::bind("0.0.0.0:9").await.unwrap();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                egret::spawn(async move {
                    let sent = payload(back, 1);
                    let (mut reader, mut writer) = stream.split();
                    let write = async {
                        writer.write_all(&sent).await.unwrap();
                        writer.shutdown().await.unwrap();
                    };
                    let ((), got) = zip(write, read_to_end(&mut reader)).await;
                    assert_eq!(got, payload(there, 2));
                });
            }
        });
        let proxy = sim.host("proxy");
        let address = target.port(9).to_string();
        proxy.server(move || {
            let address = address.clone();
            async move {
                let listener = TcpListener::bind("0.0.0.0:8").await.unwrap();
                example::serve(listener, &address).await.unwrap();
            }
        });
        let proxy = proxy.port(8);
        for number in 0..count {
            sim.host(&format!("client{number}")).client(async move {
                let mut stream = connect(proxy).await;
                let sent = payload(there, 2);
                let (mut reader, mut writer) = stream.split();
                let write = async {
                    egret::time::sleep(Duration::from_micros(10)).await;
                    writer.write_all(&sent).await.unwrap();
                    writer.shutdown().await.unwrap();
                };
                let ((), got) = zip(write, read_to_end(&mut reader)).await;
                assert_eq!(got, payload(back, 1));
            });
        }
    });
}
