//! What the kernel takes for the two wakes of a blocking job: a thread that waits on a futex, then one that waits in
//! `epoll_wait`. There is no job, no queue and no runtime: the floor of the row "spawn_blocking, joined".
//!
//! ```text
//! cargo run --release -p micro --example two_wakes
//! taskset -c 1 target/release/examples/two_wakes
//! ```

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

const ROUNDS: u64 = 7;
const PER_ROUND: u64 = 20_000;

static SUBMITTED: AtomicU64 = AtomicU64::new(0);

fn main() -> io::Result<()> {
    let bell = eventfd(0, EventfdFlags::NONBLOCK)?;
    let poll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&poll, &bell, EventData::new_u64(0), EventFlags::IN | EventFlags::ET)?;
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            for job in 1..=ROUNDS * PER_ROUND {
                while SUBMITTED.load(Ordering::Acquire) < job {
                    thread::park();
                }
                io::write(&bell, &1u64.to_ne_bytes()).expect("a counter that is far from full");
            }
        });
        let mut events = Vec::with_capacity(1);
        let mut rounds: Vec<u64> = Vec::new();
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            for _ in 0..PER_ROUND {
                SUBMITTED.fetch_add(1, Ordering::Release);
                worker.thread().unpark();
                events.clear();
                epoll::wait(&poll, spare_capacity(&mut events), None)?;
            }
            rounds.push(begin.elapsed().as_nanos() as u64 / PER_ROUND);
        }
        rounds.sort_unstable();
        let (lowest, median, highest) = (rounds[0], rounds[rounds.len() / 2], rounds[rounds.len() - 1]);
        println!("two wakes: {median} ns ({lowest} to {highest})");
        Ok(())
    })
}
