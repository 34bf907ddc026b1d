//! Links of their own, hosts that stand still, and clocks that are set.

use crate::world::connect;
use egret::net::{TcpListener, UdpSocket};
use egret::sim;
use egret::time::{Instant, sleep, system_now, timeout};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

const MILLI: Duration = Duration::from_millis(1);

async fn echo() {
    let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        egret::spawn(async move {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                if stream.write_all(&buf[..n]).await.is_err() {
                    break;
                }
            }
        });
    }
}

#[test]
fn a_link_has_a_latency_of_its_own() {
    sim::check(0..50, |sim| {
        let (server, far, near) = (sim.host("server"), sim.host("far"), sim.host("near"));
        server.server(echo);
        sim.link(&server, &far).latency(100 * MILLI..=110 * MILLI);
        let address = server.port(7);
        for (host, least, most) in [(&far, 200 * MILLI, 300 * MILLI), (&near, Duration::ZERO, 20 * MILLI)] {
            host.client(async move {
                let mut stream = connect(address).await;
                let begin = Instant::now();
                stream.write_all(b"x").await.unwrap();
                stream.read_exact(&mut [0]).await.unwrap();
                let took = begin.elapsed();
                assert!(took >= least && took <= most, "{took:?}");
            });
        }
    });
}

#[test]
fn a_link_has_a_bandwidth_of_its_own_in_one_direction() {
    sim::check(0..20, |sim| {
        let (server, client) = (sim.host("server"), sim.host("client"));
        server.server(echo);
        sim.link_to(&client, &server).bandwidth(1_000);
        let address = server.port(7);
        client.client(async move {
            let mut stream = connect(address).await;
            let begin = Instant::now();
            stream.write_all(&[1; 4000]).await.unwrap();
            stream.read_exact(&mut [0; 4000]).await.unwrap();
            let took = begin.elapsed();
            assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(5), "{took:?}");
        });
    });
}

#[test]
fn a_link_that_loses_half_loses_half_of_the_datagrams_and_no_byte_of_a_stream() {
    sim::check(0..20, |sim| {
        let (server, client) = (sim.host("server"), sim.host("client"));
        sim.link(&client, &server).loss(0.5);
        server.server(|| async {
            egret::spawn(echo());
            let socket = UdpSocket::bind("0.0.0.0:9").await.unwrap();
            loop {
                let (_, from) = socket.recv_from(&mut [0]).await.unwrap();
                socket.send_to(b"x", from).await.unwrap();
            }
        });
        let (datagrams, stream) = (server.port(9), server.port(7));
        client.client(async move {
            let mut stream = connect(stream).await;
            let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            for _ in 0..400 {
                socket.send_to(b"x", datagrams).await.unwrap();
            }
            let mut came = 0;
            while timeout(Duration::from_secs(1), socket.recv(&mut [0])).await.is_ok() {
                came += 1;
            }
            assert!((60..140).contains(&came), "{came} of 400 there and back");
            let sent = crate::world::payload(50_000, 1);
            let mut got = vec![0; sent.len()];
            stream.write_all(&sent).await.unwrap();
            stream.read_exact(&mut got).await.unwrap();
            assert!(got == sent);
        });
    });
}

/// What the client says arrives; what the server says, its acknowledgements too, does not.
#[test]
fn a_link_cut_in_one_direction_lets_data_through_and_no_answer() {
    sim::check(0..50, |sim| {
        let (server, client) = (sim.host("server"), sim.host("client"));
        let arrived = Arc::new(AtomicU32::new(0));
        let counted = arrived.clone();
        server.server(move || {
            let arrived = arrived.clone();
            async move {
                let socket = UdpSocket::bind("0.0.0.0:9").await.unwrap();
                egret::spawn(echo());
                while socket.recv(&mut [0]).await.is_ok() {
                    arrived.fetch_add(1, Relaxed);
                }
            }
        });
        let (address, datagrams) = (server.port(7), server.port(9));
        let (from, to) = (server.clone(), client.clone());
        sim.at(50 * MILLI, move |sim| {
            sim.link_to(&from, &to).cut();
        });
        let (from, to) = (server.clone(), client.clone());
        sim.at(Duration::from_secs(20), move |sim| {
            sim.link_to(&from, &to).heal();
        });
        client.client(async move {
            let mut stream = connect(address).await;
            sleep(100 * MILLI).await;
            UdpSocket::bind("0.0.0.0:0").await.unwrap().send_to(b"x", datagrams).await.unwrap();
            stream.write_all(b"x").await.unwrap();
            assert!(timeout(Duration::from_secs(15), stream.read(&mut [0])).await.is_err());
            assert_eq!(counted.load(Relaxed), 1);
            stream.read_exact(&mut [0]).await.unwrap();
        });
    });
}

