//! Before the first event of a descriptor, and after its last byte.

use super::*;

/// Polls once, with a waker that does nothing.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

// A descriptor without a report is not ready, even when it could be written: programs wait in this way for descriptors
// without an operation that would fail. The first report comes with the registration.
#[test]
fn no_socket_is_readable_or_writable_before_the_first_event() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    /// Polls every way to wait for each direction: all are alike. Returns whether reading and writing are ready.
    macro_rules! ready {
        ($subject:expr; $($read:ident),*; $($write:ident),*) => {{
            #[allow(unused_variables, reason = "some types have no such poll function")]
            let (cx, subject) = (&mut Context::from_waker(Waker::noop()), &$subject);
            #[allow(unused_mut)]
            let mut read = vec![poll_once(subject.readable()).is_ready()];
            $(read.push(subject.$read(cx).is_ready());)*
            #[allow(unused_mut)]
            let mut write = vec![poll_once(subject.writable()).is_ready()];
            $(write.push(subject.$write(cx).is_ready());)*
            let alike = |all: &[bool]| { assert!(all.windows(2).all(|two| two[0] == two[1])); all[0] };
            (alike(&read), alike(&write))
        }};
    }
    macro_rules! check {
        ($name:literal, $make:expr, $send:expr; $($read:ident),*; $($write:ident),*) => {{
            let (subject, theirs) = $make;
            assert_eq!(ready!(subject; $($read),*; $($write),*), (false, false), "{}, new", $name);
            next_turn(&rt);
            assert_eq!(ready!(subject; $($read),*; $($write),*), (false, true), "{}, after an event", $name);
            $send(&theirs);
            next_turn(&rt);
            assert_eq!(ready!(subject; $($read),*; $($write),*), (true, true), "{}, after bytes", $name);
        }};
    }
    let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = || {
        let theirs = std::net::TcpStream::connect(address).unwrap();
        let Poll::Ready(Ok((ours, _))) = poll_once(listener.accept()) else { panic!("it is in the queue") };
        (ours, theirs)
    };
    let send_tcp = |mut theirs: &std::net::TcpStream| theirs.write_all(b"x").unwrap();
    check!("accepted TCP", accepted(), send_tcp; poll_read_ready; poll_write_ready);
    let from_std = || {
        let (ours, theirs) = std_tcp();
        (TcpStream::from_std(ours).unwrap(), theirs)
    };
    check!("TCP from std", from_std(), send_tcp; poll_read_ready; poll_write_ready);
    let unix = || {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        (UnixStream::from_std(ours).unwrap(), theirs)
    };
    let send_unix = |mut theirs: &std::os::unix::net::UnixStream| theirs.write_all(b"x").unwrap();
    check!("Unix stream", unix(), send_unix; poll_read_ready; poll_write_ready);
    let udp = || {
        let (ours, theirs) = std_udp();
        (UdpSocket::from_std(ours).unwrap(), theirs)
    };
    let send_udp = |theirs: &std::net::UdpSocket| assert_eq!(theirs.send(b"x").unwrap(), 1);
    check!("UDP", udp(), send_udp; poll_recv_ready; poll_send_ready);
    let datagrams = || {
        let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
        (UnixDatagram::from_std(ours).unwrap(), theirs)
    };
    let send_datagram = |theirs: &std::os::unix::net::UnixDatagram| assert_eq!(theirs.send(b"x").unwrap(), 1);
    check!("Unix datagrams", datagrams(), send_datagram; ; );
    let packets = || UnixSeqpacket::pair().unwrap();
    let send_packet = |theirs: &UnixSeqpacket| assert_eq!(theirs.try_send(b"x").unwrap(), 1);
    check!("packets", packets(), send_packet; ; );

    let cx = &mut Context::from_waker(Waker::noop());
    let (sender, receiver) = pipe::pipe().unwrap();
    assert!(poll_once(sender.writable()).is_pending() && sender.poll_write_ready(cx).is_pending());
    next_turn(&rt);
    assert!(poll_once(sender.writable()).is_ready() && sender.poll_write_ready(cx).is_ready());
    assert!(poll_once(receiver.readable()).is_pending() && receiver.poll_read_ready(cx).is_pending());
    assert_eq!(sender.try_write(b"x").unwrap(), 1);
    next_turn(&rt);
    assert!(poll_once(receiver.readable()).is_ready() && receiver.poll_read_ready(cx).is_ready());
}

