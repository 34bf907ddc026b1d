//! Seeds that see something new are kept, by `EGRET_CORPUS`. The runs are in processes of their own, for the environment.

use crate::world::{connect, swarm};
use egret::net::TcpListener;
use egret::sim;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A server that echoes, and fails if asked, under a swarm of faults.
fn scenario() {
    sim::check(0..40, |sim| {
        swarm(sim);
        let server = sim.host("server");
        server.server(|| async {
            loop {
                let Ok(listener) = TcpListener::bind("0.0.0.0:7").await else { continue };
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut byte = [0];
                    if stream.read_exact(&mut byte).await.is_ok() {
                        let _ = stream.write_all(&byte).await;
                    }
                }
            }
        });
        let (address, seed) = (server.port(7), sim.seed());
        let fails = env::var("EGRET_CORPUS_FAILS").is_ok_and(|fails| fails == seed.to_string());
        sim.host("client").client(async move {
            loop {
                let mut stream = connect(address).await;
                if stream.write_all(b"x").await.is_ok() && stream.read_exact(&mut [0]).await.is_ok() {
                    break;
                }
            }
            assert!(!fails, "as asked");
        });
    });
}

/// Runs the scenario in another process; whether it passed, and what it said.
fn run(corpus: Option<&Path>, variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "corpus::the_seeds_that_see_something_new_are_kept", "--nocapture"]);
    command.env_remove("EGRET_SEED").env_remove("EGRET_SEEDS").env_remove("EGRET_CORPUS");
    command.env("EGRET_CORPUS_RUNS", "1").envs(variables.iter().copied());
    let output = command.envs(corpus.map(|corpus| ("EGRET_CORPUS", corpus))).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// The numbers in the line of a run that says what was seen.
fn seen(said: &str) -> Vec<u64> {
    let line = said.lines().find(|line| line.contains("edges of the trace")).expect("what was seen");
    line.split(" in /").next().unwrap().split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_seeds_that_see_something_new_are_kept() {
    if env::var_os("EGRET_CORPUS_RUNS").is_some() {
        return scenario();
    }
    let folder = env::temp_dir().join(format!("egret-corpus-{}", std::process::id()));
    let file = folder.join("corpus-the_seeds_that_see_something_new_are_kept.seeds");
    let read = || fs::read_to_string(&file).unwrap();

    let (passed, said) = run(None, &[]);
    assert!(passed && !said.contains("edges of the trace"), "off by default: {said}");

    // On one thread or on several, the same.
    let (passed, said) = run(Some(&folder), &[("EGRET_THREADS", "1")]);
    assert!(passed, "{said}");
    let (first, kept) = (seen(&said), read());
    fs::remove_file(&file).unwrap();
    let (_, said) = run(Some(&folder), &[("EGRET_THREADS", "3")]);
    assert_eq!((seen(&said), read()), (first.clone(), kept.clone()));
    let [edges, runs, since, seeds] = first[..] else { panic!("{said}") };
    assert!(edges > 100 && runs == 40 && since < 40 && (1..40).contains(&seeds), "{said}");
    assert_eq!(kept.lines().count() as u64, seeds);

    // What was kept is run first, and is enough to see the same.
    let (_, said) = run(Some(&folder), &[("EGRET_SEEDS", "0")]);
    assert_eq!((seen(&said), read()), (vec![edges, seeds, 0, seeds], kept.clone()));

    // A seed that was kept and fails is found, also when it is not among the seeds of the test.
    let last = kept.lines().last().unwrap();
    let (passed, said) = run(Some(&folder), &[("EGRET_SEEDS", "0"), ("EGRET_CORPUS_FAILS", last)]);
    assert!(!passed && said.contains(&format!("EGRET_SEED={last}")), "{said}");
    fs::remove_dir_all(folder).unwrap();
}
