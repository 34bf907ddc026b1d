//! TCP listeners.

use super::errno::said;
use super::kernel::linux_in_a_child;
use super::pair::{tcp_listener, tcp_socket};
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::Fd;

fn connect(to: &Fd) -> Fd {
    let client = tcp_socket();
    let _ = client.connect(&to.local_addr().unwrap()).unwrap();
    client
}

mod three_connections_are_one_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let listener = tcp_listener(8);
        let watch = Watch::of(kernel, &listener);
        assert_eq!(watch.edge(), "");
        let clients = [connect(&listener), connect(&listener), connect(&listener)];
        assert_eq!(watch.edge(), "IN", "K6");
        for client in &clients {
            let (_, peer) = listener.accept().unwrap();
            assert_eq!(peer, client.local_addr().unwrap(), "first come, first served");
            assert_eq!(watch.edge(), "", "K6");
        }
        assert_eq!(said(listener.accept()).err(), Some("EAGAIN".into()));
        let _client = connect(&listener);
        assert_eq!(watch.edge(), "IN");
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

mod an_accept_without_a_descriptor_keeps_the_connection_and_no_edge_comes {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let listener = tcp_listener(8);
        let watch = Watch::of(kernel, &listener);
        assert_eq!(watch.edge(), "");
        let mut refusal = None;
        let at_the_limit = &mut || refusal = said(listener.accept()).err();
        kernel.with_no_descriptor_left(at_the_limit);
        assert_eq!(refusal, Some("EMFILE".into()), "before it is known whether there is a connection");
        let client = connect(&listener);
        assert_eq!(watch.edge(), "IN");
        let at_the_limit = &mut || refusal = said(listener.accept()).err();
        kernel.with_no_descriptor_left(at_the_limit);
        assert_eq!(refusal, Some("EMFILE".into()), "K7");
        assert_eq!(watch.edge(), "", "K7");
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap(), "K7");
    }

    // In a process of its own: the limit is the process's.
    #[test]
    fn on_linux() {
        let name =
            "listeners::an_accept_without_a_descriptor_keeps_the_connection_and_no_edge_comes::on_linux";
        linux_in_a_child(name, rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod a_connection_that_dies_in_the_queue_is_accepted_and_then_seen_to_be_dead {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let listener = tcp_listener(8);
        let watch = Watch::of(kernel, &listener);
        let client = connect(&listener);
        assert_eq!(watch.edge(), "IN");
        client.set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(watch.edge(), "");
        let (server, _) = listener.accept().unwrap();
        assert_eq!(Watch::state(kernel, &server), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(said(server.recv(&mut [0])), Err("ECONNRESET".into()));
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
        let listener = tcp_listener(8);
        let client = connect(&listener);
        let watch = Watch::of(kernel, &client);
        assert_eq!(watch.edge(), "OUT");
        drop(listener);
        assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(said(client.recv(&mut [0])), Err("ECONNRESET".into()));
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
        let listener = tcp_listener(8);
        let client = connect(&listener);
        kernel.settle();
        assert_eq!(said(client.send(b"early")), Ok(5));
        client.shutdown(std::net::Shutdown::Write).unwrap();
        kernel.settle();
        let (server, _) = listener.accept().unwrap();
        let watch = Watch::of(kernel, &server);
        assert_eq!(watch.edge(), "IN|OUT|RDHUP");
        assert_eq!(said(server.recv(&mut [0; 9])), Ok(5));
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

mod who_does_not_listen_accepts_nothing {
    use super::*;

    fn rule(_: &dyn Kernel) {
        assert_eq!(said(tcp_socket().accept()).err(), Some("EINVAL".into()));
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
