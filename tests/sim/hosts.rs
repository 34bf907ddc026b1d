//! Faults of hosts: partitions, crashes, clocks, signals.

use crate::world::{connect, what_connections_survive};
use egret::net::{TcpListener, TcpStream, UdpSocket};
use egret::signal::unix::{SignalKind, signal};
use egret::sim::{self, Fault, Faults};
use egret::time::{Instant, sleep, timeout};
use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

async fn answer_for_ever() {
    let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        egret::spawn(async move {
            let mut byte = [0];
            while let Ok(1) = stream.read(&mut byte).await {
                if stream.write_all(&byte).await.is_err() {
                    break;
                }
            }
        });
    }
}

#[test]
fn a_partition_holds_bytes_back_and_a_healed_link_delivers_them() {
    sim::check(0..100, |sim| {
        let server = sim.host("server");
        server.server(answer_for_ever);
        let client = sim.host("client");
        let (ends, address) = ((server.clone(), client.clone()), server.port(7));
        let minutes = sim.choose(1..=10);
        sim.at(Duration::from_millis(50), move |sim| sim.partition(&ends.0, &ends.1));
        let ends = (server.clone(), client.clone());
        sim.at(Duration::from_secs(60 * minutes), move |sim| sim.heal(&ends.0, &ends.1));
        client.client(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            sleep(Duration::from_millis(100)).await;
            let begin = Instant::now();
            stream.write_all(b"x").await.unwrap();
            let mut byte = [0];
            assert!(timeout(Duration::from_secs(30), stream.read_exact(&mut byte)).await.is_err());
            stream.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte, *b"x");
            let healed = Duration::from_secs(60 * minutes) - Duration::from_millis(200);
            // Sent again after at most two minutes, each way.
            assert!(begin.elapsed() >= healed && begin.elapsed() < healed + Duration::from_secs(300));
        });
    });
}

#[test]
fn a_connection_that_nothing_comes_through_times_out_in_the_end() {
    sim::check(0..20, |sim| {
        let server = sim.host("server");
        server.server(answer_for_ever);
        let client = sim.host("client");
        let (ends, address) = ((server.clone(), client.clone()), server.port(7));
        sim.at(Duration::from_millis(50), move |sim| sim.partition(&ends.0, &ends.1));
        client.client(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            sleep(Duration::from_millis(100)).await;
            stream.write_all(b"x").await.unwrap();
            let error = stream.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            // A6: nor does a new one come about.
            let begin = Instant::now();
            let error = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(begin.elapsed() >= Duration::from_secs(127), "{:?}", begin.elapsed());
        });
    });
}

#[test]
fn a_server_that_crashed_is_gone_without_a_word_and_is_found_again_after_its_restart() {
    sim::check(0..100, |sim| {
        let server = sim.host("server");
        let starts = Rc::new(Cell::new(0));
        let counted = starts.clone();
        server.server(move || {
            counted.set(counted.get() + 1);
            answer_for_ever()
        });
        let address = server.port(7);
        let crashing = server.clone();
        sim.at(Duration::from_millis(50), move |_| crashing.crash());
        let starting = server.clone();
        sim.at(Duration::from_secs(5), move |_| starting.restart());
        sim.host("client").client(async move {
            let mut stream = connect(address).await;
            let mut byte = [0];
            stream.write_all(b"a").await.unwrap();
            stream.read_exact(&mut byte).await.unwrap();
            sleep(Duration::from_millis(100)).await;
            // The crash sent no notice.
            stream.write_all(b"b").await.unwrap();
            let error = stream.read(&mut byte).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the new kernel knows no such connection");
            let mut stream = connect(address).await;
            stream.write_all(b"c").await.unwrap();
            stream.read_exact(&mut byte).await.unwrap();
            assert_eq!(byte, *b"c");
            assert_eq!(starts.get(), 2);
        });
    });
}

#[test]
fn each_host_has_a_clock_of_its_own_and_no_sleep_is_early_on_it() {
    sim::check(0..100, |sim| {
        what_connections_survive(sim);
        for (name, drift) in [("slow", -100_000), ("right", 0), ("fast", 250_000)] {
            let host = sim.host(name);
            host.clock_drift(drift).clock_ahead(Duration::from_secs(sim.choose(0..=86_400)));
            host.client(async {
                for millis in [1, 70, 4000] {
                    let (begin, nap) = (Instant::now(), Duration::from_millis(millis));
                    sleep(nap).await;
                    assert!(begin.elapsed() >= nap);
                }
            });
        }
    });
}

