//! Copies from and to streams that are not of this crate. N1 is a row of docs/pitfalls.md.

use super::*;

/// Gives at most `step` bytes at a time, and is not ready before each.
struct Slow {
    rest: Vec<u8>,
    step: usize,
    ready: bool,
}

/// Takes at most `step` bytes at a time, is not ready before each, and counts its flushes.
#[derive(Default)]
struct Sink {
    got: Vec<u8>,
    step: usize,
    ready: bool,
    flushes: usize,
    shut: bool,
}

fn be_ready_every_other_time(ready: &mut bool, cx: &Context<'_>) -> Poll<()> {
    *ready = !*ready;
    if *ready {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

impl AsyncRead for Slow {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(be_ready_every_other_time(&mut self.ready, cx));
        let n = self.step.min(buf.len()).min(self.rest.len());
        buf[..n].copy_from_slice(&self.rest[..n]);
        self.rest.drain(..n);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Sink {
    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(be_ready_every_other_time(&mut self.ready, cx));
        let n = self.step.min(buf.len());
        self.got.extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

#[test]
fn streams_of_ones_own_are_copied_in_whatever_portions_they_come() {
    run(async {
        for (give, take) in [(1, 1), (7, 3), (3, 7), (100_000, 1000), (1000, 100_000)] {
            let sent = bytes(50_000, 4);
            let mut from = Slow { rest: sent.clone(), step: give, ready: true };
            let mut to = Sink { step: take, ..Sink::default() };
            assert_eq!(copy(&mut from, &mut to).await.unwrap(), 50_000);
            assert!(to.got == sent && to.flushes > 0 && !to.shut, "{give}, {take}");
        }
        let mut closed = Sink { step: 0, ..Sink::default() };
        let error = copy(&mut &b"x"[..], &mut closed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    });
}

/// A writer whose descriptor cannot be spliced to.
struct NotSpliced {
    registration: Registration<Fd>,
    got: Vec<u8>,
}

impl AsyncWrite for NotSpliced {
    fn poll_write(&mut self, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.got.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn as_registration(&self) -> Option<&Registration<Fd>> {
        Some(&self.registration)
    }
}

#[test]
fn a_descriptor_that_cannot_be_spliced_to_is_written_to_and_loses_nothing() {
    run(async {
        let (mut client, mut from) = pair().await;
        let eventfd = Backend::current().eventfd().unwrap();
        let registration = Registration::new(eventfd, Start::Unknown).map_err(|(_, error)| error).unwrap();
        let mut to = NotSpliced { registration, got: Vec::new() };
        let sent = bytes(2_000_000, 5);
        let sending = spawn({
            let sent = sent.clone();
            async move { client.write_all(&sent).await.unwrap() }
        });
        assert_eq!(copy(&mut from, &mut to).await.unwrap(), 2_000_000);
        assert!(to.got == sent);
        sending.await.unwrap();
    });
}

/// Never at its end, and always ready.
struct Zeros;

impl AsyncRead for Zeros {
    fn poll_read(&mut self, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
}

// N1: a loop that continues while there is data starves other tasks.
#[test]
fn a_copy_that_never_has_to_wait_lets_the_others_run() {
    let rt = Runtime::new().unwrap();
    struct Nothing;
    impl AsyncWrite for Nothing {
        fn poll_write(&mut self, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }
        fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    rt.spawn(async { copy(&mut Zeros, &mut Nothing).await });
    let other = rt.spawn(async {
        for _ in 0..10 {
            yield_now().await;
        }
    });
    for _ in 0..11 {
        assert_eq!(rt.turn(Some(Duration::ZERO)).polled, 2);
    }
    assert!(other.is_finished());
}
