//! Every public `poll_` function of every socket type, on a socket that is not ready: an event of the other direction
//! wakes nothing, an event of its own wakes every task that polled, and of a thousand foreign wakers one is kept.

#![cfg(not(miri))] // which has neither UDP nor a full socket

mod before_an_event;

use crate::full_tcp;
use crate::sockets_common::{HANG, name, next_turn, settle};
use egret_net::udp::RecvBatch;
use egret_net::unix::pipe;
use egret_net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixSeqpacket, UnixSeqpacketListener,
    UnixStream,
};
use egret_runtime::io::Interest;
use egret_runtime::runtime::Runtime;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

type PollFn<S> = fn(&mut S, &mut Context<'_>) -> Poll<io::Result<()>>;

/// A foreign waker, like those of `FuturesUnordered`.
#[derive(Default)]
struct Foreign(AtomicUsize);

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A socket that is not ready in the direction of the function under test.
struct Case<S> {
    subject: S,
    /// Makes an event of the other direction only.
    other: Box<dyn FnMut(&Runtime)>,
    /// Makes the event that the function waits for.
    event: Box<dyn FnMut()>,
}

/// Turns the loop until `done`, sleeping in between.
#[track_caller]
fn turn_until(rt: &Runtime, done: impl Fn() -> bool) {
    while !done() {
        next_turn(rt);
    }
}

#[track_caller]
fn waits_in_its_direction<S: 'static>(name: &str, make: impl Fn(&Runtime) -> Case<S>, poll: PollFn<S>) {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let Case { subject, mut other, mut event } = make(&rt);
    let subject = Rc::new(RefCell::new(subject));

    let mut last = Arc::<Foreign>::default();
    let mut before = Weak::new();
    for round in 0..1000 {
        last = Arc::default();
        let waker = Waker::from(last.clone());
        let polled = poll(&mut subject.borrow_mut(), &mut Context::from_waker(&waker));
        assert!(polled.is_pending(), "{name}: it does not wait");
        assert_eq!(before.strong_count(), 0, "{name}: the waker of poll {round} is kept beyond the next");
        before = Arc::downgrade(&last);
        drop(waker);
    }
    assert_eq!(Arc::strong_count(&last), 2, "{name}: the last waker is not kept");

    let polls: [Rc<Cell<u32>>; 2] = Default::default();
    for count in polls.clone() {
        let subject = subject.clone();
        drop(rt.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            poll(&mut subject.borrow_mut(), cx).map(Result::unwrap)
        })));
    }
    let counts = || (polls[0].get(), polls[1].get(), last.0.load(Ordering::Relaxed));
    turn_until(&rt, || counts().1 == 1);
    other(&rt);
    settle(&rt);
    assert_eq!(counts(), (1, 1, 0), "{name}: woken by an event of the other direction");

    event();
    turn_until(&rt, || counts().2 == 1 && counts().0 > 1 && counts().1 > 1);
    assert_eq!(Arc::strong_count(&last), 1, "{name}: a waker is kept after its wake");
}

/// A turn that reports one event.
fn turns(rt: &Runtime) {
    assert_eq!(next_turn(rt).events, 1);
}

/// For readers, whose socket has reported room since they wait, with its registration.
fn nothing(_: &Runtime) {}

fn ready<T>(polled: Poll<io::Result<T>>) -> Poll<io::Result<()>> {
    polled.map_ok(drop)
}

fn std_tcp() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

/// Writes until a Unix stream that is non-blocking takes no more.
fn fill(mut stream: &std::os::unix::net::UnixStream) {
    while stream.write(&[0; 65536]).is_ok() {}
}

/// Reads what has come.
fn drain(mut stream: impl Read) {
    let mut buf = vec![0; 1 << 20];
    while stream.read(&mut buf).is_ok() {}
}

fn tcp_to_read(_: &Runtime) -> Case<TcpStream> {
    let (ours, mut theirs) = std_tcp();
    let subject = TcpStream::from_std(ours).unwrap();
    Case { subject, other: Box::new(nothing), event: Box::new(move || theirs.write_all(b"xy").unwrap()) }
}

