//! A copy in one poll: its charge, its flushes, and the system calls that move the bytes.

#![cfg(not(miri))] // which has no splice

use crate::sockets_common::run;
use egret_net::{TcpListener, TcpStream};
use egret_runtime::io::{AsyncRead, AsyncWrite, Registration, copy, copy_bidirectional};
use egret_runtime::runtime::Runtime;
use egret_runtime::spawn;
use egret_runtime::sys::Fd;
use egret_runtime::task::yield_now;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Operations that a task completes in one poll.
const BUDGET: usize = 128;

/// How often `round` is done in each poll of a task that does nothing else.
fn rounds_in_each_poll<F: Future<Output = ()> + 'static>(round: impl Fn() -> F + 'static) -> Vec<usize> {
    let rt = Runtime::new().unwrap();
    let rounds = Rc::new(Cell::new(0));
    let theirs = rounds.clone();
    drop(rt.spawn(async move {
        // So that a round that charges nothing is a failure and not a hang.
        while theirs.get() < 10_000 {
            round().await;
            theirs.set(theirs.get() + 1);
        }
    }));
    let polls = (0..4).map(|_| {
        let before = rounds.get();
        assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
        rounds.get() - before
    });
    polls.collect()
}

/// A stream in memory that is at its end and takes everything.
struct Memory(&'static [u8]);

impl AsyncRead for Memory {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
    }
}

