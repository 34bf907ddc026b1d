//! Messages over Unix sockets: datagrams, seqpackets and ancillary data. Codes (K5) are
//! rows of docs/pitfalls.md.

#![cfg(not(miri))] // which has no sockets of the Unix domain with addresses

use crate::sockets_common::{finish, flags, in_child, name, open_descriptors, run, settle};
use egret_net::unix::{RecvAncillary, SendAncillary};
use egret_net::{UnixDatagram, UnixSeqpacket, UnixStream};
use egret_runtime::runtime::Runtime;
use egret_runtime::time::{Duration, timeout};
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

#[test]
fn k5_two_messages_in_one_edge_are_both_received() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(async { UnixSeqpacket::pair().unwrap() });
    let (our_datagrams, their_datagrams) = rt.block_on(async { UnixDatagram::pair().unwrap() });
    let packets = rt.spawn(async move {
        let mut buf = vec![0; 65536];
        (ours.recv(&mut buf).await.unwrap(), ours.recv(&mut buf).await.unwrap())
    });
    let datagrams = rt.spawn(async move {
        let mut buf = vec![0; 65536];
        (our_datagrams.recv(&mut buf).await.unwrap(), our_datagrams.recv_from(&mut buf).await.unwrap().0)
    });
    settle(&rt);
    for bytes in [&b"a"[..], b"bc"] {
        assert_eq!(theirs.try_send(bytes).unwrap(), bytes.len());
        assert_eq!(their_datagrams.try_send(bytes).unwrap(), bytes.len());
    }
    assert_eq!(finish(&rt, packets), (1, 2));
    assert_eq!(finish(&rt, datagrams), (1, 2));
}

#[test]
fn every_task_that_waits_for_a_message_is_woken_and_each_gets_one() {
    let rt = Runtime::new().unwrap();
    let (ours, theirs) = rt.block_on(async { UnixSeqpacket::pair().unwrap() });
    let ours = std::rc::Rc::new(ours);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let ours = ours.clone();
            rt.spawn(async move { ours.recv(&mut [0; 16]).await.unwrap() })
        })
        .collect();
    settle(&rt);
    for _ in 0..3 {
        theirs.try_send(b"x").unwrap();
    }
    assert_eq!(waiting.into_iter().map(|task| finish(&rt, task)).sum::<usize>(), 3);
}

