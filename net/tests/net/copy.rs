//! `io::copy` and `io::copy_bidirectional` over the streams of this crate and over foreign streams.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has neither splice nor urgent data

mod foreign;

use crate::sockets_common::{in_child, open_descriptors, run};
use egret_net::unix::{SendAncillary, pipe};
use egret_net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use egret_runtime::io::{AsyncRead, AsyncWrite, Registration, Start, copy, copy_bidirectional};
use egret_runtime::runtime::Runtime;
use egret_runtime::spawn;
use egret_runtime::sys::{Backend, Fd};
use egret_runtime::task::yield_now;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::task::{Context, Poll};
use std::time::Duration;

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// A pair between which the kernel holds some hundred KiB, and not the megabytes that it may grow its buffers to.
async fn narrow_pair() -> (TcpStream, TcpStream) {
    pair_with_buffers(64 * 1024).await
}

/// A pair with buffers of this size, which the kernel doubles.
async fn pair_with_buffers(bytes: u32) -> (TcpStream, TcpStream) {
    let socket = || {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(bytes).unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        socket
    };
    let listener = socket();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(1).unwrap();
    let client = socket().connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// Bytes that identify their position.
fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8 ^ seed).collect()
}

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

#[test]
fn a_copy_between_sockets_brings_every_byte_and_counts_them() {
    run(async {
        for len in [0, 1, 16 * 1024, 16 * 1024 + 1, 5_000_000] {
            let ((mut client, mut from), (mut to, mut server)) = (pair().await, pair().await);
            let copying = spawn(async move {
                let copied = copy(&mut from, &mut to).await;
                to.shutdown().await.unwrap();
                copied
            });
            let sent = bytes(len, 0);
            let sending = spawn({
                let sent = sent.clone();
                async move {
                    client.write_all(&sent).await.unwrap();
                    client.shutdown().await.unwrap();
                    client
                }
            });
            assert!(read_to_end(&mut server).await == sent, "{len} bytes are not what was sent");
            assert_eq!(copying.await.unwrap().unwrap(), len as u64);
            sending.await.unwrap();
        }
    });
}

// B6: both send until nothing moves any more, in either direction, and only then begin to read.
#[test]
fn two_sides_that_both_write_before_they_read_do_not_stop_a_copy() {
    run(async {
        let ((left, mut a), (right, mut b)) = (narrow_pair().await, narrow_pair().await);
        let copying = spawn(async move { copy_bidirectional(&mut a, &mut b).await });
        let ends: Vec<_> = [(left, 1), (right, 2)]
            .into_iter()
            .map(|(end, seed)| {
                let (reader, mut writer) = end.into_split();
                let sent = bytes(10 << 20, seed);
                let writing = spawn(async move {
                    writer.write_all(&sent).await.unwrap();
                    writer.shutdown().await.unwrap();
                    writer
                });
                (reader, writing)
            })
            .collect();
        // The loop goes round until everything is full. The last of it takes the loopback no time.
        for _ in 0..2000 {
            yield_now().await;
        }
        assert!(ends.iter().all(|(_, writing)| !writing.is_finished()), "10 MiB were to be too much");
        // One after the other: while the left one reads, the right one does not, and the way to it stays full.
        for ((mut reader, writing), seed) in ends.into_iter().zip([2, 1]) {
            let mut all = vec![0; 10 << 20];
            reader.read_exact(&mut all).await.unwrap();
            assert!(all == bytes(10 << 20, seed), "not what the other side sent");
            drop((reader, writing)); // detached: its writer may still have the other side to wait for
        }
        assert_eq!(copying.await.unwrap().unwrap(), (10 << 20, 10 << 20));
    });
}

#[test]
fn the_end_of_one_side_is_handed_on_and_the_other_direction_goes_on() {
    run(async {
        let ((mut left, mut a), (mut right, mut b)) = (pair().await, pair().await);
        let copying = spawn(async move { copy_bidirectional(&mut a, &mut b).await });
        left.write_all(b"question").await.unwrap();
        left.shutdown().await.unwrap();
        assert_eq!(read_to_end(&mut right).await, b"question");
        assert!(!copying.is_finished());
        for part in [&b"an "[..], b"answer"] {
            right.write_all(part).await.unwrap();
            let mut got = vec![0; part.len()];
            left.read_exact(&mut got).await.unwrap();
            assert_eq!(got, part);
        }
        right.shutdown().await.unwrap();
        assert_eq!(left.read(&mut [0; 1]).await.unwrap(), 0);
        assert_eq!(copying.await.unwrap().unwrap(), (8, 9));
    });
}

/// Sends bytes of which the last is urgent data.
fn send_urgent(stream: &impl AsRawFd, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of `bytes`, which lives across the call.
    let sent = unsafe {
        libc::send(stream.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_OOB | libc::MSG_NOSIGNAL)
    };
    if sent == bytes.len() as isize { Ok(()) } else { Err(io::Error::last_os_error()) }
}

