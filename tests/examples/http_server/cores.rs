//! The server on two cores.

use super::client::{Example, GET, HELLO, hello_with, run};

#[test]
fn two_cores_serve_finish_what_has_begun_and_end_at_the_signal() {
    let server = Example::named_with("http_server", &["127.0.0.1:0", "--cores", "2"]);
    // Each core has some of 64 clients, but for a chance of 2 in 2^64.
    let mut clients: Vec<_> = (0..64).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(GET);
        client.expect(HELLO);
    }
    let (begun, idle) = clients.split_at_mut(32);
    begun.iter_mut().for_each(|client| client.send(&GET[..4]));
    server.signal("TERM");
    idle.iter_mut().for_each(|client| assert_eq!(client.rest(), ""));
    for client in begun {
        client.send(&GET[4..]);
        assert_eq!(client.rest(), hello_with("close"));
    }
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_number_of_cores_that_is_none_is_refused() {
    for arguments in [&["--cores"][..], &["127.0.0.1:0", "--cores", "many"]] {
        let refused = run("http_server", arguments);
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).starts_with("N is not a number\nusage: "));
    }
}

/// `EGRET_CLIENTS` sets how many clients there are: 1000 by default.
#[test]
fn many_clients_are_closed_at_the_end_within_the_deadline() {
    let count = std::env::var("EGRET_CLIENTS").map_or(1000, |count| count.parse().unwrap());
    let limits = "idle=600000,header=600000,last_call=10,drain=10000";
    let server = Example::named_with("http_server", &["127.0.0.1:0", "16384", limits, "--cores", "4"]);
    let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(GET);
        client.expect(HELLO);
    }
    let start = std::time::Instant::now();
    server.signal("TERM");
    assert_eq!(server.exit_code(), Some(0));
    println!("{count} clients on 4 cores, from the signal to the exit: {:?}", start.elapsed());
    clients.iter_mut().for_each(|client| assert_eq!(client.rest(), ""));
}

#[test]
fn the_health_path_fails_during_the_notice_on_every_core_and_all_else_goes_on() {
    let health = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = |status: &str, word: &str| {
        let length = word.len();
        format!(
            "HTTP/1.1 {status}\r\nDate: now\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{word}"
        )
    };
    let (ready, stopping) = (answer("200 OK", "ready\n"), answer("503 Service Unavailable", "stopping\n"));
    for cores in ["1", "2"] {
        let limits = "idle=600000,header=600000,notice=600000,drain=600000";
        let server = Example::named_with("http_server", &["127.0.0.1:0", "100", limits, "--cores", cores]);
        let mut clients: Vec<_> = (0..64).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(health);
            client.expect(&ready);
        }
        server.signal("TERM");
        let seen = (0..).map(|_| server.exchange(health)).find(|answer| *answer != ready); // the signal is on its way
        assert_eq!(seen.as_deref(), Some(&*stopping));
        for client in &mut clients {
            client.send(health);
            client.expect(&stopping);
            client.send(GET);
            client.expect(HELLO);
        }
        server.assert_serves();
        server.signal("TERM"); // the second one does not wait
        assert_eq!(server.exit_code(), Some(1));
    }
}
