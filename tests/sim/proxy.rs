//! The proxy of the examples, between clients and a server that both send before they read.

#[path = "../../examples/proxy.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod example;

use crate::world::{assert_died, connect, everything, payload, what_connections_survive};
use crate::zip::zip;
use egret::net::tcp::ReadHalf;
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::sim;
use std::io;
use std::net::SocketAddr;
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

/// All that comes, or the error of a connection that has died.
async fn all_of(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), [0; 16]);
    while let n @ 1.. = stream.read(&mut buf).await? {
        all.extend_from_slice(&buf[..n]);
    }
    Ok(all)
}

async fn ask(proxy: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = connect(proxy).await;
    stream.write_all(b"question").await?;
    stream.shutdown().await?;
    all_of(&mut stream).await
}

async fn listen(port: u16) -> TcpListener {
    loop {
        match TcpListener::bind(("0.0.0.0", port)).await {
            Ok(listener) => return listener,
            Err(_) => egret::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

#[test]
fn everybody_is_let_through_although_descriptors_run_out() {
    sim::check(0..100, |sim| {
        everything(sim);
        let target = sim.host("target");
        target.server(|| async {
            let answer = |mut stream: TcpStream, _| async move {
                if all_of(&mut stream).await.is_ok_and(|question| question == b"question") {
                    let _ = stream.write_all(b"answer").await;
                }
            };
            listen(9).await.serve(&Shutdown::new()).run(answer).await.unwrap();
        });
        let proxy = sim.host("proxy");
        // The listener, and the two ends of one connection or of two.
        proxy.descriptor_limit(sim.choose(3..=6) as usize);
        let address = target.port(9).to_string();
        proxy.server(move || {
            let address = address.clone();
            async move { example::serve(listen(8).await, &address).await.unwrap() }
        });
        let proxy = proxy.port(8);
        for number in 0..sim.up_to(5) {
            sim.host(&format!("client{number}")).client(async move {
                loop {
                    match ask(proxy).await {
                        Ok(answer) if answer == b"answer" => break,
                        // Turned away, or cut off when the other end died.
                        Ok(answer) => assert!(b"answer".starts_with(&answer), "{answer:?}"),
                        Err(error) => assert_died(&error),
                    }
                }
            });
        }
    });
}
