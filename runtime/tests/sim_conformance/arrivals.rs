//! Arriving data and connections, and when they are an edge.

use super::errno::said;
use super::pair::{Pair, messages, pipe, streams, tcp, unix};
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::{Backend, Type};

/// The state of the reading end of an open pair with bytes, and without.
fn readable(pair: &Pair) -> &'static str {
    if pair.name == "pipe" { "IN" } else { "IN|OUT" }
}

fn idle(pair: &Pair) -> &'static str {
    if pair.name == "pipe" { "" } else { "OUT" }
}

mod new_data_is_an_edge_although_the_old_is_unread {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for pair in streams(kernel).into_iter().chain(messages(kernel)) {
            let watch = Watch::of(kernel, &pair.reader);
            assert_eq!(watch.edge(), idle(&pair), "{}", pair.name);
            for byte in *b"abc" {
                pair.write(&[byte]).unwrap();
                assert_eq!(watch.edge(), readable(&pair), "{}", pair.name);
                assert_eq!(watch.edge(), "", "{}", pair.name);
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

mod a_read_that_leaves_something_behind_is_no_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for pair in streams(kernel) {
            let watch = Watch::of(kernel, &pair.reader);
            pair.write(b"abcd").unwrap();
            assert_eq!(watch.edge(), readable(&pair), "{}", pair.name);
            assert_eq!(pair.read(1).unwrap(), b"a");
            assert_eq!(watch.edge(), "", "{}", pair.name);
            assert_eq!(pair.read(9).unwrap(), b"bcd");
            assert_eq!(pair.read(9), Err("EAGAIN".into()));
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

mod two_writes_before_a_wait_are_one_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for pair in streams(kernel).into_iter().chain(messages(kernel)) {
            let watch = Watch::of(kernel, &pair.reader);
            watch.edges();
            pair.write(b"ab").unwrap();
            pair.write(b"cd").unwrap();
            assert_eq!(watch.edge(), readable(&pair), "{}", pair.name);
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

mod the_mask_is_the_state_at_delivery {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for pair in streams(kernel).into_iter().chain(messages(kernel)) {
            let watch = Watch::of(kernel, &pair.reader);
            watch.edges();
            pair.write(b"ab").unwrap();
            kernel.settle();
            assert_eq!(pair.read(9).unwrap(), b"ab");
            // Read before the report: the report has the current state, or does not come.
            assert_eq!(watch.edge(), idle(&pair), "{}", pair.name);
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

mod a_short_read_of_a_message_is_not_the_last {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for pair in messages(kernel) {
            let watch = Watch::of(kernel, &pair.reader);
            watch.edges();
            pair.write(b"one").unwrap();
            pair.write(b"").unwrap();
            pair.write(b"three").unwrap();
            assert_eq!(watch.edge(), "IN|OUT", "{}", pair.name);
            assert_eq!(pair.read(64).unwrap(), b"one");
            assert_eq!(watch.edge(), "", "{}", pair.name);
            assert_eq!(pair.read(64).unwrap(), b"");
            assert_eq!(pair.read(2).unwrap(), b"th", "{}", pair.name);
            assert_eq!(pair.read(64), Err("EAGAIN".into()), "what there was no room for is gone");
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

mod a_look_takes_nothing_and_is_no_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for pair in [tcp(kernel), unix(Type::Stream), unix(Type::SeqPacket)] {
            let watch = Watch::of(kernel, &pair.reader);
            assert_eq!(said(pair.reader.peek(&mut [0; 4])), Err("EAGAIN".into()));
            pair.write(b"ab").unwrap();
            assert_eq!(watch.edge(), "IN|OUT", "{}", pair.name);
            assert_eq!(said(pair.reader.peek(&mut [0; 4])), Ok(2));
            assert_eq!(watch.edge(), "", "{}", pair.name);
            assert_eq!(pair.read(9).unwrap(), b"ab");
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

mod nothing_written_to_a_stream_is_nothing_to_read {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for pair in streams(kernel) {
            let watch = Watch::of(kernel, &pair.reader);
            watch.edges();
            assert_eq!(pair.write(b""), Ok(0));
            assert_eq!(watch.edge(), "", "{}", pair.name);
            assert_eq!(pair.read(9), Err("EAGAIN".into()), "{}", pair.name);
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

mod a_read_with_no_room_finds_out_whether_there_is_anything {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        for pair in [tcp(kernel), unix(Type::Stream)] {
            assert_eq!(pair.read(0), Err("EAGAIN".into()), "{}", pair.name);
            pair.write(b"a").unwrap();
            kernel.settle();
            assert_eq!(pair.read(0).unwrap(), b"", "{}", pair.name);
            assert_eq!(pair.read(9).unwrap(), b"a", "{}", pair.name);
        }
        assert_eq!(pipe().read(0).unwrap(), b"");
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

mod each_write_to_an_eventfd_is_an_edge {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let fd = Backend::current().counter().unwrap();
        let watch = Watch::of(kernel, &fd);
        assert_eq!(watch.edge(), "OUT");
        for _ in 0..2 {
            fd.notify().unwrap();
            assert_eq!(watch.edge(), "IN|OUT");
            assert_eq!(watch.edge(), "");
        }
        assert_eq!(said(fd.write(&3u64.to_ne_bytes())), Ok(8));
        let mut value = [0; 8];
        assert_eq!(said(fd.read(&mut value)), Ok(8));
        assert_eq!(u64::from_ne_bytes(value), 5);
        assert_eq!(watch.edge(), "OUT", "a read is an edge for writers");
        assert_eq!(said(fd.read(&mut value)), Err("EAGAIN".into()));
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

mod a_full_eventfd_refuses_a_write_and_makes_room_for_a_ring {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let fd = Backend::current().counter().unwrap();
        let watch = Watch::of(kernel, &fd);
        assert_eq!(said(fd.write(&u64::MAX.to_ne_bytes())), Err("EINVAL".into()));
        assert_eq!(said(fd.write(&[1])), Err("EINVAL".into()));
        assert_eq!(said(fd.write(&(u64::MAX - 1).to_ne_bytes())), Ok(8));
        assert_eq!(watch.edge(), "IN");
        assert_eq!(said(fd.write(&1u64.to_ne_bytes())), Err("EAGAIN".into()));
        assert_eq!(watch.edge(), "");
        assert_eq!(said(fd.notify()), Ok(()));
        assert_eq!(watch.edge(), "IN|OUT");
        assert_eq!(said(fd.read(&mut [0; 4])), Err("EINVAL".into()));
        let mut value = [0; 8];
        assert_eq!(said(fd.read(&mut value)), Ok(8));
        assert_eq!(u64::from_ne_bytes(value), 1);
        assert_eq!(watch.edge(), "OUT");
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

mod the_eventfd_of_a_loop_is_an_edge_each_time_it_is_written {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let eventfd = Backend::current().eventfd().unwrap();
        let watch = Watch::of_eventfd(kernel, &eventfd);
        assert_eq!(watch.edge(), "OUT");
        for _ in 0..3 {
            eventfd.notify().unwrap();
            assert_eq!(watch.edge(), "IN|OUT");
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

mod the_count_of_a_loops_eventfd_is_that_of_other_threads {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let eventfd = Backend::current().eventfd().unwrap();
        let watch = Watch::of_eventfd(kernel, &eventfd);
        assert_eq!(eventfd.take_count().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        // This thread is in no simulation.
        std::thread::scope(|scope| {
            scope.spawn(|| eventfd.notify().unwrap());
        });
        assert_eq!(eventfd.take_count().unwrap(), 1);
        drop(watch);
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
