//! A server that is stopped while a wave is sent, so that it finds the whole wave at its next look.
//!
//! Left to itself, a server wakes at the first request of a wave and finds as many more as were sent meanwhile: 21 of 64 on a
//! machine with nothing else to do, more on a busy one. What it does once for each wait is then spread over more or
//! fewer requests, and a count that is the same for every run must not depend on that.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at the state of a thread.
const PAUSE: Duration = Duration::from_micros(50);

/// States of a thread: see proc_pid_stat(5).
const SLEEPS: char = 'S';
const STOPPED: char = 'T';

/// A process that is stopped until this is dropped.
#[derive(Debug)]
pub struct Hold {
    process: Pid,
}

impl Hold {
    /// Waits until every thread of `process` sleeps, and stops it.
    ///
    /// A wait for readiness that is stopped ends with `EINTR` when the process goes on: each wave has one such wait.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such process, `TimedOut` when it is not asleep or not stopped by `deadline`.
    pub fn new(process: Pid, deadline: Instant) -> Result<Hold> {
        until(process, SLEEPS, deadline)?;
        let hold = Hold { process };
        kill_process(process, Signal::STOP)?;
        until(process, STOPPED, deadline)?;
        Ok(hold)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = kill_process(self.process, Signal::CONT);
    }
}

/// Waits until all threads of a process are in a state.
fn until(process: Pid, state: char, deadline: Instant) -> Result<()> {
    while !states(process)?.iter().all(|&now| now == state) {
        if Instant::now() >= deadline {
            let text = format!("process {process} is never all in state {state}");
            return Err(Error::new(ErrorKind::TimedOut, text));
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// The state of each thread of a process. One that ends meanwhile is not among them.
fn states(process: Pid) -> Result<Vec<char>> {
    let mut states = Vec::new();
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let stat = fs::read_to_string(thread?.path().join("stat"));
        states.extend(stat.ok().as_deref().and_then(state));
    }
    Ok(states)
}

/// The state in a line of `stat`: what follows the name, which is in brackets and may have some itself.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(300) // not the time of a busy machine, but that of a hang
    }

    #[test]
    fn a_process_that_is_held_does_nothing_until_it_is_let_go() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let process = Pid::from_child(&child);
        let hold = Hold::new(process, soon()).unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        stdin.write_all(b"x").unwrap();
        assert_eq!(states(process).unwrap(), [STOPPED]);
        drop(hold);
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
        drop(stdin);
        assert!(child.wait().unwrap().success());
        assert_eq!(Hold::new(process, soon()).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_process_that_never_sleeps_is_not_stopped() {
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let process = Pid::from_child(&child);
        let error = Hold::new(process, Instant::now() + Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_state_follows_the_name() {
        assert_eq!(state("12 (a name (1) S) T 1 12 12 0"), Some('T'));
        assert_eq!(state("12"), None);
    }
}
