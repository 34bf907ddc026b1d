//! When a descriptor is reported, and when no longer.

use super::errno::said;
use super::kernel::linux_in_a_child;
use super::pair::{pipe, tcp, unix};
use super::watch::Watch;
use super::{Kernel, linux, simulation};
use egret_runtime::sys::{Ancillary, Fd, Type};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd};

mod what_is_ready_already_is_reported_at_once {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = tcp(kernel);
        pair.write(b"x").unwrap();
        kernel.settle();
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "IN|OUT");
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

mod a_second_registration_is_refused_and_the_first_stays {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        assert_eq!(said(watch.add(&pair.reader)), Err("EEXIST".into()));
        pair.write(b"x").unwrap();
        assert_eq!(watch.edge(), "IN|OUT");
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

mod what_is_deleted_is_not_reported_even_if_it_was_queued {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let watch = Watch::of(kernel, &pair.reader);
        pair.write(b"x").unwrap();
        watch.epoll.delete(pair.reader.as_raw_fd()).unwrap();
        assert_eq!(watch.edge(), "");
        pair.write(b"x").unwrap();
        assert_eq!(watch.edge(), "");
        assert_eq!(said(watch.epoll.delete(pair.reader.as_raw_fd())), Err("ENOENT".into()));
        watch.add(&pair.reader).unwrap();
        assert_eq!(watch.edges(), ["1:IN|OUT"]);
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

mod a_descriptor_that_is_closed_is_reported_no_more {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = pipe();
        let watch = Watch::of(kernel, &pair.reader);
        pair.write(b"x").unwrap();
        let number = pair.reader.as_raw_fd();
        drop(pair.reader);
        assert_eq!(watch.edge(), "");
        assert_eq!(said(watch.epoll.delete(number)), Err("EBADF".into()));
    }

    // In a process of its own: here another test may take the number.
    #[test]
    fn on_linux() {
        linux_in_a_child("registrations::a_descriptor_that_is_closed_is_reported_no_more::on_linux", rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod two_instances_are_told_each_for_itself {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let (one, other) = (Watch::of(kernel, &pair.reader), Watch::of(kernel, &pair.reader));
        assert_eq!((one.edge(), other.edge()), ("OUT".into(), "OUT".into()));
        pair.write(b"x").unwrap();
        assert_eq!(one.edge(), "IN|OUT");
        assert_eq!(one.edge(), "");
        assert_eq!(other.edge(), "IN|OUT");
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

mod what_happens_first_is_reported_first {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pairs = [unix(Type::Stream), unix(Type::Stream), unix(Type::Stream)];
        let watch = Watch::empty(kernel);
        pairs.iter().for_each(|pair| watch.add(&pair.reader).unwrap());
        assert_eq!(watch.edges(), ["0:OUT", "1:OUT", "2:OUT"]);
        for pair in [2, 0, 2, 1] {
            pairs[pair].write(b"x").unwrap();
        }
        assert_eq!(watch.edges(), ["2:IN|OUT", "0:IN|OUT", "1:IN|OUT"]);
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

/// A duplicate of the open file, made in the way that works on both kernels: sent over a socket.
pub fn duplicate(fd: &Fd) -> Fd {
    let post = unix(Type::Stream);
    post.writer.send_message(&[IoSlice::new(b"x")], &[fd.as_fd()], None, None).unwrap();
    let mut ancillary = Ancillary::with_room_for(1);
    post.reader.recv_message(&mut [IoSliceMut::new(&mut [0])], &mut ancillary).unwrap();
    Fd::from(ancillary.take_descriptors().pop().expect("one was sent"))
}

mod a_registration_lives_as_long_as_any_duplicate {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "OUT");
        let again = duplicate(&pair.reader);
        assert_eq!(watch.edge(), "", "to pass a descriptor is no change of its file");
        let number = pair.reader.as_raw_fd();
        drop(pair.reader);
        assert_eq!(said(pair.writer.send(b"x")), Ok(1), "open");
        assert_eq!(watch.edge(), "IN|OUT", "K8: of a number that is closed");
        assert_eq!(said(watch.epoll.delete(number)), Err("EBADF".into()), "K8");
        assert_eq!(said(again.recv(&mut [0; 4])), Ok(1));
        drop(again);
        assert_eq!(said(pair.writer.send(b"x")), Err("EPIPE".into()));
        assert_eq!(watch.edge(), "");
    }

    // In a process of its own: here another test may take the number.
    #[test]
    fn on_linux() {
        linux_in_a_child("registrations::a_registration_lives_as_long_as_any_duplicate::on_linux", rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod two_duplicates_are_two_registrations {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = unix(Type::Stream);
        let again = duplicate(&pair.reader);
        let watch = Watch::empty(kernel);
        watch.add(&pair.reader).unwrap();
        watch.add(&again).unwrap();
        assert_eq!(watch.edges(), ["0:OUT", "1:OUT"]);
        pair.write(b"x").unwrap();
        let mut edges = watch.edges();
        edges.sort(); // the kernel promises no order between registrations of one file
        assert_eq!(edges, ["0:IN|OUT", "1:IN|OUT"]);
        watch.epoll.delete(again.as_raw_fd()).unwrap();
        pair.write(b"x").unwrap();
        assert_eq!(watch.edges(), ["0:IN|OUT"]);
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
