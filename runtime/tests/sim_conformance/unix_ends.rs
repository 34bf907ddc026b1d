//! The end of Unix sockets.

use super::errno::{error_of, said};
use super::pair::{Pair, unix, unix_name, unix_socket};
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::Type;
use std::net::Shutdown;

const CONNECTED: [Type; 2] = [Type::Stream, Type::SeqPacket];

mod a_half_that_is_shut_is_an_edge_at_both_ends {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let pair = unix(kind);
            let (here, there) = (Watch::of(kernel, &pair.writer), Watch::of(kernel, &pair.reader));
            assert_eq!((here.edge(), there.edge()), ("OUT".into(), "OUT".into()));
            pair.write(b"hi").unwrap();
            pair.writer.shutdown(Shutdown::Write).unwrap();
            assert_eq!(here.edge(), "OUT", "{kind:?}: a write would not wait: it fails");
            assert_eq!(there.edge(), "IN|OUT|RDHUP", "{kind:?}");
            assert_eq!(pair.read(64).unwrap(), b"hi");
            assert_eq!(pair.read(64).unwrap(), b"");
            assert_eq!(pair.write(b"x"), Err("EPIPE".into()));
            assert_eq!(here.edge(), "OUT", "the message was read");
            pair.reader.shutdown(Shutdown::Write).unwrap();
            assert_eq!(here.edge(), "IN|OUT|HUP|RDHUP", "both are shut");
            assert_eq!(there.edge(), "IN|OUT|HUP|RDHUP", "both are shut");
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

mod a_reader_that_has_shut_its_side_breaks_the_pipe_of_the_writer {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let pair = unix(kind);
            let (here, there) = (Watch::of(kernel, &pair.reader), Watch::of(kernel, &pair.writer));
            assert_eq!((here.edge(), there.edge()), ("OUT".into(), "OUT".into()));
            pair.write(b"before").unwrap();
            assert_eq!(here.edge(), "IN|OUT");
            pair.reader.shutdown(Shutdown::Read).unwrap();
            assert_eq!((here.edge(), there.edge()), ("IN|OUT|RDHUP".into(), "OUT".into()), "{kind:?}");
            assert_eq!(pair.write(b"x"), Err("EPIPE".into()), "{kind:?}");
            assert_eq!(pair.read(64).unwrap(), b"before");
            assert_eq!(pair.read(64).unwrap(), b"");
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

mod a_peer_that_closes_is_the_end_and_a_broken_pipe {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let pair = unix(kind);
            let watch = Watch::of(kernel, &pair.reader);
            assert_eq!(watch.edge(), "OUT");
            pair.write(b"last").unwrap();
            let Pair { reader, writer, .. } = pair;
            drop(writer);
            assert_eq!(watch.edge(), "IN|OUT|HUP|RDHUP", "{kind:?}");
            assert_eq!(said(reader.send(b"x")), Err("EPIPE".into()));
            assert_eq!(said(reader.recv(&mut [0; 64])), Ok(4));
            assert_eq!(said(reader.recv(&mut [0; 64])), Ok(0));
            assert_eq!(said(reader.recv(&mut [0; 64])), Ok(0));
            assert_eq!(watch.edge(), "");
            assert_eq!(error_of(&reader), None);
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

mod to_close_with_something_unread_is_a_reset {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let Pair { reader, writer, .. } = unix(kind);
            let watch = Watch::of(kernel, &writer);
            assert_eq!(watch.edge(), "OUT");
            assert_eq!(said(writer.send(b"unread")), Ok(6));
            drop(reader);
            assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP", "{kind:?}");
            assert_eq!(said(writer.recv(&mut [0])), Err("ECONNRESET".into()), "{kind:?}");
            assert_eq!(said(writer.recv(&mut [0])), Ok(0), "{kind:?}");
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

mod a_reset_waits_behind_the_bytes_of_a_stream_and_before_packets {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in CONNECTED {
            let Pair { reader, writer, .. } = unix(kind);
            assert_eq!(said(writer.send(b"unread")), Ok(6));
            assert_eq!(said(reader.send(b"answer")), Ok(6));
            drop(reader);
            kernel.settle();
            let both = [said(writer.recv(&mut [0; 9])), said(writer.recv(&mut [0; 9]))];
            match kind {
                Type::Stream => assert_eq!(both, [Ok(6), Err("ECONNRESET".into())]),
                _ => assert_eq!(both, [Err("ECONNRESET".into()), Ok(6)]),
            }
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

mod a_write_after_a_reset_is_a_broken_pipe_and_leaves_a_stream_its_error {
    use super::*;

