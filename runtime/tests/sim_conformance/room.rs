//! When room in a send buffer is an edge.

use super::pair::{Pair, drain, fill, pipe, tcp, udp, unix};
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::Type;

/// A connection whose buffers are small enough to fill.
fn narrow(kernel: &dyn Kernel) -> Pair {
    let pair = tcp(kernel);
    pair.writer.set_send_buffer_size(16 * 1024).unwrap();
    pair.reader.set_recv_buffer_size(8 * 1024).unwrap();
    pair
}

/// Fills both buffers of a connection, and what is between.
fn fill_narrow(kernel: &dyn Kernel, pair: &Pair) -> usize {
    let mut written = 0;
    loop {
        match fill(pair, 1024) {
            0 => return written,
            n => written += n,
        }
        kernel.settle();
    }
}

mod a_socket_that_was_never_full_reports_no_room {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let watch = Watch::of(kernel, &pair.writer);
        assert_eq!(watch.edge(), "OUT");
        for _ in 0..3 {
            pair.write(b"some").unwrap();
            kernel.settle();
            assert_eq!(pair.read(9).unwrap(), b"some");
            assert_eq!(watch.edge(), "");
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

mod a_full_socket_reports_room_once_when_a_third_of_it_is_free {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = narrow(kernel);
        let watch = Watch::of(kernel, &pair.writer);
        assert_eq!(watch.edge(), "OUT");
        let written = fill_narrow(kernel, &pair);
        assert_eq!(watch.edge(), "", "no room, no edge");
        assert_eq!(pair.read(100).unwrap().len(), 100);
        assert_eq!(watch.edge(), "", "not a third");
        let mut left = written - 100;
        let mut edges = 0;
        while left > 0 {
            left -= drain(&pair, 4096);
            edges += usize::from(watch.edge() == "OUT");
        }
        assert_eq!(edges, 1);
        assert_eq!(pair.write(b"more"), Ok(4));
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

mod a_bound_of_unsent_bytes_fills_the_queue_early_and_reports_room_when_half_of_it_was_sent {
    use super::*;

    const BOUND: u32 = 8 * 1024;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        pair.writer.set_send_buffer_size(200 * 1024).unwrap();
        pair.reader.set_recv_buffer_size(8 * 1024).unwrap();
        pair.writer.set_notsent_lowat(BOUND).unwrap();
        assert_eq!(pair.writer.notsent_lowat().unwrap(), BOUND);
        let watch = Watch::of(kernel, &pair.writer);
        assert_eq!(watch.edge(), "OUT");
        let written = fill_narrow(kernel, &pair);
        assert!(written < 100 * 1024, "{written} bytes, so the bound is that of the buffer");
        assert_eq!(watch.edge(), "", "no room, no edge");
        let mut left = written;
        let mut edges = 0;
        while left > 0 {
            left -= drain(&pair, 4096);
            edges += usize::from(watch.edge() == "OUT");
        }
        assert_eq!(edges, 1);
        assert_eq!(pair.write(b"more"), Ok(4));
        // Without the bound the buffer takes more, and with the default there is none.
        pair.writer.set_notsent_lowat(0).unwrap();
        assert!(fill_narrow(kernel, &pair) > 100 * 1024);
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

// SOCK_NOSPACE: polling a full socket counts as a refused write.
mod a_socket_that_was_seen_full_reports_room_though_no_write_was_refused {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = narrow(kernel);
        let watch = Watch::of(kernel, &pair.writer);
        assert_eq!(watch.edge(), "OUT");
        let mut written = 0;
        while Watch::state(kernel, &pair.writer) == "OUT" {
            assert_eq!(pair.write(&[b'x'; 512]), Ok(512), "seen before it is full");
            written += 512;
        }
        assert_eq!(watch.edge(), "");
        while written > 0 {
            written -= drain(&pair, 4096);
            kernel.settle();
        }
        assert_eq!(watch.edge(), "OUT");
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

// Unlike TCP: the kernel wakes a writer whenever a message is gone.
mod a_unix_socket_reports_room_whenever_a_message_was_read_to_its_end {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in [Type::Stream, Type::Datagram, Type::SeqPacket] {
            let pair = unix(kind);
            let watch = Watch::of(kernel, &pair.writer);
            assert_eq!(watch.edge(), "OUT", "{}", pair.name);
            pair.write(b"some").unwrap();
            assert_eq!(watch.edge(), "", "{}", pair.name);
            if kind == Type::Stream {
                assert_eq!(pair.read(3).unwrap(), b"som");
                assert_eq!(watch.edge(), "", "{}", pair.name);
            }
            pair.read(9).unwrap();
            assert_eq!(watch.edge(), "OUT", "{}", pair.name);
            assert_eq!(watch.edge(), "", "{}", pair.name);
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

mod a_full_unix_socket_reports_room_when_it_has_been_read {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for kind in [Type::Stream, Type::Datagram, Type::SeqPacket] {
            let pair = unix(kind);
            let watch = Watch::of(kernel, &pair.writer);
            watch.edges();
            let written = fill(&pair, 1024);
            assert_eq!(watch.edge(), "", "{}", pair.name);
            assert_eq!(pair.read(1024).unwrap().len(), 1024);
            assert_eq!(watch.edge(), "", "{}: not three quarters", pair.name);
            assert_eq!(drain(&pair, 1024), written - 1024, "{}", pair.name);
            assert_eq!(watch.edge(), "OUT", "{}", pair.name);
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

mod a_full_pipe_reports_room_when_a_page_is_free {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = pipe();
        let watch = Watch::of(kernel, &pair.writer);
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(fill(&pair, 4096), 65_536);
        assert_eq!(watch.edge(), "");
        assert_eq!(pair.read(1).unwrap().len(), 1);
        assert_eq!(pair.write(b"x"), Err("EAGAIN".into()), "room is made by pages");
        assert_eq!(watch.edge(), "");
        assert_eq!(pair.read(4095).unwrap().len(), 4095);
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(pair.read(4096).unwrap().len(), 4096);
        assert_eq!(watch.edge(), "", "it was not full");
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

mod a_write_to_a_pipe_is_whole_up_to_a_page_and_partial_beyond {
    use super::*;

    fn rule(_: &dyn Kernel) {
        let pair = pipe();
        assert_eq!(pair.write(&[b'x'; 15 * 4096]), Ok(15 * 4096));
        assert_eq!(pair.write(&[b'x'; 2 * 4096]), Ok(4096));
        assert_eq!(pair.write(b"x"), Err("EAGAIN".into()));
        assert_eq!(pair.write(b""), Ok(0));
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

mod a_datagram_that_is_read_reports_room_to_nobody_but_its_sender {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = udp(kernel);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        pair.write(b"one").unwrap();
        assert_eq!(watch.edge(), "IN|OUT");
        pair.read(9).unwrap();
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
