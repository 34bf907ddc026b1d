//! Servers that wait for readiness and then try, like programs written for mio.

use crate::world::{connect, payload, what_connections_survive};
use crate::zip::zip;
use egret::net::{TcpListener, TcpStream, UnixStream};
use egret::sim::{self, EdgePolicy, Fault, Faults, Sim};
use egret::time::Instant;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

/// Echoes by `readable` and `try_read`, `writable` and `try_write`.
async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; 700];
    loop {
        stream.readable().await?;
        let n = match stream.try_read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let mut sent = 0;
        while sent < n {
            stream.writable().await?;
            match stream.try_write(&buf[sent..n]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[test]
fn readiness_that_is_not_true_costs_a_try_and_not_a_spin() {
    sim::check(0..500, |sim| {
        what_connections_survive(sim);
        sim.buffers(sim.choose(1..=3000) as usize, sim.choose(1..=3000) as usize);
        let server = sim.host("server");
        server.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                egret::spawn(async move { echo(stream).await.unwrap() });
            }
        });
        let address = server.port(7);
        for number in 0..sim.up_to(3) {
            let sizes: Vec<_> = (0..3).map(|_| sim.choose(1..=20_000) as usize).collect();
            sim.host(&format!("client{number}")).client(async move {
                let mut stream = connect(address).await;
                for (round, size) in sizes.into_iter().enumerate() {
                    let (sent, mut got) = (payload(size, round), vec![0; size]);
                    let (mut reader, mut writer) = stream.split();
                    let (written, read) = zip(writer.write_all(&sent), reader.read_exact(&mut got)).await;
                    written.unwrap();
                    read.unwrap();
                    assert_eq!(got, sent);
                }
            });
        }
    });
}

// The simulated kernel reports a registration as Linux does; nothing is ready before that report.
#[test]
fn a_new_socket_is_not_ready_before_its_first_event_and_is_writable_after_it() {
    sim::check(0..20, |sim| {
        let server = sim.host("server");
        server.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                poll_fn(|cx| {
                    assert!(
                        stream.poll_read_ready(cx).is_pending() && stream.poll_write_ready(cx).is_pending()
                    );
                    Poll::Ready(())
                })
                .await;
                stream.writable().await.unwrap();
                stream.readable().await.unwrap();
                assert_eq!(stream.try_read(&mut [0; 8]).unwrap(), 1);
            }
        });
        let address = server.port(7);
        sim.host("client").client(async move {
            let mut stream = connect(address).await;
            stream.write_all(b"x").await.unwrap();
            assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
            let (one, other) = UnixStream::pair().unwrap();
            poll_fn(|cx| {
                assert!(one.poll_read_ready(cx).is_pending() && one.poll_write_ready(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            one.writable().await.unwrap();
            assert_eq!(one.try_write(b"x").unwrap(), 1);
            other.readable().await.unwrap();
            assert_eq!(other.try_read(&mut [0; 8]).unwrap(), 1);
        });
    });
}

// "Writable" and no error is also what a spurious edge looks like: a handshake takes a round trip all the same.
#[test]
fn a_spurious_edge_is_not_taken_for_a_connection() {
    sim::check(0..50, |sim| {
        sim.edges(EdgePolicy::Linux);
        sim.faults(Faults::none().with(Fault::SpuriousEdge, 0.5));
        sim.latency(Duration::from_millis(50)..=Duration::from_millis(50));
        let server = sim.host("server");
        server.server(|| async {
            let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
            loop {
                drop(listener.accept().await.unwrap());
            }
        });
        let address = server.port(7);
        sim.host("client").client(async move {
            egret::time::sleep(Duration::from_secs(1)).await; // there is a listener then
            // Timers give the loop reasons to ask for events meanwhile, and the kernel the chance to be wrong.
            let ticks = egret::spawn(async {
                loop {
                    egret::time::sleep(Duration::from_millis(1)).await;
                }
            });
            let begin = Instant::now();
            let stream = TcpStream::connect(address).await.unwrap();
            assert!(begin.elapsed() >= Duration::from_millis(100), "after {:?}", begin.elapsed());
            assert_eq!(stream.peer_addr().unwrap(), address);
            ticks.abort();
        });
    });
}

/// How often `host` made the call `what`, and how often that would have blocked.
fn calls(sim: &Sim, host: &str, what: &str) -> (usize, usize) {
    let trace = sim.trace();
    let made = trace.lines().filter_map(|line| line.split_once(" ms ")).filter_map(|(_, call)| {
        let mut words = call.split_whitespace();
        (words.next() == Some(host) && words.next() == Some(what)).then_some(call)
    });
    let made: Vec<_> = made.collect();
    (made.len(), made.iter().filter(|call| call.contains("os error 11")).count())
}

// README: a request costs one `recv` and one `send`.
#[test]
fn a_request_is_one_recv_and_one_send_and_none_that_would_block() {
    const REQUESTS: usize = 50;
    let sim = Sim::new(1);
    sim.faults(Faults::none());
    sim.edges(EdgePolicy::Linux);
    let server = sim.host("server");
    server.server(|| async {
        let listener = TcpListener::bind("0.0.0.0:7").await.unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buf = [0; 64];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                stream.write_all(&buf[..n]).await.unwrap();
            }
        }
    });
    let address = server.port(7);
    sim.host("client").client(async move {
        let mut stream = connect(address).await;
        for _ in 0..REQUESTS {
            egret::time::sleep(Duration::from_millis(10)).await;
            stream.write_all(b"request").await.unwrap();
            stream.read_exact(&mut [0; 7]).await.unwrap();
        }
    });
    sim.run();
    // One more: the first `recv` of the connection, before its first event. The run ends with the last answer.
    assert_eq!(calls(&sim, "server", "recv"), (REQUESTS + 1, 1));
    assert_eq!(calls(&sim, "server", "send"), (REQUESTS, 0));
}