// A Unix stream knows such bytes too, since Linux 5.15, and where it stops besides is at descriptors.
#[test]
fn what_a_unix_stream_stops_at_is_not_the_end_of_a_copy() {
    run(async {
        let null = std::fs::File::open("/dev/null").unwrap();
        for before in [0, 3, 16 * 1024, 50_000] {
            let ((mut client, mut from), (mut to, mut server)) = (UnixStream::pair().unwrap(), pair().await);
            client.write_all(&bytes(before, 0)).await.unwrap();
            let descriptors = [null.as_fd()];
            let beside = SendAncillary::new().descriptors(&descriptors);
            assert_eq!(client.send_message(&[IoSlice::new(b"fd")], &beside).await.unwrap(), 2);
            if let Err(error) = send_urgent(&client, b"!") {
                eprintln!("skipped: this kernel has no MSG_OOB on Unix streams ({error})");
            }
            client.write_all(b"BBB").await.unwrap();
            client.shutdown().await.unwrap();
            let copying = spawn(async move {
                let copied = copy(&mut from, &mut to).await;
                to.shutdown().await.unwrap();
                copied
            });
            let got = read_to_end(&mut server).await;
            assert_eq!(copying.await.unwrap().unwrap(), before as u64 + 5);
            assert!(got == [&bytes(before, 0)[..], b"fdBBB"].concat(), "{before}");
        }
    });
}

// K3 for a splice, which stops at the mark for good and says EAGAIN: only a read passes it.
#[test]
fn an_urgent_mark_does_not_stop_a_copy_that_splices() {
    run(async {
        for before in [0, 3, 200_000, 1_000_000] {
            let ((mut client, mut from), (mut to, mut server)) = (pair().await, pair().await);
            let reading = spawn(async move {
                let mut got = vec![0; 1_000_000 + before + 3];
                server.read_exact(&mut got).await.unwrap();
                (got, server)
            });
            let copying = spawn(async move { copy(&mut from, &mut to).await });
            // Much, so that the copy splices when it comes to the mark.
            client.write_all(&bytes(1_000_000, 0)).await.unwrap();
            client.write_all(&bytes(before, 1)).await.unwrap();
            send_urgent(&client, b"!").unwrap();
            client.write_all(b"BBB").await.unwrap();
            let (got, _server) = reading.await.unwrap();
            assert!(
                got[..1_000_000] == bytes(1_000_000, 0) && got[1_000_000..][..before] == bytes(before, 1)
            );
            assert_eq!(&got[1_000_000 + before..], b"BBB");
            drop(client);
            assert_eq!(copying.await.unwrap().unwrap(), 1_000_003 + before as u64);
        }
    });
}

/// Waits until the peer's FIN has come to `stream`: from then on its connection is in CLOSE-WAIT.
async fn end_has_come(stream: &TcpStream) {
    let port = |address: SocketAddr| format!(":{:04X}", address.port());
    let (local, remote) = (port(stream.local_addr().unwrap()), port(stream.peer_addr().unwrap()));
    loop {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let state = table.lines().find_map(|line| {
            let mut columns = line.split_whitespace().skip(1);
            let ours = columns.next()?.ends_with(&local) && columns.next()?.ends_with(&remote);
            columns.next().filter(|_| ours)
        });
        match state.expect("a connection that is there") {
            "08" => return,
            _ => yield_now().await,
        }
    }
}

// The same with the end already queued: then the splice returns 0 at the mark, as at the end.
#[test]
fn an_urgent_mark_is_not_the_end_of_a_copy_when_the_end_has_come_too() {
    run(async {
        // Each way to come to the mark: at once, after a read that fills its buffer, after a splice.
        for before in [0, 3, 16 * 1024, 64 * 1024, 100_000] {
            for behind in [0, 3, 20_000] {
                let (mut client, mut from) = pair_with_buffers(200 * 1024).await;
                let (mut to, mut server) = pair().await;
                client.write_all(&bytes(before, 0)).await.unwrap();
                send_urgent(&client, b"!").unwrap();
                client.write_all(&bytes(behind, 1)).await.unwrap();
                client.shutdown().await.unwrap();
                end_has_come(&from).await;
                let copying = spawn(async move {
                    let copied = copy(&mut from, &mut to).await;
                    to.shutdown().await.unwrap();
                    copied
                });
                let got = read_to_end(&mut server).await;
                assert_eq!(copying.await.unwrap().unwrap(), (before + behind) as u64, "{before}, {behind}");
                assert!(got == [bytes(before, 0), bytes(behind, 1)].concat(), "{before}, {behind}");
            }
        }
    });
}

