//! A copy that ends before its source: the sink is closed, or a timeout has expired.

#![cfg(not(miri))] // which has no splice

use crate::sockets_common::run;
use egret_net::unix::pipe;
use egret_net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use egret_runtime::io::{AsyncWrite, CopyBidirectional, copy, copy_bidirectional};
use egret_runtime::spawn;
use egret_runtime::task::{JoinHandle, yield_now};
use egret_runtime::test::settled;
use egret_runtime::time::{self, Duration};
use std::any::Any;
use std::io::{self, ErrorKind};

const IDLE: Duration = Duration::from_secs(100);
const HALF_CLOSED: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(1);

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// Copies from an idle source. Dropping `reader` takes away the reader of `sink`.
async fn ends_with_its_reader(sink: impl AsyncWrite + 'static, reader: Box<dyn Any>) -> io::Error {
    let (_silent, mut source) = pair().await;
    let mut sink = sink;
    let copying = spawn(async move { copy(&mut source, &mut sink).await });
    settled().await;
    assert!(!copying.is_finished());
    drop(reader);
    copying.await.unwrap().unwrap_err()
}

#[test]
fn a_copy_from_an_idle_source_ends_when_the_reader_of_its_sink_is_gone() {
    run(async {
        let (sink, reader) = pipe::pipe().unwrap();
        assert_eq!(ends_with_its_reader(sink, Box::new(reader)).await.kind(), ErrorKind::BrokenPipe);

        let (sink, reader) = UnixStream::pair().unwrap();
        assert_eq!(ends_with_its_reader(sink, Box::new(reader)).await.kind(), ErrorKind::BrokenPipe);

        let (mut sink, reader) = UnixStream::pair().unwrap();
        sink.write_all(b"never read").await.unwrap(); // so that the close is a reset
        assert_eq!(ends_with_its_reader(sink, Box::new(reader)).await.kind(), ErrorKind::BrokenPipe);

        let (sink, reader) = pair().await;
        reader.set_linger(Some(Duration::ZERO)).unwrap();
        assert_eq!(ends_with_its_reader(sink, Box::new(reader)).await.kind(), ErrorKind::BrokenPipe);

        let (sink, reader) = pair().await;
        let (_, sink) = sink.into_split();
        reader.set_linger(Some(Duration::ZERO)).unwrap();
        assert_eq!(ends_with_its_reader(sink, Box::new(reader)).await.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_copy_from_an_idle_source_ends_at_once_when_the_reader_of_its_sink_was_gone_before() {
    run(async {
        let (_silent, mut source) = pair().await;
        let (mut sink, reader) = pipe::pipe().unwrap();
        drop(reader);
        let error = copy(&mut source, &mut sink).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_copy_that_has_ended_its_source_does_not_ask_for_the_reader_of_its_sink() {
    run(async {
        let (mut sink, reader) = pipe::pipe().unwrap();
        drop(reader);
        assert_eq!(copy(&mut &b""[..], &mut sink).await.unwrap(), 0);
    });
}

#[test]
fn a_fifo_that_has_a_reader_again_is_copied_to() {
    run(async {
        let directory = crate::sockets_common::Directory::new();
        let path = directory.path_of_len(60);
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let first = pipe::OpenOptions::new().open_receiver(&path).unwrap();
        let mut sink = pipe::OpenOptions::new().open_sender(&path).unwrap();
        settled().await;
        drop(first);
        settled().await; // the edge of its end has come
        let mut second = pipe::OpenOptions::new().open_receiver(&path).unwrap();
        let (mut client, mut source) = pair().await;
        let copying = spawn(async move { copy(&mut source, &mut sink).await });
        settled().await;
        assert!(!copying.is_finished());
        client.write_all(b"hello").await.unwrap();
        let mut got = [0; 5];
        second.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
        drop(client);
        assert_eq!(copying.await.unwrap().unwrap(), 5);
    });
}

#[test]
fn the_answer_of_a_unix_peer_that_has_closed_arrives_and_then_both_ways_end() {
    run(async {
        let ((mut client, mut a), (mut b, server)) = (pair().await, UnixStream::pair().unwrap());
        let answer = vec![b'x'; 100_000];
        // Closed with everything still to be relayed, and the client neither sends nor ends.
        let sent = server.try_write(&answer).unwrap();
        drop(server);
        let copying = spawn(async move { copy_bidirectional(&mut a, &mut b).await });
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert!(got == answer[..sent]);
        assert_eq!(copying.await.unwrap().unwrap(), (0, sent as u64));
    });
}

#[test]
fn a_unix_peer_that_closes_with_bytes_unread_is_an_error_after_its_answer_has_arrived() {
    run(async {
        let ((mut client, mut a), (mut b, server)) = (pair().await, UnixStream::pair().unwrap());
        b.write_all(b"never read").await.unwrap();
        let answer = vec![b'x'; 100_000];
        let sent = server.try_write(&answer).unwrap();
        drop(server);
        let copying = spawn(async move { copy_bidirectional(&mut a, &mut b).await });
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert!(got == answer[..sent], "{} of {sent}", got.len());
        assert_eq!(copying.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn an_answer_with_an_error_behind_it_is_relayed_to_a_slow_client_before_the_error_is_told() {
    run(async {
        let ((mut client, mut a), (mut b, server)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        b.write_all(b"never read").await.unwrap(); // so that the close is a reset
        server.writable().await.unwrap();
        assert_eq!(server.try_write(b"answer").unwrap(), 6);
        drop(server);
        a.writable().await.unwrap();
        let mut before = 0;
        while let Ok(n) = a.try_write(&[0; 4096]) {
            before += n; // no room for the answer until the client reads
        }
        let copying = spawn(async move { copy_bidirectional(&mut a, &mut b).await });
        settled().await;
        assert!(!copying.is_finished());
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!((got.len() - before, &got[before..]), (6, &b"answer"[..]));
        assert_eq!(copying.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

type Relay = JoinHandle<io::Result<(u64, u64)>>;

/// A relay with both limits, and the far ends of it. The clock stands still.
async fn relay() -> (TcpStream, TcpStream, Relay) {
    let ((left, mut a), (right, mut b)) = (pair().await, pair().await);
    time::pause();
    time::set_auto_advance(false);
    let limits = CopyBidirectional::new().idle_timeout(IDLE).half_closed_timeout(HALF_CLOSED);
    let relay = spawn(async move { limits.run(&mut a, &mut b).await });
    settled().await;
    (left, right, relay)
}

/// Brings one byte from one end to the other.
async fn pass(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"x").await.unwrap();
    to.read_exact(&mut [0]).await.unwrap();
}

#[test]
fn a_relay_in_which_nothing_moves_ends_after_the_idle_limit_and_not_before() {
    run(async {
        let (_left, _right, relay) = relay().await;
        time::advance(IDLE - MOMENT).await;
        assert!(!relay.is_finished());
        time::advance(MOMENT).await;
        assert_eq!(relay.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_byte_in_either_direction_gives_a_relay_another_period() {
    run(async {
        let (mut left, mut right, relay) = relay().await;
        for _ in 0..3 {
            pass(&mut left, &mut right).await;
            time::advance(IDLE).await;
            pass(&mut right, &mut left).await;
            time::advance(IDLE).await;
        }
        assert!(!relay.is_finished());
        time::advance(IDLE).await;
        assert_eq!(relay.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_relay_of_which_one_side_has_ended_has_the_shorter_limit_from_then_on() {
    run(async {
        let (mut left, mut right, relay) = relay().await;
        time::advance(IDLE / 2).await;
        left.shutdown().await.unwrap();
        assert_eq!(right.read(&mut [0]).await.unwrap(), 0);
        settled().await;
        time::advance(HALF_CLOSED - MOMENT).await;
        pass(&mut right, &mut left).await; // the answer may take any time as long as it comes
        time::advance(MOMENT).await;
        time::advance(HALF_CLOSED - MOMENT).await;
        assert!(!relay.is_finished());
        time::advance(MOMENT).await;
        assert_eq!(relay.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(right.write(b"too late").await.map_err(|error| error.kind()).unwrap_or(8), 8);
    });
}

#[test]
fn a_relay_that_ends_by_itself_is_not_a_failure_of_its_limits() {
    run(async {
        let (mut left, mut right, relay) = relay().await;
        pass(&mut left, &mut right).await;
        left.shutdown().await.unwrap();
        right.shutdown().await.unwrap();
        assert_eq!(relay.await.unwrap().unwrap(), (1, 0));
    });
}

/// Bytes that `from` has sent and the peer's kernel has not taken, as `/proc/net/tcp` has them.
fn send_queue(from: std::net::SocketAddr, to: std::net::SocketAddr) -> u64 {
    let hex = |address: std::net::SocketAddr| format!("0100007F:{:04X}", address.port());
    let ends = format!(" {} {} ", hex(from), hex(to));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let line = table.lines().find(|line| line.contains(&ends)).expect("the connection is there");
    let queues = line
        .split_whitespace()
        .find(|word| word.len() == 17 && word.as_bytes()[8] == b':' && !word.contains("0100007F"));
    u64::from_str_radix(&queues.expect("a column of queues")[..8], 16).unwrap()
}

#[test]
fn what_a_slow_reader_takes_out_of_the_send_queue_is_movement() {
    run(async {
        let (mut left, mut a) = pair().await;
        let socket = || {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_send_buffer_size(200_000).unwrap();
            socket.set_recv_buffer_size(200_000).unwrap();
            socket
        };
        let listener = socket();
        listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = listener.listen(1).unwrap();
        let mut b = socket().connect(listener.local_addr().unwrap()).await.unwrap();
        let (right, from) = listener.accept().await.unwrap();
        let to = right.local_addr().unwrap();
        time::pause();
        time::set_auto_advance(false);
        let limits = CopyBidirectional::new().idle_timeout(IDLE);
        let relay = spawn(async move { limits.run(&mut a, &mut b).await });
        let sending = spawn(async move { while left.write(&[b'x'; 65536]).await.is_ok() {} });
        // Until it stands still: there is more to come than all buffers hold.
        let (mut before, mut same) = (0, 0);
        while same < 200 {
            yield_now().await;
            let now = send_queue(from, to);
            same = if now == before && now > 0 { same + 1 } else { 0 };
            before = now;
        }
        time::advance(IDLE).await; // what moved in the first period
        for _ in 0..3 {
            assert!(!relay.is_finished());
            let before = send_queue(from, to);
            while send_queue(from, to) == before {
                let _ = right.try_read(&mut [0; 8192]); // too little for the socket to become writable
                yield_now().await;
            }
            time::advance(IDLE).await;
        }
        assert!(!relay.is_finished());
        let mut ends = 0;
        while !relay.is_finished() {
            time::advance(IDLE).await;
            ends += 1;
            assert!(ends < 4, "nothing is taken any more");
        }
        assert_eq!(relay.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        sending.await.unwrap();
    });
}
