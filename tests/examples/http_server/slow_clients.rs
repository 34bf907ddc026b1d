//! A thousand slow clients, and one that is not.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{A_WHILE, Client, Example, GET, HELLO, PATIENCE, hello_with};
use super::queues::queues;

const PROMPT: Duration = Duration::from_millis(50);

/// How long an answer takes.
fn time_of(client: &mut Client) -> Duration {
    let start = Instant::now();
    client.send(GET);
    client.expect(HELLO);
    start.elapsed()
}

/// Asks on and on, on a connection that stays and on new ones, until told to stop: how long the slowest answer
/// took.
fn ask(server: &Example, stop: &AtomicBool) -> Duration {
    let (mut kept, mut slowest, mut count) = (server.connect(), Duration::ZERO, 0);
    while !stop.load(Ordering::Relaxed) {
        slowest = slowest.max(time_of(&mut kept)).max(time_of(&mut server.connect()));
        count += 1;
        assert!(kept.is_silent_for(Duration::from_millis(5)), "more than the answer, or the end");
    }
    assert!(count > 20, "only {count} answers");
    slowest
}

/// Tells it to stop, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `slow` while an ordinary client asks, and wants that one answered promptly throughout: in 50 ms on a machine
/// that has nothing else to do. Other tests run beside this one, so it fails at four times that, or at three times the
/// longest that a server without slow clients took meanwhile.
fn assert_prompt_during(server: &Example, slow: impl FnOnce()) {
    let (stop, control) = (AtomicBool::new(false), Example::http_server());
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask(server, &stop));
        let asking_control = scope.spawn(|| ask(&control, &stop));
        let stopping = Stop(&stop);
        slow();
        drop(stopping);
        let slowest = asking.join().expect("it is answered");
        let slowest_control = asking_control.join().expect("it is answered");
        let most = (4 * PROMPT).max(3 * slowest_control);
        assert!(slowest < most, "{slowest:?}, and {slowest_control:?} without the slow clients");
    });
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
            for some in clients.chunks_mut(50) {
                some.iter_mut().for_each(|client| client.send([*byte]));
                thread::sleep(Duration::from_millis(10));
            }
            if !clients[0].is_silent_for(Duration::from_millis(1)) {
                break;
            }
        }
        assert!(first_opened.elapsed() >= Duration::from_millis(2000), "it is gone too soon");
        let mut answers = vec![Vec::new(); clients.len()];
        for (client, answer) in clients.iter_mut().zip(&mut answers) {
            client.stream.read_to_end(answer).expect("the end, and not by a reset");
        }
        let elapsed = last_opened.elapsed();
        assert!(elapsed < Duration::from_millis(5000), "{elapsed:?} until all are gone"); // half of it when idle
        assert!(answers.iter().all(|answer| answer.starts_with(b"HTTP/1.1 408 Request Timeout\r\n")));
    });
    let start = Instant::now();
    while server.descriptors() > before {
        assert!(start.elapsed() < PATIENCE, "some are still there");
    }
    server.assert_serves();
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
            for some in clients.chunks_mut(48) {
                some.iter_mut().skip(1).step_by(3).for_each(|client| client.send("y"));
                some.iter_mut().skip(2).step_by(3).for_each(|client| client.send("y"));
                assert!(some[1].is_silent_for(Duration::from_millis(5)));
            }
        }
        for client in clients.iter_mut().step_by(3) {
            client.expect(HELLO);
        }
        drop(never_reading);
    });
}

#[test]
fn a_client_that_pipelines_without_end_slows_nobody_down() {
    let server = Example::http_server();
    let many = GET.repeat(10_000);
    assert_prompt_during(&server, || {
        let mut client = server.connect();
        let mut sender = client.stream.try_clone().expect("a descriptor is left");
        thread::scope(|scope| {
            let sending = scope.spawn(move || {
                let start = Instant::now();
                while start.elapsed() < Duration::from_secs(1) {
                    sender.write_all(&many).expect("the server reads");
                }
                sender.shutdown(Shutdown::Write).expect("the server has not reset the connection");
            });
            io::copy(&mut client.stream, &mut io::sink()).expect("the end, and not by a reset");
            sending.join().expect("all is sent");
        });
    });
}

/// What is ready after a client that pipelines is a signal, and the answers tell when that is heard: the last one that is
/// written after it says that it is the last. The requests are few enough for one budget of the runtime, and their answers for
/// the buffers of the kernel, so that nothing but the server's own yield lets the signal in between.
#[test]
fn a_client_that_pipelines_gives_way_when_the_output_is_full() {
    let server = Example::http_server();
    let mut client = server.connect();
    client.send(GET);
    client.expect(HELLO);
    let here = client.stream.local_addr().expect("it is connected");
    let many = GET.repeat(1000);
    server.stopped(|| {
        client.send(&many);
        let start = Instant::now();
        while queues(server.address, here) != Some((0, many.len())) {
            assert!(start.elapsed() < PATIENCE, "the requests have not come");
        }
        server.signal("TERM");
    });
    assert_eq!(client.rest(), HELLO.repeat(999) + &hello_with("close"));
    drop(client); // which the server waits for
    assert_eq!(server.exit_code(), Some(0));
}
