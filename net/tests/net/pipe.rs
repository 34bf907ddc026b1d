//! Pipes, anonymous and named.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has neither FIFOs nor child processes to make them

use crate::sockets_common::{next_turn, run};
use egret_net::unix::pipe::{self, OpenOptions, Receiver, Sender};
use egret_runtime::runtime::{Runtime, Turn};
use egret_runtime::{block_on, spawn};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::Future;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether the open file description is non-blocking, as the kernel has it.
fn is_nonblocking(fd: &impl AsRawFd) -> bool {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    u32::from_str_radix(flags.trim(), 8).unwrap() & 0o4000 != 0
}

/// A FIFO in a directory of its own, gone with this.
struct Fifo(PathBuf);

impl Fifo {
    fn new(name: &str) -> Fifo {
        let directory = std::env::temp_dir().join(format!("egret-fifo-{}-{name}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("fifo");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        Fifo(path)
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        std::fs::remove_dir_all(self.0.parent().unwrap()).unwrap();
    }
}

#[test]
fn ten_megabytes_go_through_in_order_and_then_comes_the_end() {
    run(async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        let bytes: Vec<u8> = (0..10 << 20).map(|n: u32| (n % 251) as u8).collect();
        let sent = bytes.clone();
        let sending = spawn(async move { sender.write_all(&sent).await.unwrap() });
        let mut got = Vec::new();
        assert_eq!(receiver.read_to_end(&mut got).await.unwrap(), bytes.len());
        sending.await.unwrap();
        assert!(got == bytes, "not what was sent");
        assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn a_receiver_waits_for_bytes_and_for_the_end() {
    run(async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        assert_eq!(receiver.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let reading = spawn(async move {
            let (mut first, mut rest) = ([0; 5], Vec::new());
            receiver.read_exact(&mut first).await.unwrap();
            receiver.readable().await.unwrap();
            receiver.read_to_end(&mut rest).await.unwrap();
            (first, rest)
        });
        for part in ["he", "llo", " again"] {
            egret_runtime::task::yield_now().await;
            sender.write_all(part.as_bytes()).await.unwrap();
        }
        egret_runtime::task::yield_now().await;
        drop(sender);
        let (first, rest) = reading.await.unwrap();
        assert_eq!((&first[..], &rest[..]), (&b"hello"[..], &b" again"[..]));
    });
}

#[test]
fn a_sender_waits_for_room_and_learns_that_nobody_reads() {
    run(async {
        let (mut sender, receiver) = pipe::pipe().unwrap();
        let mut written = 0;
        while let Ok(n) = sender.try_write(&[b'x'; 4096]) {
            written += n;
        }
        assert!(written >= 4096);
        assert!(poll_once(sender.writable()).is_pending());
        let writing = spawn(async move {
            let result = sender.write_all(b"more").await;
            (result, sender)
        });
        egret_runtime::task::yield_now().await;
        assert!(!writing.is_finished());
        drop(receiver);
        let (result, mut sender) = writing.await.unwrap();
        assert_eq!(result.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(sender.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(sender.write(b"").await.unwrap(), 0);
    });
}

// K12: since Linux 5.5 a write to a pipe that is not empty may give no new edge.
#[test]
fn a_reader_that_leaves_bytes_behind_needs_no_new_edge() {
    run(async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        assert!(poll_once(receiver.read(&mut [0; 1])).is_pending());
        for byte in [b"a", b"b", b"c"] {
            sender.write_all(byte).await.unwrap();
        }
        // A short read has left two bytes there, and a full one the third.
        let mut buf = [0; 1];
        for byte in *b"abc" {
            receiver.read_exact(&mut buf).await.unwrap();
            assert_eq!(buf[0], byte);
        }
    });
}

#[test]
fn vectored_and_empty_transfers() {
    run(async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        assert_eq!(receiver.read(&mut []).await.unwrap(), 0);
        assert_eq!(sender.write_vectored(&[IoSlice::new(b"")]).await.unwrap(), 0);
        let parts = [IoSlice::new(b"one"), IoSlice::new(b"two")];
        assert_eq!(sender.write_vectored(&parts).await.unwrap(), 6);
        let (mut a, mut b) = ([0; 2], [0; 8]);
        let n = receiver.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]).await;
        assert_eq!((n.unwrap(), &a, &b[..4]), (6, b"on", &b"etwo"[..]));
        assert_eq!(sender.try_write_vectored(&parts).unwrap(), 6);
        let mut memory = [std::mem::MaybeUninit::uninit(); 16];
        assert_eq!(receiver.read_uninit(&mut memory).await.unwrap(), b"onetwo");
    });
}

#[test]
fn a_fifo_is_opened_without_waiting_and_carries_bytes() {
    let fifo = Fifo::new("carries");
    let path = fifo.0.clone();
    run(async move {
        // Without a reader a sender cannot be opened; without a writer a receiver waits.
        let refused = OpenOptions::new().open_sender(&path).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ENXIO));
        let mut receiver = OpenOptions::new().open_receiver(&path).unwrap();
        assert!(poll_once(receiver.read(&mut [0; 8])).is_pending());
        for message in [b"first ", b"second"] {
            let mut sender = OpenOptions::new().open_sender(&path).unwrap();
            sender.write_all(message).await.unwrap();
            let mut got = [0; 6];
            receiver.read_exact(&mut got).await.unwrap();
            assert_eq!(&got, message);
            drop(sender);
            assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 0);
        }
    });
}

