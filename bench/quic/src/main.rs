//! Compares quinn on egret with quinn on tokio's `current_thread`: instructions per request and per megabyte, by callgrind.
//!
//! Both ends are tasks of one loop, so the figures are those of a client and a server together, with the cryptography of both.
//! Each figure is the difference of two runs, of which one does twice the work of the other: the handshake and the start are in
//! both. The adapter of egret is that of `examples/ecosystem/send`.

#![forbid(unsafe_code)]

#[path = "../../../examples/ecosystem/send/src/quic.rs"]
mod quic;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::{self, pki_types::PrivateKeyDer};
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, Runtime, ServerConfig, VarInt};
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;

const USAGE: &str = "usage: quic [--rounds N]
       quic run egret|tokio requests|megabytes COUNT
  --rounds N   rounds; the median counts (default 3)";

/// What is counted, and how much of it the smaller of the two runs does.
const WORK: [(&str, u64); 2] = [("requests", 2_000), ("megabytes", 8)];

const RUNTIMES: [&str; 2] = ["egret", "tokio"];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => compare(3),
        ["--rounds", rounds] => compare(rounds.parse().expect(USAGE)),
        ["run", "egret", what, count] => {
            egret::block_on(run(Arc::new(quic::Egret), what, count.parse().expect(USAGE)));
        }
        ["run", "tokio", what, count] => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(Arc::new(quinn::TokioRuntime), what, count.parse().expect(USAGE)));
        }
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}

/// Prints the instructions of each runtime for each kind of work, and their ratio.
fn compare(rounds: usize) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return println!("SKIPPED: valgrind is not installed");
    }
    println!("instructions of both ends; median of {rounds} (lowest to highest)");
    for (what, count) in WORK {
        let counts = RUNTIMES.map(|runtime| {
            let mut counts: Vec<u64> = (0..rounds)
                .map(|_| {
                    (instructions(runtime, what, 2 * count) - instructions(runtime, what, count)) / count
                })
                .collect();
            counts.sort_unstable();
            println!("{runtime} {what}: {} ({} to {})", counts[rounds / 2], counts[0], counts[rounds - 1]);
            counts[rounds / 2]
        });
        println!("{what}: {:.2} of tokio's", counts[0] as f64 / counts[1] as f64);
    }
}

/// The instructions of one run, as callgrind counts them.
fn instructions(runtime: &str, what: &str, count: u64) -> u64 {
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["run", runtime, what, &count.to_string()])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{told}");
    let collected =
        told.lines().find_map(|line| line.split_once("Collected : ")).expect("the count of callgrind").1;
    collected.trim().parse().unwrap()
}

/// A server and a client on this loop, and the work between them.
async fn run(runtime: Arc<dyn Runtime>, what: &str, count: u64) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.into()).unwrap();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let bound = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint =
        |config| Endpoint::new(EndpointConfig::default(), config, bound(), Arc::clone(&runtime)).unwrap();
    let (accepting, mut connecting) = (endpoint(Some(config)), endpoint(None));
    connecting
        .set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap())));
    let address = accepting.local_addr().unwrap();
    runtime.spawn(Box::pin(async move {
        let connection = accepting.accept().await.unwrap().await.unwrap();
        serve(connection).await;
    }));
    let connection = connecting.connect(address, "localhost").unwrap().await.unwrap();
    match what {
        "requests" => {
            for _ in 0..count {
                assert_eq!(ask(&connection, &[1]).await, 1);
            }
        }
        "megabytes" => {
            let megabyte = vec![1; 1_000_000];
            for _ in 0..count {
                assert_eq!(ask(&connection, &megabyte).await, 1_000_000);
            }
        }
        _ => panic!("{USAGE}"),
    }
    connection.close(VarInt::from_u32(0), b"");
    connecting.wait_idle().await;
}

/// Sends `bytes` on a stream of its own, and returns what the answer says: how many have come.
async fn ask(connection: &Connection, bytes: &[u8]) -> u64 {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    let mut count = [0; 8];
    recv.read_exact(&mut count).await.unwrap();
    u64::from_ne_bytes(count)
}

/// Answers each stream, one after the other, with the number of its bytes.
async fn serve(connection: Connection) {
    let mut buf = vec![0; 64 * 1024];
    while let Ok((mut send, mut recv)) = connection.accept_bi().await {
        let mut count = 0u64;
        while let Some(n) = recv.read(&mut buf).await.unwrap() {
            count += n as u64;
        }
        send.write_all(&count.to_ne_bytes()).await.unwrap();
        send.finish().unwrap();
    }
}
