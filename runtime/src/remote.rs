//! How a wake from another thread finds its executor and gets it out of `epoll_wait`.
//!
//! Each executor leases a [`Remote`]: a mailbox and an eventfd, found through a static table by the
//! executor's number, which every waker carries. Remotes are made once and recycled, never freed. A wake that
//! comes after its runtime is gone therefore finds a mailbox that is closed, or one that belongs to a later
//! executor (whose tasks it does not know by generation): never freed memory, and never the descriptor of
//! somebody's socket that was given the number of an eventfd. The price is one eventfd for each runtime that
//! was alive at the same time as others, kept until the process ends.

use crate::key::TaskKey;
use crate::mailbox::{Bell, Mailbox};
use crate::sys::{Backend, Fd};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The half of an executor that other threads see.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) mailbox: Mailbox,
    pub(crate) bell: Fd,
    rings: AtomicU64,
}

/// Makes a [`Remote`] somebody's own until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    remote: &'static Remote,
    number: u16,
    /// How many had this number before.
    tenure: u16,
    /// The counters when the lease began.
    rings_before: u64,
    duplicates_before: u64,
}

const PAGE: usize = 256;
type Page = Box<[OnceLock<Remote>]>;

/// Two levels, so that the 65 535 possible executors cost four kilobytes and not megabytes.
static TABLE: [OnceLock<Page>; PAGE] = [const { OnceLock::new() }; PAGE];

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers { free: Vec::new(), unused: 1 });

struct Numbers {
    /// Numbers that were given back, with how many had each.
    free: Vec<(u16, u16)>,
    /// The lowest number that nobody has had. 0 is nobody's, so that no key is 0.
    unused: u32,
}

/// Wakes the task that `key` names, from any thread.
pub(crate) fn wake(key: TaskKey) {
    let page = TABLE[usize::from(key.executor()) / PAGE].get();
    let Some(remote) = page.and_then(|page| page[usize::from(key.executor()) % PAGE].get()) else {
        return; // No such executor was ever made; a waker of ours cannot name it.
    };
    if remote.mailbox.post(key.bits()) == Bell::Ring {
        remote.rings.fetch_add(1, Ordering::Relaxed);
        // The counter would be full after 2^64 rings; there is no other way for this to fail.
        let _ = remote.bell.ring();
    }
}

impl Lease {
    /// Takes a number for an executor, with the remote that goes with it.
    ///
    /// # Errors
    ///
    /// Those of `eventfd`, where no remote is left over from an earlier executor; `Other` when 65 535
    /// executors are alive.
    pub(crate) fn take(backend: Backend) -> io::Result<Lease> {
        let numbers = &mut *NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, tenure) = match numbers.free.pop() {
            Some(used) => used,
            None => {
                let number = u16::try_from(numbers.unused).map_err(|_| {
                    io::Error::other("egret: 65535 runtimes are alive in this process; drop some first")
                })?;
                let page = TABLE[usize::from(number) / PAGE]
                    .get_or_init(|| std::iter::repeat_with(OnceLock::new).take(PAGE).collect());
                let (mailbox, rings) = (Mailbox::closed(), AtomicU64::new(0));
                let remote = Remote { mailbox, bell: backend.eventfd()?, rings };
                let _ = page[usize::from(number) % PAGE].set(remote);
                numbers.unused += 1;
                (number, 0)
            }
        };
        let page = TABLE[usize::from(number) / PAGE].get();
        let remote = page.and_then(|page| page[usize::from(number) % PAGE].get());
        let remote = remote.expect("a number that was given out has a remote");
        remote.mailbox.open();
        let rings_before = remote.rings.load(Ordering::Relaxed);
        Ok(Lease { remote, number, tenure, rings_before, duplicates_before: remote.mailbox.duplicates() })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// A generation to start from that the number's last owner has not used for as long as possible.
    pub(crate) fn first_generation(&self) -> u16 {
        self.tenure.wrapping_mul(0x61c9) // odd, so that 65 536 owners start from different ones
    }

    /// How often the bell was rung for this owner.
    pub(crate) fn rings(&self) -> u64 {
        self.remote.rings.load(Ordering::Relaxed) - self.rings_before
    }

    /// How many posts to this owner found their letter in the inbox already.
    pub(crate) fn duplicates(&self) -> u64 {
        self.remote.mailbox.duplicates() - self.duplicates_before
    }
}

impl std::ops::Deref for Lease {
    type Target = Remote;

    #[inline]
    fn deref(&self) -> &Remote {
        self.remote
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.remote.mailbox.close();
        let numbers = &mut *NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.free.push((self.number, self.tenure.wrapping_add(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::{CROWDED, Sleep};

    fn collected(mailbox: &Mailbox) -> Vec<u64> {
        let mut letters = Vec::new();
        mailbox.collect(&mut letters);
        letters
    }

    #[test]
    fn the_first_post_to_a_sleeper_rings_and_no_other_does() {
        let mailbox = Mailbox::closed();
        mailbox.open();
        assert_eq!(mailbox.post(1), Bell::LetBe); // awake
        assert_eq!(mailbox.prepare_sleep(), Sleep::MustNot);
        assert_eq!(collected(&mailbox), [1]);
        assert_eq!(mailbox.prepare_sleep(), Sleep::May);
        assert_eq!(mailbox.post(2), Bell::Ring);
        assert_eq!(mailbox.post(3), Bell::LetBe);
        assert_eq!(collected(&mailbox), [2, 3]);
        assert_eq!(mailbox.post(4), Bell::LetBe);
    }

    #[test]
    fn what_is_posted_to_nobody_is_thrown_away() {
        let mailbox = Mailbox::closed();
        assert_eq!(mailbox.post(1), Bell::LetBe);
        mailbox.open();
        assert_eq!(mailbox.post(2), Bell::LetBe);
        mailbox.close();
        assert_eq!(mailbox.post(3), Bell::LetBe);
        mailbox.open();
        assert_eq!(mailbox.prepare_sleep(), Sleep::May);
        assert_eq!(collected(&mailbox), []);
    }

    #[test]
    fn a_storm_of_wakes_takes_memory_for_each_task_and_not_for_each_wake() {
        let mailbox = Mailbox::closed();
        mailbox.open();
        let wakes = if cfg!(miri) { 3_000 } else { 1_000_000 };
        for round in 0..wakes {
            let _ = mailbox.post(round % 10);
        }
        let capacity = mailbox.capacity();
        assert!(capacity <= 2 * CROWDED, "{capacity}");
        let mut letters = collected(&mailbox);
        assert_eq!(letters.len() as u64 + mailbox.duplicates(), wakes);
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters, (0..10).collect::<Vec<_>>());
    }
}
