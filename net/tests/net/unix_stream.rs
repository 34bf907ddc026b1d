//! Unix streams. Codes (K1, B1 and so on) are rows of docs/pitfalls.md.

#![cfg(not(miri))] // which has no sockets of the Unix domain with addresses

use crate::sockets_common::{finish, flags, name, run, settle};
use egret_net::unix::{RecvAncillary, SendAncillary};
use egret_net::{UnixDatagram, UnixListener, UnixStream};
use egret_runtime::runtime::Runtime;
use egret_runtime::time::{Duration, timeout};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Write};
use std::os::fd::AsFd;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::task::{Context, Waker};

/// Reads until the end, with a buffer that none of the reads can fill.
async fn read_all(mut stream: UnixStream) -> Vec<u8> {
    let (mut all, mut buf) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

/// Bytes, a descriptor in the middle of them, the end. None of it waits.
async fn send_with_a_descriptor_in_the_middle(mut stream: UnixStream) {
    stream.write_all(b"one").await.unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let descriptors = [null.as_fd()];
    let beside = SendAncillary::new().descriptors(&descriptors);
    assert_eq!(stream.send_message(&[IoSlice::new(b"two")], &beside).await.unwrap(), 3);
    stream.write_all(b"three").await.unwrap();
}

#[test]
fn k1_bytes_behind_a_descriptor_are_read_when_all_came_at_once() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(async { UnixStream::pair().unwrap() });
    let keep_open = theirs.as_fd().try_clone_to_owned().unwrap(); // so that no FIN is in the edge
    let reading = rt.spawn(async move {
        let (mut ours, mut all) = (ours, [0; 11]);
        // As a reader does that does not know how much there is.
        let (mut filled, mut buf) = (0, [0; 4096]);
        while filled < all.len() {
            let n = ours.read(&mut buf).await.unwrap();
            all[filled..filled + n].copy_from_slice(&buf[..n]);
            filled += n;
        }
        all
    });
    settle(&rt);
    let sending = rt.spawn(send_with_a_descriptor_in_the_middle(theirs));
    finish(&rt, sending);
    assert_eq!(&finish(&rt, reading), b"onetwothree");
    drop(keep_open);
}

/// Whether the stream is known to be readable.
fn is_readable(stream: &UnixStream) -> bool {
    pin!(stream.readable()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn k1_a_short_read_clears_unless_the_kernel_says_that_it_was_cut() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(async { UnixStream::pair().unwrap() });
    let keep_open = theirs.as_fd().try_clone_to_owned().unwrap(); // so that no FIN is in the edge
    let _inside = rt.enter();
    settle(&rt);
    assert!(!is_readable(&ours));
    assert_eq!(theirs.try_write(b"plain").unwrap(), 5);
    settle(&rt);
    assert!(is_readable(&ours));
    let mut buf = [0; 4096];
    assert_eq!(ours.try_read(&mut buf[..5]).unwrap(), 5);
    assert!(is_readable(&ours), "a buffer that was filled says nothing");
    assert_eq!(ours.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(theirs.try_write(b"plain").unwrap(), 5);
    settle(&rt);
    assert_eq!(ours.try_read(&mut buf).unwrap(), 5);
    assert!(!is_readable(&ours), "one that was not says that this was all");

    let sending = rt.spawn(send_with_a_descriptor_in_the_middle(theirs));
    finish(&rt, sending);
    settle(&rt);
    let mut parts = [IoSliceMut::new(&mut buf)];
    assert_eq!(ours.try_read_vectored(&mut parts).unwrap(), 6);
    assert!(is_readable(&ours), "but not behind a descriptor");
    assert_eq!(ours.try_read_buf(&mut Vec::with_capacity(4096)).unwrap(), 5);
    assert!(!is_readable(&ours));
    drop(keep_open);
}

#[test]
fn k2_a_short_read_clears_nothing_of_a_stream_with_credentials() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(async { UnixStream::pair().unwrap() });
    ours.set_passcred(true).unwrap();
    let _inside = rt.enter();
    assert_eq!(theirs.try_write(b"plain").unwrap(), 5);
    settle(&rt);
    assert_eq!(ours.try_read(&mut [0; 4096]).unwrap(), 5);
    assert!(is_readable(&ours));
}

#[test]
fn k1_bytes_behind_a_descriptor_are_read_before_any_event() {
    let all = run(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        send_with_a_descriptor_in_the_middle(theirs).await;
        read_all(ours).await
    });
    assert_eq!(all, b"onetwothree");
}

