//! A gate that holds jobs back, and a value that records the thread that drops it.

use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::task::{JoinHandle, spawn_blocking};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};

/// Holds jobs back until it is opened, and knows how many have come to it.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Gate {
    /// What a job does.
    pub fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.0 += 1;
        changed.notify_all();
        while !state.1 {
            state = changed.wait(state).unwrap();
        }
    }

    /// Returns when `jobs` have come.
    pub fn await_jobs(&self, jobs: usize) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        while state.0 < jobs {
            state = changed.wait(state).unwrap();
        }
    }

    pub fn arrived(&self) -> usize {
        self.0.0.lock().unwrap().0
    }

    pub fn open(&self) {
        self.0.0.lock().unwrap().1 = true;
        self.0.1.notify_all();
    }
}

/// Sends the thread on which it is dropped.
pub struct Tells(Sender<ThreadId>);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

pub fn tells() -> (Tells, Receiver<ThreadId>) {
    let (send, receive) = channel();
    (Tells(send), receive)
}

pub fn runtime(threads: usize) -> Runtime {
    Builder::new().max_blocking_threads(threads).build().unwrap()
}

/// A job that has begun and keeps its thread until the gate is opened.
pub fn busy() -> (Gate, JoinHandle<()>) {
    let gate = Gate::default();
    let theirs = gate.clone();
    let running = spawn_blocking(move || theirs.pass());
    gate.await_jobs(1);
    (gate, running)
}
