//! Listeners for the next process; here both sides are in one, and the restarts are in `tests/examples/restart.rs`.

use crate::sockets_common::{Directory, run, test_of};
use egret_net::handover::Handover;
use egret_net::unix::{RecvAncillary, SendAncillary};
use egret_net::{TcpListener, UnixSeqpacket, UnixSeqpacketListener};
use egret_runtime::{spawn, time};
use std::fs;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

fn descriptor() -> OwnedFd {
    fs::File::open("/dev/null").unwrap().into()
}

/// A path in a directory that is removed at the end.
fn place() -> (Directory, PathBuf) {
    let directory = Directory::new();
    let path = directory.0.join("handover");
    (directory, path)
}

#[test]
fn the_successor_has_the_listener_with_its_queue_and_the_predecessor_returns_when_it_is_ready() {
    run(async {
        let (_directory, path) = place();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _queued = TcpStream::connect(address).unwrap();
        let descriptors = [("http", listener.as_fd().try_clone_to_owned().unwrap()), ("other", descriptor())];
        let handover = Handover::bind(&path, descriptors).unwrap();
        let predecessor = spawn(async move { handover.give().await });

        let taken = Handover::take(&path).await.unwrap().expect("a predecessor");
        assert_eq!(taken.names().collect::<Vec<_>>(), ["http", "other"]);
        let successor = TcpListener::from_std(taken.descriptor("http").unwrap().into()).unwrap();
        assert_eq!(successor.local_addr().unwrap(), address);
        let missing = taken.descriptor("smtp").unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert_eq!(
            missing.to_string(),
            "the predecessor has no descriptor \"smtp\", but [\"http\", \"other\"]"
        );
        assert!(!predecessor.is_finished());
        taken.ready().await.unwrap();
        predecessor.await.unwrap().unwrap();
        drop(listener); // and its duplicate, with the predecessor
        successor.accept().await.unwrap();
        // Nothing waits at the path any more.
        assert!(Handover::take(&path).await.unwrap().is_none());
    });
}

#[test]
fn without_a_predecessor_there_is_nothing_to_take() {
    run(async {
        let (_directory, path) = place();
        assert!(Handover::take(&path).await.unwrap().is_none());
        drop(UnixSeqpacketListener::bind(&path).unwrap()); // the file of one that was killed
        assert!(Handover::take(&path).await.unwrap().is_none());
        let handover = Handover::bind(&path, [("a", descriptor())]).unwrap();
        assert_eq!(handover.path(), path);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    });
}

#[test]
fn a_successor_that_fails_is_an_error_and_the_next_one_is_served() {
    run(async {
        let (_directory, path) = place();
        let (short, long) = (Duration::from_millis(20), Duration::from_secs(60));
        let handover = Handover::bind(&path, [("a", descriptor())]).unwrap().patience(long);
        // One that ends before it is ready.
        let theirs = path.clone();
        let dies = spawn(async move { drop(Handover::take(&theirs).await.unwrap()) });
        let error = handover.give().await.unwrap_err();
        dies.await.unwrap();
        assert_eq!(
            (error.kind(), &*error.to_string()),
            (ErrorKind::UnexpectedEof, "the successor has ended")
        );
        // One that says nothing.
        let handover = handover.patience(short);
        let silent = UnixSeqpacket::connect(&path).await.unwrap();
        let error = handover.give().await.unwrap_err();
        assert_eq!(error.to_string(), "the successor is not ready after 20ms");
        drop(silent);
        // One that says something else.
        let handover = handover.patience(long);
        let babbles = UnixSeqpacket::connect(&path).await.unwrap();
        babbles.send(b"GET / HTTP/1.1\r\n").await.unwrap();
        let error = handover.give().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let said = "the successor has said \"GET / HTTP/1.1\\r\\n\" instead of \"ready\"";
        assert_eq!(error.to_string(), said);
        // One that works.
        let works = spawn(async move { Handover::take(&path).await.unwrap().unwrap().ready().await });
        handover.give().await.unwrap();
        works.await.unwrap().unwrap();
    });
}

#[test]
fn a_predecessor_that_sends_garbage_is_an_error_that_says_what() {
    run(async {
        let (_directory, path) = place();
        let listener = UnixSeqpacketListener::bind(&path).unwrap();
        let cases: [(&[u8], usize, &str); 4] = [
            (b"hello", 0, "the predecessor has said \"hello\" instead of \"egret handover 1\""),
            (
                b"egret handover 2\na",
                1,
                "the predecessor has said \"egret handover 2\\na\" instead of \"egret handover 1\"",
            ),
            (b"egret handover 1\na\nb", 1, "the predecessor has sent 2 names and 1 descriptors"),
            (b"egret handover 1", 1, "the predecessor has sent 0 names and 1 descriptors"),
        ];
        for (hello, count, expected) in cases {
            let theirs = path.clone();
            let taking = spawn(async move { Handover::take(&theirs).await.map(|_| ()) });
            let (peer, _) = listener.accept().await.unwrap();
            let file = descriptor();
            let descriptors = vec![file.as_fd(); count];
            let beside = SendAncillary::new().descriptors(&descriptors);
            peer.send_message(&[IoSlice::new(hello)], &beside).await.unwrap();
            let error = taking.await.unwrap().unwrap_err();
            assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::InvalidData, expected));
        }
        // And one that ends.
        let theirs = path.clone();
        let taking = spawn(async move { Handover::take(&theirs).await.map(|_| ()) });
        drop(listener.accept().await.unwrap());
        assert_eq!(taking.await.unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    });
}

