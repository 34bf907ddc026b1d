//! Which sockets may have one address, and which of them receives.

use super::errno::said;
use super::kernel::{linux, simulation};
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// A socket to be bound: its address, and whether it is for IPv6 only.
const ADDRESSES: [(&str, bool); 6] = [
    ("0.0.0.0", false),
    ("127.0.0.1", false),
    ("127.0.0.2", false),
    ("::", false),
    ("::", true),
    ("::1", false),
];

/// `SO_REUSEADDR` and `SO_REUSEPORT` of the first, and of the second.
const SHARES: [[(bool, bool); 2]; 6] = [
    [(false, false), (false, false)],
    [(true, false), (true, false)],
    [(true, false), (false, false)],
    [(false, true), (false, true)],
    [(false, false), (false, true)],
    [(true, true), (true, false)],
];

fn socket(kind: Type, (text, only_v6): (&str, bool), (reuses, shares): (bool, bool)) -> (Fd, IpAddr) {
    let ip: IpAddr = text.parse().unwrap();
    let domain = if ip.is_ipv4() { Domain::V4 } else { Domain::V6 };
    let fd = Backend::current().socket(domain, kind).unwrap();
    if ip.is_ipv6() {
        fd.set_only_v6(only_v6).unwrap();
    }
    fd.set_reuseaddr(reuses).unwrap();
    fd.set_reuseport(shares).unwrap();
    (fd, ip)
}

/// Binds one socket after the other to one port, with or without a `listen` of the first between the two, and lets both listen.
fn outcome(
    kind: Type,
    addresses: [(&str, bool); 2],
    shares: [(bool, bool); 2],
    is_listening: bool,
) -> String {
    let (first, ip) = socket(kind, addresses[0], shares[0]);
    first.bind(&SocketAddr::new(ip, 0)).unwrap();
    let port = first.local_addr().unwrap().port();
    if is_listening {
        first.listen(1).unwrap();
    }
    let (second, ip) = socket(kind, addresses[1], shares[1]);
    let mut outcome = format!("{:?}", said(second.bind(&SocketAddr::new(ip, port))));
    if kind == Type::Stream && outcome == "Ok(())" {
        let _ = write!(outcome, ", listen {:?}", said(second.listen(1)));
        let _ = write!(outcome, " and {:?}", said(first.listen(1)));
    }
    outcome
}

