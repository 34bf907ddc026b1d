//! Reads that stop with more in the queue, without another edge.

use super::kernel::linux_with_processes;
use super::pair::unix;
use super::registrations::duplicate;
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::{Ancillary, Fd, Moved, Type};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::AsFd;

/// Passed descriptors, which close on drop.
fn owned(ancillary: &mut Ancillary) -> Vec<Fd> {
    ancillary.take_descriptors().into_iter().map(Fd::from).collect()
}

mod a_unix_read_stops_behind_a_message_with_a_descriptor {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        let passed = unix(Type::Stream);
        pair.write(b"one").unwrap();
        let beside = [passed.reader.as_fd()];
        pair.writer.send_message(&[IoSlice::new(b"two")], &beside, None, None).unwrap();
        pair.write(b"three").unwrap();
        assert_eq!(watch.edge(), "IN|OUT", "K1");
        let mut buf = [0; 64];
        let mut ancillary = Ancillary::with_room_for(4);
        let message = pair.reader.recv_message(&mut [IoSliceMut::new(&mut buf)], &mut ancillary).unwrap();
        assert_eq!(&buf[..message.len], b"onetwo");
        assert_eq!((owned(&mut ancillary).len(), message.ancillary_truncated), (1, false));
        assert_eq!(watch.edge(), "", "K1");
        assert_eq!(pair.read(64).unwrap(), b"three");
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

mod a_plain_read_stops_there_too_and_closes_what_was_passed {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let passed = unix(Type::Stream);
        let there = Watch::of(kernel, &passed.writer);
        assert_eq!(there.edge(), "OUT");
        let beside = [passed.reader.as_fd()];
        pair.writer.send_message(&[IoSlice::new(b"two")], &beside, None, None).unwrap();
        pair.write(b"three").unwrap();
        drop(passed.reader);
        assert_eq!(there.edge(), "", "open, for it is on its way");
        assert_eq!(pair.read(1).unwrap(), b"t");
        assert_eq!(there.edge(), "IN|OUT|HUP|RDHUP", "closed: it goes with the first byte");
        assert_eq!(pair.read(64).unwrap(), b"wothree", "and nothing stops the next read");
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

mod a_read_without_room_for_control_data_says_that_it_stopped_at_a_descriptor {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        let passed = unix(Type::Stream);
        let beside = [passed.reader.as_fd()];
        pair.write(b"one").unwrap();
        for bytes in [b"two", b"six"] {
            pair.writer.send_message(&[IoSlice::new(bytes)], &beside, None, None).unwrap();
        }
        pair.write(b"three").unwrap();
        assert_eq!(watch.edge(), "IN|OUT", "K1");
        let (mut buf, reader) = ([0; 64], &pair.reader);
        assert_eq!(reader.recv_unix(&mut buf).unwrap(), Moved { bytes: 6, cut: true });
        assert_eq!((&buf[..6], watch.edge().as_str()), (&b"onetwo"[..], ""), "K1");
        let (first, second) = buf.split_at_mut(2);
        let parts = &mut [IoSliceMut::new(first), IoSliceMut::new(second)];
        assert_eq!(reader.recv_unix_vectored(parts).unwrap(), Moved { bytes: 3, cut: true });
        assert_eq!(&buf[..3], b"six");
        assert_eq!(reader.recv_unix(&mut buf).unwrap(), Moved { bytes: 5, cut: false });
        assert_eq!(&buf[..5], b"three");
        assert_eq!(reader.recv_unix(&mut buf).unwrap_err().raw_os_error(), Some(libc::EAGAIN));
        drop(pair.writer);
        kernel.settle();
        assert_eq!(reader.recv_unix(&mut buf).unwrap(), Moved { bytes: 0, cut: false });
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

mod a_read_without_room_for_the_credentials_it_asked_for_always_says_so {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        pair.reader.set_passcred(true).unwrap();
        pair.write(b"o").unwrap();
        pair.write(b"ne").unwrap();
        kernel.write_as_another_process(&pair.writer, "two");
        pair.write(b"three").unwrap();
        let mut buf = [0; 64];
        for bytes in ["one", "two", "three"] {
            let moved = Moved { bytes: bytes.len(), cut: true };
            assert_eq!(pair.reader.recv_unix(&mut buf).unwrap(), moved, "K2: {bytes}");
            assert_eq!(&buf[..bytes.len()], bytes.as_bytes());
        }
        pair.reader.set_passcred(false).unwrap();
        pair.write(b"four").unwrap();
        kernel.write_as_another_process(&pair.writer, "five");
        assert_eq!(pair.reader.recv_unix(&mut buf).unwrap(), Moved { bytes: 8, cut: false });
    }

    #[test]
    fn on_linux() {
        linux_with_processes(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod a_descriptor_that_nobody_receives_is_closed_with_its_message {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let passed = unix(Type::Stream);
        let there = Watch::of(kernel, &passed.writer);
        pair.writer.send_message(&[IoSlice::new(b"x")], &[passed.reader.as_fd()], None, None).unwrap();
        drop((pair.reader, passed.reader));
        kernel.settle();
        assert_eq!(there.edge(), "IN|OUT|HUP|RDHUP");
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

mod descriptors_beyond_the_room_are_closed_and_reported {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let passed = unix(Type::Stream);
        let again = duplicate(&passed.reader);
        let beside = [passed.reader.as_fd(), again.as_fd(), passed.writer.as_fd()];
        pair.writer.send_message(&[IoSlice::new(b"x")], &beside, None, None).unwrap();
        kernel.settle();
        let mut ancillary = Ancillary::with_room_for(1);
        let message = pair.reader.recv_message(&mut [IoSliceMut::new(&mut [0])], &mut ancillary).unwrap();
        assert_eq!((owned(&mut ancillary).len(), message.ancillary_truncated), (1, true));
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

mod a_reader_that_asked_for_credentials_gets_the_bytes_of_one_sender {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        pair.reader.set_passcred(true).unwrap();
        assert!(pair.reader.passcred().unwrap());
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        pair.write(b"o").unwrap();
        pair.write(b"ne").unwrap();
        kernel.write_as_another_process(&pair.writer, "two");
        pair.write(b"three").unwrap();
        assert_eq!(watch.edge(), "IN|OUT", "K2");
        assert_eq!(pair.read(64).unwrap(), b"one");
        assert_eq!(watch.edge().replace("OUT", ""), "", "K2: no news for a reader");
        assert_eq!(pair.read(64).unwrap(), b"two");
        assert_eq!(pair.read(64).unwrap(), b"three");
        assert_eq!(pair.read(64), Err("EAGAIN".into()));
    }

    #[test]
    fn on_linux() {
        linux_with_processes(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod a_reader_that_did_not_ask_gets_the_bytes_of_all {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        pair.write(b"one").unwrap();
        kernel.write_as_another_process(&pair.writer, "two");
        pair.write(b"three").unwrap();
        assert_eq!(pair.read(64).unwrap(), b"onetwothree");
    }

    #[test]
    fn on_linux() {
        linux_with_processes(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}