    fn rule(_: &dyn Kernel) {
        for kind in CONNECTED {
            let Pair { reader, writer, .. } = unix(kind);
            assert_eq!(said(writer.send(b"unread")), Ok(6));
            drop(reader);
            let both = [said(writer.send(b"x")), said(writer.send(b"x"))];
            match kind {
                Type::Stream => assert_eq!(both, [Err("EPIPE".into()), Err("EPIPE".into())]),
                _ => assert_eq!(both, [Err("ECONNRESET".into()), Err("EPIPE".into())]),
            }
            let left = (kind == Type::Stream).then(|| "ECONNRESET".to_owned());
            assert_eq!(error_of(&writer), left);
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

mod a_datagram_socket_hears_of_a_peer_that_is_gone_when_it_sends {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let Pair { reader, writer, .. } = unix(Type::Datagram);
        let watch = Watch::of(kernel, &writer);
        assert_eq!(watch.edge(), "OUT");
        drop(reader);
        assert_eq!(watch.edge(), "");
        assert_eq!(said(writer.recv(&mut [0])), Err("EAGAIN".into()));
        assert_eq!(said(writer.send(b"x")), Err("ECONNREFUSED".into()));
        assert_eq!(said(writer.send(b"x")), Err("ENOTCONN".into()));
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

mod datagrams_find_their_way_by_name_and_say_who_sent_them {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let (server, client) = (unix_socket(Type::Datagram), unix_socket(Type::Datagram));
        let (here, there) = (unix_name(), unix_name());
        server.bind_unix(&here).unwrap();
        client.bind_unix(&there).unwrap();
        assert_eq!(said(unix_socket(Type::Datagram).bind_unix(&here)), Err("EADDRINUSE".into()));
        let watch = Watch::of(kernel, &server);
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(said(client.send_to_unix(b"hello", &here)), Ok(5));
        assert_eq!(watch.edge(), "IN|OUT");
        assert_eq!(said(server.recv_from_unix(&mut [0; 9])), Ok((5, there)));
        assert_eq!(said(client.send_to_unix(b"x", &unix_name())), Err("ECONNREFUSED".into()));
        assert_eq!(said(client.send(b"x")), Err("ENOTCONN".into()));
        client.connect_unix(&here).unwrap();
        assert_eq!(said(client.send(b"x")), Ok(1));
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

// Between two sockets that are not a pair a queue holds few datagrams, and room in it is reported to connected senders.
mod a_full_queue_of_datagrams_is_an_edge_for_who_is_connected_when_one_is_read {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let (server, client) = (unix_socket(Type::Datagram), unix_socket(Type::Datagram));
        let name = unix_name();
        server.bind_unix(&name).unwrap();
        client.connect_unix(&name).unwrap();
        let watch = Watch::of(kernel, &client);
        assert_eq!(watch.edge(), "OUT");
        while client.send(b"x").is_ok() {}
        assert_eq!(said(client.send(b"x")), Err("EAGAIN".into()));
        assert_eq!(watch.edge(), "");
        assert_eq!(Watch::state(kernel, &client), "");
        assert_eq!(said(server.recv(&mut [0])), Ok(1));
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(said(client.send(b"x")), Ok(1));
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

mod a_full_queue_of_datagrams_is_an_edge_for_who_is_not_connected_whenever_it_is_tried {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let (server, client) = (unix_socket(Type::Datagram), unix_socket(Type::Datagram));
        let name = unix_name();
        server.bind_unix(&name).unwrap();
        let watch = Watch::of(kernel, &client);
        assert_eq!(watch.edge(), "OUT");
        while client.send_to_unix(b"x", &name).is_ok() {}
        assert_eq!(said(client.send_to_unix(b"x", &name)), Err("EAGAIN".into()));
        for _ in 0..3 {
            // The socket reports only room in its own buffer. A refused message is discarded, which is an
            // edge: a sender that waits for an edge between attempts spins until the peer reads.
            assert_eq!(watch.edge(), "OUT");
            assert_eq!(watch.edge(), "");
            assert_eq!(said(client.send_to_unix(b"x", &name)), Err("EAGAIN".into()));
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