#[test]
fn two_sockets_of_one_port_conflict_as_on_linux() {
    let mut differ = String::new();
    for (kind, is_listening) in [(Type::Stream, false), (Type::Stream, true), (Type::Datagram, false)] {
        for one in ADDRESSES {
            for other in ADDRESSES {
                for shares in SHARES {
                    let case = || outcome(kind, [one, other], shares, is_listening);
                    let mut simulated = String::new();
                    simulation(|_| simulated = case());
                    // Another process may have the port on another address: then the next try has another port.
                    let real = || {
                        let mut real = String::new();
                        linux(|_| real = case());
                        real
                    };
                    let tries: Vec<_> =
                        (0..3).map(|_| real()).take_while(|real| *real != simulated).collect();
                    if let [.., last] = &tries[..] {
                        if tries.len() == 3 {
                            let _ = writeln!(
                                differ,
                                "{kind:?} {one:?} {other:?} {shares:?}, listening {is_listening}: {last}; simulated: {simulated}"
                            );
                        }
                    }
                }
            }
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

/// The number of the socket that has got a datagram that was sent to `to`.
fn receiver(kernel: &dyn super::Kernel, sockets: &[Fd], sender: &Fd, to: SocketAddr) -> Option<usize> {
    sender.send_to(b"x", &to).unwrap();
    kernel.settle();
    let got: Vec<_> = (0..sockets.len()).filter(|at| sockets[*at].recv_from(&mut [0; 9]).is_ok()).collect();
    assert!(got.len() < 2, "{got:?}");
    got.first().copied()
}

mod a_datagram_is_for_the_socket_that_fits_best {
    use super::*;

    fn rule(kernel: &dyn super::super::Kernel) {
        let mut sockets = Vec::new();
        let mut port = 0;
        for address in [("0.0.0.0", false), ("::", true), ("127.0.0.2", false), ("127.0.0.2", false)] {
            let (fd, ip) = socket(Type::Datagram, address, (true, false));
            fd.bind(&SocketAddr::new(ip, port)).unwrap();
            port = fd.local_addr().unwrap().port();
            sockets.push(fd);
        }
        let sender = |ip: &str| {
            let (fd, ip) = socket(Type::Datagram, (ip, false), (false, false));
            fd.bind(&SocketAddr::new(ip, 0)).unwrap();
            fd
        };
        let (v4, v6) = (sender("127.0.0.1"), sender("::1"));
        let to = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
        assert_eq!(receiver(kernel, &sockets, &v4, to("127.0.0.1")), Some(0));
        assert_eq!(receiver(kernel, &sockets, &v6, to("::1")), Some(1));
        assert_eq!(receiver(kernel, &sockets, &v4, to("127.0.0.2")), Some(3), "the last that was bound");
        // One that is connected to the sender wants it more, and one that is connected to another not at all.
        let _ = sockets[2].connect(&v4.local_addr().unwrap()).unwrap();
        assert_eq!(receiver(kernel, &sockets, &v4, to("127.0.0.2")), Some(2));
        let other = sender("127.0.0.1");
        assert_eq!(receiver(kernel, &sockets, &other, to("127.0.0.2")), Some(3));
    }

    #[test]
    fn on_linux() {
        linux(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod sockets_that_share_an_address_share_what_arrives_and_a_sender_stays_with_one {
    use super::*;

    fn rule(kernel: &dyn super::super::Kernel) {
        let mut sockets = Vec::new();
        let mut port = 0;
        for _ in 0..2 {
            let (fd, ip) = socket(Type::Datagram, ("127.0.0.1", false), (false, true));
            fd.bind(&SocketAddr::new(ip, port)).unwrap();
            port = fd.local_addr().unwrap().port();
            sockets.push(fd);
        }
        let to = SocketAddr::new("127.0.0.1".parse().unwrap(), port);
        let mut counts = [0; 2];
        for _ in 0..64 {
            let (sender, ip) = socket(Type::Datagram, ("127.0.0.1", false), (false, false));
            sender.bind(&SocketAddr::new(ip, 0)).unwrap();
            let got = receiver(kernel, &sockets, &sender, to).unwrap();
            counts[got] += 1;
            assert_eq!(receiver(kernel, &sockets, &sender, to), Some(got));
        }
        // By a hash: that all 64 go to one has a probability of 2^-63.
        assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    }

    #[test]
    fn on_linux() {
        linux(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod a_group_is_heard_by_each_socket_of_its_port_while_one_has_joined {
    use super::*;
    use std::net::Ipv4Addr;

    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 71, 17);
    const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

    fn rule(kernel: &dyn super::super::Kernel) {
        let (member, ip) = socket(Type::Datagram, ("0.0.0.0", false), (true, false));
        member.bind(&SocketAddr::new(ip, 0)).unwrap();
        let port = member.local_addr().unwrap().port();
        let (other, ip) = socket(Type::Datagram, ("0.0.0.0", false), (true, false));
        other.bind(&SocketAddr::new(ip, port)).unwrap();
        let (specific, ip) = socket(Type::Datagram, ("127.0.0.1", false), (true, false));
        specific.bind(&SocketAddr::new(ip, port)).unwrap();
        let (sender, ip) = socket(Type::Datagram, ("127.0.0.1", false), (false, false));
        sender.bind(&SocketAddr::new(ip, 0)).unwrap();
        sender.set_multicast_if_v4(LOCAL).unwrap();
        let to = SocketAddr::new(GROUP.into(), port);
        let hear = || {
            assert_eq!(said(sender.send_to(b"x", &to)), Ok(1));
            kernel.settle();
            [&member, &other, &specific].map(|fd| fd.recv_from(&mut [0; 9]).map(|(_, from)| from).ok())
        };
        let from = sender.local_addr().unwrap();
        let heard = Some(from);
        assert_eq!(hear(), [None, None, None]);
        assert_eq!(said(member.leave_multicast_v4(GROUP, LOCAL)), Err("EADDRNOTAVAIL".into()));
        assert_eq!(said(member.join_multicast_v4(LOCAL, LOCAL)), Err("EINVAL".into()));
        assert_eq!(said(member.join_multicast_v4(GROUP, LOCAL)), Ok(()));
        assert_eq!(said(member.join_multicast_v4(GROUP, LOCAL)), Err("EADDRINUSE".into()));
        assert_eq!(hear(), [heard, heard, None]);
        assert_eq!(said(member.leave_multicast_v4(GROUP, LOCAL)), Ok(()));
        assert_eq!(hear(), [None, None, None]);
        // One that is bound to the group hears nothing else.
        assert_eq!(said(member.join_multicast_v4(GROUP, LOCAL)), Ok(()));
        let (bound, _) = socket(Type::Datagram, ("0.0.0.0", false), (true, false));
        assert_eq!(said(bound.bind(&to)), Ok(()));
        assert_eq!(hear(), [heard, heard, None]);
        assert_eq!(said(bound.recv_from(&mut [0; 9])), Ok((1, from)));
        sender.send_to(b"x", &SocketAddr::new(LOCAL.into(), port)).unwrap();
        kernel.settle();
        assert_eq!(said(bound.recv_from(&mut [0; 9])), Err("EAGAIN".into()));
    }

    #[test]
    fn on_linux() {
        linux(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}
