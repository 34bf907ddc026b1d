//! Datagrams with what the kernel knows of them, their senders alone, and sockets with options from before the bind.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has no control records

use crate::sockets_common::run;
use egret_net::UdpSocket;
use egret_net::udp::{Builder, Ecn};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll, Waker};

/// The index of the loopback interface.
fn loopback() -> u32 {
    std::fs::read_to_string("/sys/class/net/lo/ifindex").map_or(1, |index| index.trim().parse().unwrap())
}

#[test]
fn a_datagram_says_that_it_was_cut_and_without_being_asked_nothing_else() {
    run(async {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(server.local_addr().unwrap()).await.unwrap();
        let mut buf = [0; 4];
        assert_eq!(server.try_recv_message(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        for (data, truncated) in [(&b"four"[..], false), (b"", false), (b"fives", true)] {
            client.send(data).await.unwrap();
            let message = server.recv_message(&mut buf).await.unwrap();
            assert_eq!((message.len, message.truncated), (data.len().min(4), truncated));
            assert_eq!(buf[..message.len], data[..message.len]);
            assert_eq!(message.from, client.local_addr().unwrap());
            assert_eq!((message.tos, message.ecn(), message.segment), (None, None, None));
            assert_eq!((message.destination, message.interface), (None, None));
        }
    });
}

#[test]
fn a_datagram_says_how_it_came() {
    run(async {
        let server = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        server.set_recv_info(true).unwrap();
        let port = server.local_addr().unwrap().port();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut buf = [0; 16];
        for (last, tos, ecn) in
            [(1, 0x00, Ecn::NotEct), (2, 0x29, Ecn::Ect1), (3, 0x02, Ecn::Ect0), (4, 0x03, Ecn::Ce)]
        {
            client.set_tos(tos).unwrap();
            let to = Ipv4Addr::new(127, 0, 0, last);
            client.send_to(b"x", SocketAddr::from((to, port))).await.unwrap();
            let message = server.recv_message(&mut buf).await.unwrap();
            assert_eq!(message.destination, Some(IpAddr::from(to)));
            assert_eq!(message.interface, Some(loopback()));
            assert_eq!((message.tos, message.ecn()), (Some(tos as u8), Some(ecn)));
        }
        server.set_recv_info(false).unwrap();
        client.send_to(b"x", ("127.0.0.1", port)).await.unwrap();
        assert_eq!(server.recv_message(&mut buf).await.unwrap().destination, None);
    });
}

#[test]
fn a_datagram_of_ipv6_says_how_it_came_and_one_of_ipv4_to_the_same_socket_too() {
    run(async {
        let Ok(server) = Builder::new().only_v6(false).bind("[::]:0").await else {
            eprintln!("skipped: there is no IPv6");
            return;
        };
        assert!(!server.only_v6().unwrap());
        server.set_recv_info(true).unwrap();
        let port = server.local_addr().unwrap().port();
        let mut buf = [0; 16];
        match UdpSocket::bind("[::1]:0").await {
            Ok(client) => {
                client.set_tclass_v6(0x2b).unwrap();
                client.send_to(b"x", ("::1", port)).await.unwrap();
                let message = server.recv_message(&mut buf).await.unwrap();
                assert_eq!(message.destination, Some(IpAddr::from(Ipv6Addr::LOCALHOST)));
                assert_eq!(message.interface, Some(loopback()));
                assert_eq!((message.tos, message.ecn()), (Some(0x2b), Some(Ecn::Ce)));
            }
            Err(error) => eprintln!("skipped: no loopback of IPv6: {error}"),
        }
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.set_tos(0x01).unwrap();
        client.send_to(b"x", ("127.0.0.1", port)).await.unwrap();
        let message = server.recv_message(&mut buf).await.unwrap();
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert_eq!(message.destination, Some(IpAddr::from(mapped)));
        assert_eq!(message.ecn(), Some(Ecn::Ect1));
    });
}

#[test]
fn a_peek_at_the_sender_leaves_the_datagram() {
    run(async {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(server.try_peek_sender().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(server.poll_peek_sender(cx).is_pending());
        client.send_to(b"ping", server.local_addr().unwrap()).await.unwrap();
        let from = client.local_addr().unwrap();
        assert_eq!(server.peek_sender().await.unwrap(), from);
        assert_eq!(server.try_peek_sender().unwrap(), from);
        assert!(matches!(server.poll_peek_sender(cx), Poll::Ready(Ok(sender)) if sender == from));
        assert_eq!(server.recv_from(&mut [0; 16]).await.unwrap(), (4, from));
    });
}

#[test]
fn a_socket_has_the_options_of_its_builder_before_it_is_bound() {
    run(async {
        let taken = Builder::new().bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        for alone in [Builder::new(), Builder::new().set_reuseport(true), Builder::new().set_reuseaddr(true)]
        {
            assert_eq!(alone.bind(address).await.unwrap_err().kind(), ErrorKind::AddrInUse, "{alone:?}");
        }
        for shared in [Builder::new().set_reuseport(true), Builder::new().set_reuseaddr(true)] {
            let one = shared.bind("127.0.0.1:0").await.unwrap();
            let other = shared.bind(one.local_addr().unwrap()).await.unwrap();
            assert_eq!(one.local_addr().unwrap(), other.local_addr().unwrap());
        }
        let roomy = Builder::new().recv_buffer_size(16 * 1024).bind("127.0.0.1:0").await.unwrap();
        assert_eq!(roomy.recv_buffer_size().unwrap(), 32 * 1024);
        let none = Builder::new().bind_device(b"no-such-device").bind("127.0.0.1:0").await;
        assert_eq!(none.unwrap_err().raw_os_error(), Some(19), "ENODEV");
        // Of several addresses the first that can be bound.
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bound = Builder::new().bind(&[address, free][..]).await.unwrap();
        assert_ne!(bound.local_addr().unwrap(), address);
    });
}
