//! A thousand slow clients, and one that is not.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{A_WHILE, Example, GET, HELLO, PATIENCE, refused};

const PROMPT: Duration = Duration::from_millis(50);

/// Asks on and on, on a connection that stays and on new ones, until told to stop: how long each answer took.
fn ask(server: &Example, stop: &AtomicBool) -> Vec<Duration> {
    let mut kept = server.connect();
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        kept.send(GET);
        kept.expect(HELLO);
        times.push(start.elapsed());
        let start = Instant::now();
        let mut new = server.connect();
        new.send(GET);
        new.expect(HELLO);
        times.push(start.elapsed());
        assert!(
            kept.is_silent_for(Duration::from_millis(5)),
            "an end: {:?}",
            kept.stream.peek(&mut [0; 999])
        );
    }
    times
}

/// Tells it to stop, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `slow` while an ordinary client asks, and wants that one answered promptly throughout. As the machine may
/// have other things to do, it gets three chances.
fn assert_prompt_during(server: &Example, slow: impl Fn()) {
    let mut slowest = Vec::new();
    while slowest.len() < 3 {
        slowest.push(slowest_during(server, &slow));
        if slowest.last() < Some(&PROMPT) {
            return;
        }
    }
    panic!("answered in {slowest:?}");
}

fn slowest_during(server: &Example, slow: impl Fn()) -> Duration {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask(server, &stop));
        let stopping = Stop(&stop);
        slow();
        drop(stopping);
        let times = asking.join().expect("it is answered");
        assert!(times.len() > 50, "only {} answers", times.len());
        times.into_iter().max().unwrap_or_default()
    })
}

#[test]
fn a_thousand_clients_that_drip_a_header_are_gone_by_its_deadline_and_slow_nobody_down() {
    let server = Example::with_limits("header=2000,linger=500");
    let before = server.descriptors();
    assert_prompt_during(&server, || {
        let first_opened = Instant::now();
        let mut clients: Vec<_> = (0..1000).map(|_| server.connect()).collect();
        let last_opened = Instant::now();
        for byte in GET.iter().take(20) {
            for client in &mut clients {
                client.send([*byte]);
            }
            if !clients[0].is_silent_for(Duration::from_millis(200)) {
                break;
            }
        }
        assert!(
            first_opened.elapsed() >= Duration::from_millis(2000),
            "it is gone after {:?}: {:?}",
            first_opened.elapsed(),
            clients[0].rest()
        );
        for client in &mut clients {
            assert_eq!(client.rest(), refused("408 Request Timeout"));
        }
        let elapsed = last_opened.elapsed();
        // Half a second more where the machine has nothing else to do.
        assert!(elapsed < Duration::from_millis(5000), "{elapsed:?} until all are gone");
    });
    server.assert_serves();
    let start = Instant::now();
    while server.descriptors() > before {
        assert!(start.elapsed() < PATIENCE, "some are still there");
    }
}

#[test]
fn a_thousand_clients_that_are_slow_in_every_way_slow_nobody_down() {
    let server = Example::http_server();
    assert_prompt_during(&server, || {
        let never_reading: Vec<_> = (0..4)
            .map(|_| {
                let mut client = server.connect();
                let (_, end) = client.send_while_taken(&GET.repeat(10_000), A_WHILE);
                assert_eq!(end, ErrorKind::WouldBlock);
                client
            })
            .collect();
        let mut clients: Vec<_> = (0..996).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(match number % 3 {
                0 => "GET / HTTP/1.1\r\nHost: a\r\n\r\n", // and then nothing
                1 => "GET / HTTP/1.1\r\nHost: a\r\nX: ",
                _ => "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n",
            });
        }
        for _ in 0..5 {
            for client in clients.iter_mut().skip(1).step_by(3) {
                client.send("y");
            }
            for client in clients.iter_mut().skip(2).step_by(3) {
                client.send("y");
            }
            assert!(clients[1].is_silent_for(Duration::from_millis(100)));
        }
        for client in clients.iter_mut().step_by(3) {
            client.expect(HELLO);
        }
        drop(never_reading);
    });
}
