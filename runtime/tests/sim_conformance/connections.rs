//! The start of a TCP connection.

use super::errno::{error_of, said};
use super::pair::{any_port, tcp, tcp_listener, tcp_socket, udp};
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::{Backend, Connect, Domain, Type};

mod a_socket_that_was_never_connected_reports_room_and_a_hang_up {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let fd = tcp_socket();
        let watch = Watch::of(kernel, &fd);
        assert_eq!(watch.edge(), "OUT|HUP", "K10");
        assert_eq!(watch.edge(), "");
        assert_eq!(said(fd.recv(&mut [0])), Err("ENOTCONN".into()));
        assert_eq!(said(fd.send(b"x")), Err("EPIPE".into()));
        assert_eq!(said(fd.peer_addr()), Err("ENOTCONN".into()));
        assert_eq!(said(fd.shutdown(std::net::Shutdown::Both)), Err("ENOTCONN".into()));
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

mod the_end_of_the_handshake_is_an_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let listener = tcp_listener(8);
        let fd = tcp_socket();
        let watch = Watch::of(kernel, &fd);
        assert_eq!(watch.edge(), "OUT|HUP");
        assert_eq!(said(fd.connect(&listener.local_addr().unwrap())), Ok(Connect::InProgress));
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(watch.edge(), "");
        assert_eq!(error_of(&fd), None);
        assert_eq!(fd.peer_addr().unwrap(), listener.local_addr().unwrap());
        assert_eq!(
            said(fd.connect(&listener.local_addr().unwrap())),
            Ok(Connect::Established),
            "asked again"
        );
        assert_eq!(said(fd.connect(&listener.local_addr().unwrap())), Err("EISCONN".into()), "and again");
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

mod a_connection_that_is_refused_reports_everything_and_its_error_once {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        // Bound and not listening: no other socket gets the port meanwhile.
        let closed = tcp_socket();
        closed.bind(&any_port()).unwrap();
        let fd = tcp_socket();
        assert_eq!(said(fd.connect(&closed.local_addr().unwrap())), Ok(Connect::InProgress));
        let watch = Watch::of(kernel, &fd);
        assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(said(fd.peer_addr()), Err("ENOTCONN".into()));
        assert_eq!(error_of(&fd), Some("ECONNREFUSED".into()));
        assert_eq!(error_of(&fd), None);
        assert_eq!(watch.edge(), "");
        assert_eq!(Watch::state(kernel, &fd), "IN|OUT|HUP|RDHUP");
        assert_eq!(said(fd.send(b"x")), Err("EPIPE".into()));
        assert_eq!(said(fd.recv(&mut [0])), Ok(0));
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

mod a_refusal_is_told_by_whatever_is_called_first {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let closed = tcp_socket();
        closed.bind(&any_port()).unwrap();
        for reads in [true, false] {
            let fd = tcp_socket();
            let _ = fd.connect(&closed.local_addr().unwrap()).unwrap();
            kernel.settle();
            let first = if reads { said(fd.recv(&mut [0])) } else { said(fd.send(b"x")) };
            assert_eq!(first, Err("ECONNREFUSED".into()));
            assert_eq!(error_of(&fd), None);
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

mod addresses_are_those_that_the_other_end_sees {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        assert_eq!(pair.reader.local_addr().unwrap(), pair.writer.peer_addr().unwrap());
        assert_eq!(pair.writer.local_addr().unwrap(), pair.reader.peer_addr().unwrap());
        assert_eq!(pair.reader.local_addr().unwrap().ip(), any_port().ip());
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

mod a_port_that_is_taken_is_refused {
    use super::*;

    fn rule(_: &dyn Kernel) {
        let listener = tcp_listener(1);
        let address = listener.local_addr().unwrap();
        let other = tcp_socket();
        assert_eq!(said(other.bind(&address)), Err("EADDRINUSE".into()));
        let datagrams = Backend::current().socket(Domain::V4, Type::Datagram).unwrap();
        assert_eq!(said(datagrams.bind(&address)), Ok(()), "UDP has ports of its own");
        other.bind(&any_port()).unwrap();
        assert_eq!(said(other.bind(&any_port())), Err("EINVAL".into()), "bound already");
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

mod a_datagram_to_nobody_comes_back_as_an_error_to_who_is_connected {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = udp(kernel);
        drop(pair.reader);
        let watch = Watch::of(kernel, &pair.writer);
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(said(pair.writer.send(b"x")), Ok(1));
        assert_eq!(watch.edge(), "OUT|ERR");
        assert_eq!(said(pair.writer.recv(&mut [0])), Err("ECONNREFUSED".into()));
        assert_eq!(said(pair.writer.recv(&mut [0])), Err("EAGAIN".into()));
        assert_eq!(said(pair.writer.send(b"x")), Ok(1));
        kernel.settle();
        assert_eq!(said(pair.writer.send(b"x")), Err("ECONNREFUSED".into()));
        assert_eq!(error_of(&pair.writer), None);
        let lonely = Backend::current().socket(Domain::V4, Type::Datagram).unwrap();
        assert_eq!(said(lonely.send(b"x")), Err("EDESTADDRREQ".into()));
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

mod a_connected_datagram_socket_hears_its_peer_alone {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let (pair, other) = (udp(kernel), udp(kernel));
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        let to = pair.reader.local_addr().unwrap();
        let stranger = Backend::current().socket(Domain::V4, Type::Datagram).unwrap();
        assert_eq!(said(stranger.send_to(b"no", &to)), Ok(2));
        assert_eq!(said(other.writer.send_to(b"no", &to)), Ok(2));
        assert_eq!(watch.edge(), "");
        pair.write(b"yes").unwrap();
        assert_eq!(watch.edge(), "IN|OUT");
        let mut buf = [0; 9];
        assert_eq!(said(pair.reader.recv_from(&mut buf)), Ok((3, pair.writer.local_addr().unwrap())));
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