#[test]
fn an_empty_message_is_one_and_a_long_one_is_cut() {
    run(async {
        let (ours, theirs) = UnixSeqpacket::pair().unwrap();
        ours.send(b"").await.unwrap();
        ours.send(b"long").await.unwrap();
        ours.send(b"ok").await.unwrap();
        let mut buf = [0; 2];
        assert_eq!(theirs.recv(&mut buf).await.unwrap(), 0);
        assert_eq!((theirs.recv(&mut buf).await.unwrap(), &buf), (2, b"lo"));
        assert_eq!((theirs.recv(&mut buf).await.unwrap(), &buf), (2, b"ok"));
        assert_eq!(theirs.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        ours.shutdown(Shutdown::Write).unwrap();
        assert_eq!(theirs.recv(&mut buf).await.unwrap(), 0);
        drop(theirs);
        assert_eq!(ours.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

/// Fills the queue of a receiver, and returns the number of messages.
fn fill(send: impl Fn() -> std::io::Result<usize>) -> usize {
    let mut sent = 0;
    loop {
        match send() {
            Ok(_) => sent += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_sender_waits_for_room_at_a_receiver_that_others_have_filled() {
    // An unconnected sender gets no event for room in the receiver's queue, and each attempt causes a
    // spurious edge: `settle` panics if the sender follows it.
    let rt = Runtime::new().unwrap();
    let name = name();
    let receiver = rt.block_on(async { UnixDatagram::bind(&name).unwrap() });
    let (other, ours) =
        rt.block_on(async { (UnixDatagram::unbound().unwrap(), UnixDatagram::unbound().unwrap()) });
    let filled = fill(|| other.try_send_to(b"x", &name));
    assert_ne!(filled, 0);
    let sending = rt.spawn(async move { ours.send_to(b"mine", &name).await.unwrap() });
    settle(&rt);
    assert!(!sending.is_finished());
    let mut buf = [0; 16];
    assert_eq!(receiver.try_recv(&mut buf).unwrap(), 1);
    assert_eq!(finish(&rt, sending), 4);
    for _ in 1..filled {
        assert_eq!(receiver.try_recv(&mut buf).unwrap(), 1);
    }
    assert_eq!(receiver.try_recv(&mut buf).unwrap(), 4);
    assert_eq!(rt.metrics().timers_alive, 0);
}

#[test]
fn a_connected_sender_is_woken_by_the_kernel_when_there_is_room() {
    let rt = Runtime::new().unwrap();
    let name = name();
    let receiver = rt.block_on(async { UnixDatagram::bind(&name).unwrap() });
    let (other, ours) =
        rt.block_on(async { (UnixDatagram::unbound().unwrap(), UnixDatagram::unbound().unwrap()) });
    assert_eq!(ours.send(b"x").now_or_never(&rt).unwrap_err().kind(), ErrorKind::NotConnected);
    ours.connect(&name).unwrap();
    other.connect(&name).unwrap();
    assert_eq!(ours.peer_addr().unwrap(), receiver.local_addr().unwrap());
    fill(|| other.try_send(b"x"));
    let sending = rt.spawn(async move { ours.send(b"mine").await.unwrap() });
    settle(&rt);
    assert!(!sending.is_finished());
    assert_eq!(rt.metrics().timers_alive, 0, "it waits for an edge and for nothing else");
    receiver.try_recv(&mut [0; 16]).unwrap();
    assert_eq!(finish(&rt, sending), 4);
    drop(receiver);
    assert_eq!(other.try_send(b"x").unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

trait NowOrNever: Future + Sized {
    fn now_or_never(self, rt: &Runtime) -> Self::Output {
        rt.block_on(async { timeout(Duration::from_secs(5), self).await.expect("it does not wait") })
    }
}

impl<F: Future> NowOrNever for F {}

async fn send(socket: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let beside = SendAncillary::new().descriptors(descriptors);
    assert_eq!(socket.send_message(&[IoSlice::new(bytes)], &beside).await.unwrap(), bytes.len());
}

#[test]
fn descriptors_arrive_in_order_close_on_exec_and_are_the_files_that_were_sent() {
    run(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        send(&ours, b"x", &[reader.as_fd(), null.as_fd()]).await;
        drop(reader);
        let mut beside = RecvAncillary::with_room_for(2);
        let mut bytes = [0; 4];
        let message = theirs.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut beside).await.unwrap();
        assert_eq!((message.len, message.truncated, message.ancillary_truncated), (1, false, false));
        let [reader, null]: [_; 2] = beside.take_descriptors().try_into().unwrap();
        assert!(beside.descriptors().is_empty());
        for descriptor in [&reader, &null] {
            assert!(flags(descriptor).1, "close-on-exec");
        }
        use std::io::{Read, Write};
        writer.write_all(b"through").unwrap();
        let mut buf = [0; 16];
        assert_eq!(std::fs::File::from(reader).read(&mut buf).unwrap(), 7);
        assert_eq!(std::fs::File::from(null).read(&mut buf).unwrap(), 0);
    });
}

#[test]
fn nothing_goes_beside_no_bytes_of_a_stream_and_packets_need_none() {
    run(async {
        let null = std::fs::File::open("/dev/null").unwrap();
        let descriptors = [null.as_fd()];
        let beside = SendAncillary::new().descriptors(&descriptors);
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let refused = ours.send_message(&[IoSlice::new(b"")], &beside).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert!(refused.to_string().contains("one byte"), "{refused}");

        let (ours, theirs) = UnixSeqpacket::pair().unwrap();
        assert_eq!(ours.send_message(&[], &beside).await.unwrap(), 0);
        let mut received = RecvAncillary::with_room_for(1);
        let message = theirs.recv_message(&mut [], &mut received).await.unwrap();
        assert_eq!((message.len, message.truncated), (0, false));
        assert_eq!(received.descriptors().len(), 1);

        let too_many = vec![null.as_fd(); 254];
        let beside = SendAncillary::new().descriptors(&too_many);
        let refused = ours.send_message(&[], &beside).await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
    });
}

#[test]
fn a_datagram_with_a_descriptor_goes_to_an_address_and_tells_its_sender() {
    run(async {
        let name = name();
        let receiver = UnixDatagram::bind(&name).unwrap();
        let sender = UnixDatagram::bind_unique().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        let descriptors = [null.as_fd()];
        let beside = SendAncillary::new().descriptors(&descriptors);
        let (bufs, to) = ([IoSlice::new(b"he"), IoSlice::new(b"llo")], receiver.local_addr().unwrap());
        assert_eq!(sender.send_message(&bufs, &beside, Some(&to)).await.unwrap(), 5);
        let (mut bytes, mut received) = ([0; 4], RecvAncillary::with_room_for(1));
        let message = receiver.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut received).await.unwrap();
        assert_eq!((message.len, message.truncated, message.from), (4, true, sender.local_addr().unwrap()));
        assert_eq!(received.descriptors().len(), 1);
    });
}

/// Has the kernel send a pidfd of the peer with each message, if it can.
fn pass_pidfd(socket: &UnixStream) -> std::io::Result<()> {
    const SO_PASSPIDFD: libc::c_int = 76; // Linux 6.5
    let on: libc::c_int = 1;
    let len = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the kernel reads `len` bytes of an `int`, which lives across the call.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_PASSPIDFD, (&raw const on).cast(), len)
    };
    if set == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

// A pidfd comes unrequested, and is a descriptor.
#[test]
fn no_pidfd_leaks_and_none_is_taken_for_a_descriptor_that_was_sent() {
    in_child(|| {
        run(async {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            if let Err(error) = pass_pidfd(&theirs) {
                return eprintln!("skipped: this kernel has no SO_PASSPIDFD ({error})");
            }
            let null = std::fs::File::open("/dev/null").unwrap();
            let mut bytes = [0; 4];
            let before = open_descriptors();
            for room in 0..4 {
                for sent in 0..=room {
                    let mut beside = RecvAncillary::with_room_for(room);
                    send(&ours, b"x", &vec![null.as_fd(); sent]).await;
                    let bufs = &mut [IoSliceMut::new(&mut bytes)];
                    let message = theirs.recv_message(bufs, &mut beside).await.unwrap();
                    assert_eq!((message.len, message.ancillary_truncated), (1, false), "{sent} in {room}");
                    assert_eq!(beside.descriptors().len(), sent, "{sent} in {room}");
                    assert_eq!(open_descriptors(), before + sent, "{sent} in {room}");
                }
            }
            // More than there is room for, no room at all, and a plain read.
            send(&ours, b"x", &[null.as_fd(); 12]).await;
            let mut beside = RecvAncillary::with_room_for(2);
            let bufs = &mut [IoSliceMut::new(&mut bytes)];
            assert!(theirs.recv_message(bufs, &mut beside).await.unwrap().ancillary_truncated);
            assert_eq!((beside.descriptors().len(), open_descriptors()), (2, before + 2));
            beside = RecvAncillary::default();
            assert_eq!(open_descriptors(), before);
            send(&ours, b"x", &[]).await;
            let bufs = &mut [IoSliceMut::new(&mut bytes)];
            assert_eq!(theirs.recv_message(bufs, &mut beside).await.unwrap().len, 1);
            send(&ours, b"x", &[]).await;
            assert_eq!(theirs.read(&mut bytes).await.unwrap(), 1);
            assert_eq!(open_descriptors(), before);
        });
    });
}

#[test]
fn no_descriptor_leaks_whatever_room_there_is_and_however_they_are_read() {
    in_child(|| {
        run(async {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let null = std::fs::File::open("/dev/null").unwrap();
            let before = open_descriptors();
            let mut beside = RecvAncillary::with_room_for(3);
            for sent in [0, 1, 3, 4, 12, 253] {
                send(&ours, b"x", &vec![null.as_fd(); sent]).await;
                let mut bytes = [0; 4];
                let message =
                    theirs.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut beside).await.unwrap();
                assert_eq!(message.ancillary_truncated, sent > 3, "{sent}");
                assert_eq!(beside.descriptors().len(), sent.min(3), "{sent}");
                assert_eq!(open_descriptors(), before + sent.min(3), "{sent}");
            }
            // The next message closes what was not taken, and so does dropping.
            send(&ours, b"x", &[]).await;
            let mut bytes = [0; 4];
            theirs.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut beside).await.unwrap();
            assert_eq!(open_descriptors(), before);
            send(&ours, b"x", &[null.as_fd(), null.as_fd()]).await;
            theirs.recv_message(&mut [IoSliceMut::new(&mut bytes)], &mut beside).await.unwrap();
            assert_eq!(open_descriptors(), before + 2);
            drop(beside);
            assert_eq!(open_descriptors(), before);
            // A plain read closes them.
            send(&ours, b"x", &[null.as_fd(), null.as_fd()]).await;
            assert_eq!(theirs.read(&mut bytes).await.unwrap(), 1);
            assert_eq!(open_descriptors(), before);
            // And they may be in flight when both ends go.
            send(&ours, b"x", &[null.as_fd(), null.as_fd()]).await;
            drop((ours, theirs));
            assert_eq!(open_descriptors(), before - 2);
        });
    });
}