#[test]
fn a_sender_whose_acknowledgements_are_lost_gives_up_in_the_end() {
    sim::check(0..10, |sim| {
        let (server, client) = (sim.host("server"), sim.host("client"));
        server.server(echo);
        let address = server.port(7);
        let (from, to) = (server.clone(), client.clone());
        sim.at(50 * MILLI, move |sim| {
            sim.link_to(&from, &to).cut();
        });
        client.client(async move {
            let mut stream = connect(address).await;
            sleep(100 * MILLI).await;
            stream.write_all(b"x").await.unwrap();
            let error = stream.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let error = egret::net::TcpStream::connect(address).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        });
    });
}

#[test]
fn a_host_that_stands_still_goes_on_where_it_was_with_what_came_meanwhile() {
    sim::check(0..50, |sim| {
        let (server, client) = (sim.host("server"), sim.host("client"));
        server.server(echo);
        let address = server.port(7);
        let stops = server.clone();
        sim.at(50 * MILLI, move |_| stops.pause());
        let goes_on = server.clone();
        sim.at(Duration::from_secs(7), move |_| goes_on.resume());
        client.client(async move {
            let mut stream = connect(address).await;
            sleep(100 * MILLI).await;
            let begin = Instant::now();
            // The kernel there takes it: no timeout, and no resent segment.
            stream.write_all(b"x").await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
            let took = begin.elapsed();
            assert!(took > Duration::from_secs(6) && took < Duration::from_secs(7), "{took:?}");
        });
    });
}

#[test]
fn a_blocking_job_of_a_host_that_stands_still_waits() {
    sim::check(0..20, |sim| {
        let host = sim.host("host");
        let (stops, goes_on) = (host.clone(), host.clone());
        sim.at(Duration::ZERO, move |_| stops.pause());
        sim.at(Duration::from_secs(9), move |_| goes_on.resume());
        host.thread(MILLI, || sim::note!("it runs"));
        host.client(async { sleep(MILLI).await });
        // Which is looked for whenever another host has run.
        sim.host("other").client(async {
            for _ in 0..10 {
                sleep(Duration::from_secs(1)).await;
            }
        });
        sim.run();
        let trace = sim.trace();
        let line = trace.lines().find(|line| line.ends_with(" it runs")).expect(&trace);
        let millis: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
        assert!((9000.0..9001.0).contains(&millis), "{line}");
    });
}

#[test]
fn the_time_of_day_is_that_of_the_host_and_steps_when_it_is_set() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    sim::check(0..5, move |sim| {
        let host = sim.host("host");
        host.wall_clock(at(5000)).clock_drift(100_000);
        let set = host.clone();
        sim.at(Duration::from_secs(15), move |_| {
            set.wall_clock(at(1000));
        });
        host.client(async move {
            assert_eq!(system_now().duration_since(at(5000)).unwrap().as_secs(), 0);
            sleep(Duration::from_secs(11)).await; // ten of true time
            assert_eq!(system_now().duration_since(at(5011)).unwrap().as_secs(), 0);
            let begin = Instant::now();
            sleep(Duration::from_secs(11)).await;
            assert_eq!(system_now().duration_since(at(1005)).unwrap().as_secs(), 0);
            assert_eq!(begin.elapsed().as_secs(), 11, "the other clock did not step");
        });
        sim.host("other").client(async move { assert!(system_now() < at(1_000_000_001)) });
    });
}
