//! UDP on the loopback interface. Codes (K5, A10 and so on) are rows of docs/pitfalls.md.

#![cfg(not(miri))] // which has no UDP

use crate::sockets_common::{finish, flags, run, settle};
use egret_net::UdpSocket;
use egret_net::udp::RecvBatch;
use egret_runtime::io::Interest;
use egret_runtime::runtime::Runtime;
use egret_runtime::time::{Duration, timeout};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// Two sockets that are connected to each other.
async fn pair() -> (UdpSocket, UdpSocket) {
    let (one, other) = (socket().await, socket().await);
    one.connect(other.local_addr().unwrap()).await.unwrap();
    other.connect(one.local_addr().unwrap()).await.unwrap();
    (one, other)
}

#[test]
fn k5_two_datagrams_in_one_edge_are_both_received() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(pair());
    let receiving = rt.spawn(async move {
        let mut buf = vec![0; 65536];
        (ours.recv(&mut buf).await.unwrap(), ours.recv_from(&mut buf).await.unwrap().0)
    });
    settle(&rt);
    assert_eq!(theirs.try_send(b"a").unwrap(), 1);
    assert_eq!(theirs.try_send(b"bc").unwrap(), 2);
    assert_eq!(finish(&rt, receiving), (1, 2));
}

#[test]
fn every_task_that_waits_is_woken_and_each_gets_a_datagram() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(pair());
    let ours = Rc::new(ours);
    let waiting: Vec<_> = (0..8)
        .map(|task| {
            let ours = ours.clone();
            rt.spawn(async move {
                let mut buf = [0; 16];
                match task % 4 {
                    0 => ours.recv(&mut buf).await.unwrap(),
                    1 => ours.recv_from(&mut buf).await.unwrap().0,
                    2 => poll_fn(|cx| ours.poll_recv(cx, &mut buf)).await.unwrap(),
                    _ => poll_fn(|cx| ours.poll_recv_from(cx, &mut buf)).await.unwrap().0,
                }
            })
        })
        .collect();
    settle(&rt);
    // One edge for the first four, one for the rest.
    for _ in 0..2 {
        for _ in 0..4 {
            theirs.try_send(b"x").unwrap();
        }
        settle(&rt);
    }
    assert_eq!(waiting.into_iter().map(|task| finish(&rt, task)).sum::<usize>(), 8);
}

