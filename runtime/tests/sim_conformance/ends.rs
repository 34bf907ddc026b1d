//! The end of TCP connections.

use super::errno::{error_of, said};
use super::kernel::time_wait_is_full;
use super::pair::{Pair, tcp};
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::Fd;
use std::net::Shutdown;
use std::time::Duration;

/// Closes with a reset: SO_LINGER with no time.
fn reset(fd: Fd) {
    fd.set_linger(Some(Duration::ZERO)).unwrap();
    drop(fd);
}

mod data_and_the_end_come_as_one_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        pair.write(b"hi").unwrap();
        pair.writer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(watch.edge(), "IN|OUT|RDHUP", "K4");
        assert_eq!(pair.read(64).unwrap(), b"hi");
        assert_eq!(watch.edge(), "", "K4");
        assert_eq!(pair.read(64).unwrap(), b"");
        assert_eq!(pair.read(64).unwrap(), b"");
        assert_eq!(watch.edge(), "");
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

mod a_half_that_is_shut_is_an_edge_at_both_ends {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let (here, there) = (Watch::of(kernel, &pair.writer), Watch::of(kernel, &pair.reader));
        assert_eq!((here.edge(), there.edge()), ("OUT".into(), "OUT".into()));
        pair.writer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(here.edge(), "OUT", "a write would not wait: it fails");
        assert_eq!(there.edge(), "IN|OUT|RDHUP");
        assert_eq!(pair.write(b"x"), Err("EPIPE".into()));
        assert_eq!(said(pair.reader.send(b"back")), Ok(4), "the other half is open");
        assert_eq!(here.edge(), "IN|OUT");
        pair.reader.shutdown(Shutdown::Write).unwrap();
        assert_eq!(here.edge(), "IN|OUT|HUP|RDHUP", "both are shut");
        assert_eq!(there.edge(), "IN|OUT|HUP|RDHUP", "both are shut");
        assert_eq!(said(pair.writer.recv(&mut [0; 9])), Ok(4));
        assert_eq!(said(pair.writer.recv(&mut [0; 9])), Ok(0));
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

mod the_acknowledgement_of_an_end_is_an_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let watch = Watch::of(kernel, &pair.writer);
        assert_eq!(watch.edge(), "OUT");
        pair.writer.shutdown(Shutdown::Write).unwrap();
        kernel.settle_acknowledged(&[&pair.writer, &pair.reader]);
        assert_eq!(watch.edge(), "OUT");
        pair.reader.shutdown(Shutdown::Write).unwrap();
        kernel.settle_acknowledged(&[&pair.writer, &pair.reader]);
        assert_eq!(watch.edge(), "IN|OUT|HUP|RDHUP");
        for end in [&pair.writer, &pair.reader] {
            // Over and done with, though it was never reset.
            assert_eq!(said(end.peer_addr()), Err("ENOTCONN".into()));
            assert_eq!(said(end.shutdown(Shutdown::Both)), Err("ENOTCONN".into()));
            assert_eq!(said(end.recv(&mut [0])), Ok(0));
            assert_eq!(said(end.send(b"x")), Err("EPIPE".into()));
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

mod a_reader_that_has_shut_its_side_still_gets_what_comes {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let (here, there) = (Watch::of(kernel, &pair.reader), Watch::of(kernel, &pair.writer));
        assert_eq!((here.edge(), there.edge()), ("OUT".into(), "OUT".into()));
        pair.reader.shutdown(Shutdown::Read).unwrap();
        assert_eq!(here.edge(), "IN|OUT|RDHUP");
        assert_eq!(there.edge(), "", "the peer does not hear of it");
        assert_eq!(pair.read(64).unwrap(), b"");
        pair.write(b"late").unwrap();
        assert_eq!(here.edge(), "IN|OUT|RDHUP");
        assert_eq!(pair.read(64).unwrap(), b"late");
        assert_eq!(pair.read(64).unwrap(), b"");
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

mod data_for_who_has_shut_both_sides_is_a_reset {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        pair.reader.shutdown(Shutdown::Both).unwrap();
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "IN|OUT|HUP|RDHUP");
        assert_eq!(pair.write(b"late"), Ok(4));
        assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(error_of(&pair.reader), Some("ECONNRESET".into()));
        assert_eq!(pair.write(b"x"), Err("EPIPE".into()), "a reset behind the end is a broken pipe");
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

mod what_came_before_a_reset_is_read_then_the_error_then_the_end {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        pair.write(b"last").unwrap();
        let Pair { reader, writer, .. } = pair;
        reset(writer);
        assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP");
        let mut buf = [0; 64];
        assert_eq!(said(reader.recv(&mut buf)), Ok(4));
        assert_eq!(Watch::state(kernel, &reader), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(said(reader.recv(&mut buf)), Err("ECONNRESET".into()));
        assert_eq!(Watch::state(kernel, &reader), "IN|OUT|HUP|RDHUP");
        assert_eq!(said(reader.recv(&mut buf)), Ok(0));
        assert_eq!(said(reader.send(b"x")), Err("EPIPE".into()));
        assert_eq!(watch.edge(), "");
        assert_eq!(said(reader.peer_addr()), Err("ENOTCONN".into()));
        assert_eq!(said(reader.shutdown(Shutdown::Write)), Err("ENOTCONN".into()));
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

mod a_write_after_a_reset_takes_the_error_and_the_next_is_a_broken_pipe {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let Pair { reader, writer, .. } = tcp(kernel);
        reset(writer);
        kernel.settle();
        assert_eq!(said(reader.send(b"x")), Err("ECONNRESET".into()));
        assert_eq!(said(reader.send(b"x")), Err("EPIPE".into()));
        assert_eq!(said(reader.recv(&mut [0])), Ok(0));
        assert_eq!(error_of(&reader), None);
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

mod the_error_can_be_taken_instead {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let Pair { reader, writer, .. } = tcp(kernel);
        reset(writer);
        kernel.settle();
        assert_eq!(error_of(&reader), Some("ECONNRESET".into()));
        assert_eq!(said(reader.recv(&mut [0])), Ok(0));
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

mod a_peer_that_closed_takes_one_write_and_the_next_is_a_broken_pipe {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let Pair { reader, writer, .. } = tcp(kernel);
        let watch = Watch::of(kernel, &writer);
        assert_eq!(watch.edge(), "OUT");
        drop(reader);
        assert_eq!(watch.edge(), "IN|OUT|RDHUP", "as if one half were shut");
        assert_eq!(said(writer.send(b"x")), Ok(1));
        assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP", "and the reset that it is answered by");
        // The end that was received is read before the error that came after it, again and again.
        assert_eq!(said(writer.recv(&mut [0])), Ok(0));
        assert_eq!(said(writer.recv(&mut [0])), Ok(0));
        assert_eq!(Watch::state(kernel, &writer), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(said(writer.send(b"x")), Err("EPIPE".into()));
        assert_eq!(Watch::state(kernel, &writer), "IN|OUT|HUP|RDHUP");
        assert_eq!(error_of(&writer), None);
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
        let Pair { reader, writer, .. } = tcp(kernel);
        let watch = Watch::of(kernel, &writer);
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(said(writer.send(b"unread")), Ok(6));
        kernel.settle();
        drop(reader);
        assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(said(writer.recv(&mut [0])), Err("ECONNRESET".into()));
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

mod what_was_sent_arrives_though_the_socket_is_closed {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let watch = Watch::of(kernel, &pair.reader);
        watch.edges();
        pair.write(b"farewell").unwrap();
        let Pair { reader, writer, .. } = pair;
        drop(writer);
        assert_eq!(watch.edge(), "IN|OUT|RDHUP");
        let mut buf = [0; 64];
        assert_eq!(said(reader.recv(&mut buf)), Ok(8));
        assert_eq!(said(reader.recv(&mut buf)), Ok(0));
        drop(reader);
        kernel.settle();
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

mod the_second_end_of_a_connection_is_answered_though_the_first_was_a_close {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for shuts_first in [true, false] {
            let Pair { reader, writer, .. } = tcp(kernel);
            let watch = Watch::of(kernel, &reader);
            assert_eq!(watch.edge(), "OUT");
            if shuts_first {
                writer.shutdown(Shutdown::Write).unwrap();
                kernel.settle();
            }
            drop(writer);
            assert_eq!(watch.edge(), "IN|OUT|RDHUP");
            reader.shutdown(Shutdown::Write).unwrap();
            assert_eq!(watch.edge(), "IN|OUT|HUP|RDHUP", "and no reset");
            assert_eq!(error_of(&reader), None);
        }
    }

    #[test]
    fn on_linux() {
        if !time_wait_is_full() {
            linux(rule);
        }
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod a_reset_behind_an_end_is_a_broken_pipe {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let Pair { reader, writer, .. } = tcp(kernel);
        let watch = Watch::of(kernel, &reader);
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(said(writer.send(b"last")), Ok(4));
        writer.shutdown(Shutdown::Write).unwrap();
        reset(writer);
        kernel.settle();
        assert_eq!(watch.edge(), "IN|OUT|ERR|HUP|RDHUP");
        assert_eq!(said(reader.recv(&mut [0; 9])), Ok(4));
        assert_eq!(said(reader.recv(&mut [0; 9])), Ok(0));
        assert_eq!(error_of(&reader), Some("EPIPE".into()));
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