fn tcp_to_write(_: &Runtime) -> Case<TcpStream> {
    let (ours, theirs) = std_tcp();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let (local, remote) = (ours.local_addr().unwrap(), ours.peer_addr().unwrap());
    full_tcp::fill(local, remote, |bytes| (&ours).write(bytes));
    let (subject, mut writer) = (TcpStream::from_std(ours).unwrap(), theirs.try_clone().unwrap());
    // A probe of the peer's window may have made a little room since, which is no event.
    while subject.try_write(&[0; 65536]).is_ok() {}
    let other = move |rt: &Runtime| {
        writer.write_all(b"x").unwrap();
        turns(rt);
    };
    Case { subject, other: Box::new(other), event: Box::new(move || drain(&theirs)) }
}

fn unix_to_read(_: &Runtime) -> Case<UnixStream> {
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let subject = UnixStream::from_std(ours).unwrap();
    Case { subject, other: Box::new(nothing), event: Box::new(move || theirs.write_all(b"xy").unwrap()) }
}

fn unix_to_write(_: &Runtime) -> Case<UnixStream> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    fill(&ours);
    let (subject, mut writer) = (UnixStream::from_std(ours).unwrap(), theirs.try_clone().unwrap());
    let other = move |rt: &Runtime| {
        writer.write_all(b"x").unwrap();
        turns(rt);
    };
    Case { subject, other: Box::new(other), event: Box::new(move || drain(&theirs)) }
}

