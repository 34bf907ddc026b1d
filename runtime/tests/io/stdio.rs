//! Standard input, output and error over every kind of file: waits, cancellation, and unchanged flags.
//!
//! Each test runs in a process of its own, where it may replace descriptors 0 and 1.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has neither `dup2` nor `/proc`

use crate::support::fds::{fill, pipe, raw_terminal};
use crate::support::{child, poll_once};
use egret_runtime::block_on;
use egret_runtime::io::{AsyncRead, AsyncWrite, copy, stderr, stdin, stdout};
use std::fs::File;
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::task::Poll;

/// Flags of an open file description, and of the descriptor.
fn flags(number: i32) -> String {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
    info.lines().find(|line| line.starts_with("flags:")).unwrap().to_owned()
}

/// In the parent, whose output is seen.
fn has_terminals() -> bool {
    let has = raw_terminal().is_some();
    if !has {
        eprintln!("SKIPPED: there is no devpts here");
    }
    has
}

/// Clears `O_NONBLOCK`, which the constructors in `support` set, and duplicates `fd` to `number`. Returns its flags.
fn install(number: i32, fd: impl AsFd) -> String {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: the call takes no pointer.
    assert_eq!(unsafe { libc::fcntl(raw, libc::F_SETFL, 0) }, 0);
    // SAFETY: the call takes no pointer. What had the number is not used by this process, which has one test.
    assert_eq!(unsafe { libc::dup2(raw, number) }, number);
    flags(number)
}

/// Restores descriptor 0 when it is dropped.
struct Stdin(OwnedFd);

impl Stdin {
    fn keep() -> Stdin {
        Stdin(crate::support::fds::duplicate_at(100, std::io::stdin()))
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::dup2(self.0.as_raw_fd(), 0) }, 0);
    }
}

/// Replaces descriptor 1, and restores it for the output of the test harness.
fn with_stdout(fd: impl AsFd, body: impl FnOnce(&str)) {
    let before = crate::support::fds::duplicate_at(100, std::io::stdout());
    let flags_before = install(1, fd);
    body(&flags_before);
    assert_eq!(flags(1), flags_before);
    // SAFETY: the call takes no pointer.
    assert_eq!(unsafe { libc::dup2(before.as_raw_fd(), 1) }, 1);
}

/// Standard input is `ours`, to which `theirs` writes.
fn a_read_waits_is_cancelled_and_loses_nothing(ours: impl AsFd, theirs: &mut (impl Write + ?Sized)) {
    let before = install(0, ours);
    block_on(async {
        let mut input = stdin();
        let mut buf = [0; 64];
        assert!(poll_once(input.read(&mut buf)).is_pending());
        assert_eq!(flags(0), before, "while it is waited for");
        theirs.write_all(b"first").unwrap();
        // The dropped read has taken no bytes.
        assert_eq!(input.read(&mut buf[..2]).await.unwrap(), 2);
        let mut rest = [0; 3];
        input.read_exact(&mut rest).await.unwrap();
        assert_eq!((&buf[..2], &rest), (&b"fi"[..], b"rst"));
        assert!(poll_once(input.read(&mut buf)).is_pending());
        assert_eq!(flags(0), before);
        // Another handle is as good.
        theirs.write_all(b"second").unwrap();
        drop(input);
        assert_eq!(stdin().read(&mut buf).await.unwrap(), 6);
        assert_eq!((&buf[..6], stdin().read(&mut []).await.unwrap()), (&b"second"[..], 0));
    });
    assert_eq!(flags(0), before, "afterwards");
}

#[test]
fn input_from_a_terminal() {
    if !has_terminals() {
        return;
    }
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (mut master, slave) = raw_terminal().unwrap();
        a_read_waits_is_cancelled_and_loses_nothing(&slave, &mut master);
        // The end of it, which a terminal tells by an error.
        drop((master, slave));
        block_on(async {
            let end = stdin().read(&mut [0; 8]).await;
            assert!(
                matches!(&end, Ok(0)) || end.as_ref().is_err_and(|e| e.raw_os_error() == Some(libc::EIO))
            );
        });
    });
}

#[test]
fn input_from_a_pipe() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (reader, mut writer) = pipe();
        a_read_waits_is_cancelled_and_loses_nothing(&reader, &mut writer);
        drop(reader);
        block_on(async {
            let mut input = stdin();
            assert!(poll_once(input.read(&mut [0; 1])).is_pending());
            writer.write_all(&[b'x'; 10_000]).unwrap();
            drop(writer);
            let mut all = Vec::new();
            assert_eq!(input.read_to_end(&mut all).await.unwrap(), 10_000);
            assert_eq!(input.read(&mut [0; 1]).await.unwrap(), 0);
        });
    });
}

