//! Children dropped before they were reaped.
//!
//! * A child that ends stays a zombie until its parent reaps it. One thread of the process reaps those without a
//!   `Child`: it sleeps in `epoll_wait` on their descriptors. The first orphan that is still running starts it; it
//!   ends with the last.
//! * Why not a task: a runtime drops its tasks, and a process that goes on would keep the zombies; a child may be
//!   dropped outside of a runtime; and a graceful shutdown would wait for a foreign program.
//! * Why not at the next spawn: there may be none.
//! * All state is behind one mutex. No user code runs under it.

use crate::executor::running;
use crate::sys::{Backend, Epoll, Events, Fd, Process, mask};
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

static ORPHANS: Mutex<Orphans> = Mutex::new(Orphans { arrived: Vec::new(), eventfd: None });

struct Orphans {
    /// Orphans that the thread has not yet seen.
    arrived: Vec<Process>,
    /// The eventfd that wakes the thread, while there is one.
    eventfd: Option<Arc<Fd>>,
}

/// The token of the eventfd; the orphans count from 0.
const EVENTFD: u64 = u64::MAX;

/// Reaps `process` when it ends.
#[inline]
pub(super) fn adopt(process: Process) {
    if !process.needs_reaper() || is_over(&process) {
        return;
    }
    let mut orphans = lock();
    orphans.arrived.push(process);
    orphans.attend();
}

/// Retries what failed for lack of a thread or a descriptor: called before each spawn.
#[inline]
pub(super) fn attend() {
    let mut orphans = lock();
    if !orphans.arrived.is_empty() {
        orphans.arrived.retain(|process| !is_over(process));
        orphans.attend();
    }
}

impl Orphans {
    /// Wakes the thread, or starts it. If neither works, the orphans wait for the next call.
    #[inline]
    fn attend(&mut self) {
        if self.arrived.is_empty() {
            return;
        }
        if let Some(eventfd) = &self.eventfd {
            // Fails only when another thread fills the counter at the same moment.
            let _ = eventfd.notify();
            return;
        }
        self.eventfd = start().ok();
    }
}

#[inline]
fn start() -> io::Result<Arc<Fd>> {
    let backend = Backend::current();
    let (epoll, eventfd) = (backend.epoll()?, Arc::new(backend.eventfd()?));
    epoll.add(eventfd.as_fd(), mask::IN | mask::EDGE, EVENTFD)?;
    let shared = eventfd.clone();
    // A small stack: what runs on it is below.
    let _blunt = running::blunt_waits();
    let thread = thread::Builder::new().name("egret-reaper".to_owned()).stack_size(128 * 1024);
    thread.spawn(move || run(&epoll, shared))?;
    Ok(eventfd)
}

#[inline]
fn run(epoll: &Epoll, _eventfd: Arc<Fd>) {
    let mut watched = HashMap::new();
    let mut next = 0;
    let mut events = Events::with_capacity(64);
    loop {
        {
            let mut orphans = lock();
            let mut refused = Vec::new();
            for process in std::mem::take(&mut orphans.arrived) {
                // Level-triggered: the next wait reports an orphan that has ended meanwhile.
                match epoll.add(process.as_fd(), mask::IN, next) {
                    Ok(()) => drop(watched.insert(next, process)),
                    Err(_) => refused.push(process), // no memory, or no watches left for this user
                }
                next += 1;
            }
            orphans.arrived = refused;
            if watched.is_empty() {
                orphans.eventfd = None; // under the lock: the next orphan starts a thread
                return;
            }
        }
        if epoll.wait(&mut events, None).is_err() {
            lock().eventfd = None;
            return;
        }
        for (token, _) in events.iter() {
            if watched.get(&token).is_some_and(is_over) {
                // Closing removes it from epoll: there is no duplicate.
                watched.remove(&token);
            }
        }
    }
}

/// Reaps the process if it has ended. Also true if other code has reaped it.
#[inline]
fn is_over(process: &Process) -> bool {
    !matches!(process.reap(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[inline]
fn lock() -> MutexGuard<'static, Orphans> {
    ORPHANS.lock().unwrap_or_else(PoisonError::into_inner)
}
