//! The first process of a container, number 1: the kernel delivers to it only signals that it handles, and it inherits
//! orphans.

use crate::everyday;
use crate::namespaces::inside;
use egret::process::Command;
use egret::runtime::Runtime;
use egret::signal::unix::{SignalKind, signal};
use egret::time::{Instant, sleep};
use std::time::Duration;

fn terminate_this() {
    // SAFETY: the call takes no pointer.
    assert_eq!(unsafe { libc::kill(1, libc::SIGTERM) }, 0);
}

/// The kernel spares the first process a signal with the default action only while the thread that it began with does not
/// block it: what is blocked is never ignored, and the thread that does not block it then ends the process. The C library
/// blocks all signals while it starts a thread, as that one has just started this, and the kernel blocks a signal while its
/// handler runs, as it may still do there.
fn first_thread_takes_signals() {
    let takes = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap(); // of the first thread
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(blocked.trim(), 16).unwrap() == 0
    };
    while !takes() {
        std::thread::yield_now();
    }
}

/// Whether the child has ended and has not been waited for.
fn is_zombie(pid: u32) -> bool {
    // SAFETY: `siginfo_t` is made of integers and pointers, for all of which zero bytes are a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the kernel writes one `siginfo_t`, which lives across the call.
    let waited = unsafe { libc::waitid(libc::P_PID, pid, &raw mut info, look) };
    // SAFETY: the field is in what is written about a child, and in zero bytes.
    waited == 0 && unsafe { info.si_pid() } != 0
}

#[test]
fn everything_works_in_the_first_process() {
    inside(libc::CLONE_NEWPID, || {
        assert_eq!(std::process::id(), 1);
        everyday::all(&Runtime::new().unwrap());
    });
}

#[test]
fn a_signal_reaches_the_first_process_while_it_listens() {
    inside(libc::CLONE_NEWPID, || {
        first_thread_takes_signals();
        terminate_this(); // the default action, from which the kernel spares it
        Runtime::new().unwrap().block_on(async {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            terminate_this();
            terminate.recv().await.unwrap();
            drop(terminate);
            first_thread_takes_signals();
            terminate_this();
        });
    });
}

// egret waits for its own children and for no other: what a program leaves behind is for an init, or the program itself.
#[test]
fn a_stranger_that_becomes_a_child_of_the_first_process_is_left_alone() {
    inside(libc::CLONE_NEWPID, || {
        let rt = Runtime::new().unwrap();
        let stranger: u32 = rt.block_on(async {
            let script = "sleep 60 > /dev/null 2>&1 & echo $!";
            let output = Command::new("sh").args(["-c", script]).output().await.unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
        });
        // It has lost its parent, which would have waited for it.
        assert!(!is_zombie(stranger));
        // SAFETY: the call takes no pointer, and the process has not been waited for.
        assert_eq!(unsafe { libc::kill(stranger as i32, libc::SIGKILL) }, 0);
        rt.block_on(async {
            let start = Instant::now();
            while !is_zombie(stranger) {
                assert!(
                    start.elapsed() < Duration::from_secs(10),
                    "{stranger} is not a child of this process"
                );
                sleep(Duration::from_millis(1)).await;
            }
        });
        everyday::children(&rt);
        assert!(is_zombie(stranger));
        // SAFETY: the kernel writes nothing to a null pointer.
        assert_eq!(unsafe { libc::waitpid(stranger as i32, std::ptr::null_mut(), 0) }, stranger as i32);
    });
}