#[test]
fn k2_bytes_of_two_processes_are_read_though_the_kernel_does_not_glue_them() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(async { UnixStream::pair().unwrap() });
    ours.set_passcred(true).unwrap();
    let theirs = theirs.into_std().unwrap();
    theirs.set_nonblocking(false).unwrap();
    let reading = rt.spawn(async move {
        let (mut ours, mut buf) = (ours, [0; 4096]);
        let first = ours.read(&mut buf).await.unwrap();
        let second = ours.read(&mut buf[first..]).await.unwrap();
        assert_eq!((first, second), (1, 1), "bytes with different credentials do not come together");
        [buf[0], buf[1]]
    });
    settle(&rt);
    // Both are written, in this order, before the loop turns again.
    (&theirs).write_all(b"a").unwrap();
    let stdout = Stdio::from(theirs.as_fd().try_clone_to_owned().unwrap());
    assert!(Command::new("sh").args(["-c", "printf b"]).stdout(stdout).status().unwrap().success());
    assert_eq!(&finish(&rt, reading), b"ab");
}

#[test]
fn k2_each_message_has_the_credentials_of_the_process_that_wrote_it() {
    run(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_passcred(true).unwrap();
        assert!(ours.passcred().unwrap());
        theirs.write_all(b"a").await.unwrap();
        let stdout = Stdio::from(theirs.as_fd().try_clone_to_owned().unwrap());
        let mut child = Command::new("sh").args(["-c", "printf b"]).stdout(stdout).spawn().unwrap();
        let child_id = child.id();
        assert!(child.wait().unwrap().success());
        for (byte, id) in [(b'a', std::process::id()), (b'b', child_id)] {
            let (mut bytes, mut beside) = ([0; 16], RecvAncillary::with_room_for(0));
            let received = ours.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut beside).await.unwrap();
            assert_eq!((received.len, bytes[0]), (1, byte));
            let credentials = beside.credentials().unwrap();
            assert_eq!(credentials.pid(), Some(id as i32));
            assert_eq!(credentials.uid(), ours.peer_cred().unwrap().uid());
        }
    });
}

#[test]
fn b1_writing_to_a_peer_that_is_half_closed_and_does_not_read_waits_and_does_not_spin() {
    let rt = Runtime::new().unwrap();
    let (ours, mut theirs) = rt.block_on(async { UnixStream::pair().unwrap() });
    rt.block_on(theirs.shutdown()).unwrap();
    let all = 4 << 20;
    let writing = rt.spawn(async move {
        let mut ours = ours;
        assert_eq!(ours.read(&mut [0; 16]).await.unwrap(), 0);
        ours.write_all(&vec![b'x'; all]).await.unwrap();
        ours
    });
    settle(&rt);
    assert!(!writing.is_finished());
    let before = rt.metrics();
    settle(&rt);
    assert_eq!(rt.metrics().polls - before.polls, 0, "nothing to do, and a task was polled");
    let reading = rt.spawn(async move {
        let (mut theirs, mut read, mut buf) = (theirs, 0, vec![0; 65536]);
        while read < all {
            read += theirs.read(&mut buf).await.unwrap();
        }
        read
    });
    assert_eq!(finish(&rt, reading), all);
    drop(finish(&rt, writing));
}

