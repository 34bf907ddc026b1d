//! The accept loop on a real listener. A1 and K7 are rows of docs/pitfalls.md; `src/accept_loop/tests.rs` tests
//! the policy on a script.

use crate::sockets_common::test_of;
use egret_net::tcp::ServeCounts;
use egret_net::{TcpListener, TcpStream, UnixListener};
use egret_runtime::runtime::Runtime;
use egret_runtime::shutdown::{Drained, Shutdown};
use egret_runtime::spawn;
use egret_runtime::task::{JoinHandle, yield_now};
use egret_runtime::time::{Duration, timeout};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::rc::Rc;

const SECOND: Duration = Duration::from_secs(1);

async fn echo(mut stream: TcpStream, shutdown: Shutdown) {
    let mut buffer = [0; 1024];
    while let Some(Ok(n @ 1..)) = shutdown.run_until_requested(stream.read(&mut buffer)).await {
        if stream.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

/// An echo server with a cap.
async fn serve(shutdown: &Shutdown, most: usize) -> (SocketAddr, ServeCounts, JoinHandle<io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = listener.serve(shutdown).max_connections(most);
    let (counts, shutdown) = (serve.counts(), shutdown.clone());
    (address, counts, spawn(serve.run(move |stream, _| echo(stream, shutdown.clone()))))
}

async fn round_trip(stream: &mut TcpStream) {
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
}

#[test]
fn a_server_serves_and_ends_when_it_is_told_to() {
    Runtime::new().unwrap().block_on(async {
        let shutdown = Shutdown::new();
        let (address, counts, running) = serve(&shutdown, 1000).await;
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        for client in &mut clients {
            round_trip(client).await;
        }
        assert_eq!((counts.accepted(), counts.open(), counts.full()), (100, 100, 0));
        assert_eq!(shutdown.drain(10 * SECOND).await, Drained::Clean);
        running.await.unwrap().unwrap();
        assert_eq!((counts.accepted(), counts.open(), counts.failed(), counts.exhausted()), (100, 0, 0, 0));
        for client in &mut clients {
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        }
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn clients_beyond_the_cap_wait_their_turn() {
    Runtime::new().unwrap().block_on(async {
        let shutdown = Shutdown::new();
        let (address, counts, _running) = serve(&shutdown, 2).await;
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        for (served, mut client) in clients.into_iter().enumerate() {
            round_trip(&mut client).await;
            assert!(counts.open() <= 2, "{counts:?}");
            assert!(counts.accepted() <= served as u64 + 2, "{counts:?}");
        }
        assert_eq!(counts.accepted(), 10);
        assert!(counts.full() > 0);
    });
}

#[test]
fn clients_that_wait_in_the_backlog_when_the_server_ends_are_served() {
    Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let serve = listener.serve(&shutdown).burst(8);
        let counts = serve.counts();
        // One request each, which is in flight when the server is to end.
        let running = spawn(serve.run(|mut stream, _| async move {
            let mut request = [0; 5];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(&request).await.unwrap();
        }));
        yield_now().await; // the loop waits for its first connection
        // Blocking clients: the loop does not turn while they connect and send.
        let clients: Vec<_> = (0..50)
            .map(|_| {
                let mut client = std::net::TcpStream::connect(address).unwrap();
                client.write_all(b"hello").unwrap();
                client
            })
            .collect();
        assert_eq!(counts.accepted(), 0);
        assert_eq!(shutdown.drain(10 * SECOND).await, Drained::Clean);
        assert_eq!((counts.accepted(), counts.open(), running.is_finished()), (50, 0, true));
        for mut client in clients {
            let mut answer = String::new();
            client.set_read_timeout(Some(10 * SECOND)).unwrap();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "hello");
        }
    });
}

// A supervisor may pass the wrong socket.
#[test]
fn a_socket_that_is_no_listener_ends_the_server_with_its_error() {
    Runtime::new().unwrap().block_on(async {
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let listener = TcpListener::from_std(OwnedFd::from(datagrams).into()).unwrap();
        let serve = listener.serve(&Shutdown::new());
        let counts = serve.counts();
        let ended = timeout(10 * SECOND, serve.run(|_, _| async {})).await;
        let error = ended.expect("no connection will come").unwrap_err();
        assert_eq!((error.raw_os_error(), counts.failed()), (Some(libc::EOPNOTSUPP), 0));

        let (one, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let listener = UnixListener::from_std(OwnedFd::from(one).into()).unwrap();
        let ended = timeout(10 * SECOND, listener.serve(&Shutdown::new()).run(|_, _| async {})).await;
        let error = ended.expect("no connection will come").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
    });
}

// ---- Out of descriptors ----------------------------------------------------------------------------

const SERVER: &str = "EGRET_TEST_SERVER_WITH_FEW_DESCRIPTORS";

/// Serves in a process with few descriptors. A client's line is a command:
///
/// * `hoard`: open files until none can be opened;
/// * `free`: close them;
/// * anything else is answered with how often there were no descriptors, and how many polls there were.
fn server_with_few_descriptors() {
    let rt = Runtime::new().unwrap();
    let rt = Rc::new(rt);
    let polls = Rc::downgrade(&rt);
    rt.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on {}", listener.local_addr().unwrap());
        let serve = listener.serve(&Shutdown::new());
        let counts = serve.counts();
        let hoard = Rc::new(RefCell::new(Vec::new()));
        let connection = |mut stream: TcpStream, _| {
            let (counts, hoard, polls) = (counts.clone(), hoard.clone(), polls.clone());
            async move {
                let mut line = [0; 64];
                while let Ok(n @ 1..) = stream.read(&mut line).await {
                    match &line[..n] {
                        b"hoard\n" => {
                            hoard.borrow_mut().extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
                        }
                        b"free\n" => hoard.borrow_mut().clear(),
                        _ => {}
                    }
                    let polls = polls.upgrade().unwrap().metrics().polls;
                    let answer = format!("{} {polls}\n", counts.exhausted());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        };
        serve.run(connection).await.unwrap();
    });
}

fn ask(client: &mut BufReader<std::net::TcpStream>, command: &str) -> (u64, u64) {
    client.get_mut().write_all(command.as_bytes()).unwrap();
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    let (exhausted, polls) = line.trim().split_once(' ').unwrap();
    (exhausted.parse().unwrap(), polls.parse().unwrap())
}

fn connect(address: SocketAddr) -> BufReader<std::net::TcpStream> {
    let client = std::net::TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(10 * SECOND)).unwrap();
    BufReader::new(client)
}

// A1, K7
#[test]
fn a_server_out_of_descriptors_serves_whom_it_has_does_not_spin_and_takes_the_rest_when_some_are_free() {
    if std::env::var_os(SERVER).is_some() {
        return server_with_few_descriptors();
    }
    let name = test_of(&|| ());
    let mut server = Command::new("sh")
        .args(["-c", "ulimit -n 100 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads", "1"])
        .env(SERVER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        Some(line.split_once("listening on ")?.1.parse().unwrap())
    });
    let address = address.expect("it says where it listens");

    let mut first = connect(address);
    let (exhausted, _) = ask(&mut first, "hoard\n");
    assert_eq!(exhausted, 0);
    let started = std::time::Instant::now();
    let mut waiting: Vec<_> = (0..50).map(|_| connect(address)).collect();
    // The one that it has is served, while it notices that it cannot take the others, and again.
    let mut asked = 0;
    let (exhausted, polls) = loop {
        asked += 1;
        let (exhausted, polls) = ask(&mut first, "how are you?\n");
        if exhausted >= 4 {
            break (exhausted, polls);
        }
        std::thread::yield_now();
    };
    // Pauses of 5, 10 and 20 ms lie between four failures: it cannot be quicker, and it polls for nothing else.
    assert!(started.elapsed() >= Duration::from_millis(35), "{exhausted} in {:?}", started.elapsed());
    assert!(
        polls <= 2 * asked + 2 * exhausted + 20,
        "{polls} polls for {asked} questions, {exhausted} pauses"
    );

    // Descriptors come free without a new connection: only a retry of the loop finds out.
    ask(&mut first, "free\n");
    for client in &mut waiting {
        ask(client, "are you there?\n");
    }
    server.kill().unwrap();
    server.wait().unwrap();
}