#[test]
fn a_fifo_without_a_writer_is_waited_for_however_it_became_a_receiver() {
    let fifo = Fifo::new("waits");
    let open = || {
        let mut options = File::options();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true), libc::O_NONBLOCK);
        options.open(&fifo.0).unwrap()
    };
    let ways: [(&str, &dyn Fn() -> Receiver); 6] = [
        ("open_receiver", &|| OpenOptions::new().open_receiver(&fifo.0).unwrap()),
        ("unchecked", &|| OpenOptions::new().unchecked(true).open_receiver(&fifo.0).unwrap()),
        ("from_file", &|| Receiver::from_file(open()).unwrap()),
        ("from_file_unchecked", &|| Receiver::from_file_unchecked(open()).unwrap()),
        ("from_owned_fd", &|| Receiver::from_owned_fd(open().into()).unwrap()),
        ("from_owned_fd_unchecked", &|| Receiver::from_owned_fd_unchecked(open().into()).unwrap()),
    ];
    for (way, receiver) in ways {
        for written in [&b"message"[..], b""] {
            let rt = Runtime::new().unwrap();
            let _inside = rt.enter();
            let mut receiver = receiver();
            let cx = &mut Context::from_waker(Waker::noop());
            for _ in 0..3 {
                assert!(receiver.poll_read(cx, &mut [0; 16]).is_pending(), "{way}");
                assert!(receiver.poll_read_ready(cx).is_pending(), "{way}");
                assert_eq!(
                    receiver.try_read(&mut [0; 16]).unwrap_err().kind(),
                    ErrorKind::WouldBlock,
                    "{way}"
                );
                assert_eq!(rt.turn(Some(Duration::ZERO)), Turn::default(), "{way}");
            }
            // Its writer comes and goes before the loop looks.
            File::options().write(true).open(&fifo.0).unwrap().write_all(written).unwrap();
            assert_eq!(next_turn(&rt).events, 1, "{way}");
            let mut got = Vec::new();
            rt.block_on(receiver.read_to_end(&mut got)).unwrap();
            assert_eq!(got, written, "{way}");
        }
    }
}

// The loop that tokio's documentation gives: at the end, open the FIFO again.
#[test]
fn a_fifo_that_is_opened_again_at_each_end_is_opened_once_for_each_writer() {
    let fifo = Fifo::new("again");
    let path = fifo.0.clone();
    let rt = Runtime::new().unwrap();
    let (opened, got) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let (counted, messages) = (opened.clone(), got.clone());
    let reading = rt.spawn(async move {
        loop {
            let mut receiver = OpenOptions::new().open_receiver(&path).unwrap();
            counted.set(counted.get() + 1);
            let mut message = [0; 5];
            while receiver.read_exact(&mut message).await.is_ok() {
                messages.borrow_mut().push(message);
            }
        }
    });
    let idle = |opens: usize| {
        while rt.turn(Some(Duration::ZERO)) != Turn::default() {
            assert!(opened.get() <= opens, "it spins");
        }
        assert_eq!(opened.get(), opens);
    };
    idle(1);
    for (before, message) in [b"first", b"other", b"third"].into_iter().enumerate() {
        let mut writer = File::options().write(true).open(&fifo.0).unwrap();
        writer.write_all(message).unwrap();
        drop(writer);
        idle(before + 2);
        assert_eq!(got.borrow().len(), before + 1);
    }
    assert_eq!(*got.borrow(), [*b"first", *b"other", *b"third"]);
    reading.abort();
}

