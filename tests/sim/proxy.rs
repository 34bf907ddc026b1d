//! The proxy of the examples, between clients and a server that both send before they read.

#[path = "../../examples/proxy.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod example;

use crate::world::{assert_died, connect, everything, payload, swarm, what_connections_survive};
use crate::zip::zip;
use egret::net::tcp::ReadHalf;
use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::sim;
use egret::time::Instant;
use std::future::Future;
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
        // B6: each side sends all of its bytes whatever it receives, and receives all of the other's.
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
                example::serve(listener, &address, example::MAX_CONNECTIONS).await.unwrap();
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

/// All received bytes, or the error of a connection that has died.
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
        // The listener, and the two ends of one connection or of two.
        everybody_is_let_through(sim, sim.choose(3..=6) as usize);
    });
}

#[test]
fn everybody_is_let_through_under_a_swarm_of_faults() {
    sim::check(0..100, |sim| {
        swarm(sim);
        everybody_is_let_through(sim, 1024);
    });
}

fn everybody_is_let_through(sim: &sim::Sim, descriptors: usize) {
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
    proxy.descriptor_limit(descriptors);
    let address = target.port(9).to_string();
    proxy.server(move || {
        let address = address.clone();
        async move { example::serve(listen(8).await, &address, example::MAX_CONNECTIONS).await.unwrap() }
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
}

/// A proxy for `most` connections to a target that accepts and does what `behave` says; and one client. What the client
/// returns is what the simulation has shown.
fn proxied<T, F>(
    sim: &sim::Sim,
    most: usize,
    behave: fn(TcpStream) -> T,
    client: impl FnOnce(SocketAddr) -> F + 'static,
) where
    T: Future<Output = ()> + 'static,
    F: Future<Output = ()> + 'static,
{
    let target = sim.host("target");
    target.server(move || async move {
        let listener = listen(9).await;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            egret::spawn(behave(stream));
        }
    });
    let address = target.port(9).to_string();
    let proxy = sim.host("proxy");
    proxy.server(move || {
        let address = address.clone();
        async move { example::serve(listen(8).await, &address, most).await.unwrap() }
    });
    let proxy = proxy.port(8);
    sim.host("client").client(async move { client(proxy).await });
}

async fn silent(stream: TcpStream) {
    let _stream = stream;
    std::future::pending().await
}

async fn never_ends(mut stream: TcpStream) {
    while stream.read(&mut [0; 16]).await.is_ok_and(|n| n > 0) {}
    silent(stream).await
}

/// How long it takes until the connection ends, one way or the other.
async fn ends_after(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let _ = stream.read(&mut [0]).await;
    start.elapsed()
}

/// A relay ends when nothing has moved for one period, and is looked at once in each.
fn assert_within_two(took: Duration, limit: Duration) {
    let most = 2 * limit + Duration::from_secs(1);
    assert!(limit <= took && took <= most, "{took:?}, of {limit:?}");
}

#[test]
fn a_connection_whose_target_does_not_answer_ends_at_the_connect_limit() {
    sim::check(0..20, |sim| {
        let (target, proxy) = (sim.host("target"), sim.host("proxy"));
        sim.partition(&target, &proxy);
        let address = target.port(9).to_string();
        proxy.server(move || {
            let address = address.clone();
            async move { example::serve(listen(8).await, &address, 100).await.unwrap() }
        });
        let proxy = proxy.port(8);
        sim.host("client").client(async move {
            let mut stream = connect(proxy).await;
            let took = ends_after(&mut stream).await;
            let limit = example::CONNECT_TIMEOUT;
            assert!(limit <= took && took < limit + Duration::from_secs(1), "{took:?}");
        });
    });
}

#[test]
fn a_relay_in_which_nobody_says_anything_ends_at_the_idle_limit() {
    sim::check(0..20, |sim| {
        proxied(sim, 100, silent, |proxy| async move {
            let mut stream = connect(proxy).await;
            assert_within_two(ends_after(&mut stream).await, example::IDLE_TIMEOUT);
        });
    });
}

#[test]
fn a_relay_whose_target_never_answers_the_end_of_its_client_ends_at_the_shorter_limit() {
    sim::check(0..20, |sim| {
        proxied(sim, 100, never_ends, |proxy| async move {
            let mut stream = connect(proxy).await;
            stream.write_all(b"question").await.unwrap();
            stream.shutdown().await.unwrap();
            assert_within_two(ends_after(&mut stream).await, example::HALF_CLOSED_TIMEOUT);
        });
    });
}

#[test]
fn a_newcomer_beyond_the_limit_of_connections_is_reset_and_the_next_is_served_when_one_has_ended() {
    sim::check(0..20, |sim| {
        proxied(sim, 2, silent, |proxy| async move {
            let [first, _second] = [connect(proxy).await, connect(proxy).await];
            egret::time::sleep(Duration::from_secs(1)).await;
            let mut third = connect(proxy).await;
            assert!(ends_after(&mut third).await < Duration::from_secs(1));
            drop(first); // its relay is half closed now
            egret::time::sleep(3 * example::HALF_CLOSED_TIMEOUT).await;
            let mut fourth = connect(proxy).await;
            assert!(ends_after(&mut fourth).await > Duration::from_secs(1));
        });
    });
}
