//! Reading and writing. The rows are of docs/pitfalls.md: B is about partial
//! transfers, the end of a stream, and half-closed ones.

use crate::common::*;
use crate::uninterrupted::uninterrupted;
use egret::net::TcpStream;
use egret::runtime::Runtime;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::task::Poll;

fn pattern(len: usize) -> Vec<u8> {
    let mut pattern = (0..251).collect::<Vec<u8>>().repeat(len / 251 + 1);
    pattern.truncate(len);
    pattern
}

// B4: no bytes asked for is not the end of the stream, and asks the kernel nothing.
#[test]
fn an_empty_buffer_reads_and_writes_nothing_and_means_nothing() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    run(&rt, async move {
        assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        assert_eq!(ours.read_exact(&mut []).await.unwrap(), 0);
        assert!(ours.read_uninit(&mut []).await.unwrap().is_empty());
        assert_eq!(ours.read_vectored(&mut []).await.unwrap(), 0);
        assert_eq!(ours.read_vectored(&mut [IoSliceMut::new(&mut [])]).await.unwrap(), 0);
        assert_eq!(ours.peek(&mut []).await.unwrap(), 0);
        assert_eq!(ours.try_read(&mut []).unwrap(), 0);
        assert_eq!(ours.write(b"").await.unwrap(), 0);
        ours.write_all(b"").await.unwrap();
        assert_eq!(ours.write_vectored(&[]).await.unwrap(), 0);
        ours.write_all_vectored(&mut []).await.unwrap();
        ours.write_all_vectored(&mut [IoSlice::new(b""), IoSlice::new(b"")]).await.unwrap();
        assert_eq!(ours.try_write(b"").unwrap(), 0);

        // Nothing of it was taken for the end, nor for a short read.
        peer.write_all(b"hello").unwrap();
        assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        assert_eq!(ours.read(&mut [0; 16]).await.unwrap(), 5);
        // Not even on a stream that no call could use.
        ours.shutdown().await.unwrap();
        assert_eq!(ours.write(b"").await.unwrap(), 0);
    });
}

// B4: the reads of nothing are no reads, so they must not leave the stream without readiness.
#[test]
fn a_read_of_nothing_after_the_end_is_still_nothing() {
    let rt = Runtime::new().unwrap();
    let (mut ours, peer) = run(&rt, with_peer());
    drop(peer);
    run(&rt, async move {
        assert_eq!(ours.read(&mut [0; 1]).await.unwrap(), 0);
        assert_eq!(ours.read(&mut []).await.unwrap(), 0);
        assert_eq!(ours.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn ten_megabytes_each_way_at_once_arrive_whole() {
    const SIZE: usize = 10 << 20;
    let rt = Runtime::new().unwrap();
    let (client, server) = run(&rt, pair());
    let transfers: Vec<_> = [client, server]
        .into_iter()
        .map(|stream| {
            let (mut reader, mut writer) = stream.into_split();
            let writing = rt.spawn(async move { writer.write_all(&pattern(SIZE)).await.unwrap() });
            let reading = rt.spawn(async move {
                let mut all = vec![0; SIZE];
                reader.read_exact(&mut all).await.unwrap();
                assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
                all
            });
            (writing, reading)
        })
        .collect();
    for (writing, reading) in transfers {
        run(&rt, writing).unwrap();
        assert!(run(&rt, reading).unwrap() == pattern(SIZE));
    }
}

// A short write to a full socket and the edge that ends the wait, over and over: each byte once and in order.
#[test]
fn a_slow_reader_gets_every_byte_in_order() {
    const SIZE: usize = 8 << 20;
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        let mut buf = [0; 1777];
        loop {
            match uninterrupted(HANG, || peer.read(&mut buf)).unwrap() {
                0 => return all,
                n => all.extend_from_slice(&buf[..n]),
            }
        }
    });
    run(&rt, async move {
        for part in pattern(SIZE).chunks(100_003) {
            ours.write_all(part).await.unwrap();
        }
    });
    assert!(reading.join().unwrap() == pattern(SIZE));
}

// One call takes 1024 buffers. That the rest was not taken does not mean that the socket is full, and no edge
// will come: a runtime that counted it as a short write would wait for ever.
#[test]
fn more_buffers_than_one_call_takes_are_all_written() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let data = pattern(3000);
    let expected = data.clone();
    run(&rt, async move {
        let mut parts: Vec<_> = data.chunks(1).map(IoSlice::new).collect();
        assert_eq!(ours.write_vectored(&parts).await.unwrap(), 1024);
        ours.write_all_vectored(&mut parts).await.unwrap();
    });
    let mut got = vec![0; 1024 + 3000];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(got[..1024], expected[..1024]);
    assert_eq!(got[1024..], expected);
}

#[test]
fn more_buffers_than_one_call_fills_are_filled_by_the_next() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    peer.write_all(&pattern(2000)).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    wait_for_state(ours.local_addr().unwrap(), ours.peer_addr().unwrap(), CLOSE_WAIT);
    run(&rt, async move {
        let mut memory = vec![0; 1500];
        let mut parts: Vec<_> = memory.chunks_mut(1).map(IoSliceMut::new).collect();
        assert_eq!(ours.read_vectored(&mut parts).await.unwrap(), 1024);
        assert_eq!(ours.try_read_vectored(&mut parts[..0]).unwrap(), 0);
        assert_eq!(ours.read_vectored(&mut parts).await.unwrap(), 976);
        assert_eq!(memory[..976], pattern(2000)[1024..]);
    });
}