impl AsyncWrite for Memory {
    fn poll_write(&mut self, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_loop_around_copy_between_ends_in_memory_lets_others_run() {
    // Two reads each: what there is, and the end.
    let rounds = rounds_in_each_poll(|| async {
        assert_eq!(copy(&mut &b"hello"[..], &mut Vec::new()).await.unwrap(), 5);
    });
    assert_eq!(rounds, [BUDGET / 2; 4]);
    let rounds = rounds_in_each_poll(|| async {
        assert_eq!(copy(&mut &b""[..], &mut Vec::new()).await.unwrap(), 0);
    });
    assert_eq!(rounds, [BUDGET; 4]);
}

#[test]
fn a_loop_around_copy_bidirectional_between_ends_in_memory_lets_others_run() {
    let rounds = rounds_in_each_poll(|| async {
        let copied = copy_bidirectional(&mut Memory(b"to"), &mut Memory(b"and fro")).await;
        assert_eq!(copied.unwrap(), (2, 7));
    });
    assert_eq!(rounds, [BUDGET / 4; 4]);
}

/// Gives one byte at a time, for ever.
struct Drip;

impl AsyncRead for Drip {
    fn poll_read(&mut self, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        buf[0] = b'x';
        Poll::Ready(Ok(1))
    }
}

/// Counts written bytes and flushes.
#[derive(Clone, Default)]
struct Counts {
    bytes: Rc<Cell<usize>>,
    flushes: Rc<Cell<usize>>,
}

impl AsyncWrite for Counts {
    fn poll_write(&mut self, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.bytes.set(self.bytes.get() + buf.len());
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes.set(self.flushes.get() + 1);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_copy_of_pieces_that_never_stop_is_charged_for_each() {
    let rt = Runtime::new().unwrap();
    let counts = Counts::default();
    let mut sink = counts.clone();
    drop(rt.spawn(async move { copy(&mut Drip, &mut sink).await }));
    for polls in 1..=3 {
        assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 1);
        assert_eq!(counts.bytes.get(), polls * BUDGET);
    }
}

/// Gives the pieces that are in it, and waits when there is none.
#[derive(Clone, Default)]
struct Pieces(Rc<RefCell<Vec<&'static [u8]>>>);

impl AsyncRead for Pieces {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(piece) = self.0.borrow_mut().pop() else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        buf[..piece.len()].copy_from_slice(piece);
        Poll::Ready(Ok(piece.len()))
    }
}

#[test]
fn a_copy_flushes_once_when_it_waits_for_its_source_with_something_written() {
    run(async {
        let (pieces, counts) = (Pieces::default(), Counts::default());
        let (mut source, mut sink) = (pieces.clone(), counts.clone());
        let copying = spawn(async move { copy(&mut source, &mut sink).await });
        let polls = async || {
            for _ in 0..3 {
                yield_now().await;
            }
        };
        polls().await;
        assert_eq!((counts.bytes.get(), counts.flushes.get()), (0, 0), "nothing was written");
        for flushed in 1..=2 {
            pieces.0.borrow_mut().extend([&b"two"[..], b"pieces"]);
            polls().await;
            assert_eq!((counts.bytes.get(), counts.flushes.get()), (9 * flushed, flushed));
        }
        pieces.0.borrow_mut().push(b"");
        assert_eq!(copying.await.unwrap().unwrap(), 18);
        assert_eq!(counts.flushes.get(), 3, "once more at the end");
    });
}

#[test]
fn a_copy_that_waits_for_a_source_that_is_pending_charges_nothing() {
    let rt = Runtime::new().unwrap();
    let left = rt.block_on(async {
        let (mut source, mut sink) = (Pieces::default(), Vec::new());
        let mut copying = Box::pin(async move { copy(&mut source, &mut sink).await });
        poll_fn(|cx| {
            for _ in 0..2 * BUDGET {
                assert!(copying.as_mut().poll(cx).is_pending());
            }
            Poll::Ready(egret_runtime::task::coop::has_budget_remaining())
        })
        .await
    });
    assert!(left);
}

/// A stream that counts its writes. Spliced bytes bypass it.
struct Written {
    stream: TcpStream,
    writes: Rc<Cell<usize>>,
    /// Called when the copy asks for the descriptor, which it does before each splice.
    before_splice: Option<Box<dyn Fn()>>,
}

impl AsyncWrite for Written {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.set(self.writes.get() + 1);
        AsyncWrite::poll_write(&mut self.stream, cx, buf)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(&mut self.stream, cx)
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        if let Some(call) = &self.before_splice {
            call();
        }
        AsyncWrite::as_registration(&self.stream)
    }
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

#[test]
fn a_copy_that_has_spliced_a_burst_goes_back_to_reading_when_little_comes() {
    run(async {
        let ((mut client, mut from), (to, mut server)) = (pair().await, pair().await);
        let writes = Rc::new(Cell::new(0));
        let mut to = Written { stream: to, writes: writes.clone(), before_splice: None };
        let copying = spawn(async move { copy(&mut from, &mut to).await });
        let (mut total, mut spliced) = (0, 0);
        for _ in 0..5 {
            let before = writes.get();
            let burst = vec![b'x'; 200_000];
            client.write_all(&burst).await.unwrap();
            server.read_exact(&mut burst.clone()).await.unwrap();
            spliced += usize::from((writes.get() - before) * 16 * 1024 < burst.len());
            // The first may be spliced, after a burst whose end is unknown.
            for _ in 0..2 {
                client.write_all(b"little").await.unwrap();
                server.read_exact(&mut [0; 6]).await.unwrap();
                yield_now().await;
            }
            for _ in 0..10 {
                let before = writes.get();
                client.write_all(b"little").await.unwrap();
                server.read_exact(&mut [0; 6]).await.unwrap();
                assert_eq!(writes.get() - before, 1, "read and written, and not spliced");
                yield_now().await;
            }
            total += 200_000 + 12 * 6;
        }
        assert_ne!(spliced, 0, "no burst was spliced");
        drop(client);
        assert_eq!(copying.await.unwrap().unwrap(), total);
    });
}

#[test]
fn a_splice_of_little_is_followed_by_a_read() {
    run(async {
        let ((client, mut from), (to, mut server)) = (pair().await, pair().await);
        let client = Rc::new(client);
        let (writes, asked) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
        // The second piece comes when the copy has spliced the first in and is about to splice it out.
        let (count, sender) = (asked.clone(), client.clone());
        let before_splice = move || {
            count.set(count.get().map(|asked: u32| asked + 1));
            if count.get() == Some(2) {
                assert_eq!(sender.try_write(b"second").unwrap(), 6);
            }
        };
        let mut to =
            Written { stream: to, writes: writes.clone(), before_splice: Some(Box::new(before_splice)) };
        let copying = spawn(async move { copy(&mut from, &mut to).await });
        // A read that fills its buffer, after which the next burst begins with a splice.
        client.writable().await.unwrap();
        assert_eq!(client.try_write(&[b'x'; 16 * 1024]).unwrap(), 16 * 1024);
        server.read_exact(&mut [0; 16 * 1024]).await.unwrap();
        for _ in 0..50 {
            yield_now().await;
        }
        assert_eq!(writes.replace(0), 1);
        asked.set(Some(0));
        assert_eq!(client.try_write(b"first").unwrap(), 5);
        let mut got = [0; 11];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!((&got, writes.get()), (b"firstsecond", 1));
        drop(client);
        copying.abort();
    });
}
