//! A task that waits, and its waker.

use crate::support::{this_waker, turn};
use egret_runtime::runtime::Runtime;
use egret_runtime::task::JoinHandle;
use std::future::pending;
use std::sync::mpsc::channel;
use std::task::Waker;

/// A parked task, its waker, and how often it was polled.
pub fn parked(rt: &Runtime) -> (JoinHandle<()>, Waker) {
    let (send, receive) = channel();
    let handle = rt.spawn(async move {
        send.send(this_waker().await).unwrap();
        pending().await
    });
    turn(rt);
    (handle, receive.recv().unwrap())
}
