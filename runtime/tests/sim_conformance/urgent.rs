//! Urgent data: reads stop at its mark, and each state of it has its edges.

use super::pair::tcp;
use super::watch::Watch;
use super::{Kernel, linux, simulation};

mod a_tcp_read_stops_at_the_urgent_mark {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        pair.write(b"AAA").unwrap();
        pair.writer.send_urgent(b'!').unwrap();
        pair.write(b"BBB").unwrap();
        assert_eq!(watch.edge(), "IN|PRI|OUT", "K3");
        assert_eq!(pair.read(64).unwrap(), b"AAA");
        assert_eq!(watch.edge(), "", "K3");
        assert_eq!(Watch::state(kernel, &pair.reader), "IN|PRI|OUT");
        assert_eq!(pair.read(64).unwrap(), b"BBB");
        assert_eq!(watch.edge(), "", "K3");
        assert_eq!(Watch::state(kernel, &pair.reader), "OUT");
        assert_eq!(pair.read(64), Err("EAGAIN".into()));
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

mod an_urgent_byte_alone_is_nothing_to_read {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        pair.writer.send_urgent(b'!').unwrap();
        assert_eq!(watch.edge(), "PRI|OUT");
        assert_eq!(pair.read(64), Err("EAGAIN".into()));
        assert_eq!(Watch::state(kernel, &pair.reader), "OUT", "the read has passed it");
        pair.write(b"BBB").unwrap();
        assert_eq!(watch.edge(), "IN|OUT");
        assert_eq!(pair.read(64).unwrap(), b"BBB");
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

mod what_comes_behind_the_urgent_byte_is_an_edge_of_its_own {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        let watch = Watch::of(kernel, &pair.reader);
        watch.edges();
        pair.write(b"AAA").unwrap();
        assert_eq!(watch.edge(), "IN|OUT");
        pair.writer.send_urgent(b'!').unwrap();
        assert_eq!(watch.edge(), "IN|PRI|OUT");
        pair.write(b"BBB").unwrap();
        assert_eq!(watch.edge(), "IN|PRI|OUT");
        assert_eq!(pair.read(64).unwrap(), b"AAA");
        assert_eq!(pair.read(1).unwrap(), b"B");
        assert_eq!(pair.read(64).unwrap(), b"BB");
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

mod an_urgent_byte_before_the_end_hides_neither {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        pair.write(b"AAA").unwrap();
        pair.writer.send_urgent(b'!').unwrap();
        pair.writer.shutdown(std::net::Shutdown::Write).unwrap();
        kernel.settle();
        assert_eq!(Watch::state(kernel, &pair.reader), "IN|PRI|OUT|RDHUP");
        assert_eq!(pair.read(64).unwrap(), b"AAA");
        assert_eq!(pair.read(64).unwrap(), b"");
        assert_eq!(Watch::state(kernel, &pair.reader), "IN|OUT|RDHUP");
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

mod an_urgent_byte_is_plain_when_another_comes_unless_it_is_next_to_be_read {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        for (before, read) in [(&b"AAA"[..], &b"AAA!"[..]), (b"", b"")] {
            if !before.is_empty() {
                pair.write(before).unwrap();
            }
            for byte in [b'!', b'?'] {
                pair.writer.send_urgent(byte).unwrap();
                kernel.settle();
            }
            pair.write(b"BBB").unwrap();
            kernel.settle();
            if !read.is_empty() {
                assert_eq!(pair.read(64).unwrap(), read);
            }
            assert_eq!(pair.read(64).unwrap(), b"BBB");
        }
        pair.writer.shutdown(std::net::Shutdown::Write).unwrap();
        kernel.settle();
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
