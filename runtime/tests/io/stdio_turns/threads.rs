//! A stream that waits on a thread blocks neither the loop nor the end of the runtime.

use super::streams::{Lent, file_with, with_its_one_thread_busy};
use crate::support::fds::{pipe, raw_terminal};
use crate::support::{HANG, child, hold, poll_once, turn};
use egret_runtime::block_on;
use egret_runtime::io::{stdin, stdout};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::yield_now;
use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

/// The reading end, which blocks, and the writing end.
fn pipe_that_cannot_be_opened_again() -> (File, File) {
    let (reader, writer) = pipe();
    // SAFETY: the call takes no pointer.
    unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, 0) };
    // SAFETY: the call takes no pointer.
    assert_eq!(unsafe { libc::fchmod(writer.as_raw_fd(), 0) }, 0);
    // SAFETY: the call takes no pointer. Root may open anything, so it becomes another user; for others the call fails.
    unsafe { libc::seteuid(65_534) };
    let again = File::options().write(true).open(format!("/proc/self/fd/{}", writer.as_raw_fd()));
    assert!(again.is_err(), "it was to be refused");
    (reader, writer)
}

/// Whether a write would block.
fn is_full(number: libc::c_int) -> bool {
    let mut stream = libc::pollfd { fd: number, events: libc::POLLOUT, revents: 0 };
    // SAFETY: the kernel reads and writes one `pollfd`, which lives across the call.
    let ready = unsafe { libc::poll(&raw mut stream, 1, 0) };
    assert!(ready >= 0, "{}", std::io::Error::last_os_error());
    ready == 0
}

/// Standard output is a blocking `ours`, which cannot be reopened: while it is full the loop continues, and
/// the bytes arrive at `theirs` in order, each once.
fn a_slow_reader_holds_up_the_task_and_not_the_loop(ours: impl AsFd, mut theirs: impl Read + Send + 'static) {
    const CHUNK: usize = 4096;
    const CHUNKS: usize = 64; // 256 KiB, more than a pipe or a terminal holds
    // The harness could not report a blocked loop, because it prints to the full stream: so the stream is drained in the end.
    let (go, told) = channel();
    let drain = std::thread::spawn(move || {
        let told = told.recv_timeout(HANG * 3).is_ok();
        let mut all = vec![0; CHUNK * CHUNKS + 3];
        theirs.read_exact(&mut all).unwrap();
        (told, all)
    });
    let _stdout = Lent::out(1, ours);
    block_on(async {
        let written = Rc::new(Cell::new(0));
        let count = written.clone();
        let mut writer = egret_runtime::spawn(async move {
            let mut output = stdout();
            for number in 0..CHUNKS {
                let chunk = [number as u8; CHUNK];
                // Dropped in the middle, and repeated. The thread may complete before the poll does.
                let done = match poll_once(output.write(&chunk)) {
                    Poll::Pending => 0,
                    Poll::Ready(written) => written.unwrap(),
                };
                output.write_all(&chunk[done..]).await.unwrap();
                count.set(number + 1);
            }
            output.write_all(b"end").await.unwrap();
        });
        // The loop goes on while the kernel says that the stream is full; a blocked loop does not get there. A terminal says so
        // during each write, too.
        let (mut seen, mut quiet) = (0, 0);
        while quiet < 1000 {
            yield_now().await;
            quiet = if is_full(1) && written.get() == seen { quiet + 1 } else { 0 };
            seen = written.get();
        }
        assert!(seen < CHUNKS && poll_once(&mut writer).is_pending(), "{seen}");
        go.send(()).unwrap();
        writer.await.unwrap();
        let (told, all) = drain.join().unwrap();
        assert!(told, "the loop was held up");
        let expected: Vec<u8> = (0..CHUNKS).flat_map(|number| [number as u8; CHUNK]).collect();
        assert!(all[..expected.len()] == expected && all.ends_with(b"end"));
    });
}

