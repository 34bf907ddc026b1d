//! The end of four cores with many connections.

use super::process::{Process, is_clients, number};
use crate::sockets_common::{in_child, open_descriptors, test_of};
use egret_net::{Sharing, TcpShares, TcpStream};
use egret_runtime::cores::{Builder, Stop};
use egret_runtime::runtime::Metrics;
use egret_runtime::service::raise_open_files;
use egret_runtime::shutdown::Shutdown;
use egret_runtime::task::yield_now;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

const CORES: usize = 4;

/// Where the futures of connections were dropped.
#[derive(Default)]
struct Dropped {
    on_their_thread: AtomicUsize,
    elsewhere: AtomicUsize,
}

struct OnItsThread(&'static Dropped, ThreadId);

impl Drop for OnItsThread {
    fn drop(&mut self) {
        let is_own = thread::current().id() == self.1;
        let count = if is_own { &self.0.on_their_thread } else { &self.0.elsewhere };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Says that it is served, and waits for its peer, or for the shutdown unless it is `deaf`.
async fn hold(mut stream: TcpStream, shutdown: Shutdown, deaf: bool, _guard: OnItsThread) {
    if stream.write_all(b"!").await.is_err() {
        return;
    }
    let mut buffer = [0];
    let peer_ends = stream.read(&mut buffer);
    if deaf {
        let _ = peer_ends.await;
    } else {
        let _ = shutdown.run_until_requested(peer_ends).await;
    }
}

/// Ends four cores with many connections, of which those with a number that `deaf` divides wait for their deadline. Returns
/// `false` when the deadline has passed before the others had ended.
#[must_use]
fn end(test: &'static str, count: usize, deaf: Option<usize>, deadline: Duration) -> bool {
    // The process keeps the eventfds of runtimes that have ended, for later ones.
    Builder::new().count(CORES).run(async |_| io::Result::Ok(())).unwrap();
    let before = open_descriptors();
    let dropped: &'static Dropped = Box::leak(Box::default());
    let shares = TcpShares::bind("127.0.0.1:0", Sharing::FewestOpen).unwrap();
    let builder = Builder::new().count(CORES).deadline(deadline);
    let (stop, address) = (builder.stop(), *shares.local_addr());
    let (ready, all_ready) = channel();
    let (ended, took) = thread::scope(|scope| {
        let clients = scope.spawn(move || {
            let _stop = StopOnDrop(stop);
            (0..CORES).for_each(|_| all_ready.recv().unwrap());
            let mut clients = Process::clients(test, address, count);
            assert_eq!(clients.ask("served"), count.to_string());
            (clients, Instant::now())
        });
        let ended = builder.run(async |core| {
            let (shutdown, mut number) = (core.shutdown().clone(), 0);
            let serve = shares.share(&core)?.serve(core.shutdown());
            let counts = serve.counts();
            let connection = move |stream, _| {
                number += 1;
                let is_deaf = deaf.is_some_and(|deaf| number % deaf == 0);
                hold(stream, shutdown.clone(), is_deaf, OnItsThread(dropped, thread::current().id()))
            };
            let ready = ready.clone();
            drop(egret_runtime::spawn(async move {
                yield_now().await; // after the first poll of the server
                ready.send(()).unwrap();
            }));
            serve.run(connection).await?;
            io::Result::Ok(counts.accepted() as usize)
        });
        let (mut clients, begun) = clients.join().unwrap();
        let took = begun.elapsed();
        assert_eq!(clients.ask("ended"), count.to_string());
        (ended, took)
    });
    let ended = match ended {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return false,
        ended => ended.unwrap(),
    };
    assert_eq!(ended.outputs, [count / CORES; CORES]);
    let deaf = deaf.map_or(0, |deaf| CORES * (count / CORES / deaf));
    assert!(ended.aborted >= deaf, "{} of {deaf}", ended.aborted);
    assert_eq!(dropped.on_their_thread.load(Ordering::SeqCst), count);
    assert_eq!(dropped.elsewhere.load(Ordering::SeqCst), 0);
    let all: Metrics = ended.metrics.into_iter().sum();
    assert_eq!(all.sources_alive, 0);
    drop(shares);
    assert_eq!(open_descriptors(), before);
    eprintln!(
        "{count} connections on {CORES} cores, {deaf} of them deaf: {took:?} from the request to the end"
    );
    ended.aborted == deaf
}

/// Ends the cores also when the clients fail.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// `EGRET_CLIENTS` sets how many connections there are, a multiple of 8: 2000 by default, or fewer under a hard limit of
/// descriptors that has no room for them.
fn connections() -> usize {
    let limit = raise_open_files().map_or(1024, |limit| *limit.end());
    let room = limit.saturating_sub(200) / 8 * 8;
    number("EGRET_CLIENTS", room.min(2000) as usize)
}

#[test]
fn the_connections_of_four_cores_end_before_the_deadline_each_on_its_thread() {
    if is_clients() {
        return;
    }
    let test = test_of(&|| ());
    in_child(move || assert!(end(test, connections(), None, Duration::from_secs(30))));
}

#[test]
fn connections_that_hear_nothing_are_dropped_at_the_deadline_each_on_its_thread() {
    if is_clients() {
        return;
    }
    let test = test_of(&|| ());
    in_child(move || {
        let mut deadline = Duration::from_millis(300);
        while !end(test, connections(), Some(2), deadline) {
            deadline *= 2; // the machine was busy elsewhere
            assert!(
                deadline < Duration::from_secs(60),
                "connections that have heard the request are aborted"
            );
        }
    });
}
