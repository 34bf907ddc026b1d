//! Operations that complete at once are charged to the task, so that other tasks run.

use super::streams::{Lent, file_with, with_its_one_thread_busy};
use crate::support::fds::{pair, pipe};
use crate::support::{child, poll_once};
use egret_runtime::block_on;
use egret_runtime::io::{Stdin, Stdout, stdin, stdout};
use egret_runtime::task::yield_now;
use std::cell::Cell;
use std::fs::File;
use std::future::poll_fn;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;

/// How many operations a task completes in one poll.
const BUDGET: usize = 128;

/// The polls of `work`, and the polls that a task which yields in a loop has had meanwhile.
async fn polls_beside_another(work: impl Future) -> (usize, usize) {
    let (others, over) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let theirs = (others.clone(), over.clone());
    drop(egret_runtime::spawn(async move {
        while !theirs.1.get() {
            theirs.0.set(theirs.0.get() + 1);
            yield_now().await;
        }
    }));
    let (mut work, mut polls) = (pin!(work), 0);
    poll_fn(|cx| {
        polls += 1;
        work.as_mut().poll(cx).map(drop)
    })
    .await;
    over.set(true);
    (polls, others.get())
}

async fn write_bytes(output: &mut Stdout, n: usize) {
    for _ in 0..n {
        assert_eq!(output.write(b"x").await.unwrap(), 1);
    }
}

async fn read_bytes(input: &mut Stdin, n: usize) {
    for _ in 0..n {
        assert_eq!(input.read(&mut [0; 1]).await.unwrap(), 1);
    }
}

/// A write to `ours` is charged, and does not wait for a reader.
fn a_writer_is_fair(ours: impl AsFd) {
    let _stdout = Lent::out(1, ours);
    let runs = block_on(async {
        let mut output = stdout();
        write_bytes(&mut output, 1).await; // opens it
        yield_now().await;
        let whole = polls_beside_another(write_bytes(&mut output, BUDGET)).await;
        yield_now().await;
        (whole, polls_beside_another(write_bytes(&mut output, 2 * BUDGET + 1)).await)
    });
    // The other task is in the queue behind the first poll, and has a turn after each but the last.
    assert_eq!(runs, ((1, 0), (3, 2)));
}

/// Reading from `ours`, in which there are three times the budget, is charged.
fn a_reader_is_fair(ours: impl AsFd) {
    let _stdin = Lent::out(0, ours);
    let runs = block_on(async {
        let mut input = stdin();
        read_bytes(&mut input, 1).await; // opens it
        yield_now().await;
        polls_beside_another(read_bytes(&mut input, 2 * BUDGET + 1)).await
    });
    assert_eq!(runs, (3, 2));
}

#[test]
fn a_task_that_writes_to_a_file_lets_others_run() {
    child::alone(|| a_writer_is_fair(file_with(b"")));
}

#[test]
fn a_task_that_writes_to_a_device_lets_others_run() {
    child::alone(|| a_writer_is_fair(File::options().write(true).open("/dev/null").unwrap()));
}

#[test]
fn a_task_that_writes_to_a_pipe_lets_others_run() {
    child::alone(|| {
        let (_reader, writer) = pipe();
        a_writer_is_fair(writer);
    });
}

#[test]
fn a_task_that_writes_to_a_socket_lets_others_run() {
    child::alone(|| {
        let (_theirs, ours) = UnixStream::pair().unwrap();
        let room: libc::c_int = 200_000; // each byte takes the space of a packet; the kernel doubles it
        // SAFETY: the kernel reads one integer, which lives across the call.
        let set = unsafe {
            let (room, size) = ((&raw const room).cast(), size_of_val(&room) as libc::socklen_t);
            libc::setsockopt(ours.as_raw_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, room, size)
        };
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
        a_writer_is_fair(ours);
    });
}

#[test]
fn a_task_that_reads_from_a_pipe_lets_others_run() {
    child::alone(|| {
        let (reader, mut writer) = pipe();
        writer.write_all(&[b'x'; 3 * BUDGET]).unwrap();
        a_reader_is_fair(reader);
    });
}

#[test]
fn a_task_that_reads_from_a_socket_lets_others_run() {
    child::alone(|| {
        let (ours, mut theirs) = pair();
        theirs.write_all(&[b'x'; 3 * BUDGET]).unwrap();
        a_reader_is_fair(ours);
    });
}

// A read on a thread, one byte at a time, has to be awaited; bytes left from a dropped read are ready.
#[test]
fn a_task_that_reads_what_was_left_lets_others_run() {
    child::alone(|| {
        let _stdin = Lent::out(0, file_with(&[b'x'; 3 * BUDGET]));
        let (rt, go) = with_its_one_thread_busy();
        let runs = rt.block_on(async {
            let mut input = stdin();
            assert!(poll_once(input.read(&mut [0; 3 * BUDGET])).is_pending());
            drop(go);
            read_bytes(&mut input, 1).await; // the thread has read all
            yield_now().await;
            polls_beside_another(read_bytes(&mut input, 2 * BUDGET + 1)).await
        });
        assert_eq!(runs, (3, 2));
    });
}

#[test]
fn a_read_that_has_to_wait_for_a_thread_is_not_charged() {
    child::alone(|| {
        let _stdin = Lent::out(0, file_with(b"x"));
        let _stdout = Lent::out(1, File::options().write(true).open("/dev/null").unwrap());
        let (rt, go) = with_its_one_thread_busy();
        let run = rt.block_on(async {
            let (mut input, mut output) = (stdin(), stdout());
            polls_beside_another(async {
                for _ in 0..BUDGET {
                    assert!(poll_once(input.read(&mut [0; 1])).is_pending());
                }
                write_bytes(&mut output, BUDGET).await;
            })
            .await
        });
        drop(go);
        assert_eq!(run, (1, 0));
    });
}