#[test]
fn pipes_and_sockets_are_copied_between() {
    run(async {
        let ((mut sender, mut from), (mut to, mut server)) = (pipe::pipe().unwrap(), pair().await);
        let sent = bytes(1_000_000, 3);
        let sending = spawn({
            let sent = sent.clone();
            async move { sender.write_all(&sent).await.unwrap() }
        });
        let copying = spawn(async move { copy(&mut from, &mut to).await });
        assert!(read_to_end(&mut server).await == sent);
        sending.await.unwrap();
        assert_eq!(copying.await.unwrap().unwrap(), 1_000_000);

        let ((mut client, mut from), (mut to, mut receiver)) = (pair().await, pipe::pipe().unwrap());
        let copying = spawn(async move { copy(&mut from, &mut to).await });
        let sending = spawn({
            let sent = sent.clone();
            async move { client.write_all(&sent).await.unwrap() }
        });
        let mut got = Vec::new();
        receiver.read_to_end(&mut got).await.unwrap();
        assert!(got == sent);
        sending.await.unwrap();
        assert_eq!(copying.await.unwrap().unwrap(), 1_000_000);
    });
}

#[test]
fn halves_are_copied_between() {
    run(async {
        let ((mut client, from), (to, mut server)) = (pair().await, pair().await);
        let ((mut from, keep), (_other, mut to)) = (from.into_split(), to.into_split());
        // Each says which socket it is, so that the bytes may stay in the kernel.
        let (read, write) = (AsyncRead::as_registration(&from), AsyncWrite::as_registration(&keep));
        assert!(std::ptr::eq(read.unwrap(), write.unwrap()));
        client.write_all(b"through halves").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(copy(&mut from, &mut to).await.unwrap(), 14);
        poll_fn(|cx| AsyncWrite::poll_shutdown(&mut to, cx)).await.unwrap();
        assert_eq!(read_to_end(&mut server).await, b"through halves");

        let ((mut client, mut from), (mut to, mut server)) = (pair().await, pair().await);
        client.write_all(b"borrowed").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(copy(&mut from.split().0, &mut to.split().1).await.unwrap(), 8);
        drop(to);
        assert_eq!(read_to_end(&mut server).await, b"borrowed");
    });
}

#[test]
fn an_error_of_either_end_is_the_error_of_the_copy() {
    run(async {
        let ((mut client, mut from), (mut to, server)) = (pair().await, pair().await);
        server.into_std().unwrap(); // closed
        let sending = spawn(async move { while client.write(&[b'x'; 65536]).await.is_ok() {} });
        let kind = copy(&mut from, &mut to).await.unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind}");
        drop(from);
        sending.await.unwrap();

        let ((client, mut a), (_right, mut b)) = (pair().await, pair().await);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        let kind = copy_bidirectional(&mut a, &mut b).await.unwrap_err().kind();
        assert_eq!(kind, ErrorKind::ConnectionReset);
    });
}

fn open_pipes() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let is_pipe = |entry: io::Result<std::fs::DirEntry>| {
        std::fs::read_link(entry.unwrap().path()).is_ok_and(|to| to.to_string_lossy().starts_with("pipe:"))
    };
    open.map(is_pipe).filter(|pipe| *pipe).count()
}

// A copy returns its pipes: alone in its process, because it counts descriptors.
#[test]
fn copies_that_have_nothing_in_hand_hold_no_descriptor() {
    in_child(|| {
        let without_runtime = open_pipes();
        run(async {
            let mut ends = Vec::new();
            let mut copies = Vec::new();
            for _ in 0..20 {
                let ((client, mut from), (mut to, server)) = (pair().await, pair().await);
                copies.push(spawn(async move { copy(&mut from, &mut to).await }));
                ends.push((client, server));
            }
            let before = open_descriptors();
            let mut rounds = 0;
            // Loopback decides whether enough bytes come at once for a splice: repeat until it does.
            while rounds == 0 || open_descriptors() == before {
                rounds += 1;
                assert!(rounds < 100, "thirty megabytes through each, and not a single splice");
                for (client, server) in &mut ends {
                    let sending = client.write_all(&[b'x'; 300_000]);
                    let mut got = vec![0; 300_000];
                    let (mut sending, mut reading) =
                        (Box::pin(sending), Box::pin(server.read_exact(&mut got)));
                    let mut sent = false;
                    poll_fn(|cx| {
                        sent = sent || sending.as_mut().poll(cx).is_ready();
                        reading.as_mut().poll(cx)
                    })
                    .await
                    .unwrap();
                    // One pipe, which all of them use in turn.
                    assert!(open_descriptors() <= before + 2);
                }
            }
            assert_eq!(open_descriptors(), before + 2);
            drop(ends);
            for copy in copies {
                assert_eq!(copy.await.unwrap().unwrap(), 300_000 * rounds);
            }
        });
        // And a runtime leaves no pipe behind.
        assert_eq!(open_pipes(), without_runtime);
    });
}