// Without a FIN, whose edge would let every later read try: a read that was counted as short here would leave 500 bytes
// queued and wait for an edge that does not come.
#[test]
fn a_read_that_fills_all_the_buffers_of_one_call_is_not_short() {
    const SENT: usize = 1024 + 500;
    for waiting in [true, false] {
        let rt = Runtime::new().unwrap();
        let (mut ours, mut peer) = run(&rt, with_peer());
        let reading = rt.spawn(async move {
            let mut memory = vec![0; 2000];
            while ours.peek(&mut memory).await.unwrap() < SENT {
                egret::task::yield_now().await;
            }
            let mut parts: Vec<_> = memory.chunks_mut(1).map(IoSliceMut::new).collect();
            if waiting {
                assert_eq!(ours.read_vectored(&mut parts).await.unwrap(), 1024);
                assert_eq!(ours.read_vectored(&mut parts).await.unwrap(), 500);
            } else {
                assert_eq!(ours.try_read_vectored(&mut parts).unwrap(), 1024);
                assert_eq!(ours.try_read_vectored(&mut parts).unwrap(), 500);
            }
            assert_eq!(memory[..500], pattern(SENT)[1024..]);
        });
        settle(&rt); // The reader has seen EAGAIN and waits.
        peer.write_all(&pattern(SENT)).unwrap();
        run(&rt, reading).unwrap();
    }
}

#[test]
fn buffers_are_filled_and_written_in_order_across_partial_transfers() {
    const SIZE: usize = 4 << 20;
    let rt = Runtime::new().unwrap();
    let (mut client, mut server) = run(&rt, pair());
    let writing = rt.spawn(async move {
        let data = pattern(SIZE);
        let (head, rest) = data.split_at(3);
        let (middle, tail) = rest.split_at(SIZE / 2);
        let mut parts = [head, b"", middle, b"", tail, b""].map(IoSlice::new);
        client.write_all_vectored(&mut parts).await.unwrap();
    });
    let read = run(&rt, async move {
        let mut all = Vec::new();
        let (mut one, mut two) = ([0; 1000], [0; 5000]);
        loop {
            let mut parts = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut []), IoSliceMut::new(&mut two)];
            match server.read_vectored(&mut parts).await.unwrap() {
                0 => return all,
                n => {
                    all.extend_from_slice(&one[..n.min(1000)]);
                    all.extend_from_slice(&two[..n.saturating_sub(1000)]);
                }
            }
        }
    });
    run(&rt, writing).unwrap();
    assert!(read == pattern(SIZE));
}

#[test]
fn memory_that_was_never_written_is_filled_by_as_much_as_came() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    peer.write_all(b"hello").unwrap();
    drop(peer);
    run(&rt, async move {
        let mut memory = [MaybeUninit::uninit(); 16];
        assert_eq!(ours.read_uninit(&mut memory[..2]).await.unwrap(), b"he");
        assert_eq!(ours.read_uninit(&mut memory).await.unwrap(), b"llo");
        assert_eq!(ours.read_uninit(&mut memory).await.unwrap(), b"");
        let polled =
            poll_fn(|cx| Poll::Ready(ours.poll_read_uninit(cx, &mut memory).map_ok(|read| read.len())));
        assert!(matches!(polled.await, Poll::Ready(Ok(0))));
    });
}