#[test]
fn input_from_a_socket() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        a_read_waits_is_cancelled_and_loses_nothing(&ours, &mut theirs);
        drop((ours, theirs));
        assert_eq!(block_on(stdin().read(&mut [0; 1])).map_err(|e| e.kind()), Ok(0));
    });
}

// A description of our own would have a position of its own.
#[test]
fn input_from_a_file_goes_on_where_it_is_and_takes_no_more_than_was_asked_for() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let mut file = File::open("/proc/self/exe").unwrap();
        let mut whole = vec![0; 100];
        file.read_exact(&mut whole).unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        let before = install(0, &file);
        block_on(async {
            let mut input = stdin();
            let mut buf = [0; 3];
            assert_eq!(input.read(&mut buf).await.unwrap(), 3);
            assert_eq!(&buf, b"ELF");
            assert_eq!(file.stream_position().unwrap(), 4);
            // Begun on a thread, and dropped: the next read gets its bytes. The thread may complete before the
            // poll does, and then this read gets them.
            let taken = match poll_once(input.read(&mut buf)) {
                Poll::Pending => 0,
                Poll::Ready(read) => read.unwrap(),
            };
            let mut next = vec![0; 8 - taken];
            input.read_exact(&mut next).await.unwrap();
            assert_eq!([&buf[..taken], &next].concat(), whole[4..12]);
            assert_eq!(file.stream_position().unwrap(), 12);
            file.seek(SeekFrom::End(0)).unwrap();
            assert_eq!(input.read(&mut buf).await.unwrap(), 0);
        });
        assert_eq!(flags(0), before);
        install(0, File::open("/dev/null").unwrap());
        assert_eq!(block_on(stdin().read(&mut [0; 1])).unwrap(), 0);
    });
}

// Reopening a master makes another terminal, without a writer.
#[test]
fn input_from_the_master_of_a_terminal_is_from_that_terminal() {
    if !has_terminals() {
        return;
    }
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (master, mut slave) = raw_terminal().unwrap();
        install(0, &master);
        slave.write_all(b"from it").unwrap();
        let mut buf = [0; 7];
        block_on(async { stdin().read_exact(&mut buf).await }).unwrap();
        assert_eq!(&buf, b"from it");
    });
}

// A child that hangs here would hang the program at its end, if it were waited for.
#[test]
fn a_read_that_was_given_up_does_not_hold_up_the_end() {
    if !has_terminals() {
        return;
    }
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (master, _slave) = raw_terminal().unwrap();
        install(0, &master); // read on a thread, where it waits for ever
        block_on(async {
            let mut input = stdin();
            assert!(poll_once(input.read(&mut [0; 1])).is_pending());
            egret_runtime::task::yield_now().await;
        });
    });
}

/// Standard output is `ours`, from which `theirs` reads.
fn a_write_waits_for_room(ours: impl AsFd, mut theirs: impl Read, full: impl FnOnce()) {
    with_stdout(ours, |before| {
        block_on(async {
            let mut output = stdout();
            output.write_all(b"begin").await.unwrap();
            let mut begin = [0; 5];
            theirs.read_exact(&mut begin).unwrap();
            assert_eq!(&begin, b"begin");
            let mut written = 0;
            let chunk = [b'x'; 4096];
            while let Poll::Ready(n) = poll_once(output.write(&chunk)) {
                written += n.unwrap();
            }
            full();
            assert_eq!(flags(1), before, "while it is waited for");
            let mut drained = vec![0; written];
            theirs.read_exact(&mut drained).unwrap();
            assert!(drained.iter().all(|byte| *byte == b'x'));
            output.write_all(b"end").await.unwrap();
            output.flush().await.unwrap();
            let mut end = [0; 3];
            theirs.read_exact(&mut end).unwrap();
            assert_eq!(&end, b"end", "and nothing of the write that was dropped");
        });
    });
}

