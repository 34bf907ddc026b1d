//! Children that were dropped before they had been waited for.
//!
//! A child that ends stays a zombie until its parent asks. For those that no `Child` asks for any more there is one
//! thread in the process, which sleeps in `epoll_wait` on their descriptors. It is started with the first orphan that has
//! not ended by the time it is dropped, and ends with the last.
//!
//! Not a task of the runtime, though that would cost no thread: a runtime that is dropped drops its tasks, and a
//! server that ends its loop and goes on as a process would keep the zombies; a child may be dropped where there is no
//! runtime; and a task that waits for a stranger's program to end would keep a graceful shutdown from seeing that
//! nothing is left to do. Not the list that is walked at the next spawn either: there may be none.
//!
//! All state is behind one mutex. No user code runs under it.

use crate::executor::running;
use crate::sys::{Backend, Epoll, Events, Fd, Process, mask};
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

static ORPHANS: Mutex<Orphans> = Mutex::new(Orphans { arrived: Vec::new(), bell: None });

struct Orphans {
    /// Those that the thread has not yet seen.
    arrived: Vec<Process>,
    /// Rings the thread, while there is one.
    bell: Option<Arc<Fd>>,
}

/// Stands for the bell among the numbers that epoll reports; the orphans count from 0.
const BELL: u64 = u64::MAX;

/// Sees to it that `process` is reaped when it ends.
#[inline]
pub(super) fn adopt(process: Process) {
    if is_over(&process) {
        return;
    }
    let mut orphans = lock();
    orphans.arrived.push(process);
    orphans.attend();
}

/// Tries again what may have failed for want of a thread or a descriptor: called before each spawn.
#[inline]
pub(super) fn attend() {
    let mut orphans = lock();
    if !orphans.arrived.is_empty() {
        orphans.arrived.retain(|process| !is_over(process));
        orphans.attend();
    }
}

impl Orphans {
    /// Wakes the thread, or starts it. Where neither can be done the orphans wait for the next call.
    #[inline]
    fn attend(&mut self) {
        if self.arrived.is_empty() {
            return;
        }
        if let Some(bell) = &self.bell {
            // Fails only when another thread fills the counter at the same moment.
            let _ = bell.ring();
            return;
        }
        self.bell = start().ok();
    }
}

#[inline]
fn start() -> io::Result<Arc<Fd>> {
    let backend = Backend::current();
    let (epoll, bell) = (backend.epoll()?, Arc::new(backend.eventfd()?));
    epoll.add(bell.as_fd(), mask::IN | mask::EDGE, BELL)?;
    let rung = bell.clone();
    // A small stack: what runs on it is below.
    let _blunt = running::blunt_waits();
    let thread = thread::Builder::new().name("egret-reaper".to_owned()).stack_size(128 * 1024);
    thread.spawn(move || run(&epoll, rung))?;
    Ok(bell)
}

#[inline]
fn run(epoll: &Epoll, _bell: Arc<Fd>) {
    let mut watched = HashMap::new();
    let mut next = 0;
    let mut events = Events::with_capacity(64);
    loop {
        {
            let mut orphans = lock();
            let mut refused = Vec::new();
            for process in std::mem::take(&mut orphans.arrived) {
                // Level-triggered: one that has ended meanwhile is reported by the next wait.
                match epoll.add(process.as_fd(), mask::IN, next) {
                    Ok(()) => drop(watched.insert(next, process)),
                    Err(_) => refused.push(process), // no memory, or no watches left for this user
                }
                next += 1;
            }
            orphans.arrived = refused;
            if watched.is_empty() {
                orphans.bell = None; // under the lock: whoever comes next starts a thread
                return;
            }
        }
        if epoll.wait(&mut events, None).is_err() {
            lock().bell = None;
            return;
        }
        for (token, _) in events.iter() {
            if watched.get(&token).is_some_and(is_over) {
                // Closed, and so forgotten by epoll: nobody has a duplicate.
                watched.remove(&token);
            }
        }
    }
}

/// Reaps the process if it has ended. True also when somebody else has.
#[inline]
fn is_over(process: &Process) -> bool {
    !matches!(process.reap(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[inline]
fn lock() -> MutexGuard<'static, Orphans> {
    ORPHANS.lock().unwrap_or_else(PoisonError::into_inner)
}
