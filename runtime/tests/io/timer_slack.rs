//! The loop's thread has a timer slack of 1 ns while it has timers; threads and children that it starts do not inherit it.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has neither processes nor a timer slack

use crate::support::{HANG, bounded};
use egret_runtime::block_on;
use egret_runtime::process::Command;
use egret_runtime::task::spawn_blocking;
use std::time::Duration;

/// The timer slack of the calling thread, in nanoseconds.
fn slack() -> i32 {
    // SAFETY: the call takes no pointer.
    unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }
}

#[test]
fn a_child_and_a_thread_of_the_pool_begin_with_the_slack_that_the_thread_had() {
    bounded(|| {
        let before = slack();
        block_on(async {
            // A slow machine reaches the wait after a near deadline has passed, and then the loop does not wait.
            let mut near = Duration::from_millis(1);
            while slack() != 1 {
                assert!(near < HANG, "the loop has waited for a timer");
                egret_runtime::time::sleep(near).await;
                near *= 2;
            }
            let child = Command::new("cat").arg("/proc/self/timerslack_ns").output().await.unwrap();
            assert_eq!(String::from_utf8(child.stdout).unwrap().trim(), before.to_string());
            assert_eq!(slack(), 1, "after a spawn");
            assert!(Command::new("/nonexistent").spawn().is_err());
            assert_eq!(slack(), 1, "after one that failed");
            assert_eq!(spawn_blocking(slack).await.unwrap(), before);
            assert_eq!(slack(), 1, "after a thread was started");
        });
        assert_eq!(slack(), before);
        // No loop runs, or it has had no timers: there is nothing to put back.
        block_on(async {
            assert_eq!(spawn_blocking(slack).await.unwrap(), before);
            assert_eq!(slack(), before);
        });
    });
}