#[test]
fn a_fifo_that_is_open_for_both_needs_no_other_end_and_has_none() {
    let fifo = Fifo::new("both");
    let path = fifo.0.clone();
    run(async move {
        let mut both = OpenOptions::new();
        both.read_write(true);
        let mut sender = both.open_sender(&path).unwrap();
        sender.write_all(b"kept").await.unwrap();
        let mut receiver = both.open_receiver(&path).unwrap();
        let mut got = [0; 4];
        receiver.read_exact(&mut got).await.unwrap();
        drop(sender);
        assert!(poll_once(receiver.read(&mut got)).is_pending());
    });
}

#[test]
fn what_is_no_pipe_or_not_that_end_of_one_is_refused() {
    block_on(async {
        let file = std::env::current_exe().unwrap();
        let options = OpenOptions::new();
        assert_eq!(options.open_receiver(&file).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(options.open_receiver(Path::new("/no/such")).unwrap_err().kind(), ErrorKind::NotFound);
        let unchecked = OpenOptions::new().unchecked(true).open_receiver(&file).unwrap_err();
        assert_eq!(unchecked.kind(), ErrorKind::PermissionDenied);
        let regular = || File::open(&file).unwrap();
        assert_eq!(Receiver::from_file(regular()).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(Receiver::from_file_unchecked(regular()).unwrap_err().kind(), ErrorKind::PermissionDenied);

        let (sender, receiver) = pipe::pipe().unwrap();
        let writer = sender.into_nonblocking_fd().unwrap();
        let refused = Receiver::from_owned_fd(writer).unwrap_err();
        assert!(refused.to_string().contains("not open for reading"), "{refused}");
        let reader = receiver.into_nonblocking_fd().unwrap();
        let refused = Sender::from_owned_fd(reader).unwrap_err();
        assert!(refused.to_string().contains("not open for writing"), "{refused}");
    });
}

#[test]
fn a_pipe_of_somebody_else_is_made_nonblocking_and_given_back_as_asked() {
    run(async {
        let (sender, receiver) = pipe::pipe().unwrap();
        assert!(is_nonblocking(&sender) && is_nonblocking(&receiver));
        let mut writer = File::from(sender.into_blocking_fd().unwrap());
        let reader = receiver.into_blocking_fd().unwrap();
        assert!(!is_nonblocking(&writer) && !is_nonblocking(&reader));

        let mut receiver = Receiver::from_owned_fd(reader).unwrap();
        assert!(is_nonblocking(&receiver) && !is_nonblocking(&writer));
        writer.write_all(b"x").unwrap();
        receiver.read_exact(&mut [0; 1]).await.unwrap();
        let mut sender = Sender::from_file(writer).unwrap();
        sender.write_all(b"y").await.unwrap();
        let reader = receiver.into_nonblocking_fd().unwrap();
        assert!(is_nonblocking(&reader));
        let mut got = [0; 1];
        File::from(reader).read_exact(&mut got).unwrap();
        assert_eq!(&got, b"y");
    });
}

/// A pipe that keeps the bounds of each write.
fn packet_pipe() -> (Sender, Receiver) {
    let mut ends = [-1; 2];
    // SAFETY: the kernel writes two numbers to `ends`, which has room for two.
    let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_DIRECT) };
    assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just made both for us, so nothing else owns them.
    let [reader, writer] = ends.map(|raw| unsafe { OwnedFd::from_raw_fd(raw) });
    (Sender::from_owned_fd(writer).unwrap(), Receiver::from_owned_fd(reader).unwrap())
}

// K5: a read ends with the packet, with more behind it and no edge to come.
#[test]
fn packets_that_come_at_once_are_read_one_by_one_without_a_new_edge() {
    run(async {
        let (mut sender, mut receiver) = packet_pipe();
        assert!(poll_once(receiver.read(&mut [0; 64])).is_pending());
        for packet in [&b"first"[..], b"second", b"3"] {
            assert_eq!(sender.write(packet).await.unwrap(), packet.len());
        }
        // One event for all three.
        let mut buf = [0; 64];
        for packet in [&b"first"[..], b"second", b"3"] {
            let n = receiver.read(&mut buf).await.unwrap();
            assert_eq!(&buf[..n], packet);
        }
    });
}
