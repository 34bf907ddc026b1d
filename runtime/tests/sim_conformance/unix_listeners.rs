//! Unix listeners, and sockets that connect to them.

use super::errno::said;
use super::pair::{unix_listener, unix_name, unix_socket};
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::Type;

const CONNECTED: [Type; 2] = [Type::Stream, Type::SeqPacket];

mod a_full_backlog_is_eagain_and_the_socket_reports_room_and_a_hang_up {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let (listener, name) = unix_listener(kind, 0);
            let first = unix_socket(kind);
            assert_eq!(said(first.connect_unix(&name)), Ok(()), "one more than the backlog says");
            let client = unix_socket(kind);
            let watch = Watch::of(kernel, &client);
            assert_eq!(watch.edge(), "OUT|HUP", "K11");
            assert_eq!(said(client.connect_unix(&name)), Err("EAGAIN".into()), "K11");
            assert_eq!(watch.edge(), "", "K11");
            assert_eq!(said(client.peer_addr_unix()), Err("ENOTCONN".into()));
            listener.accept_unix().unwrap();
            assert_eq!(watch.edge(), "", "K11: room is not reported");
            assert_eq!(said(client.connect_unix(&name)), Ok(()));
            assert_eq!(watch.edge(), "", "nor that it is connected");
            assert_eq!(Watch::state(kernel, &client), "OUT");
            assert_eq!(said(client.connect_unix(&name)), Err("EAGAIN".into()), "before EISCONN");
            listener.accept_unix().unwrap();
            assert_eq!(said(client.connect_unix(&name)), Err("EISCONN".into()));
        }
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

mod three_connections_are_one_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let (listener, name) = unix_listener(kind, 8);
            let watch = Watch::of(kernel, &listener);
            assert_eq!(watch.edge(), "");
            let clients = [(); 3].map(|()| unix_socket(kind));
            clients.iter().for_each(|client| client.connect_unix(&name).unwrap());
            assert_eq!(watch.edge(), "IN", "K6");
            for _ in &clients {
                let (server, peer) = listener.accept_unix().unwrap();
                assert!(peer.is_unnamed());
                assert_eq!(server.local_addr_unix().unwrap(), name);
                assert_eq!(watch.edge(), "", "K6");
            }
            assert_eq!(said(listener.accept_unix()).err(), Some("EAGAIN".into()));
        }
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

mod a_listener_that_closes_resets_those_in_its_queue {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let (listener, name) = unix_listener(kind, 8);
            let client = unix_socket(kind);
            client.connect_unix(&name).unwrap();
            let watch = Watch::of(kernel, &client);
            assert_eq!(watch.edge(), "OUT");
            drop(listener);
            assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP", "{kind:?}");
            assert_eq!(said(client.recv(&mut [0])), Err("ECONNRESET".into()), "{kind:?}");
        }
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

mod what_was_sent_before_the_accept_is_there_after_it {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let (listener, name) = unix_listener(kind, 8);
            let client = unix_socket(kind);
            client.connect_unix(&name).unwrap();
            assert_eq!(said(client.send(b"early")), Ok(5));
            drop(client);
            let (server, _) = listener.accept_unix().unwrap();
            assert_eq!(Watch::state(kernel, &server), "IN|OUT|HUP|RDHUP", "{kind:?}");
            assert_eq!(said(server.recv(&mut [0; 9])), Ok(5));
            assert_eq!(said(server.recv(&mut [0; 9])), Ok(0));
        }
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

mod what_is_not_there_or_not_of_the_kind_is_refused {
    use super::*;

    fn rule(_: &dyn Kernel) {
        let (_listener, name) = unix_listener(Type::Stream, 8);
        assert_eq!(said(unix_socket(Type::Stream).connect_unix(&unix_name())), Err("ECONNREFUSED".into()));
        assert_eq!(said(unix_socket(Type::SeqPacket).connect_unix(&name)), Err("ECONNREFUSED".into()));
        let deaf = unix_socket(Type::Stream);
        assert_eq!(said(deaf.listen(1)), Err("EINVAL".into()), "it has no name");
        deaf.bind_unix(&unix_name()).unwrap();
        let to = deaf.local_addr_unix().unwrap();
        assert_eq!(said(unix_socket(Type::Stream).connect_unix(&to)), Err("ECONNREFUSED".into()));
        assert_eq!(said(deaf.accept_unix()).err(), Some("EINVAL".into()));
        assert_eq!(said(unix_socket(Type::Datagram).listen(1)), Err("EOPNOTSUPP".into()));
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

mod a_socket_that_was_never_connected_says_so_in_its_own_way {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let (stream, packets, datagrams) =
            (unix_socket(Type::Stream), unix_socket(Type::SeqPacket), unix_socket(Type::Datagram));
        assert_eq!(said(stream.recv(&mut [0])), Err("EINVAL".into()));
        assert_eq!(said(packets.recv(&mut [0])), Err("ENOTCONN".into()));
        assert_eq!(said(datagrams.recv(&mut [0])), Err("EAGAIN".into()));
        for fd in [&stream, &packets, &datagrams] {
            assert_eq!(said(fd.send(b"x")), Err("ENOTCONN".into()));
        }
        assert_eq!(Watch::state(kernel, &stream), "OUT|HUP");
        assert_eq!(Watch::state(kernel, &packets), "OUT|HUP");
        assert_eq!(Watch::state(kernel, &datagrams), "OUT");
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