#[test]
fn a_deadline_that_is_made_outside_of_the_hosts_is_theirs() {
    sim::check(0..20, |sim| {
        let second = Duration::from_secs(1);
        let deadline = Instant::now() + 3 * second;
        sim.host("sleep").client(sleep(2 * second));
        sim.host("deadline").client(async move {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(left <= 3 * second && left + Duration::from_millis(1) > 3 * second, "{left:?}");
            egret::time::sleep_until(deadline).await;
        });
        sim.run();
        assert!((3 * second..4 * second).contains(&sim.elapsed()), "{:?}", sim.elapsed());
        // And later on.
        assert!(Instant::now() >= deadline && Instant::now() < deadline + second);
    });
}

#[test]
fn a_clock_whose_drift_changes_in_a_run_does_not_jump() {
    sim::check(0..20, |sim| {
        let (host, second) = (sim.host("host"), Duration::from_secs(1));
        // Twice as fast in the second hour, and a tenth slower from then on.
        for (hour, drift) in [(1, 1_000_000), (2, -100_000)] {
            let host = host.clone();
            sim.at(hour * 3600 * second, move |_| {
                host.clock_drift(drift);
            });
        }
        host.client(async move {
            let (begin, day) = (Instant::now(), egret::time::system_now());
            for (hours, elapsed) in [(1, 3600), (1, 7200), (1, 10_800)] {
                sleep(hours * 3600 * second).await;
                let now = begin.elapsed();
                assert!((elapsed * second..(elapsed + 1) * second).contains(&now), "{now:?}");
                let wall = egret::time::system_now().duration_since(day).unwrap();
                assert!(wall.abs_diff(now) < second, "{wall:?} and {now:?}");
            }
            sleep(900 * second).await;
        });
        sim.run();
        // The third hour of the host is over after two, and 900 s of it take 1000.
        let took = sim.elapsed();
        assert!((8200 * second..8202 * second).contains(&took), "{took:?}");
    });
}

#[test]
fn a_signal_comes_to_the_host_that_it_was_sent_to() {
    sim::check(0..100, |sim| {
        what_connections_survive(sim);
        for name in ["one", "other"] {
            let host = sim.host(name);
            let signalled = host.clone();
            let at = Duration::from_millis(sim.choose(1..=1000));
            sim.at(at, move |_| signalled.signal(SignalKind::terminate()));
            host.client(async move {
                let begin = Instant::now();
                let mut hangup = signal(SignalKind::hangup()).unwrap();
                signal(SignalKind::terminate()).unwrap().recv().await.unwrap();
                assert!(begin.elapsed() + Duration::from_millis(1) >= at);
                assert!(timeout(Duration::from_secs(10), hangup.recv()).await.is_err());
            });
        }
    });
}

#[test]
fn datagrams_come_whole_or_not_at_all_and_perhaps_twice_and_out_of_order() {
    let faults = Faults::all().without(Fault::NoDescriptors).without(Fault::NoMemory);
    sim::check(0..300, |sim| {
        sim.faults(faults.clone());
        let server = sim.host("server");
        server.server(|| async {
            let socket = UdpSocket::bind("0.0.0.0:9").await.unwrap();
            let mut buf = [0; 2000];
            loop {
                let (n, from) = socket.recv_from(&mut buf).await.unwrap();
                socket.send_to(&buf[..n], from).await.unwrap();
            }
        });
        let address = server.port(9);
        sim.host("client").client(async move {
            let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            for number in 0..20u8 {
                let sent = vec![number; 100 + usize::from(number)];
                loop {
                    socket.send_to(&sent, address).await.unwrap();
                    let mut buf = [0; 2000];
                    let answer = timeout(Duration::from_millis(200), socket.recv_from(&mut buf)).await;
                    let Ok(answer) = answer else { continue };
                    let (n, from) = answer.unwrap();
                    assert_eq!(from, address);
                    assert!(buf[0] <= number && buf[..n] == vec![buf[0]; 100 + usize::from(buf[0])]);
                    if buf[0] == number {
                        break;
                    }
                }
            }
        });
    });
}
