//! Multicast groups between hosts.

use egret::net::UdpSocket;
use egret::sim::{self, Fault, Faults};
use egret::time::{sleep, timeout};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const SECOND: Duration = Duration::from_secs(1);

/// Hosts of one service find each other by a group: each asks once a second, and the others answer the one that asked.
#[test]
fn hosts_find_each_other_by_a_group_although_datagrams_are_lost() {
    sim::check(0..100, |sim| {
        sim.faults(Faults::all().without(Fault::NoMemory).without(Fault::NoDescriptors));
        let (names, ready) = (["one", "two", "three"], Rc::new(Cell::new(0)));
        for name in names {
            let host = sim.host(name);
            let (own, ready) = (host.ip(), ready.clone());
            host.client(async move {
                let socket = UdpSocket::bind("0.0.0.0:5353").await.unwrap();
                socket.join_multicast_v4(GROUP, Ipv4Addr::UNSPECIFIED).unwrap();
                let mut found = BTreeSet::new();
                // One that has found all still answers the others.
                while ready.get() < names.len() {
                    let _ = socket.send_to(b"who is there?", (GROUP, 5353)).await;
                    let mut buf = [0; 64];
                    while let Ok(heard) = timeout(SECOND, socket.recv_from(&mut buf)).await {
                        let Ok((len, from)) = heard else { continue };
                        if from.ip() == own {
                            continue; // its own question: IP_MULTICAST_LOOP
                        }
                        if found.insert(from.ip()) && found.len() == names.len() - 1 {
                            ready.set(ready.get() + 1);
                        }
                        if buf[..len] == *b"who is there?" {
                            let _ = socket.send_to(b"I am", from).await;
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn who_hears_a_group_is_a_member_that_can_be_reached() {
    sim::check(0..8, |sim| {
        let [sender, member, stranger, cut] =
            ["sender", "member", "stranger", "cut"].map(|name| sim.host(name));
        sim.partition(&sender, &cut);
        let heard = Rc::new(RefCell::new(Vec::new()));
        for (host, name, joins) in [
            (&member, "member", true),
            (&stranger, "stranger", false),
            (&cut, "cut", true),
            (&sender, "sender", true),
        ] {
            let heard = heard.clone();
            let listen = async move {
                let socket = UdpSocket::bind("0.0.0.0:5353").await.unwrap();
                if joins {
                    socket.join_multicast_v4(GROUP, Ipv4Addr::UNSPECIFIED).unwrap();
                }
                let mut buf = [0; 8];
                while let Ok(got) = timeout(30 * SECOND, socket.recv_from(&mut buf)).await {
                    heard.borrow_mut().push((name, buf[..got.unwrap().0].to_vec()));
                }
            };
            if name != "sender" {
                host.client(listen);
                continue;
            }
            host.client(async move {
                let listening = egret::spawn(listen);
                sleep(SECOND).await;
                let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
                let send = async |text: &[u8]| {
                    socket.send_to(text, (GROUP, 5353)).await.unwrap();
                    sleep(SECOND).await;
                };
                send(b"all").await;
                socket.set_multicast_loop_v4(false).unwrap();
                send(b"others").await;
                socket.set_multicast_loop_v4(true).unwrap();
                socket.set_multicast_ttl_v4(0).unwrap();
                send(b"own").await;
                listening.await.unwrap();
            });
        }
        sim.run();
        let mut heard = heard.take();
        heard.sort();
        let texts: Vec<_> =
            heard.iter().map(|(name, text)| (*name, std::str::from_utf8(text).unwrap())).collect();
        assert_eq!(texts, [("member", "all"), ("member", "others"), ("sender", "all"), ("sender", "own")]);
    });
}
