//! A task that calls `getaddrinfo` itself, with a name server that does not answer: the stall finder names the task and
//! the call.

use crate::namespaces::{Hidden, inside, loopback_up};
use egret::inspect::StallStage;
use egret::runtime::Builder;
use std::fs;
use std::net::{ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn a_look_up_that_blocks_the_loop_is_named() {
    inside(libc::CLONE_NEWNS | libc::CLONE_NEWNET, || {
        loopback_up();
        let _etc = Hidden::directory(c"/etc");
        fs::write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n").unwrap();
        let _server = UdpSocket::bind("127.0.0.1:53").unwrap(); // reads nothing

        // Again when the machine has not run the thread for so long that it has not come to its call, or a poll of its own
        // has become a stall.
        assert!((0..10).any(|_| is_named()));
    });
}

/// Whether there was one stall, and the thread asleep.
fn is_named() -> bool {
    let (begun, (tell, told)) = (Arc::new(AtomicBool::new(false)), channel());
    let opens = begun.clone();
    let report = move |stall: &egret::inspect::Stall| {
        tell.send(stall.clone()).unwrap();
        opens.store(true, Ordering::Relaxed);
    };
    let rt = Builder::new().stall_after(Duration::from_millis(200), report).build().unwrap();
    let line = line!() + 1;
    let task = rt.spawn(async move {
        while !begun.load(Ordering::Relaxed) {
            ("egret.invalid", 80).to_socket_addrs().unwrap_err();
        }
    });
    let id = task.id().to_string();
    rt.block_on(task).unwrap();
    drop(rt);
    let reports: Vec<_> = told.iter().collect();
    assert!(reports.len() >= 2, "{reports:#?}");
    let [begun, ended] = &reports[..] else { return false };
    assert_eq!((begun.stage, ended.stage), (StallStage::Begun, StallStage::Ended));
    let place = begun.spawned_at.unwrap();
    assert_eq!((begun.task.to_string(), place.file, place.line), (id, file!(), line));
    let kernel = begun.thread.kernel.as_deref().unwrap();
    #[cfg(feature = "inspect-backtrace")]
    let is_late =
        begun.stack.missing.as_deref().is_some_and(|why| why.starts_with("the thread did not take"));
    #[cfg(not(feature = "inspect-backtrace"))]
    let is_late = false;
    if is_late || kernel == "runs" {
        return false;
    }
    let names = ["poll", "restart_syscall"]; // the second when the process has been stopped in it
    assert!(kernel.starts_with("sleeps in ") && names.iter().any(|name| kernel.contains(name)), "{begun}");
    #[cfg(feature = "inspect-backtrace")]
    {
        // musl comes without tables for the unwinder: of its functions there is the innermost alone.
        let function = if cfg!(target_env = "musl") { "poll" } else { "getaddrinfo" };
        assert!(begun.stack.to_string().contains(function), "{begun}");
    }
    true
}
