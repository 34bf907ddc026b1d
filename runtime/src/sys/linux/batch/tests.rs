use super::super::{Backend, Domain, Type};
use super::*;
use std::io::ErrorKind;

fn socket() -> Fd {
    let fd = Backend::current().socket(Domain::V4, Type::Datagram).unwrap();
    fd.bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    fd
}

#[test]
#[cfg_attr(miri, ignore = "no UDP")]
fn a_batch_takes_what_is_queued_up_to_its_room() {
    let (ours, theirs) = (socket(), socket());
    let to = Some(theirs.local_addr().unwrap());
    let sent = [(&b"one"[..], to), (b"", to), (b"three", to)];
    assert_eq!(ours.send_batch(&sent).unwrap(), 3);
    let mut batch = Batch::new(2, 4);
    assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 2);
    let from = ours.local_addr().unwrap();
    let of = |len, truncated| Received { len, from, truncated, segment: None };
    assert_eq!(batch.received(), [of(3, false), of(0, false)]);
    assert_eq!((batch.bytes(0), batch.bytes(1)), (&b"one"[..], &b""[..]));
    assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 1);
    assert_eq!((batch.received(), batch.bytes(0)), (&[of(4, true)][..], &b"thre"[..]));
    assert_eq!(theirs.recv_batch(&mut batch).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(batch.received(), []);
}

#[test]
#[cfg_attr(miri, ignore = "no UDP")]
fn a_batch_is_sent_up_to_the_first_error_and_up_to_its_limit() {
    let (ours, theirs) = (socket(), socket());
    let to = Some(theirs.local_addr().unwrap());
    assert_eq!(ours.send_batch(&[]).unwrap(), 0);
    let huge = vec![0; 70_000];
    assert_eq!(ours.send_batch(&[(b"good", to), (&huge, to), (b"good", to)]).unwrap(), 1);
    assert_eq!(ours.send_batch(&[(&huge, to)]).unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    assert_eq!(ours.send_batch(&[(&b"x"[..], to); BATCH_MAX + 1]).unwrap(), BATCH_MAX);
    let mut batch = Batch::new(1000, 8);
    assert_eq!(theirs.recv_batch(&mut batch).unwrap(), BATCH_MAX);
    assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 1);
}

#[test]
#[cfg_attr(miri, ignore = "no UDP")]
fn segments_come_as_datagrams_or_glued_together_when_that_was_asked_for() {
    let (ours, theirs) = (socket(), socket());
    let to = theirs.local_addr().unwrap();
    if !ours.knows_segments() {
        eprintln!("skipped: this kernel has no UDP_SEGMENT");
        return;
    }
    assert!(ours.send_segmented(b"aabbc", 2, Some(&to)).unwrap());
    let mut batch = Batch::new(8, 64);
    assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 3);
    assert_eq!([batch.bytes(0), batch.bytes(1), batch.bytes(2)], [&b"aa"[..], b"bb", b"c"]);

    if let Err(e) = theirs.set_udp_gro(true) {
        eprintln!("skipped: this kernel has no UDP_GRO ({e})");
        return;
    }
    assert!(theirs.udp_gro().unwrap());
    assert!(ours.send_segmented(b"aabbc", 2, Some(&to)).unwrap());
    assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 1);
    assert_eq!((batch.bytes(0), batch.received()[0].segment), (&b"aabbc"[..], Some(2)));

    // More than the kernel segments in one call.
    assert!(!ours.send_segmented(&[0; 2000], 1, Some(&to)).unwrap());
    assert_eq!(theirs.recv_batch(&mut batch).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
#[cfg_attr(miri, ignore = "no UDP")]
fn segments_longer_than_a_packet_of_the_route_are_left_to_be_sent_one_by_one() {
    let six = || {
        let fd = Backend::current().socket(Domain::V6, Type::Datagram)?;
        fd.bind(&"[::1]:0".parse().unwrap())?;
        io::Result::Ok(fd)
    };
    let (Ok(ours), Ok(theirs)) = (six(), six()) else {
        return eprintln!("skipped: this host has no IPv6");
    };
    if !ours.knows_segments() {
        return eprintln!("skipped: this kernel has no UDP_SEGMENT");
    }
    ours.set(known::IPV6_MTU, [1280]).unwrap();
    let to = theirs.local_addr().unwrap();
    let bytes = [7; 4000];
    assert!(!ours.send_segmented(&bytes, 2000, Some(&to)).unwrap());
    assert_eq!(ours.send_batch(&[(&bytes[..2000], Some(to)), (&bytes[2000..], Some(to))]).unwrap(), 2);
    assert!(ours.send_segmented(&bytes, 1000, Some(&to)).unwrap());
    let mut batch = Batch::new(8, 4000);
    assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 6);
}

