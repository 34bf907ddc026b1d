//! The same seed is the same run, in another process too.

use crate::world::{connect, everything};
use egret::net::TcpListener;
use egret::sim::{Faults, Sim};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::Command;
use std::rc::Rc;

/// A run with all faults in it, and the hash of its trace.
fn hash(seed: u64) -> u64 {
    let sim = Sim::new(seed);
    everything(&sim);
    let server = sim.host("server");
    server.server(|| async {
        loop {
            let Ok(listener) = TcpListener::bind("0.0.0.0:7").await else { continue };
            while let Ok((mut stream, _)) = listener.accept().await {
                egret::spawn(async move {
                    let mut byte = [0];
                    while let Ok(1) = stream.read(&mut byte).await {
                        if stream.write_all(&byte).await.is_err() {
                            break;
                        }
                    }
                });
            }
        }
    });
    let address = server.port(7);
    sim.host("client").client(async move {
        for _ in 0..50 {
            let mut stream = connect(address).await;
            if stream.write_all(b"x").await.is_ok() {
                let _ = stream.read(&mut [0]).await;
            }
        }
    });
    sim.run();
    sim.trace_hash()
}

#[test]
fn the_same_seed_is_the_same_trace_in_another_process() {
    const ASKED: &str = "EGRET_SIM_SAME";
    if let Ok(seed) = std::env::var(ASKED) {
        return println!("hash {}", hash(seed.parse().unwrap()));
    }
    for seed in 0..5 {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "same::the_same_seed_is_the_same_trace_in_another_process", "--nocapture"])
            .env(ASKED, seed.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8(child.stdout).unwrap();
        // On a machine with one processor the harness runs one test at a time, and begins the line with its name.
        let theirs = said.lines().find_map(|line| line.split_once("hash ")).expect(&said).1;
        assert_eq!(theirs, hash(seed).to_string(), "seed {seed}");
    }
    assert_ne!(hash(1), hash(2));
}

#[test]
fn tasks_that_are_queued_are_polled_in_another_order_by_another_seed_and_in_theirs_without_faults() {
    let order = |seed, faults| {
        let (sim, order) = (Sim::new(seed), Rc::new(RefCell::new(String::new())));
        sim.faults(faults);
        let theirs = order.clone();
        sim.host("host").client(async move {
            let tasks = ["a", "b", "c"].map(|name| {
                let order = theirs.clone();
                egret::spawn(async move { order.borrow_mut().push_str(name) })
            });
            for task in tasks {
                task.await.unwrap();
            }
        });
        sim.run();
        order.take()
    };
    let orders: BTreeSet<_> = (0..500).map(|seed| order(seed, Faults::all())).collect();
    assert_eq!(orders.iter().collect::<Vec<_>>(), ["abc", "acb", "bac", "bca", "cab", "cba"]);
    let orders: BTreeSet<_> = (0..100).map(|seed| order(seed, Faults::none())).collect();
    assert_eq!(orders.iter().collect::<Vec<_>>(), ["abc"]);
}