// An operation makes its own call: it needs no report, and a ready socket costs no turn.
#[test]
fn an_operation_on_a_new_socket_is_tried_before_the_first_event() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    assert_eq!(theirs.try_write(b"hello").unwrap(), 5);
    assert!(matches!(poll_once(ours.read(&mut [0; 8])), Poll::Ready(Ok(5))));
    // Waiting for readiness takes nothing from the operations of the other direction.
    assert!(poll_once(ours.readable()).is_pending());
    assert!(matches!(poll_once(ours.write(b"x")), Poll::Ready(Ok(1))));
    assert_eq!(rt.metrics().epoll_waits, 0);
}

/// A socket that is connecting to a listener whose queue is full.
fn connecting() -> (std::net::TcpStream, [Box<dyn std::any::Any>; 2]) {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: the call takes integers alone. The queue has room for one from now on.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let std::net::SocketAddr::V4(to) = listener.local_addr().unwrap() else { panic!("it is IPv4") };
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: to.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*to.ip()).to_be() },
        sin_zero: [0; 8],
    };
    let connect = || {
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the call takes integers alone.
        let raw = unsafe { libc::socket(libc::AF_INET, kind, 0) };
        assert!(raw >= 0, "{}", io::Error::last_os_error());
        // SAFETY: the kernel has just made it for us, so nothing else owns it.
        let socket = unsafe { OwnedFd::from_raw_fd(raw) };
        let len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        // SAFETY: the kernel reads one `sockaddr_in`, which lives across the call.
        unsafe { libc::connect(socket.as_fd().as_raw_fd(), (&raw const to).cast(), len) };
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EINPROGRESS));
        std::net::TcpStream::from(socket)
    };
    let queued = connect();
    let start = Instant::now();
    while queued.peer_addr().is_err() {
        assert!(start.elapsed() < HANG, "the first connection is not made");
        std::thread::yield_now();
    }
    (connect(), [Box::new(listener), Box::new(queued)])
}

#[test]
fn a_socket_from_std_that_is_connecting_is_not_writable() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (socket, _kept) = connecting();
    let mut stream = TcpStream::from_std(socket).unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..2 {
        assert!(poll_once(stream.writable()).is_pending() && poll_once(stream.readable()).is_pending());
        assert!(stream.poll_write_ready(cx).is_pending() && stream.poll_read_ready(cx).is_pending());
        assert!(stream.poll_write(cx, b"x").is_pending() && stream.poll_read(cx, &mut [0]).is_pending());
        settle(&rt);
    }
    assert_eq!(stream.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
}

// README: one `recv` for a request. A short read of TCP is the last for now, so that the next makes no call.
#[test]
fn a_tcp_stream_that_was_read_to_the_last_byte_is_not_asked_again_before_an_event() {
    let rt = Runtime::new().unwrap();
    let _inside = rt.enter();
    let (ours, mut theirs) = std_tcp();
    let kernel = ours.try_clone().unwrap();
    let mut stream = TcpStream::from_std(ours).unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(stream.poll_read(cx, &mut [0; 8]).is_pending());
    settle(&rt);
    theirs.write_all(b"request").unwrap();
    next_turn(&rt);
    assert!(matches!(stream.poll_read(cx, &mut [0; 8]), Poll::Ready(Ok(7))));
    // The next request is in the kernel, and its event is not reported yet: a `recv` would return it.
    theirs.write_all(b"another").unwrap();
    let start = Instant::now();
    while kernel.peek(&mut [0; 8]).is_err() {
        assert!(start.elapsed() < HANG, "it does not arrive");
    }
    assert!(stream.poll_read(cx, &mut [0; 8]).is_pending());
    assert_eq!(stream.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    next_turn(&rt);
    assert!(matches!(stream.poll_read(cx, &mut [0; 8]), Poll::Ready(Ok(7))));
}
