use super::*;
use crate::executor::current;
use crate::inspect::Dump;
use crate::io::AsyncFd;
use crate::runtime::Runtime;
use std::convert::Infallible;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;

fn socket() -> (AsyncFd<UdpSocket>, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (AsyncFd::new(socket).unwrap(), address)
}

/// A dump of a task that waits for a descriptor whose number is another's when it is asked for. `None` when another
/// test of this process has got the number.
fn dump_of_a_number_used_again() -> Option<(i32, String, Dump)> {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let (old, _) = socket();
    let (stays, address) = socket();
    let number = old.as_raw_fd();
    let waits = rt.spawn(async move { drop(old.readable().await) });
    rt.turn(Some(Duration::ZERO));

    let mut gathered = Gathered::of(&current());
    waits.abort(); // closes it
    let new = TcpListener::bind("127.0.0.1:0").unwrap();
    if new.as_raw_fd() != number {
        return None;
    }
    let new = AsyncFd::new(new).unwrap();
    assert_eq!(sys::describe(number).kind, "TcpListener");
    let kept = |sources: Vec<_>| Ok::<_, Infallible>(KeptAddresses::of(&current(), &sources));
    let Ok(addresses) = Addresses::elsewhere(&mut gathered, &mut Remembered::default(), kept);
    drop((new, stays));
    Some((number, address, gathered.into_snapshot(addresses).into_dump(Instant::now())))
}

#[test]
fn a_number_that_is_used_again_has_not_the_address_of_the_new_descriptor() {
    let dump = std::iter::repeat_with(dump_of_a_number_used_again).take(1_000).flatten().next();
    let (number, address, dump) = dump.expect("the number is free once in 1000 times");
    assert_eq!(dump.tasks[0].waits[0].text, format!("reads descriptor #{number} closed meanwhile"));
    assert_eq!(dump.sources.len(), 2);
    for source in &dump.sources {
        let expected = Some(&address).filter(|_| source.fd != number);
        assert_eq!(source.local.as_ref(), expected, "{source:?}");
    }
}

/// The own address and that of the peer.
type Names = (Option<String>, Option<String>);

/// What a dump asks for of the sources that are registered now, how many of them, and what it finds.
fn asked(known: &mut Remembered) -> (usize, Vec<Names>) {
    let mut asked = 0;
    let kept = |sources: Vec<_>| {
        asked = sources.len();
        Ok::<_, Infallible>(KeptAddresses::of(&current(), &sources))
    };
    let Ok(addresses) = Addresses::elsewhere(&mut Gathered::of(&current()), known, kept);
    let name = |name: Option<sys::SocketName>| name.map(|name| name.to_string());
    (asked, addresses.described.into_iter().map(|of| (name(of.local), name(of.peer))).collect())
}

#[test]
fn the_addresses_of_a_connection_are_asked_for_once() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    let connection = || {
        let stream = TcpStream::connect(there).unwrap();
        let names = (Some(stream.local_addr().unwrap().to_string()), Some(there.to_string()));
        (AsyncFd::new(stream).unwrap(), names)
    };
    let ((first, of_first), (udp, address)) = (connection(), socket());
    let mut known = Remembered::default();
    assert_eq!(asked(&mut known), (2, vec![of_first.clone(), (Some(address.clone()), None)]));
    // A socket of UDP may be connected meanwhile.
    udp.get_ref().connect(there).unwrap();
    let of_udp = (Some(address), Some(there.to_string()));
    assert_eq!(asked(&mut known), (1, vec![of_first.clone(), of_udp.clone()]));
    assert_eq!(known.len(), 1);
    // The next has the number and the index of the first, and another key.
    drop(first);
    let (second, of_second) = connection();
    assert_ne!(of_first, of_second);
    assert_eq!(asked(&mut known), (2, vec![of_second, of_udp.clone()]));
    drop(second);
    assert_eq!(asked(&mut known), (1, vec![of_udp]));
    assert_eq!(known.len(), 0, "nothing is kept of what is closed");
}

#[test]
fn the_loop_says_which_sources_are_registered_by_their_keys() {
    let rt = Runtime::new().unwrap();
    let _entered = rt.enter();
    let [(first, _), (second, _)] = [socket(), socket()];
    let sources = Gathered::of(&current()).sources;
    let keys: Vec<_> = sources.iter().map(|source| source.key).collect();
    assert_eq!(KeptAddresses::of(&current(), &keys).is_kept, [true, true]);
    drop(first);
    assert_eq!(KeptAddresses::of(&current(), &keys).is_kept, [false, true]);
    let (_third, _) = socket(); // at the index of the first
    assert_eq!(KeptAddresses::of(&current(), &keys).is_kept, [false, true]);
    drop(second);
    assert_eq!(KeptAddresses::of(&current(), &keys).is_kept, [false, false]);
}