#[test]
fn b4_nothing_read_into_nothing_is_no_end_and_nothing_is_written() {
    run(async {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        assert_eq!(ours.write(&[]).await.unwrap(), 0);
        assert_eq!(ours.write_vectored(&[IoSlice::new(b"")]).await.unwrap(), 0);
        assert_eq!(ours.peek(&mut []).await.unwrap(), 0);
        assert_eq!(theirs.try_read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        theirs.write_all(b"x").await.unwrap();
        assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        assert_eq!(ours.read(&mut [0; 4]).await.unwrap(), 1);
    });
}

#[test]
fn b7_dropping_the_writing_half_ends_what_the_peer_reads_and_no_more() {
    run(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (mut reader, writer) = ours.into_split();
        drop(writer);
        assert_eq!(theirs.read(&mut [0; 4]).await.unwrap(), 0);
        theirs.write_all(b"still").await.unwrap();
        assert_eq!(reader.read(&mut [0; 16]).await.unwrap(), 5);
        drop(reader);
        assert_eq!(theirs.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn b7_halves_that_are_reunited_shut_nothing_down() {
    run(async {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (reader, writer) = ours.into_split();
        let mut ours = writer.reunite(reader).unwrap();
        assert_eq!(theirs.try_read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        ours.write_all(b"open").await.unwrap();
        assert_eq!(theirs.read(&mut [0; 4]).await.unwrap(), 4);

        let (_reader, writer) = ours.into_split();
        writer.forget();
        let nothing = timeout(Duration::from_millis(1), theirs.read(&mut [0; 4])).await;
        assert!(nothing.is_err(), "forgotten, and the peer saw an end");
    });
}

#[test]
fn both_halves_wait_at_a_time_and_each_is_woken() {
    run(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut reader, mut writer) = ours.into_split();
        let megabyte = 1 << 20;
        let writing = egret_runtime::spawn(async move {
            writer.write_all(&vec![1; megabyte]).await.unwrap();
            writer.shutdown().await.unwrap();
            writer
        });
        let reading = egret_runtime::spawn(async move {
            let mut buf = vec![0; megabyte];
            reader.read_exact(&mut buf).await.unwrap();
            buf.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        });
        let (mut their_reader, mut their_writer) = theirs.into_split();
        let echo = egret_runtime::spawn(async move {
            let mut buf = vec![0; 65536];
            loop {
                match their_reader.read(&mut buf).await.unwrap() {
                    0 => return,
                    n => their_writer.write_all(&buf[..n]).await.unwrap(),
                }
            }
        });
        echo.await.unwrap();
        assert_eq!(reading.await.unwrap(), megabyte as u64);
        drop(writing.await.unwrap());
    });
}

#[test]
fn a_peer_that_is_closed_with_bytes_unread_is_a_reset_after_what_it_sent() {
    run(async {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        ours.write_all(b"unread").await.unwrap();
        theirs.write_all(b"last words").await.unwrap();
        drop(theirs);
        let mut buf = [0; 16];
        assert_eq!(ours.read(&mut buf).await.unwrap(), 10);
        assert_eq!(ours.read(&mut buf).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
        assert_eq!(ours.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a12_what_std_made_does_not_block_the_loop() {
    run(async {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut ours = UnixStream::from_std(ours).unwrap();
        assert!(flags(&ours).0, "the read below would block for ever");
        let nothing = timeout(Duration::from_millis(1), ours.read(&mut [0; 4])).await;
        assert!(nothing.is_err());

        let name = name();
        let address = egret_net::unix::SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap();
        let listener = std::os::unix::net::UnixListener::bind_addr(&address.try_into().unwrap()).unwrap();
        let listener = UnixListener::from_std(listener).unwrap();
        assert!(flags(&listener).0, "accepting would block for ever");
        assert!(timeout(Duration::from_millis(1), listener.accept()).await.is_err());
        let client = UnixStream::connect(&name).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        for stream in [client, server] {
            assert_eq!(flags(&stream), (true, true));
        }
        let (ours, _theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let ours = UnixDatagram::from_std(ours).unwrap();
        assert!(flags(&ours).0, "receiving would block for ever");
        assert!(timeout(Duration::from_millis(1), ours.recv(&mut [0; 4])).await.is_err());
    });
}

#[test]
fn the_connections_of_a_listener_come_as_a_stream() {
    use futures_core::Stream;
    use std::{future::poll_fn, pin::Pin};
    run(async {
        let name = name();
        let listener = UnixListener::bind(&name).unwrap();
        let clients = [UnixStream::connect(&name).await.unwrap(), UnixStream::connect(&name).await.unwrap()];
        let mut incoming = listener.incoming();
        for mut client in clients {
            let mut server = poll_fn(|cx| Pin::new(&mut incoming).poll_next(cx)).await.unwrap().unwrap();
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 1);
        }
    });
}