/// Says nothing, in time that passes at once.
#[test]
fn a_predecessor_that_says_nothing_is_an_error_after_five_seconds() {
    run(async {
        time::pause();
        let (_directory, path) = place();
        let listener = UnixSeqpacketListener::bind(&path).unwrap();
        let error = Handover::take(&path).await.unwrap_err();
        let late = (ErrorKind::TimedOut, "the predecessor does not answer after 5s");
        assert_eq!((error.kind(), &*error.to_string()), late);
        drop(listener.accept().await.unwrap());
        // Nor to the word that the successor is ready.
        let theirs = path.clone();
        let taking = spawn(async move { Handover::take(&theirs).await.unwrap().unwrap().ready().await });
        let (peer, _) = listener.accept().await.unwrap();
        peer.send(b"egret handover 1").await.unwrap();
        let error = taking.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), &*error.to_string()), late);
    });
}

const OTHER_USER: u32 = 65534;

/// In a process of another user. Both sides see it by the credentials, as the path is open to all.
#[test]
fn a_process_of_another_user_is_refused_by_both_sides() {
    const PATH: &str = "EGRET_TEST_HANDOVER_OF_ANOTHER_USER";
    if let Some(path) = std::env::var_os(PATH) {
        let error = run(async move { Handover::take(path).await.map(drop) }).unwrap_err();
        return println!("{:?}: {error}", error.kind());
    }
    let (_directory, path) = place();
    let own = fs::metadata(path.parent().unwrap()).unwrap().uid();
    let mut other = Command::new(std::env::current_exe().unwrap());
    other
        .args(["--exact", test_of(&|| ()), "--nocapture"])
        .env(PATH, &path)
        .uid(OTHER_USER)
        .stdout(Stdio::piped());
    run(async move {
        let handover = Handover::bind(&path, [("a", descriptor())]).unwrap();
        for open in [path.parent().unwrap(), &path] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let other = match other.spawn() {
            Ok(other) if own == 0 => other,
            _ => return eprintln!("SKIPPED: only root starts a process of another user"),
        };
        let pid = other.id();
        let error = handover.give().await.unwrap_err();
        let expected =
            format!("the successor is process {pid} of user {OTHER_USER}, and this one is of user 0");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::PermissionDenied, expected));
        let said = String::from_utf8(other.wait_with_output().unwrap().stdout).unwrap();
        let own = std::process::id();
        let expected =
            format!("the predecessor is process {own} of user 0, and this one is of user {OTHER_USER}");
        assert!(said.contains(&format!("PermissionDenied: {expected}")), "{said}");
    });
}

#[test]
fn what_the_packet_cannot_carry_is_refused() {
    run(async {
        let (_directory, path) = place();
        let refused = |names: Vec<String>| {
            let descriptors: Vec<_> = names.into_iter().map(|name| (name, descriptor())).collect();
            let error = Handover::bind(&path, descriptors).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            error.to_string()
        };
        let name = |name: &str| name.to_owned();
        assert_eq!(
            refused(vec![name("")]),
            "\"\" is no name of a descriptor: it is one line that is not empty"
        );
        let lines = "\"a\\nb\" is no name of a descriptor: it is one line that is not empty";
        assert_eq!(refused(vec![name("a\nb")]), lines);
        assert_eq!(refused(vec![name("a"), name("a")]), "two descriptors have the name \"a\"");
        let many = (0..254).map(|number| number.to_string()).collect();
        assert_eq!(refused(many), "254 descriptors, and a message has 253 at most");
        assert!(!path.exists());
    });
}

#[test]
fn a_hundred_descriptors_arrive_in_their_order() {
    run(async {
        let (directory, path) = place();
        let names: Vec<_> = (0..100).map(|number| format!("file {number}")).collect();
        let open = |name: &String| {
            let file = directory.0.join(name);
            fs::write(&file, name).unwrap();
            (name.clone(), OwnedFd::from(fs::File::open(file).unwrap()))
        };
        let descriptors: Vec<_> = names.iter().map(open).collect();
        let handover = Handover::bind(&path, descriptors).unwrap();
        let giving = spawn(async move { handover.give().await });
        let taken = Handover::take(&path).await.unwrap().unwrap();
        for name in &names {
            let file = fs::File::from(taken.descriptor(name).unwrap());
            assert_eq!(&std::io::read_to_string(file).unwrap(), name);
        }
        taken.ready().await.unwrap();
        giving.await.unwrap().unwrap();
    });
}

/// What a successor of another version sees of this one.
#[test]
fn the_packets_are_those_of_version_1() {
    run(async {
        let (_directory, path) = place();
        let handover = Handover::bind(&path, [("a", descriptor()), ("b", descriptor())]).unwrap();
        let giving = spawn(async move { handover.give().await });
        let peer = UnixSeqpacket::connect(&path).await.unwrap();
        let (mut packet, mut beside) = ([0; 64], RecvAncillary::with_room_for(2));
        let hello = peer.recv_message(&mut [IoSliceMut::new(&mut packet)], &mut beside).await.unwrap();
        assert_eq!((&packet[..hello.len], beside.descriptors().len()), (&b"egret handover 1\na\nb"[..], 2));
        peer.send(b"ready").await.unwrap();
        let yours = peer.recv(&mut packet).await.unwrap();
        assert_eq!(&packet[..yours], b"yours");
        giving.await.unwrap().unwrap();
    });
}