#[test]
fn a10_what_the_network_reports_comes_out_once_and_the_socket_goes_on() {
    run(async {
        let (ours, closed) = pair().await;
        let port = closed.local_addr().unwrap();
        drop(closed);
        ours.send(b"to nobody").await.unwrap();
        assert_eq!(ours.recv(&mut [0; 16]).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let nothing = timeout(Duration::from_millis(1), ours.recv(&mut [0; 16])).await;
        assert!(nothing.is_err(), "the error came twice");

        let again = UdpSocket::bind(port).await.unwrap();
        ours.send(b"somebody").await.unwrap();
        let (n, from) = again.recv_from(&mut [0; 16]).await.unwrap();
        assert_eq!((n, from), (8, ours.local_addr().unwrap()));

        // The error by `take_error`.
        drop(again);
        ours.send(b"to nobody").await.unwrap();
        ours.readable().await.unwrap();
        let error = ours.take_error().unwrap().expect("an error is kept");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ours.try_recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a12_what_std_made_does_not_block_the_loop() {
    run(async {
        let ours = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let ours = UdpSocket::from_std(ours).unwrap();
        assert!(flags(&ours).0, "receiving would block for ever");
        assert!(timeout(Duration::from_millis(1), ours.recv(&mut [0; 4])).await.is_err());
        assert_eq!(flags(&socket().await), (true, true));
        let std = ours.into_std().unwrap();
        assert_eq!(std.recv(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn an_empty_datagram_is_one_and_a_long_one_is_cut() {
    run(async {
        let (ours, theirs) = pair().await;
        theirs.send(b"").await.unwrap();
        theirs.send(b"long").await.unwrap();
        theirs.send(b"ok").await.unwrap();
        let mut buf = [0; 2];
        assert_eq!(ours.recv(&mut buf).await.unwrap(), 0);
        assert_eq!((ours.recv(&mut buf).await.unwrap(), &buf), (2, b"lo"));
        assert_eq!((ours.peek(&mut buf).await.unwrap(), &buf), (2, b"ok"));
        assert_eq!(ours.try_peek_from(&mut buf).unwrap(), (2, theirs.local_addr().unwrap()));
        assert_eq!(ours.recv(&mut buf).await.unwrap(), 2);
        assert_eq!(ours.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        let too_long = theirs.send(&[0; 65508]).await.unwrap_err();
        assert_eq!(too_long.raw_os_error(), Some(libc::EMSGSIZE));
    });
}

#[test]
fn l10_a_socket_that_is_always_writable_is_ready_at_each_poll() {
    run(async {
        let (ours, _theirs) = pair().await;
        ours.writable().await.unwrap();
        for _ in 0..1000 {
            poll_fn(|cx| {
                assert!(ours.poll_send_ready(cx).is_ready());
                std::task::Poll::Ready(())
            })
            .await;
            ours.ready(Interest::WRITABLE).await.unwrap();
            egret_runtime::task::yield_now().await; // for the budget of a task
        }
    });
}

#[test]
fn the_kinds_of_address_and_of_sending_all_arrive() {
    run(async {
        let (ours, theirs) = (socket().await, socket().await);
        let to = theirs.local_addr().unwrap();
        ours.send_to(b"1", to).await.unwrap();
        ours.send_to(b"2", to.to_string()).await.unwrap();
        ours.send_to(b"3", (Ipv4Addr::LOCALHOST, to.port())).await.unwrap();
        ours.try_send_to(b"4", to).unwrap();
        poll_fn(|cx| ours.poll_send_to(cx, b"5", to)).await.unwrap();
        assert_eq!(ours.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(ours.send(b"x").await.unwrap_err().raw_os_error(), Some(libc::EDESTADDRREQ));
        ours.connect(to).await.unwrap();
        assert_eq!(ours.peer_addr().unwrap(), to);
        ours.send(b"6").await.unwrap();
        poll_fn(|cx| ours.poll_send(cx, b"7")).await.unwrap();
        let mut buf = [0; 16];
        for expected in b"1234567" {
            let (n, from) = theirs.recv_from(&mut buf).await.unwrap();
            assert_eq!((&buf[..n], from), (&[*expected][..], ours.local_addr().unwrap()));
        }
        let none: &[SocketAddr] = &[];
        assert_eq!(ours.send_to(b"x", none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn many_datagrams_come_in_order_with_their_senders() {
    run(async {
        let (theirs, others) = (socket().await, socket().await);
        let ours = socket().await;
        let to = Some(ours.local_addr().unwrap());
        // 100 of one and of another: more than one call moves, and each with bytes of its own.
        let bytes: Vec<Vec<u8>> = (0..100u8).map(|n| vec![n; usize::from(n)]).collect();
        let datagrams: Vec<_> = bytes.iter().map(|bytes| (&bytes[..], to)).collect();
        assert_eq!(theirs.send_many(&datagrams).await.unwrap(), 100);
        assert_eq!(others.send_many(&datagrams[..3]).await.unwrap(), 3);
        assert_eq!(others.send_many(&[]).await.unwrap(), 0);
        assert_eq!(others.try_send_many(&[]).unwrap(), 0);

        let mut batch = RecvBatch::new(40, 99);
        assert!(batch.is_empty());
        let mut received = Vec::new();
        let mut calls = Vec::new();
        while received.len() < 103 {
            let n = ours.recv_many(&mut batch).await.unwrap();
            assert_eq!((batch.len(), batch.iter().len()), (n, n));
            calls.push(n);
            received.extend(batch.iter().map(|datagram| {
                assert!(!datagram.truncated);
                (datagram.data.to_vec(), datagram.from)
            }));
        }
        assert_eq!(calls, [40, 40, 23]);
        let from_theirs = bytes.iter().map(|bytes| (bytes.clone(), theirs.local_addr().unwrap()));
        let from_others = bytes[..3].iter().map(|bytes| (bytes.clone(), others.local_addr().unwrap()));
        assert_eq!(received, from_theirs.chain(from_others).collect::<Vec<_>>());
        assert_eq!(ours.try_recv_many(&mut batch).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(batch.is_empty(), "what was received before is gone");
    });
}

#[test]
fn a_task_that_waits_for_many_is_woken_by_the_first() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(pair());
    let receiving = rt.spawn(async move {
        let mut batch = RecvBatch::new(8, 16);
        let first = ours.recv_many(&mut batch).await.unwrap();
        (first, poll_fn(|cx| ours.poll_recv_many(cx, &mut batch)).await.unwrap())
    });
    for sent in [1, 3] {
        settle(&rt);
        assert_eq!(theirs.try_send_many(&vec![(&b"x"[..], None); sent]).unwrap(), sent);
    }
    assert_eq!(finish(&rt, receiving), (1, 3));
}

#[test]
fn sending_many_ends_before_the_first_error() {
    run(async {
        let (ours, theirs) = pair().await;
        let huge = vec![0; 65508];
        let datagrams = [(&b"good"[..], None), (&huge, None), (b"good", None)];
        assert_eq!(ours.send_many(&datagrams).await.unwrap(), 1);
        let error = ours.send_many(&datagrams[1..]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        assert_eq!(theirs.recv(&mut [0; 16]).await.unwrap(), 4);
        assert_eq!(theirs.try_recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

/// The datagrams of `len` bytes with this `segment`, received with GRO or without.
async fn assert_segments(len: usize, segment: u16, gro: bool) {
    let (ours, theirs) = pair().await;
    theirs.set_recv_buffer_size(4 << 20).unwrap();
    let gro = gro && theirs.set_gro(true).is_ok();
    assert!(!gro || theirs.gro().unwrap());
    let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
    ours.send_segments(&bytes, segment, None).await.unwrap();
    let (mut batch, mut received) = (RecvBatch::new(64, 65535), Vec::new());
    while let Ok(_n) = theirs.try_recv_many(&mut batch) {
        for datagram in &batch {
            assert_eq!(datagram.from, ours.local_addr().unwrap());
            received.push(datagram.data.to_vec());
        }
    }
    let expected: Vec<_> = bytes.chunks(segment.into()).map(<[u8]>::to_vec).collect();
    assert_eq!(received, expected, "{len} bytes by {segment}, GRO {gro}");
}

#[test]
fn segments_arrive_as_the_same_datagrams_with_gro_and_without() {
    run(async {
        for gro in [false, true] {
            // One; two; a short last one; more than one call takes by their number, and by their bytes.
            for (len, segment) in [(0, 8), (8, 8), (16, 8), (17, 8), (70 * 8 + 1, 8), (70_000, 1400)] {
                assert_segments(len, segment, gro).await;
            }
        }
        let (ours, _theirs) = pair().await;
        assert_eq!(ours.send_segments(b"x", 0, None).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

/// How many bytes come in one piece of what `ours` sends as segments of three, with GRO: all of them when the kernel
/// has cut them, a segment when they were sent one by one.
async fn piece(ours: &UdpSocket, theirs: &UdpSocket) -> usize {
    let mut buf = [0; 16];
    ours.send_segments(b"aaabbbc", 3, Some(theirs.local_addr().unwrap())).await.unwrap();
    let first = theirs.recv(&mut buf).await.unwrap();
    let mut all = first;
    while all < 7 {
        all += theirs.recv(&mut buf).await.unwrap();
    }
    assert_eq!(all, 7);
    first
}

// A server that answers to the source address sends to port 0 when a peer forges it.
#[test]
fn a_target_that_takes_no_segments_changes_nothing_for_the_others() {
    run(async {
        let (ours, theirs) = (socket().await, socket().await);
        if theirs.set_gro(true).is_err() || piece(&ours, &theirs).await != 7 {
            return eprintln!("skipped: this kernel has no UDP_SEGMENT or no UDP_GRO");
        }
        let nowhere = Some((Ipv4Addr::LOCALHOST, 0).into());
        let refused = ours.send_segments(b"aaabbbc", 3, nowhere).await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(piece(&ours, &theirs).await, 7);
        // Not the other family's either.
        let six = Some((Ipv6Addr::LOCALHOST, 1).into());
        let refused = ours.send_segments(b"aaabbbc", 3, six).await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EAFNOSUPPORT));
        assert_eq!(piece(&ours, &theirs).await, 7);
    });
}

#[test]
fn a_multicast_reaches_the_members_of_the_group_until_they_leave() {
    run(async {
        let group = Ipv4Addr::new(239, 255, 77, 77);
        let member = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        member.join_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        let twice = member.join_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap_err();
        assert_eq!(twice.kind(), ErrorKind::AddrInUse);
        let no_group = member.join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST).unwrap_err();
        assert_eq!(no_group.kind(), ErrorKind::InvalidInput);

        let sender = socket().await;
        sender.set_multicast_if_v4(Ipv4Addr::LOCALHOST).unwrap();
        let to = (group, member.local_addr().unwrap().port());
        sender.send_to(b"all", to).await.unwrap();
        assert_eq!(member.recv(&mut [0; 16]).await.unwrap(), 3);

        member.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        let gone = member.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::AddrNotAvailable);
        // That is not received, but what is sent to the member itself is.
        sender.send_to(b"all", to).await.unwrap();
        sender.send_to(b"you", (Ipv4Addr::LOCALHOST, to.1)).await.unwrap();
        let mut buf = [0; 16];
        assert_eq!(member.recv(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf[..3], b"you");
        assert_eq!(member.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_multicast_of_ipv6_reaches_the_members_of_the_group() {
    run(async {
        let group: Ipv6Addr = "ff01::7777".parse().unwrap(); // of this host only
        let member = match UdpSocket::bind("[::]:0").await {
            Ok(member) => member,
            Err(error) => return eprintln!("skipped: this host has no IPv6 ({error})"),
        };
        let Ok(loopback) = std::fs::read_to_string("/sys/class/net/lo/ifindex") else {
            return eprintln!("skipped: this host has no interface called lo");
        };
        let loopback = loopback.trim().parse().unwrap();
        if let Err(error) = member.join_multicast_v6(&group, loopback) {
            return eprintln!("skipped: the loopback interface of this host has no IPv6 ({error})");
        }
        let sender = match UdpSocket::bind("[::1]:0").await {
            Ok(sender) => sender,
            Err(error) => return eprintln!("skipped: no IPv6 here ({error})"),
        };
        sender.set_multicast_if_v6(loopback).unwrap();
        let to = SocketAddr::from((group, member.local_addr().unwrap().port()));
        if let Err(error) = sender.send_to(b"all", to).await {
            return eprintln!("skipped: this host has no route for multicasts of IPv6 ({error})");
        }
        assert_eq!(member.recv(&mut [0; 16]).await.unwrap(), 3);
        member.leave_multicast_v6(&group, loopback).unwrap();
        let gone = member.leave_multicast_v6(&group, loopback).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::AddrNotAvailable);
    });
}
