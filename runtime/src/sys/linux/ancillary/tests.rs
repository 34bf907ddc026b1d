use super::super::{Backend, Type};
use super::*;
use std::io::ErrorKind;
use std::os::fd::AsFd;

fn pair() -> (Fd, Fd) {
    Backend::current().socket_pair(Type::SeqPacket).unwrap()
}

fn send(fd: &Fd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    assert_eq!(fd.send_message(&[IoSlice::new(bytes)], descriptors, None, None).unwrap(), bytes.len());
}

fn recv(fd: &Fd, room: usize, ancillary: &mut Ancillary) -> Message {
    let mut memory = vec![0; room];
    fd.recv_message(&mut [IoSliceMut::new(&mut memory)], ancillary).unwrap()
}

#[test]
#[cfg_attr(miri, ignore = "no recvmsg")]
fn as_many_descriptors_come_out_as_there_is_room_for_and_no_more() {
    let (ours, theirs) = pair();
    for room in 0..=6 {
        for sent in 0..=6 {
            send(&ours, b"x", &vec![ours.as_fd(); sent]);
            let mut ancillary = Ancillary::with_room_for(room);
            let message = recv(&theirs, 1, &mut ancillary);
            assert_eq!(ancillary.descriptors().len(), sent.min(room), "{sent} into {room}");
            assert_eq!(message.ancillary_truncated, sent > room, "{sent} into {room}");
            assert!(!message.truncated && message.from.is_unnamed() && ancillary.credentials().is_none());
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "no recvmsg")]
fn room_for_any_number_of_descriptors_takes_the_most_that_a_message_has() {
    let (ours, theirs) = pair();
    for room in [SCM_MAX_FD, usize::MAX] {
        send(&ours, b"x", &[ours.as_fd(); SCM_MAX_FD]);
        let mut ancillary = Ancillary::with_room_for(room);
        assert_eq!(ancillary.room(), room);
        assert!(!recv(&theirs, 1, &mut ancillary).ancillary_truncated);
        assert_eq!(ancillary.descriptors().len(), SCM_MAX_FD);
    }
    let refused = ours.send_message(&[IoSlice::new(b"x")], &[ours.as_fd(); SCM_MAX_FD + 1], None, None);
    assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EINVAL));
}

#[test]
#[cfg_attr(miri, ignore = "no recvmsg")]
fn a_message_that_is_cut_says_so_and_the_next_one_is_whole() {
    let (ours, theirs) = pair();
    send(&ours, b"four", &[]);
    send(&ours, b"four", &[]);
    let mut ancillary = Ancillary::default();
    let cut = recv(&theirs, 3, &mut ancillary);
    assert_eq!((cut.len, cut.truncated, cut.ancillary_truncated), (3, true, false));
    let whole = recv(&theirs, 4, &mut ancillary);
    assert_eq!((whole.len, whole.truncated), (4, false));
    let mut memory = [0; 4];
    let none = theirs.recv_message(&mut [IoSliceMut::new(&mut memory)], &mut ancillary);
    assert_eq!(none.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
#[cfg_attr(miri, ignore = "no recvmsg")]
fn credentials_come_when_they_are_asked_for_and_their_loss_is_told() {
    let (ours, theirs) = pair();
    theirs.set_passcred(true).unwrap();
    let me = theirs.peer_credentials().unwrap();
    assert_eq!(me.pid, std::process::id() as i32);
    for descriptors in [0, 1] {
        send(&ours, b"x", &vec![ours.as_fd(); descriptors]);
        let mut ancillary = Ancillary::with_room_for(1);
        let message = recv(&theirs, 1, &mut ancillary);
        assert_eq!(ancillary.credentials(), Some(me));
        assert_eq!(ancillary.take_descriptors().len(), descriptors);
        assert!(!message.ancillary_truncated);
    }
    send(&ours, b"x", &[]);
    let mut no_room = Ancillary::default();
    assert!(recv(&theirs, 1, &mut no_room).ancillary_truncated);
    assert_eq!(no_room.credentials(), None);
}

// A13 of docs/pitfalls.md: as the test of `send` in `transfer.rs`, for the calls of this file and of
// `datagram.rs`.
#[test]
#[cfg_attr(miri, ignore = "no signals")]
fn a_message_to_nobody_is_epipe_and_no_signal() {
    // SAFETY: the default action is a valid one; nothing else in this process depends on the other.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    for kind in [Type::Stream, Type::SeqPacket] {
        let (ours, theirs) = Backend::current().socket_pair(kind).unwrap();
        drop(theirs);
        let message = ours.send_message(&[IoSlice::new(b"x")], &[ours.as_fd()], None, None);
        assert_eq!(message.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(ours.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
    let (ours, theirs) = Backend::current().socket_pair(Type::Datagram).unwrap();
    theirs.shutdown(std::net::Shutdown::Read).unwrap();
    assert_eq!(ours.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    let to =
        UnixAddress::from_abstract_name(format!("egret-epipe-{}", std::process::id()).as_bytes()).unwrap();
    theirs.bind_unix(&to).unwrap();
    assert_eq!(ours.send_to_unix(b"x", &to).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn records_are_taken_apart_as_they_were_put_together() {
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    let descriptors = [stdin.as_fd(), stdout.as_fd(), stdin.as_fd()];
    let me = Credentials { pid: 1, uid: 2, gid: 3 };
    let control = records(&descriptors, Some(me));
    let (level, kind, data, rest) = first_record(&control).unwrap();
    assert_eq!((level, kind), (libc::SOL_SOCKET, libc::SCM_RIGHTS));
    assert_eq!(data, [0i32, 1, 0].map(i32::to_ne_bytes).concat());
    let (_, kind, data, rest) = first_record(rest).unwrap();
    assert_eq!((kind, data), (libc::SCM_CREDENTIALS, &[1i32, 2, 3].map(i32::to_ne_bytes).concat()[..]));
    assert_eq!(first_record(rest), None);
    // Any length in the header reads nothing out of bounds.
    for len in (0..64).chain([usize::MAX, usize::MAX - 7]) {
        let mut broken = control.clone();
        broken[..8].copy_from_slice(&len.to_ne_bytes());
        if let Some((_, _, data, rest)) = first_record(&broken) {
            assert!(data.len() + rest.len() < broken.len());
        }
    }
}