#[test]
fn a_stream_that_ends_too_early_is_an_unexpected_end() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    peer.write_all(b"hel").unwrap();
    drop(peer);
    run(&rt, async move {
        let mut buf = [0; 5];
        let error = ours.read_exact(&mut buf).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(&buf[..3], b"hel");
    });
}

#[test]
fn read_exact_gathers_what_comes_in_pieces() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let reading = rt.spawn(async move {
        let mut buf = [0; 6];
        assert_eq!(ours.read_exact(&mut buf).await.unwrap(), 6);
        buf
    });
    for byte in b"pieces" {
        settle(&rt);
        assert!(!reading.is_finished());
        peer.write_all(&[*byte]).unwrap();
        next_turn(&rt);
    }
    assert_eq!(&run(&rt, reading).unwrap(), b"pieces");
}

#[test]
fn after_shutdown_the_peer_reads_the_end_and_its_answer_still_comes() {
    let rt = Runtime::new().unwrap();
    let (mut ours, mut peer) = run(&rt, with_peer());
    let mut ours = run(&rt, async move {
        ours.write_all(b"question").await.unwrap();
        ours.shutdown().await.unwrap();
        ours.shutdown().await.unwrap(); // A second time is no error.
        let error = ours.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        ours
    });
    let mut question = String::new();
    peer.read_to_string(&mut question).unwrap();
    assert_eq!(question, "question");
    peer.write_all(b"answer").unwrap();
    drop(peer);
    run(&rt, async move {
        let mut buf = [0; 16];
        assert_eq!(ours.read(&mut buf).await.unwrap(), 6);
        assert_eq!(ours.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn shutdown_of_a_connection_that_is_gone_is_no_error() {
    let rt = Runtime::new().unwrap();
    let (client, mut server) = run(&rt, pair());
    client.set_zero_linger().unwrap();
    drop(client);
    run(&rt, async move {
        let error = server.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        server.shutdown().await.unwrap();
    });
}

// After RST what came before is read first, then the error, once, and then the end.
#[test]
fn an_error_is_reported_once_and_can_be_taken_instead() {
    let rt = Runtime::new().unwrap();
    let (client, mut server) = run(&rt, pair());
    client.set_zero_linger().unwrap();
    let (local, remote) = (server.local_addr().unwrap(), server.peer_addr().unwrap());
    drop(client);
    wait_for_state(local, remote, CLOSE);
    run(&rt, async move {
        let error = server.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(server.take_error().unwrap().is_none());
        assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn readiness_and_attempts_move_the_same_bytes_as_reads_and_writes() {
    const SIZE: usize = 1 << 20;
    let rt = Runtime::new().unwrap();
    let (client, server) = run(&rt, pair());
    let writing = rt.spawn(async move {
        let data = pattern(SIZE);
        let mut rest = &data[..];
        while !rest.is_empty() {
            client.writable().await.unwrap();
            match client.try_write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
            }
        }
    });
    let read = run(&rt, async move {
        let mut all = Vec::new();
        let mut buf = [0; 4000];
        loop {
            server.readable().await.unwrap();
            match server.try_read(&mut buf) {
                Ok(0) => return all,
                Ok(n) => all.extend_from_slice(&buf[..n]),
                Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
            }
        }
    });
    run(&rt, writing).unwrap();
    assert!(read == pattern(SIZE));
}

#[test]
fn a_stream_that_went_through_std_goes_on_where_it_was() {
    let rt = Runtime::new().unwrap();
    let (ours, mut peer) = run(&rt, with_peer());
    peer.write_all(b"one").unwrap();
    run(&rt, async move {
        let mut ours = ours;
        let mut buf = [0; 16];
        assert_eq!(ours.read(&mut buf).await.unwrap(), 3);
        peer.write_all(b"three").unwrap();
        let mut ours = TcpStream::from_std(ours.into_std().unwrap()).unwrap();
        assert_eq!(ours.read(&mut buf).await.unwrap(), 5);
    });
    let metrics = rt.metrics();
    assert_eq!((metrics.sources_alive, metrics.epoll_ctl_errors), (0, 0));
}

#[test]
fn a_stream_is_shown_with_its_addresses() {
    let rt = Runtime::new().unwrap();
    let (ours, peer) = run(&rt, with_peer());
    let shown = format!("{ours:?}");
    assert!(shown.contains(&peer.local_addr().unwrap().to_string()), "{shown}");
    assert!(shown.contains(&peer.peer_addr().unwrap().to_string()), "{shown}");
}