fn std_udp() -> (std::net::UdpSocket, std::net::UdpSocket) {
    let [ours, theirs] = [(); 2].map(|()| std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    ours.connect(theirs.local_addr().unwrap()).unwrap();
    theirs.connect(ours.local_addr().unwrap()).unwrap();
    (ours, theirs)
}

fn udp_to_read(_: &Runtime) -> Case<UdpSocket> {
    let (ours, theirs) = std_udp();
    let subject = UdpSocket::from_std(ours).unwrap();
    let event = move || assert_eq!(theirs.send(b"x").unwrap(), 1);
    Case { subject, other: Box::new(nothing), event: Box::new(event) }
}

/// A UDP socket has room as soon as a datagram is on its way, so that there is none is said by an operation that makes
/// no call. The event is that of a datagram which a duplicate of the socket sends. There is none of the other direction
/// alone: one that says that a datagram has come says that there is room as well.
fn udp_to_write(rt: &Runtime) -> Case<UdpSocket> {
    let (ours, theirs) = std_udp();
    let duplicate = ours.try_clone().unwrap();
    let subject = UdpSocket::from_std(ours).unwrap();
    settle(rt);
    let full = subject.try_io(Interest::WRITABLE, || Err::<(), _>(ErrorKind::WouldBlock.into()));
    assert_eq!(full.unwrap_err().kind(), ErrorKind::WouldBlock);
    let event = move || {
        let _receiver = &theirs;
        assert_eq!(duplicate.send(b"x").unwrap(), 1);
    };
    Case { subject, other: Box::new(nothing), event: Box::new(event) }
}

fn datagrams_to_read(_: &Runtime) -> Case<UnixDatagram> {
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let subject = UnixDatagram::from_std(ours).unwrap();
    let event = move || assert_eq!(theirs.send(b"x").unwrap(), 1);
    Case { subject, other: Box::new(nothing), event: Box::new(event) }
}

fn datagrams_to_write(_: &Runtime) -> Case<UnixDatagram> {
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    while ours.send(b"x").is_ok() {}
    let (subject, writer) = (UnixDatagram::from_std(ours).unwrap(), theirs.try_clone().unwrap());
    let other = move |rt: &Runtime| {
        writer.send(b"x").unwrap();
        turns(rt);
    };
    let event = move || while theirs.recv(&mut [0; 1]).is_ok() {};
    Case { subject, other: Box::new(other), event: Box::new(event) }
}

fn packets_to_read(_: &Runtime) -> Case<UnixSeqpacket> {
    let (subject, theirs) = UnixSeqpacket::pair().unwrap();
    let event = move || assert_eq!(theirs.try_send(b"x").unwrap(), 1);
    Case { subject, other: Box::new(nothing), event: Box::new(event) }
}

fn packets_to_write(_: &Runtime) -> Case<UnixSeqpacket> {
    let (subject, theirs) = UnixSeqpacket::pair().unwrap();
    while subject.try_send(b"x").is_ok() {}
    let theirs = Rc::new(theirs);
    let writer = theirs.clone();
    let other = move |_: &Runtime| assert_eq!(writer.try_send(b"x").unwrap(), 1);
    let event = move || while theirs.try_recv(&mut [0; 1]).is_ok() {};
    Case { subject, other: Box::new(other), event: Box::new(event) }
}

fn pipe_to_read(_: &Runtime) -> Case<pipe::Receiver> {
    let (sender, subject) = pipe::pipe().unwrap();
    let event = move || assert_eq!(sender.try_write(b"x").unwrap(), 1);
    Case { subject, other: Box::new(nothing), event: Box::new(event) }
}

fn pipe_to_write(_: &Runtime) -> Case<pipe::Sender> {
    let (subject, receiver) = pipe::pipe().unwrap();
    while subject.try_write(&[0; 4096]).is_ok() {}
    let event = move || while receiver.try_read(&mut [0; 65536]).is_ok() {};
    Case { subject, other: Box::new(nothing), event: Box::new(event) }
}

fn program() -> File {
    File::open("/proc/self/exe").unwrap()
}

#[test]
fn every_poll_function_that_reads_from_a_stream_waits_for_something_to_read() {
    macro_rules! reads {
        ($make:ident, $($what:ident => |$s:ident, $cx:ident| $poll:expr;)*) => {$(
            let name = concat!(stringify!($make), ", ", stringify!($what));
            waits_in_its_direction(name, $make, |$s, $cx| ready($poll));
        )*};
    }
    macro_rules! all {
        ($make:ident) => {
            reads! { $make,
                poll_read => |s, cx| s.poll_read(cx, &mut [0; 1]);
                poll_read_uninit => |s, cx| s.poll_read_uninit(cx, &mut [MaybeUninit::uninit(); 1]).map_ok(drop);
                poll_read_vectored => |s, cx| s.poll_read_vectored(cx, &mut [IoSliceMut::new(&mut [0; 1])]);
                poll_peek => |s, cx| s.poll_peek(cx, &mut [0; 1]);
                poll_read_ready => |s, cx| s.poll_read_ready(cx);
                half_poll_read => |s, cx| s.split().0.poll_read(cx, &mut [0; 1]);
                half_poll_read_uninit => |s, cx| {
                    s.split().0.poll_read_uninit(cx, &mut [MaybeUninit::uninit(); 1]).map_ok(drop)
                };
                half_poll_read_vectored => |s, cx| {
                    s.split().0.poll_read_vectored(cx, &mut [IoSliceMut::new(&mut [0; 1])])
                };
                half_poll_peek => |s, cx| s.split().0.poll_peek(cx, &mut [0; 1]);
                half_poll_read_ready => |s, cx| s.split().0.poll_read_ready(cx);
            }
        };
    }
    all!(tcp_to_read);
    all!(unix_to_read);
    reads! { pipe_to_read,
        poll_read => |s, cx| s.poll_read(cx, &mut [0; 1]);
        poll_read_ready => |s, cx| s.poll_read_ready(cx);
    }
}

macro_rules! writes {
    ($make:ident, $($what:ident => |$s:ident, $cx:ident| $poll:expr;)*) => {$(
        let name = concat!(stringify!($make), ", ", stringify!($what));
        waits_in_its_direction(name, $make, |$s, $cx| ready($poll));
    )*};
}

macro_rules! sendfiles {
    ($make:ident) => {
        writes! { $make,
            poll_sendfile => |s, cx| s.poll_sendfile(cx, &program(), 0, 1);
            half_poll_sendfile => |s, cx| s.split().1.poll_sendfile(cx, &program(), 0, 1);
        }
    };
}

#[test]
fn every_poll_function_that_writes_to_a_stream_waits_for_room() {
    macro_rules! all {
        ($make:ident) => {
            writes! { $make,
                poll_write => |s, cx| s.poll_write(cx, b"x");
                poll_write_vectored => |s, cx| s.poll_write_vectored(cx, &[IoSlice::new(b"x")]);
                poll_write_ready => |s, cx| s.poll_write_ready(cx);
                half_poll_write => |s, cx| s.split().1.poll_write(cx, b"x");
                half_poll_write_vectored => |s, cx| {
                    s.split().1.poll_write_vectored(cx, &[IoSlice::new(b"x")])
                };
                half_poll_write_ready => |s, cx| s.split().1.poll_write_ready(cx);
            }
        };
    }
    all!(tcp_to_write);
    sendfiles!(tcp_to_write);
    all!(unix_to_write);
    writes! { pipe_to_write,
        poll_write => |s, cx| s.poll_write(cx, b"x");
        poll_write_ready => |s, cx| s.poll_write_ready(cx);
    }
}

// Left out on kernels before 6.5 (.ci/vm-lacks).
#[test]
fn poll_sendfile_to_a_unix_stream_waits_for_room() {
    sendfiles!(unix_to_write);
}

#[test]
fn every_poll_function_of_a_datagram_socket_waits_in_its_direction() {
    macro_rules! waits {
        ($($make:ident, $what:ident => |$s:ident, $cx:ident| $poll:expr;)*) => {$(
            let name = concat!(stringify!($make), ", ", stringify!($what));
            waits_in_its_direction(name, $make, |$s, $cx| ready($poll));
        )*};
    }
    waits! {
        udp_to_read, poll_recv => |s, cx| s.poll_recv(cx, &mut [0; 1]);
        udp_to_read, poll_recv_from => |s, cx| s.poll_recv_from(cx, &mut [0; 1]);
        udp_to_read, poll_recv_many => |s, cx| s.poll_recv_many(cx, &mut RecvBatch::new(1, 1));
        udp_to_read, poll_peek => |s, cx| s.poll_peek(cx, &mut [0; 1]);
        udp_to_read, poll_peek_from => |s, cx| s.poll_peek_from(cx, &mut [0; 1]);
        udp_to_read, poll_recv_ready => |s, cx| s.poll_recv_ready(cx);
        udp_to_write, poll_send => |s, cx| s.poll_send(cx, b"x");
        udp_to_write, poll_send_to => |s, cx| { let to = s.peer_addr().unwrap(); s.poll_send_to(cx, b"x", to) };
        udp_to_write, poll_send_ready => |s, cx| s.poll_send_ready(cx);
        datagrams_to_read, poll_recv => |s, cx| s.poll_recv(cx, &mut [0; 1]);
        datagrams_to_read, poll_recv_from => |s, cx| s.poll_recv_from(cx, &mut [0; 1]);
        datagrams_to_write, poll_send => |s, cx| s.poll_send(cx, b"x");
        packets_to_read, poll_recv => |s, cx| s.poll_recv(cx, &mut [0; 1]);
        packets_to_write, poll_send => |s, cx| s.poll_send(cx, b"x");
    }
}

#[test]
fn every_poll_function_that_accepts_waits_for_a_connection() {
    let tcp = |rt: &Runtime| {
        let subject = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = subject.local_addr().unwrap();
        let event = move || drop(std::net::TcpStream::connect(address).unwrap());
        Case { subject, other: Box::new(nothing), event: Box::new(event) }
    };
    waits_in_its_direction("TcpListener::poll_accept", tcp, |s, cx| ready(s.poll_accept(cx)));
    let unix = |_: &Runtime| {
        let name = name();
        let subject = UnixListener::bind(&name).unwrap();
        let event = move || {
            use std::os::linux::net::SocketAddrExt;
            use std::os::unix::net::{SocketAddr, UnixStream};
            let address = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap();
            drop(UnixStream::connect_addr(&address).unwrap());
        };
        Case { subject, other: Box::new(nothing), event: Box::new(event) }
    };
    waits_in_its_direction("UnixListener::poll_accept", unix, |s, cx| ready(s.poll_accept(cx)));
    let packets = |_: &Runtime| {
        let name = name();
        let subject = UnixSeqpacketListener::bind(&name).unwrap();
        let event = move || {
            let name = name.clone();
            drop(egret_runtime::spawn(async move { UnixSeqpacket::connect(&name).await.unwrap() }));
        };
        Case { subject, other: Box::new(nothing), event: Box::new(event) }
    };
    waits_in_its_direction("UnixSeqpacketListener::poll_accept", packets, |s, cx| ready(s.poll_accept(cx)));
}