#[test]
fn a_terminal_that_cannot_be_opened_again_does_not_hold_up_the_loop() {
    if raw_terminal().is_none() {
        return eprintln!("SKIPPED: there is no devpts here");
    }
    child::alone(|| {
        let (master, slave) = raw_terminal().unwrap();
        a_slow_reader_holds_up_the_task_and_not_the_loop(master, slave);
    });
}

#[test]
fn a_pipe_that_cannot_be_opened_again_does_not_hold_up_the_loop() {
    child::alone(|| {
        let (reader, writer) = pipe_that_cannot_be_opened_again();
        a_slow_reader_holds_up_the_task_and_not_the_loop(writer, reader);
    });
}

#[test]
fn a_write_that_was_given_up_goes_before_another_and_once_when_it_is_asked_for_again() {
    child::alone(|| {
        let (mut reader, writer) = pipe_that_cannot_be_opened_again();
        let _stdout = Lent::out(1, writer);
        let (rt, go) = with_its_one_thread_busy();
        rt.block_on(async {
            let mut output = stdout();
            assert!(poll_once(output.write(b"given up")).is_pending());
            assert!(poll_once(output.write(b", then this")).is_pending());
            drop(go);
            output.write_all(b", then this").await.unwrap();
            output.write_all(b".").await.unwrap();
            let mut all = [0; 20];
            reader.read_exact(&mut all).unwrap();
            assert_eq!(&all, b"given up, then this.");
        });
        let (rt, go) = with_its_one_thread_busy();
        rt.block_on(async {
            let mut output = stdout();
            assert!(poll_once(output.write(b"once")).is_pending());
            drop(go);
            output.write_all(b"once, or twice").await.unwrap();
            let mut all = [0; 14];
            reader.read_exact(&mut all).unwrap();
            assert_eq!(&all, b"once, or twice");
        });
    });
}

/// Polls when it is dropped, and keeps the result.
struct PollsInDrop<F: FnMut(&mut Context<'_>) -> String>(F, Rc<Cell<String>>);

impl<F: FnMut(&mut Context<'_>) -> String> Drop for PollsInDrop<F> {
    fn drop(&mut self) {
        self.1.set((self.0)(&mut Context::from_waker(Waker::noop())));
    }
}

// A job that is submitted while the runtime is dropped is cancelled at once; resubmitting it would hang.
#[test]
fn a_destructor_that_polls_a_stream_while_the_runtime_is_dropped_is_told_so() {
    child::alone(|| {
        let _stdin = Lent::out(0, file_with(b"never read"));
        let terminals = raw_terminal();
        let _stdout = terminals.as_ref().map(|(master, _slave)| Lent::out(1, master));
        let said = [Rc::new(Cell::default()), Rc::new(Cell::default())];
        let rt = Runtime::new().unwrap();
        let mut input = stdin();
        let read = move |cx: &mut Context<'_>| format!("{:?}", input.poll_read(cx, &mut [0; 8]));
        drop(rt.spawn(hold(PollsInDrop(read, said[0].clone()))));
        let mut output = stdout();
        let write = move |cx: &mut Context<'_>| format!("{:?}", output.poll_write(cx, b"never written"));
        drop(rt.spawn(hold(PollsInDrop(write, said[1].clone()))));
        assert_eq!(turn(&rt), (0, 0, 2));
        drop(rt);
        for said in &said[..1 + usize::from(terminals.is_some())] {
            let said = said.take();
            assert!(said.starts_with("Ready(Err(") && said.contains("runtime"), "{said}");
        }
    });
}

#[test]
fn what_was_to_be_read_in_a_runtime_that_ended_is_read_in_the_next() {
    child::alone(|| {
        let _stdin = Lent::out(0, file_with(b"abc"));
        let mut input = stdin();
        let (rt, go) = with_its_one_thread_busy();
        rt.block_on(async { assert!(poll_once(input.read(&mut [0; 3])).is_pending()) });
        drop(rt);
        drop(go);
        let mut buf = [0; 3];
        assert_eq!(block_on(input.read(&mut buf)).unwrap(), 3);
        assert_eq!(&buf, b"abc");
    });
}
