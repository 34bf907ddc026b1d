//! The examples of `docs/sim.md`, block for block; the last test here compares the two.
#![cfg(feature = "sim")]

use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::sim;
use egret::time::{Duration, sleep};
use std::io;
use std::net::SocketAddr;

/// The server under test.
async fn greet_everybody() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let greet = |mut stream: TcpStream, _| async move {
        let _ = stream.write_all(b"hello").await; // the connection may have died
    };
    listener.serve(&Shutdown::new()).run(greet).await
}

async fn greeting(address: SocketAddr) -> io::Result<[u8; 5]> {
    let mut stream = TcpStream::connect(address).await?;
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await?;
    Ok(hello)
}

#[test]
fn everybody_is_greeted() {
    sim::check(0..1000, |sim| {
        sim.faults(sim::Faults::all());
        sim.time_limit(Duration::from_secs(60)); // of simulated time; a server that greets no client fails here
        let server = sim.host("server");
        server.server(|| async {
            // No memory for the listener, say: an operator would start it again.
            while greet_everybody().await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        });
        let address = server.port(7);
        for number in 0..sim.up_to(3) {
            sim.host(&format!("client{number}")).client(async move {
                let hello = loop {
                    match greeting(address).await {
                        Ok(hello) => break hello,
                        Err(_) => sleep(Duration::from_millis(20)).await,
                    }
                };
                assert_eq!(&hello, b"hello");
            });
        }
    });
}

use egret::process::Command;
use egret::signal::unix::{SignalKind, signal};

#[test]
fn a_worker_is_started_again_and_asked_to_end() {
    sim::check(0..100, |sim| {
        let host = sim.host("host");
        host.install("worker", |_| async {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            terminate.recv().await;
            0 // the exit code
        });
        let kills = host.clone();
        let at = Duration::from_millis(sim.choose(1..=50));
        sim.at(at, move |_| {
            kills.signal_to("worker", SignalKind::from_raw(9));
        });
        host.client(async {
            let killed = Command::new("worker").status().await.unwrap();
            assert_eq!(killed.code(), None);
            let mut worker = Command::new("worker").spawn().unwrap();
            sleep(Duration::from_secs(1)).await;
            worker.send_signal(SignalKind::terminate()).unwrap();
            assert_eq!(worker.wait().await.unwrap().code(), Some(0));
        });
    });
}

// From here on it is not the page's.

#[test]
fn the_page_shows_these_examples_as_they_are_and_all_of_them() {
    let (page, file) = (include_str!("../../docs/sim.md"), include_str!("sim_page.rs"));
    let blocks = page.split("```rust").skip(1).map(|block| block.split("```").next().unwrap());
    let blocks: Vec<_> = blocks.map(|block| block.strip_prefix('\n').expect("a block that is run")).collect();
    let (_, examples) = file.split_once("#![cfg(feature = \"sim\")]\n\n").unwrap();
    let (examples, _) = examples.split_once("\n// From here on it is not the page's.\n").unwrap();
    assert_eq!(
        blocks.join("\n"),
        examples,
        "docs/sim.md, block after block, against tests/pages/sim_page.rs"
    );
}