#[test]
fn output_to_a_pipe_waits_for_room_without_a_flag() {
    child::alone(|| {
        let (reader, writer) = pipe();
        a_write_waits_for_room(&writer, &reader, || {});
        drop(reader);
        with_stdout(&writer, |_| {
            let broken = block_on(stdout().write(b"x")).unwrap_err();
            assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn output_to_a_socket_waits_for_room_without_a_flag() {
    child::alone(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        a_write_waits_for_room(&ours, &theirs, || {});
        drop(theirs);
        with_stdout(&ours, |_| {
            let broken = block_on(stdout().write(b"x")).unwrap_err();
            assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn output_to_a_terminal_waits_for_room_without_a_flag() {
    if !has_terminals() {
        return;
    }
    child::alone(|| {
        let (master, slave) = raw_terminal().unwrap();
        with_stdout(&slave, |before| {
            block_on(async {
                let mut output = stdout();
                output.write_all(b"begin").await.unwrap();
                assert_eq!(flags(1), before);
                while poll_once(output.write(&[b'x'; 512])).is_ready() {}
                assert_eq!(flags(1), before, "while it is waited for");
                let master = egret_runtime::io::AsyncFd::new(master).unwrap();
                let drain = egret_runtime::spawn(async move {
                    let mut got = Vec::new();
                    while !got.ends_with(b"end") {
                        got.extend(master.read_with(crate::support::fds::read).await.unwrap());
                    }
                    got
                });
                output.write_all(b"end").await.unwrap();
                let got = drain.await.unwrap();
                assert!(got.starts_with(b"beginx") && got.ends_with(b"xend"));
            });
        });
    });
}

#[test]
fn output_to_a_file_is_appended_where_it_was() {
    child::alone(|| {
        let path = std::env::temp_dir().join(format!("egret-stdout-{}", std::process::id()));
        let mut file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(b"before ").unwrap();
        with_stdout(&file, |_| {
            block_on(async {
                stdout().write_all(b"during ").await.unwrap();
                assert_eq!(copy(&mut &b"copied "[..], &mut stdout()).await.unwrap(), 7);
            });
        });
        file.write_all(b"after").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut all = String::new();
        file.read_to_string(&mut all).unwrap();
        assert_eq!(all, "before during copied after");
    });
}

#[test]
fn a_copy_from_input_to_output_leaves_the_flags_alone_also_when_it_is_spliced() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (reader, mut writer) = pipe();
        let (mut out, into) = pipe();
        let before = install(0, &reader);
        drop(reader);
        let written = fill(&writer);
        let feeding = std::thread::spawn(move || {
            // SAFETY: the call takes no pointer.
            unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, 0) };
            writer.write_all(&[b'x'; 1_000_000]).unwrap();
        });
        let draining = std::thread::spawn(move || {
            // SAFETY: the call takes no pointer.
            unsafe { libc::fcntl(out.as_raw_fd(), libc::F_SETFL, 0) };
            let mut all = Vec::new();
            out.read_to_end(&mut all).unwrap();
            all
        });
        with_stdout(OwnedFd::from(into), |_| {
            let copied = block_on(async { copy(&mut stdin(), &mut stdout()).await }).unwrap();
            assert_eq!(copied, written as u64 + 1_000_000);
        });
        feeding.join().unwrap();
        assert_eq!(draining.join().unwrap().len(), written + 1_000_000);
        assert_eq!(flags(0), before);
    });
}

#[test]
fn standard_error_is_written_to_in_every_way() {
    child::alone(|| {
        let before = crate::support::fds::duplicate_at(100, std::io::stderr());
        let (mut out, into) = pipe();
        install(2, &into);
        drop(into);
        block_on(async {
            let mut error = stderr();
            assert!(error.as_registration().is_none(), "before the first write");
            assert_eq!(error.write(b"one ").await.unwrap(), 4);
            assert_eq!(poll_fn(|cx| error.poll_write(cx, b"two ")).await.unwrap(), 4);
            error.write_all(b"three ").await.unwrap();
            assert_eq!(poll_fn(|cx| AsyncWrite::poll_write(&mut error, cx, b"four ")).await.unwrap(), 5);
            assert!(error.as_registration().is_some(), "of a pipe that was opened anew");
            poll_fn(|cx| error.poll_shutdown(cx)).await.unwrap();
            assert_eq!(copy(&mut &b"five"[..], &mut error).await.unwrap(), 4);
        });
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::dup2(before.as_raw_fd(), 2) }, 2);
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::fcntl(out.as_raw_fd(), libc::F_SETFL, 0) }, 0);
        let mut all = String::new();
        out.read_to_string(&mut all).unwrap();
        assert_eq!(all, "one two three four five");
    });
}

#[test]
fn a_pipe_under_a_standard_stream_is_spliced_from_and_to_once_it_is_opened() {
    child::alone(|| {
        let _stdin = Stdin::keep();
        let (reader, mut writer) = pipe();
        install(0, reader);
        writer.write_all(b"bytes, and the rest").unwrap();
        drop(writer);
        block_on(async {
            let mut input = stdin();
            assert!(input.as_registration().is_none(), "before the first read");
            assert_eq!(input.read(&mut [0; 7]).await.unwrap(), 7);
            assert!(input.as_registration().is_some());
            let mut all = b"it was ".to_vec();
            assert_eq!(input.read_to_end(&mut all).await.unwrap(), 12);
            assert_eq!(all, b"it was and the rest");
        });
        let (_out, into) = pipe();
        with_stdout(OwnedFd::from(into), |_| {
            block_on(async {
                let mut output = stdout();
                assert!(output.as_registration().is_none(), "before the first write");
                assert_eq!(output.write(b"bytes").await.unwrap(), 5);
                assert!(output.as_registration().is_some());
            });
        });
    });
}

#[test]
fn a_standard_stream_prints_its_name() {
    assert_eq!(format!("{:?} {:?} {:?}", stdin(), stdout(), stderr()), "Stdin Stdout Stderr");
}
