//! The load generator against servers that are wrong in one way each: it must say so, and end.

use load::{Case, Config, Pace, Report, run};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Serves every connection with `handle`, each on a thread of its own.
fn serve(handle: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || handle(stream));
        }
    });
    addr
}

fn config(addr: SocketAddr) -> Config {
    let limit = Duration::from_secs(300); // not the time of a busy machine, but that of a hang
    Config { connections: 3, idle: 2, requests: 100, size: 1000, depth: 2, limit, ..Config::new(addr) }
}

fn load(handle: fn(TcpStream)) -> Report {
    run(&config(serve(handle)), |_| ()).unwrap()
}

/// Echoes and calls `spoil` with the offset of the bytes that come next.
fn echo_with(mut stream: TcpStream, spoil: fn(u64, &mut [u8])) {
    let mut buffer = [0; 700];
    let mut offset = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        spoil(offset, &mut buffer[..count]);
        offset += count as u64;
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

fn echo(stream: TcpStream) {
    echo_with(stream, |_, _| ());
}

#[test]
fn a_right_server_has_exactly_the_requests_and_no_error() {
    for pace in [Pace::Free, Pace::Waves] {
        for (requests, depth, size) in [(100, 1, 1), (100, 2, 1000), (3, 7, 200_000), (101, 200, 100)] {
            let config = Config { requests, depth, size, pace, ..config(serve(echo)) };
            let report = run(&config, |_| ()).unwrap();
            assert_eq!((report.answered, report.errors), (requests, 0), "{config:?}");
            assert_eq!(report.bytes, requests * size as u64);
            assert_eq!(report.latency.count(), requests);
        }
    }
}

#[test]
fn an_open_loop_sends_all_that_is_due_and_one_of_churn_connects_for_each() {
    for pace in [Pace::Rate(2_000), Pace::Churn] {
        for spin in [false, true] {
            let config = Config { depth: 1, size: 1000, pace, spin, ..config(serve(echo)) };
            let report = run(&config, |_| ()).unwrap();
            assert_eq!((report.answered, report.errors), (100, 0), "{config:?} {report}");
            assert_eq!(report.latency.count(), 100);
            assert_eq!(report.lag.count(), if pace == Pace::Churn { 0 } else { 100 });
        }
    }
}

/// One thread for all connections: while it stalls, no answer is sent, and a closed loop would ask for none.
#[test]
fn a_stall_is_charged_to_every_request_that_was_due_meanwhile() {
    const STALL: Duration = Duration::from_millis(200);
    let addr = serve(|mut stream| {
        let mut message = [0; 100];
        for number in 0.. {
            if stream.read_exact(&mut message).is_err() {
                return;
            }
            if number == 100 {
                thread::sleep(STALL);
            }
            if stream.write_all(&message).is_err() {
                return;
            }
        }
    });
    let config =
        Config { connections: 1, idle: 0, requests: 600, size: 100, pace: Pace::Rate(1_000), ..config(addr) };
    let open = run(&config, |_| ()).unwrap();
    assert_eq!((open.answered, open.errors), (600, 0), "{open}");
    // 200 requests were due in the stall, evenly over it: of all 600 a sixth waited for more than half of it.
    assert!(open.latency.quantile(0.9) > STALL / 2, "{open}");
    let closed = run(&Config { pace: Pace::Free, depth: 1, ..config }, |_| ()).unwrap();
    assert_eq!((closed.answered, closed.errors), (600, 0), "{closed}");
    // One waited for the stall. In a run of so little time, no more than five others can have been slow: a busy machine has more.
    if closed.elapsed < STALL * 4 {
        assert!(closed.latency.quantile(0.99) < STALL / 2, "{closed}");
    }
}

#[test]
fn one_wrong_byte_is_an_error_with_its_offset() {
    let report = load(|stream| {
        echo_with(stream, |offset, bytes| {
            if let Some(byte) = 7_654_u64.checked_sub(offset).and_then(|at| bytes.get_mut(at as usize)) {
                *byte ^= 1;
            }
        });
    });
    assert_eq!(report.errors, 3);
    assert!(report.error_texts[0].contains("wrong byte at offset 7654,"), "{report}");
}

#[test]
fn a_server_that_closes_early_is_an_error() {
    let report = load(|mut stream| {
        let mut buffer = [0; 1000];
        stream.read_exact(&mut buffer).unwrap();
        stream.write_all(&buffer).unwrap();
        // Only the sending half, so that the client sees the end of the stream and not a reset.
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!((report.answered, report.errors), (3, 3));
    assert!(report.error_texts[0].contains("the server closed early"), "{report}");
}

#[test]
fn a_byte_after_the_last_answer_is_an_error() {
    let report = load(|mut stream| {
        echo(stream.try_clone().unwrap());
        let _ = stream.write_all(b"x");
    });
    assert_eq!((report.answered, report.errors), (100, 3));
    assert!(report.error_texts[0].contains("more bytes than were asked for"), "{report}");
}

#[test]
fn a_server_that_says_nothing_is_an_error_when_the_time_is_up() {
    for pace in [Pace::Free, Pace::Waves] {
        let addr = serve(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
        let config = Config { limit: Duration::from_millis(200), pace, ..config(addr) };
        let report = run(&config, |_| ()).unwrap();
        assert_eq!((report.answered, report.errors), (0, 3));
        assert!(report.error_texts[0].contains("time is up"), "{report}");
    }
}

#[test]
fn an_http_answer_that_changes_is_an_error() {
    fn hello(mut stream: TcpStream) {
        let mut buffer = [0; 1000];
        for number in 0.. {
            let Ok(1..) = stream.read(&mut buffer) else {
                return;
            };
            let end = if number < 5 { "world!" } else { "World!" };
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, {end}");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
    let config = Config { case: Case::Http, depth: 1, ..config(serve(hello)) };
    let right = run(&Config { requests: 15, ..config.clone() }, |_| ()).unwrap();
    assert_eq!((right.answered, right.errors), (15, 0));
    let wrong = run(&config, |_| ()).unwrap();
    assert_eq!((wrong.answered, wrong.errors), (15, 3));
    // Five answers of 52 bytes, then the 46 up to the "W".
    assert!(wrong.error_texts[0].contains("wrong byte at offset 306,"), "{wrong}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let addr = SocketAddr::from(([127, 0, 0, 1], 1));
    for config in [
        Config { addr: SocketAddr::from(([192, 0, 2, 1], 80)), ..config(addr) },
        Config { connections: 0, ..config(addr) },
        Config { requests: 2, ..config(addr) },
        Config { size: 0, ..config(addr) },
        Config { depth: 0, ..config(addr) },
        Config { pace: Pace::Rate(0), ..config(addr) },
        Config { pace: Pace::Churn, depth: 2, ..config(addr) },
        Config { pace: Pace::Free, hold: Some(rustix::process::getpid()), ..config(addr) },
    ] {
        let error = run(&config, |_| ()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{config:?}");
    }
}
