//! What holds many things at once, or hands one over: join sets, sets of futures and of streams, channels, blocking jobs,
//! datagrams.
//!
//! The sets of futures and the channels are those of the crates `futures-util` and `futures-channel`, the same on each
//! runtime: the figure is what its wakers and its queue cost them. A `JoinSet` is the runtime's own.

use crate::runtimes::{Egret, Runtime, Tokio};
use futures_channel::mpsc;
use futures_util::stream::{FuturesUnordered, select_all};
use futures_util::{SinkExt, StreamExt};
use std::hint::black_box;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Tasks of a join set.
pub const SET: u64 = 10_000;
/// Futures or streams in one set.
pub const STREAMS: u64 = 1_000;
/// Messages that a channel has room for, besides that of its sender.
const ROOM: usize = 64;
/// Bytes of a datagram.
const SIZE: usize = 100;

/// What a runtime has of its own.
pub trait Own: Runtime {
    /// Spawns [`SET`] empty tasks in a set and joins them all.
    async fn join_set();

    /// Awaits a job on a thread that may block.
    async fn blocking();

    /// `n` datagrams to a task and back.
    async fn datagrams(&self, n: u64) -> io::Result<()>;
}

macro_rules! own {
    ($runtime:ident, $set:path, $spawn:ident, $blocking:path, $udp:path) => {
        impl Own for $runtime {
            async fn join_set() {
                let mut set = <$set>::new();
                for _ in 0..SET {
                    set.$spawn(async {});
                }
                while let Some(joined) = set.join_next().await {
                    black_box(joined.expect("it does not panic"));
                }
            }

            async fn blocking() {
                black_box($blocking(|| black_box(1)).await.expect("it does not panic"));
            }

            async fn datagrams(&self, n: u64) -> io::Result<()> {
                let (client, server) =
                    (<$udp>::bind("127.0.0.1:0").await?, <$udp>::bind("127.0.0.1:0").await?);
                client.connect(server.local_addr()?).await?;
                let end = self.spawn(async move {
                    let mut buf = [0; 2 * SIZE];
                    for _ in 0..n {
                        let (count, peer) = server.recv_from(&mut buf).await.expect("loopback is there");
                        server.send_to(&buf[..count], peer).await.expect("loopback is there");
                    }
                });
                let (sent, mut received) = ([7; SIZE], [0; 2 * SIZE]);
                for _ in 0..n {
                    client.send(&sent).await?;
                    let count = client.recv(&mut received).await?;
                    assert_eq!(&received[..count], &sent);
                }
                end.await;
                Ok(())
            }
        }
    };
}

own!(Egret, egret::task::JoinSet<()>, spawn, egret::task::spawn_blocking, egret::net::UdpSocket);
own!(Tokio, tokio::task::JoinSet<()>, spawn_local, tokio::task::spawn_blocking, tokio::net::UdpSocket);

/// Puts [`STREAMS`] futures that are pending once in a set, and takes them out as they end; again until it was `n`.
pub async fn unordered(n: u64) {
    for _ in 0..n / STREAMS {
        let mut set: FuturesUnordered<_> = (0..STREAMS).map(|_| crate::tasks::YieldNow::default()).collect();
        while set.next().await.is_some() {}
    }
}

/// `n` messages over [`STREAMS`] channels in turn, which one task selects from.
pub async fn select<R: Runtime>(rt: &R, n: u64) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..STREAMS).map(|_| mpsc::unbounded()).unzip();
    let mut streams = select_all(receivers);
    let theirs = rt.clone();
    let sender = rt.spawn(async move {
        for message in 0..n {
            let to = &senders[(message % STREAMS) as usize];
            to.unbounded_send(message).expect("the receiver is there");
            if message % ROOM as u64 == 0 {
                theirs.yield_now().await;
            }
        }
    });
    for _ in 0..n {
        black_box(streams.next().await);
    }
    sender.await;
}

/// `n` messages from one task to another of the same loop, by a channel with room for some.
pub async fn channel<R: Runtime>(rt: &R, n: u64) {
    let (sender, receiver) = mpsc::channel(ROOM);
    let sends = rt.spawn(send(sender, n));
    receive(receiver, n).await;
    sends.await;
}

/// How long `n` messages take from this loop to one on a thread of its own, after `warm_up` more.
pub async fn channel_across<R: Runtime>(warm_up: u64, n: u64) -> Duration {
    let (mut sender, mut receiver) = mpsc::channel(ROOM);
    let (done, mut is_done) = mpsc::channel(1);
    let thread = thread::spawn(move || {
        R::run(move |_| async move {
            let mut done = done;
            for count in [warm_up, n] {
                for _ in 0..count {
                    black_box(receiver.next().await);
                }
                done.send(()).await.expect("the other loop waits");
            }
        });
    });
    let mut start = Instant::now();
    for count in [warm_up, n] {
        start = Instant::now();
        for message in 0..count {
            sender.send(message).await.expect("the receiver is there");
        }
        is_done.next().await;
    }
    let elapsed = start.elapsed();
    thread.join().expect("the loop ends");
    elapsed
}

async fn send(mut sender: mpsc::Sender<u64>, n: u64) {
    for message in 0..n {
        sender.send(message).await.expect("the receiver is there");
    }
}

async fn receive(mut receiver: mpsc::Receiver<u64>, n: u64) {
    for expected in 0..n {
        assert_eq!(receiver.next().await, Some(expected));
    }
}

/// `n` jobs, one after the other.
pub async fn blocking<R: Own>(n: u64) {
    for _ in 0..n {
        R::blocking().await;
    }
}

/// Sets of [`SET`] tasks, until it were `n`.
pub async fn join_sets<R: Own>(n: u64) {
    for _ in 0..n / SET {
        R::join_set().await;
    }
}