// With each record that the kernel can add to a datagram.
#[test]
#[cfg_attr(miri, ignore = "no UDP")]
fn what_was_glued_together_is_cut_whatever_else_the_kernel_says_of_it() {
    let (ours, theirs) = (socket(), socket());
    if !ours.knows_segments() || theirs.set_udp_gro(true).is_err() {
        return eprintln!("skipped: this kernel has no UDP_SEGMENT or no UDP_GRO");
    }
    let software = (libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE) as i32;
    let options = [
        (known::SO_TIMESTAMPNS, 1),
        (known::SO_TIMESTAMPING, software),
        (known::SO_RXQ_OVFL, 1),
        (known::SO_WIFI_STATUS, 1),
        (known::SO_RCVMARK, 1),
        (known::SO_RCVPRIORITY, 1),
    ];
    let to = Some(theirs.local_addr().unwrap());
    let mut batch = Batch::new(8, 64);
    for (option, value) in options {
        if let Err(error) = theirs.set(option, [value]) {
            eprintln!("skipped: this kernel has no socket option {option:?} ({error})");
        }
        assert!(ours.send_segmented(b"aabbc", 2, to.as_ref()).unwrap());
        assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 1);
        let from = ours.local_addr().unwrap();
        let glued = Received { len: 5, from, truncated: false, segment: Some(2) };
        assert_eq!(batch.received(), [glued], "with option {option:?}");
    }
    // And so many records of IP behind it that they are truncated: nothing is lost, also of a datagram that was
    // not coalesced.
    for option in [known::IP_PKTINFO, known::IP_RECVTTL, known::IP_RECVTOS, known::IP_RECVORIGDSTADDR] {
        theirs.set(option, [1]).unwrap();
    }
    assert!(ours.send_segmented(b"aabbc", 2, to.as_ref()).unwrap());
    assert_eq!(ours.send_batch(&[(b"one", to)]).unwrap(), 1);
    assert_eq!(theirs.recv_batch(&mut batch).unwrap(), 2);
    let received = [0, 1].map(|n| batch.received()[n]).map(|r| (r.len, r.truncated, r.segment));
    assert_eq!(received, [(5, false, Some(2)), (3, false, None)]);
}

fn record(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let mut record = (HEADER + data.len()).to_ne_bytes().to_vec();
    record.extend([level.to_ne_bytes(), kind.to_ne_bytes()].concat());
    record.extend(data);
    record.resize(record.len().next_multiple_of(8), 0);
    record
}

#[test]
fn where_to_cut_is_told_or_known_to_be_lost() {
    let time = record(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &[1; 16]);
    let gro = record(libc::SOL_UDP, libc::UDP_GRO, &1400i32.to_ne_bytes());
    let ip = record(libc::IPPROTO_IP, libc::IP_TTL, &64i32.to_ne_bytes());
    for cut in [false, true] {
        for records in [vec![&gro], vec![&time, &gro], vec![&time, &time, &gro, &ip], vec![&gro, &time]] {
            let control: Vec<u8> = records.into_iter().flatten().copied().collect();
            assert_eq!(segment_of(&control, cut), Ok(Some(1400)));
        }
        // Behind its position, or at the end.
        assert_eq!(segment_of(&[&time[..], &ip].concat(), cut), Ok(None));
        let none = if cut { Err(Lost) } else { Ok(None) };
        assert_eq!(segment_of(&time, cut), none);
        assert_eq!(segment_of(&[], cut), none);
    }
    // The last record has lost its end, in its data or in its header.
    let mut cut = [&time[..], &gro[..18]].concat();
    cut[32..40].copy_from_slice(&18usize.to_ne_bytes());
    assert_eq!(segment_of(&cut, true), Err(Lost));
    assert_eq!(segment_of(&cut[..40], true), Err(Lost));
}
