//! Each option reads back as set, and an invalid value is an error that keeps its kind.

#![cfg(not(miri))] // which knows few options

use crate::sockets_common::run;
use egret_net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixStream};
use egret_runtime::task::yield_now;
use egret_runtime::time::Duration;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::task::{Context, Waker};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_times_of_keepalive_read_back_and_out_of_range_they_are_refused() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_keepalive_time(60 * SECOND).unwrap();
    socket.set_keepalive_interval(10 * SECOND).unwrap();
    socket.set_keepalive_retries(3).unwrap();
    let read = || {
        (
            socket.keepalive_time().unwrap(),
            socket.keepalive_interval().unwrap(),
            socket.keepalive_retries().unwrap(),
        )
    };
    assert_eq!(read(), (60 * SECOND, 10 * SECOND, 3));
    // Rounded up: a fraction must not become "at once", nor the default.
    socket.set_keepalive_time(SECOND / 1000).unwrap();
    socket.set_keepalive_interval(SECOND * 3 / 2).unwrap();
    assert_eq!(read(), (SECOND, 2 * SECOND, 3));
    for out_of_range in [Duration::ZERO, 32768 * SECOND, Duration::MAX] {
        assert_eq!(socket.set_keepalive_time(out_of_range).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(socket.set_keepalive_interval(out_of_range).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    for out_of_range in [0, 128, u32::MAX] {
        assert_eq!(socket.set_keepalive_retries(out_of_range).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(read(), (SECOND, 2 * SECOND, 3));
}

#[test]
fn a_listener_hands_the_times_of_keepalive_on() {
    run(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_keepalive(true).unwrap();
        socket.set_keepalive_time(77 * SECOND).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let duplicate = TcpSocket::from(server.as_fd().try_clone_to_owned().unwrap());
        assert!(duplicate.keepalive().unwrap());
        assert_eq!(duplicate.keepalive_time().unwrap(), 77 * SECOND);
    });
}

#[test]
fn a_listener_hands_the_bound_of_unsent_bytes_on() {
    run(async {
        let socket = TcpSocket::new_v4().unwrap();
        assert_eq!(socket.notsent_lowat().unwrap(), 0);
        socket.set_notsent_lowat(12_345).unwrap();
        assert_eq!(socket.notsent_lowat().unwrap(), 12_345);
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert_eq!((client.notsent_lowat().unwrap(), server.notsent_lowat().unwrap()), (0, 12_345));
        for bytes in [u32::MAX, 1, 0] {
            client.set_notsent_lowat(bytes).unwrap();
            assert_eq!(client.notsent_lowat().unwrap(), bytes);
        }
    });
}

#[test]
fn a_time_limit_for_acknowledgements_reads_back_in_milliseconds_and_is_handed_on() {
    run(async {
        let socket = TcpSocket::new_v4().unwrap();
        assert_eq!(socket.user_timeout().unwrap(), None);
        // Rounded up, so that it never becomes the default.
        let (least, most) = (Duration::from_millis(1), Duration::from_millis(i32::MAX as u64));
        for (set, expected) in [
            (Duration::ZERO, least),
            (Duration::from_nanos(1), least),
            (SECOND + Duration::from_nanos(1), SECOND + least),
            (Duration::MAX, most),
            (30 * SECOND, 30 * SECOND),
        ] {
            socket.set_user_timeout(Some(set)).unwrap();
            assert_eq!(socket.user_timeout().unwrap(), Some(expected), "{set:?}");
        }
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert_eq!(server.user_timeout().unwrap(), Some(30 * SECOND));
        assert_eq!(client.user_timeout().unwrap(), None);
        server.set_user_timeout(None).unwrap();
        assert_eq!(server.user_timeout().unwrap(), None);
    });
}

#[test]
fn a_stream_is_readable_when_as_many_bytes_are_queued_as_it_asked_for_or_it_has_ended() {
    run(async {
        let socket = TcpSocket::new_v4().unwrap();
        assert_eq!(socket.recv_lowat().unwrap(), 1);
        socket.set_recv_lowat(4).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        assert_eq!(server.recv_lowat().unwrap(), 4);
        let mut buf = [0; 16];
        assert_eq!(server.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        client.set_nodelay(true).unwrap();
        client.write_all(b"abc").await.unwrap();
        let duplicate = std::net::TcpStream::from(server.as_fd().try_clone_to_owned().unwrap());
        while duplicate.peek(&mut buf).unwrap_or(0) < 3 {
            yield_now().await;
        }
        for _ in 0..3 {
            yield_now().await; // an event would come in one of them
        }
        let mut readable = Box::pin(server.readable());
        assert!(readable.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        client.write_all(b"d").await.unwrap();
        readable.await.unwrap();
        assert_eq!(server.try_read(&mut buf).unwrap(), 4);
        server.set_recv_lowat(1000).unwrap();
        assert_eq!(server.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        client.write_all(b"end").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut buf).await.unwrap(), 3);
        server.set_recv_lowat(0).unwrap();
        assert_eq!(server.recv_lowat().unwrap(), 1);
    });
}

#[test]
fn the_type_of_service_has_tokios_older_name_too() {
    run(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_tos(0x10).unwrap();
        assert_eq!((socket.tos().unwrap(), socket.tos_v4().unwrap()), (0x10, 0x10));
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.set_tos(0x20).unwrap();
        assert_eq!((socket.tos().unwrap(), socket.tos_v4().unwrap()), (0x20, 0x20));
        assert_eq!(socket.set_tos(256).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn what_a_listener_is_tuned_by_reads_back() {
    let socket = TcpSocket::new_v4().unwrap();
    assert_eq!(socket.fastopen().unwrap(), 0);
    socket.set_fastopen(16).unwrap();
    assert_eq!(socket.fastopen().unwrap(), 16);

    assert_eq!(socket.defer_accept().unwrap(), Duration::ZERO);
    socket.set_defer_accept(5 * SECOND).unwrap();
    let deferred = socket.defer_accept().unwrap();
    assert!(
        (5 * SECOND..15 * SECOND).contains(&deferred),
        "{deferred:?}: the kernel rounds up, but not so far"
    );
    socket.set_defer_accept(Duration::ZERO).unwrap();
    assert_eq!(socket.defer_accept().unwrap(), Duration::ZERO);

    assert_eq!(socket.incoming_cpu().unwrap(), None);
    socket.set_incoming_cpu(1).unwrap();
    assert_eq!(socket.incoming_cpu().unwrap(), Some(1));
}

#[test]
fn a_connected_socket_has_no_fastopen_queue() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let duplicate = TcpSocket::from(client.as_fd().try_clone_to_owned().unwrap());
        assert_eq!(duplicate.set_fastopen(16).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

fn assert_mark(get: impl Fn() -> io::Result<u32>, set: impl Fn(u32) -> io::Result<()>) {
    assert_eq!(get().unwrap(), 0);
    match set(0xdead_beef) {
        Ok(()) => assert_eq!(get().unwrap(), 0xdead_beef),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            eprintln!("skipped: marks need CAP_NET_ADMIN or CAP_NET_RAW, which this process has not");
        }
    }
}

#[test]
fn a_mark_reads_back_where_it_is_allowed() {
    let socket = TcpSocket::new_v4().unwrap();
    assert_mark(|| socket.mark(), |mark| socket.set_mark(mark));
    run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        assert_mark(|| socket.mark(), |mark| socket.set_mark(mark));
    });
}

#[test]
fn ipv6_only_reads_back_and_is_no_option_of_ipv4() {
    let v4 = TcpSocket::new_v4().unwrap();
    let refused = v4.set_only_v6(true).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::ENOPROTOOPT));
    let Ok(v6) = TcpSocket::new_v6() else {
        return eprintln!("skipped: this host has no IPv6");
    };
    for only in [true, false] {
        v6.set_only_v6(only).unwrap();
        assert_eq!(v6.only_v6().unwrap(), only);
    }
    if v6.bind("[::1]:0".parse().unwrap()).is_ok() {
        assert_eq!(v6.set_only_v6(true).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn the_options_of_udp_read_back() {
    run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        type Flag =
            (&'static str, fn(&UdpSocket) -> io::Result<bool>, fn(&UdpSocket, bool) -> io::Result<()>);
        let flags: [Flag; 2] = [
            ("broadcast", UdpSocket::broadcast, UdpSocket::set_broadcast),
            ("multicast_loop_v4", UdpSocket::multicast_loop_v4, UdpSocket::set_multicast_loop_v4),
        ];
        for (name, get, set) in flags {
            let before = get(&socket).unwrap();
            for on in [!before, before] {
                set(&socket, on).unwrap();
                assert_eq!(get(&socket).unwrap(), on, "{name}");
            }
        }
        type Number = (
            &'static str,
            fn(&UdpSocket) -> io::Result<u32>,
            fn(&UdpSocket, u32) -> io::Result<()>,
            u32,
            u32,
        );
        let numbers: [Number; 6] = [
            ("ttl", UdpSocket::ttl, UdpSocket::set_ttl, 33, 33),
            ("tos_v4", UdpSocket::tos_v4, UdpSocket::set_tos_v4, 0x10, 0x10),
            ("multicast_ttl_v4", UdpSocket::multicast_ttl_v4, UdpSocket::set_multicast_ttl_v4, 7, 7),
            ("incoming_cpu", |s| Ok(s.incoming_cpu()?.unwrap()), UdpSocket::set_incoming_cpu, 1, 1),
            ("send buffer", UdpSocket::send_buffer_size, UdpSocket::set_send_buffer_size, 1 << 14, 1 << 15),
            ("recv buffer", UdpSocket::recv_buffer_size, UdpSocket::set_recv_buffer_size, 1 << 14, 1 << 15),
        ];
        for (name, get, set, value, reads) in numbers {
            set(&socket, value).unwrap();
            assert_eq!(get(&socket).unwrap(), reads, "{name}");
        }
        assert_eq!(socket.set_ttl(256).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(socket.set_multicast_ttl_v4(256).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(socket.device().unwrap(), None);
        assert!(socket.bind_device(Some(b"no-such-if")).is_err());
        assert_eq!(socket.set_tclass_v6(1).unwrap_err().raw_os_error(), Some(libc::ENOPROTOOPT));
        assert_eq!(socket.only_v6().unwrap_err().raw_os_error(), Some(libc::EOPNOTSUPP));

        let Ok(v6) = UdpSocket::bind("[::1]:0").await else {
            return eprintln!("skipped: this host has no IPv6");
        };
        v6.set_multicast_loop_v6(false).unwrap();
        assert!(!v6.multicast_loop_v6().unwrap());
        v6.set_multicast_hops_v6(9).unwrap();
        assert_eq!(v6.multicast_hops_v6().unwrap(), 9);
        v6.set_tclass_v6(0x20).unwrap();
        assert_eq!(v6.tclass_v6().unwrap(), 0x20);
        assert!(v6.only_v6().unwrap(), "of a socket with one address of IPv6 the kernel says so");
    });
}

#[test]
fn the_options_of_a_stream_read_back() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        for on in [true, false] {
            client.set_nodelay(on).unwrap();
            assert_eq!(client.nodelay().unwrap(), on);
            // Reads back until something is received: the kernel keeps the option for as long as it pleases.
            client.set_quickack(on).unwrap();
            assert_eq!(client.quickack().unwrap(), on);
        }
        for ttl in [33, 255] {
            client.set_ttl(ttl).unwrap();
            assert_eq!(client.ttl().unwrap(), ttl);
        }
        assert_eq!(client.set_ttl(256).unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn an_error_that_the_kernel_keeps_is_taken_once() {
    run(async {
        // Of TCP, a reset; of the Unix domain, the end of a peer that leaves bytes unread.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        assert!(near.take_error().unwrap().is_none());
        far.set_zero_linger().unwrap();
        drop(far);
        near.readable().await.unwrap();
        assert_eq!(near.take_error().unwrap().unwrap().kind(), ErrorKind::ConnectionReset);
        assert!(near.take_error().unwrap().is_none());

        let (mut near, far) = UnixStream::pair().unwrap();
        assert!(near.take_error().unwrap().is_none());
        near.write_all(b"unread").await.unwrap();
        drop(far);
        assert_eq!(near.take_error().unwrap().unwrap().kind(), ErrorKind::ConnectionReset);
        assert!(near.take_error().unwrap().is_none());
    });
}

#[test]
fn a_unix_stream_says_whether_credentials_come() {
    run(async {
        let (near, _far) = UnixStream::pair().unwrap();
        for on in [false, true, false] {
            near.set_passcred(on).unwrap();
            assert_eq!(near.passcred().unwrap(), on);
        }
    });
}
