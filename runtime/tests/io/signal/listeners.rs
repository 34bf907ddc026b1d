//! Listeners that are dropped, outlive their runtime or are refused, and their descriptors.

use super::disposition::*;
use crate::support::child::{self, open_descriptors};
use crate::support::{changes, turn};
use egret_runtime::block_on;
use egret_runtime::runtime::Runtime;
use egret_runtime::signal::unix::{SignalKind, signal};
use std::io::ErrorKind;
use std::task::Poll;

// S6
#[test]
fn a_listener_may_go_between_the_delivery_and_the_turn() {
    child::alone(|| {
        dispose(USR1, libc::SIG_IGN);
        let rt = Runtime::new().unwrap();
        let stays = counter(&rt, USR1);
        let (dropped, mut kept) = {
            let _inside = rt.enter();
            (signal(USR1).unwrap(), signal(USR1).unwrap())
        };
        // One that waits, one that is polled afterwards, and one that goes.
        turn(&rt);
        let before = rt.metrics();
        raise(USR1);
        drop(dropped);
        assert_eq!(turn(&rt), (2, 1, 1));
        assert_eq!(stays.get(), 1);
        assert_eq!(poll_once(&mut kept), Poll::Ready(Some(())));
        let after = rt.metrics();
        assert_eq!((after.stale_generations, after.epoll_ctl_errors), (before.stale_generations, 0));

        // The last of all.
        raise(USR1);
        drop(kept);
        drop(rt);
        assert_eq!(disposition(USR1).0, libc::SIG_IGN);
        let rt = Runtime::new().unwrap();
        assert_eq!(turn(&rt), (0, 0, 0));
        let late = counter(&rt, USR1);
        assert_eq!((late.get(), turn(&rt)), (0, (0, 0, 0)));
    });
}

// D2
#[test]
fn a_listener_that_outlives_its_runtime_gives_what_has_come_and_then_nothing() {
    child::alone(|| {
        dispose(USR1, libc::SIG_IGN);
        let rt = Runtime::new().unwrap();
        let mut listener = {
            let _inside = rt.enter();
            signal(USR1).unwrap()
        };
        assert!(poll_once(&mut listener).is_pending());
        raise(USR1);
        drop(rt);
        assert_eq!(poll_once(&mut listener), Poll::Ready(Some(())));
        assert_eq!(poll_once(&mut listener), Poll::Ready(None));
        assert_eq!(block_on(listener.recv()), None);
        drop(listener);
        assert_eq!(disposition(USR1).0, libc::SIG_IGN);
    });
}

#[test]
fn what_cannot_be_listened_to_is_refused_and_nothing_is_left_behind() {
    child::alone(|| {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        drop(signal(USR1).unwrap()); // makes the eventfd, which is kept
        let (descriptors, metrics) = (open_descriptors(), rt.metrics());
        let forbidden =
            [libc::SIGKILL, libc::SIGSTOP, libc::SIGILL, libc::SIGFPE, libc::SIGSEGV, libc::SIGBUS];
        for number in forbidden {
            let before = disposition(SignalKind::from_raw(number));
            let refused = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.to_string().contains("cannot be listened to"), "{refused}");
            assert_eq!(disposition(SignalKind::from_raw(number)), before);
        }
        for number in [0, -1, 65, i32::MIN, i32::MAX] {
            let refused = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.to_string().contains("1 to 64"), "{refused}");
        }
        assert_eq!(changes(metrics, rt.metrics()), []);
        // The C library reserves these signals.
        let refused = signal(SignalKind::from_raw(32)).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(open_descriptors(), descriptors);
        assert_eq!(rt.metrics().sources_alive, 0);
    });
}

#[test]
fn each_listener_has_one_descriptor_and_the_process_keeps_one() {
    child::alone(|| {
        let rt = Runtime::new().unwrap();
        let _inside = rt.enter();
        let before = open_descriptors();
        let listeners: Vec<_> = (0..10).map(|_| signal(USR1).unwrap()).collect();
        assert_eq!(open_descriptors(), before + 11);
        drop(listeners);
        assert_eq!(open_descriptors(), before + 1);
        drop(signal(USR2).unwrap());
        assert_eq!(open_descriptors(), before + 1);
    });
}
