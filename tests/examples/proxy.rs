//! The example `proxy`, between clients and servers of std.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no processes

use crate::example_common::example;
use crate::uninterrupted::uninterrupted;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

struct Proxy {
    child: Child,
    address: SocketAddr,
    target: TcpListener,
}

impl Proxy {
    fn start() -> Proxy {
        Proxy::start_as(example("proxy"))
    }

    /// A proxy that may have so many descriptors open.
    fn with_descriptors(most: usize) -> Proxy {
        let mut shell = Command::new("sh");
        let limited = format!("ulimit -n {most} && exec \"$0\" \"$@\"");
        shell.args(["-c", &limited]).arg(example("proxy").get_program());
        Proxy::start_as(shell)
    }

    fn start_as(mut command: Command) -> Proxy {
        let target = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let target_address = target.local_addr().expect("it is bound").to_string();
        command.args(["127.0.0.1:0", &target_address]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the example is built");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").expect("the address").parse();
        Proxy { child, address: address.expect("an address"), target }
    }

    /// A client of the proxy, and the other end of its connection to the target.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address).expect("the proxy listens");
        let (server, _) = self.target.accept().expect("the proxy connects");
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(PATIENCE)).expect("a socket may have one");
            stream.set_write_timeout(Some(PATIENCE)).expect("a socket may have one");
        }
        (client, server)
    }
}

impl Proxy {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("there is a `kill`").success());
    }

    /// Has it stand still, and returns when it does.
    fn stop(&self) {
        self.signal("-STOP");
        let end = Instant::now() + PATIENCE;
        let stat =
            || std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it is there");
        while !stat().rsplit(") ").next().is_some_and(|state| state.starts_with('T')) {
            assert!(Instant::now() < end, "it does not stand still");
            std::thread::yield_now();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8 ^ seed).collect()
}

fn send(stream: &TcpStream, bytes: Vec<u8>) -> JoinHandle<()> {
    let mut stream = stream.try_clone().expect("a descriptor is left");
    std::thread::spawn(move || {
        stream.write_all(&bytes).expect("the proxy takes it");
        stream.shutdown(Shutdown::Write).expect("it is connected");
    })
}

fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the proxy goes on");
    all
}

#[test]
fn bytes_go_both_ways_and_so_does_the_end_of_them() {
    let proxy = Proxy::start();
    let (mut client, mut server) = proxy.connect();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut question = Vec::new();
    server.read_to_end(&mut question).unwrap();
    assert_eq!(question, b"question");
    // The client has finished, and the answer reaches it all the same.
    server.write_all(b"answer").unwrap();
    drop(server);
    assert_eq!(rest(client), b"answer");
}

#[test]
fn eight_connections_carry_megabytes_both_ways_at_once() {
    let proxy = Proxy::start();
    let readers: Vec<_> = (0..8u8)
        .map(|n| {
            let (client, server) = proxy.connect();
            let sending = [send(&client, bytes(3_000_000, n)), send(&server, bytes(2_000_000, n + 100))];
            let reading = [client, server].map(|stream| std::thread::spawn(move || rest(stream)));
            (n, sending, reading)
        })
        .collect();
    for (n, sending, [at_client, at_server]) in readers {
        assert!(at_client.join().unwrap() == bytes(2_000_000, n + 100), "what the client of {n} got");
        assert!(at_server.join().unwrap() == bytes(3_000_000, n), "what the server of {n} got");
        sending.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn a_target_that_is_gone_closes_the_client_and_not_the_proxy() {
    let mut proxy = Proxy::start();
    let port = proxy.target.local_addr().unwrap();
    let (client, server) = proxy.connect();
    drop(server);
    assert_eq!(rest(client), b"");

    // The target does not listen for a while.
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    drop(std::mem::replace(&mut proxy.target, elsewhere));
    let refused = TcpStream::connect(proxy.address).unwrap();
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(rest(refused), b"");
    proxy.target = TcpListener::bind(port).unwrap();
    let (mut client, mut server) = proxy.connect();
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0; 1]).unwrap();
}

/// Twenty come where there is room for five or so: some wait, and some find their connection closed. None of it ends the
/// proxy, and when they have gone it serves as before.
#[test]
fn it_goes_on_when_descriptors_have_run_out() {
    let mut proxy = Proxy::with_descriptors(16);
    // It finds them all in its backlog at once, and takes as many as there are descriptors for.
    proxy.stop();
    let mut crowd: Vec<_> = (0..20).map(|_| TcpStream::connect(proxy.address).expect("it listens")).collect();
    proxy.signal("-CONT");
    // So that for the first of them there is none left to connect with.
    crowd[0].set_read_timeout(Some(PATIENCE)).expect("a socket may have one");
    assert_eq!(uninterrupted(PATIENCE, || crowd[0].read(&mut [0])).expect("the proxy closes it"), 0);
    drop(crowd);
    let target = proxy.target.try_clone().expect("a descriptor is left");
    // The rest of the crowd come to the target with no question.
    let serving = std::thread::spawn(move || {
        loop {
            let (mut server, _) = target.accept().expect("the proxy connects");
            let mut question = Vec::new();
            if server.read_to_end(&mut question).is_ok() && question == b"question" {
                return server.write_all(b"answer").expect("the proxy takes it");
            }
        }
    });
    let end = Instant::now() + PATIENCE;
    while !ask(proxy.address).is_ok_and(|answer| answer == b"answer") {
        assert_eq!(proxy.child.try_wait().expect("it is ours"), None, "the proxy has ended");
        assert!(Instant::now() < end, "no client is served any more");
    }
    serving.join().unwrap();
}

/// A request that may be refused.
fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut client = TcpStream::connect(address)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.write_all(b"question")?;
    client.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    Ok(answer)
}

#[test]
fn it_says_what_to_do_when_it_cannot_listen() {
    for arguments in [&["127.0.0.1:x", "127.0.0.1:1"][..], &["127.0.0.1:0"], &["a", "b", "c"]] {
        let output = example("proxy").args(arguments).output().expect("the example is built");
        let message = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1));
        assert!(message.starts_with("cannot serve on ") && message.contains("usage: proxy "), "{message}");
        assert!(output.stdout.is_empty());
    }
}
