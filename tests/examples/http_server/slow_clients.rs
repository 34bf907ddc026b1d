//! A thousand slow clients, and one ordinary client.
//!
//! The time of an answer depends more on the load of the machine than on the server. Two things are asserted
//! instead: slow clients continue only after the ordinary one has been answered, so a server that waits for them never
//! answers it; and the CPU time of the server between request and answer has a bound.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{A_WHILE, Client, Example, GET, HELLO, PATIENCE, hello_with};
use super::queues::queues;

/// The most processor time that the server may spend between a question and its answer, in ticks of 10 ms.
const PROMPT: usize = 20;

/// Sends a request and reads the answer. Returns the server's processor time meanwhile, less than which it is by the time for
/// which this thread was not run: the server may have gone on with others then.
fn ticks_of(server: &Example, client: &mut Client) -> usize {
    let (before, not_run) = (server.ticks(), time_not_run());
    client.send(GET);
    client.expect(HELLO);
    let late = (time_not_run() - not_run).as_millis() as usize;
    (server.ticks() - before).saturating_sub(late.div_ceil(10))
}

/// For how long this thread has waited for a processor.
fn time_not_run() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(times.split(' ').nth(1).map_or(0, |time| time.parse().expect("a number")))
}

/// An ordinary client, as the slow ones see it.
struct Ordinary {
    /// How often it was answered both on the connection that it keeps and on a new one.
    rounds: AtomicUsize,
    stop: AtomicBool,
}

impl Ordinary {
    /// Asks until it is stopped. Returns the longest that an answer took, in ticks of the server's processor time.
    fn ask(&self, server: &Example) -> usize {
        let (mut kept, mut most) = (server.connect(), 0);
        while !self.stop.load(Ordering::Relaxed) {
            most = most.max(ticks_of(server, &mut kept)).max(ticks_of(server, &mut server.connect()));
            self.rounds.fetch_add(1, Ordering::Relaxed);
            assert!(kept.is_silent_for(Duration::from_millis(5)), "more than the answer, or the end");
        }
        most
    }

    fn rounds(&self) -> usize {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Waits until a round that began after this call is over.
    fn is_answered(&self) {
        let (before, start) = (self.rounds(), Instant::now());
        while self.rounds() < before + 2 {
            assert!(start.elapsed() < PATIENCE, "the server answers slow clients only");
            thread::yield_now();
        }
    }
}

/// Stops the ordinary client, also when the test fails.
struct Stop<'a>(&'a Ordinary);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Runs `slow` while an ordinary client asks, and asserts that each of its answers was prompt.
fn assert_prompt_during(server: &Example, slow: impl FnOnce(&Ordinary)) {
    let ordinary = Ordinary { rounds: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    thread::scope(|scope| {
        let asking = scope.spawn(|| ordinary.ask(server));
        let stopping = Stop(&ordinary);
        slow(&ordinary);
        drop(stopping);
        let most = asking.join().expect("it is answered");
        assert!(most <= PROMPT, "an answer took {most} ticks of processor time");
    });
}

#[test]
fn a_thousand_clients_that_drip_a_header_are_gone_by_its_deadline_and_slow_nobody_down() {
    // A long linger, so that the bytes that are sent before the end is noticed reset no connection.
    let server = Example::with_limits("header=2000,linger=60000");
    let before = server.descriptors();
    assert_prompt_during(&server, |ordinary| {
        let first_opened = Instant::now();
        // The first byte at once: a client that has sent none by the deadline gets no answer.
        let (first, rest) = GET[..20].split_first().expect("20 bytes");
        let begin = || {
            let mut client = server.connect();
            client.send([*first]);
            client
        };
        let mut clients: Vec<_> = std::iter::repeat_with(begin).take(1000).collect();
        ordinary.is_answered(); // on a connection behind them: all are accepted
        let last_accepted = Instant::now();
        let head = rest.iter().chain(std::iter::repeat(&b'y'));
        for byte in head {
            let is_over = last_accepted.elapsed() > Duration::from_millis(2100);
            for some in clients.chunks_mut(50) {
                some.iter_mut().for_each(|client| client.send([*byte]));
                ordinary.is_answered();
            }
            if !clients[0].is_silent_for(Duration::from_millis(1)) {
                break;
            }
            assert!(!is_over, "bytes extend the deadline");
        }
        assert!(first_opened.elapsed() >= Duration::from_millis(2000), "it is gone too soon");
        let mut answers = vec![Vec::new(); clients.len()];
        for (client, answer) in clients.iter_mut().zip(&mut answers) {
            client.stream.read_to_end(answer).expect("the end, and not by a reset");
        }
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
    // No limit in time is the subject here, and none may pass.
    let server = Example::with_limits("header=600000,idle=600000,body=600000,write=600000");
    assert_prompt_during(&server, |ordinary| {
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
                ordinary.is_answered();
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
    assert_prompt_during(&server, |ordinary| {
        let mut client = server.connect();
        let mut sender = client.stream.try_clone().expect("a descriptor is left");
        thread::scope(|scope| {
            let sending = scope.spawn(move || {
                let (before, start) = (ordinary.rounds(), Instant::now());
                while ordinary.rounds() < before + 20 {
                    assert!(start.elapsed() < 3 * PATIENCE, "the client that pipelines is served alone");
                    sender.write_all(&many).expect("the server reads");
                }
                sender.shutdown(Shutdown::Write).expect("the server has not reset the connection");
            });
            io::copy(&mut client.stream, &mut io::sink()).expect("the end, and not by a reset");
            sending.join().expect("all is sent");
        });
    });
}

/// A signal is ready behind a client that pipelines, and the first answer after the signal is handled says that it is the
/// last. The requests fit into one budget of the runtime, and their answers into
/// the buffers of the kernel, so only the server's own yield lets the signal in between.
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
