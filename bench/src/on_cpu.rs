//! How long a process has been on a processor, from `/proc/PID/task/*/schedstat`, in nanoseconds.
//!
//! The kernel's time counts with the user's: the system calls that the process makes, and what the kernel does in
//! them. On loopback that is part of the receiver's work too: a `send` carries its bytes up to the other socket.

use crate::Result;
use std::time::Duration;

/// The sum over the threads that are there now, those of the kernel that work for an io_uring among them.
pub fn on_cpu(pid: i32) -> Result<Duration> {
    let directory = format!("/proc/{pid}/task");
    let entries =
        std::fs::read_dir(&directory).map_err(|error| format!("cannot read {directory}: {error}"))?;
    let mut nanos = 0;
    for entry in entries.flatten() {
        // A thread may have ended since it was listed.
        if let Ok(text) = std::fs::read_to_string(entry.path().join("schedstat")) {
            nanos += parse(&text).ok_or_else(|| format!("{}: not a schedstat", entry.path().display()))?;
        }
    }
    if nanos == 0 {
        return Err("this kernel does not count the time on a processor (CONFIG_SCHED_INFO)".to_owned());
    }
    Ok(Duration::from_nanos(nanos))
}

/// The first of three numbers: time on the processor, time waiting for one, times it got one.
fn parse(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_on_a_processor_is_the_first_number() {
        assert_eq!(parse("20650 1500 3\n"), Some(20_650));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_process_that_computes_is_on_a_processor() {
        let pid = std::process::id() as i32;
        let before = on_cpu(pid).unwrap();
        let mut sum = 0_u64;
        while on_cpu(pid).unwrap() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(on_cpu(-1).is_err());
    }
}
