//! How a wake from another thread finds its executor and ends its `epoll_wait`.
//!
//! - Each executor leases a [`Remote`]: a mailbox and an eventfd, in a static table under the executor's number, which
//!   every waker carries.
//! - Remotes are made once and recycled, never freed. A wake after its runtime is gone finds a closed mailbox or that
//!   of a later executor, which rejects the generation: never freed memory, never a reused descriptor number. The
//!   price is one eventfd for each runtime alive at the same time, kept until the process ends.
//! - Other threads also send errands: closures that the loop runs on its own thread, to spawn or abort a task. An
//!   errand names its lease, so that no later executor runs it.

use crate::sys::{Backend, Fd};
use crate::wake::key::TaskKey;
use crate::wake::mailbox::{Bell, Mailbox};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The part of an executor that other threads see.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) mailbox: Mailbox,
    pub(crate) bell: Fd,
    rings: AtomicU64,
    /// How many of the writes are not in the counter of the eventfd any more. Changed under the lock of `NUMBERS`.
    silenced: AtomicU64,
    errands: Mutex<Errands>,
}

/// A closure that another thread sends to the loop. It may be dropped without being run, on any thread.
pub(crate) type Errand = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Errands {
    /// The current lease, if any.
    tenure: Option<Tenure>,
    list: Vec<Errand>,
}

/// How many executors had this number before: with the number it names one executor for the life of the process.
type Tenure = u32;

/// Where errands for an executor are sent. It may outlive the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    number: u16,
    tenure: Tenure,
}

/// Gives a [`Remote`] to one executor until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    remote: &'static Remote,
    number: u16,
    tenure: Tenure,
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
    /// Returned numbers, each with the tenure of its next lease.
    free: Vec<(u16, Tenure)>,
    /// The lowest number that was never used. 0 is skipped, so that no key is 0.
    unused: u32,
}

/// Wakes the task that `key` names, from any thread.
pub(crate) fn wake(key: TaskKey) {
    // No such executor: no waker of egret names it.
    let Some(remote) = find(key.executor()) else { return };
    let bell = remote.mailbox.post(key.bits());
    remote.answer(bell);
}

/// Runs an errand on the executor at `address`; drops it when that executor is gone. Callable from any thread.
pub(crate) fn send(address: Address, errand: Errand) {
    let Some(remote) = find(address.number) else { return };
    let refused = remote.with_errands(|errands| {
        if errands.tenure == Some(address.tenure) {
            errands.list.push(errand);
            None
        } else {
            Some(errand)
        }
    });
    match refused {
        Some(errand) => drop(errand), // outside the lock: it is user code
        None => remote.answer(remote.mailbox.raise()),
    }
}

/// The eventfds that are kept for later executors.
#[cfg(feature = "test-util")]
pub(crate) fn bells() -> Vec<std::os::fd::RawFd> {
    use std::os::fd::AsRawFd;
    let pages = TABLE.iter().filter_map(OnceLock::get);
    pages.flatten().filter_map(OnceLock::get).map(|remote| remote.bell.as_raw_fd()).collect()
}

fn find(number: u16) -> Option<&'static Remote> {
    TABLE[usize::from(number) / PAGE].get()?[usize::from(number) % PAGE].get()
}

impl Remote {
    fn answer(&self, bell: Bell) {
        if bell == Bell::Ring {
            self.rings.fetch_add(1, Ordering::Relaxed);
            // Fails only when another thread fills the counter at the same moment.
            let _ = self.bell.ring();
        }
    }

    /// Empties the counter of an eventfd that was written for an earlier lease; the next owner would get an event for
    /// it. One system call, or none if there was no write.
    fn silence(&self) {
        if self.rings.load(Ordering::Relaxed) == self.silenced.load(Ordering::Relaxed) {
            return;
        }
        let mut count = [0; 8];
        // Fails if a thread has counted its write and not made it yet: then the next owner gets one event too many.
        if self.bell.read(&mut count).is_ok() {
            self.silenced.fetch_add(u64::from_ne_bytes(count), Ordering::Relaxed);
        }
    }

    /// The errands that other threads have sent since the last call.
    pub(crate) fn take_errands(&self) -> Vec<Errand> {
        self.with_errands(|errands| std::mem::take(&mut errands.list))
    }

    /// No user code runs under the lock.
    fn with_errands<R>(&self, f: impl FnOnce(&mut Errands) -> R) -> R {
        f(&mut self.errands.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Errands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Errands").field("tenure", &self.tenure).field("len", &self.list.len()).finish()
    }
}

impl Lease {
    /// Takes a number and its remote for an executor.
    ///
    /// # Errors
    ///
    /// Those of `eventfd`, when no remote is free; `Other` when 65 535 executors are alive.
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
                let (mailbox, bell) = (Mailbox::closed(), backend.eventfd()?);
                let remote = Remote {
                    mailbox,
                    bell,
                    rings: AtomicU64::new(0),
                    silenced: AtomicU64::new(0),
                    errands: Mutex::default(),
                };
                let _ = page[usize::from(number) % PAGE].set(remote);
                numbers.unused += 1;
                (number, 0)
            }
        };
        let remote = find(number).expect("a number that was given out has a remote");
        remote.with_errands(|errands| errands.tenure = Some(tenure));
        remote.silence();
        remote.mailbox.open();
        let rings_before = remote.rings.load(Ordering::Relaxed);
        Ok(Lease { remote, number, tenure, rings_before, duplicates_before: remote.mailbox.duplicates() })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// The generation to start from: one that the number's last owner has used for no index with fewer than 25 033
    /// tasks in a row.
    pub(crate) fn first_generation(&self) -> u16 {
        (self.tenure as u16).wrapping_mul(0x61c9) // odd, so that 65 536 owners start from different generations
    }

    /// Where errands for this executor are sent.
    pub(crate) fn address(&self) -> Address {
        Address { number: self.number, tenure: self.tenure }
    }

    /// Refuses errands from now on and returns those that are left. They are user code, also when they are dropped.
    #[must_use = "an errand that panics when it is dropped must not take the others with it"]
    pub(crate) fn refuse_errands(&self) -> Vec<Errand> {
        self.remote.with_errands(|errands| {
            errands.tenure = None;
            std::mem::take(&mut errands.list)
        })
    }

    /// How often the eventfd was written for this lease.
    pub(crate) fn rings(&self) -> u64 {
        self.remote.rings.load(Ordering::Relaxed) - self.rings_before
    }

    /// How many posts of this lease found their letter in the inbox already.
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
        drop(self.refuse_errands()); // those of an executor that could not be built, if any
        self.remote.mailbox.close();
        let numbers = &mut *NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.free.push((self.number, self.tenure.wrapping_add(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{Events, mask};
    use crate::wake::mailbox::{CROWDED, Mail, Sleep};
    use std::os::fd::AsFd;
    use std::time::Duration;

    fn collected(mailbox: &Mailbox) -> Vec<u64> {
        let mut letters = Vec::new();
        let mail = mailbox.collect();
        assert!(!mail.flag);
        if mail.letters {
            mailbox.take_letters(&mut letters);
        }
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
    fn a_raised_flag_keeps_the_loop_awake_and_is_seen_once() {
        let mailbox = Mailbox::closed();
        mailbox.open();
        assert_eq!(mailbox.raise(), Bell::LetBe);
        assert_eq!(mailbox.prepare_sleep(), Sleep::MustNot);
        assert_eq!(mailbox.collect(), Mail { letters: false, flag: true });
        assert_eq!(mailbox.collect(), Mail { letters: false, flag: false });
        assert_eq!(mailbox.prepare_sleep(), Sleep::May);
        assert_eq!(mailbox.raise(), Bell::Ring);
        assert_eq!(mailbox.post(1), Bell::LetBe);
        assert_eq!(mailbox.collect(), Mail { letters: true, flag: true });
        let mut letters = Vec::new();
        mailbox.take_letters(&mut letters);
        assert_eq!(letters, [1]);
    }

    #[test]
    fn an_errand_for_an_executor_that_is_gone_is_dropped_and_not_run_by_the_next_one() {
        let lease = Lease::take(Backend::current()).unwrap();
        let address = lease.address();
        let (sender, receiver) = std::sync::mpsc::channel();
        let errand = |sender: &std::sync::mpsc::Sender<u32>, n| -> Errand {
            let sender = sender.clone();
            Box::new(move || sender.send(n).unwrap())
        };
        send(address, errand(&sender, 1));
        lease.take_errands().into_iter().for_each(|errand| errand());
        send(address, errand(&sender, 2));
        drop(lease); // with the second in it
        let again: Vec<_> = (0..8).map(|_| Lease::take(Backend::current()).unwrap()).collect();
        send(address, errand(&sender, 3));
        for lease in &again {
            assert_ne!(lease.address(), address);
            assert_eq!(lease.take_errands().len(), 0);
        }
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_bell_that_was_rung_is_silent_for_the_next_owner() {
        let mut others = Vec::new();
        // A lease whose eventfd no test on another thread has written, or may write late.
        let mut lease = loop {
            let lease = Lease::take(Backend::current()).unwrap();
            if lease.tenure == 0 {
                break lease;
            }
            others.push(lease);
        };
        let number = lease.number();
        for rings in 0..3 {
            (0..rings).for_each(|_| lease.answer(Bell::Ring));
            drop(lease);
            lease = loop {
                let lease = Lease::take(Backend::current()).unwrap();
                if lease.number() == number {
                    break lease;
                }
                others.push(lease);
            };
            let epoll = Backend::current().epoll().unwrap();
            epoll.add(lease.bell.as_fd(), mask::IN | mask::EDGE, 7).unwrap();
            let mut events = Events::with_capacity(1);
            assert_eq!(epoll.wait(&mut events, Some(Duration::ZERO)).unwrap(), 0, "{rings}");
            assert_eq!(lease.silenced.load(Ordering::Relaxed), lease.remote.rings.load(Ordering::Relaxed));
        }
    }

    #[test]
    fn an_errand_ends_the_wait_of_a_loop_whose_bell_is_full() {
        let (lease, epoll) = (Lease::take(Backend::current()).unwrap(), Backend::current().epoll().unwrap());
        let mut events = Events::with_capacity(1);
        let mut wait = || epoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
        epoll.add(lease.bell.as_fd(), mask::IN | mask::EDGE, 7).unwrap();
        lease.bell.write(&(u64::MAX - 1).to_ne_bytes()).unwrap();
        assert_eq!((wait(), wait()), (1, 0));
        assert_eq!(lease.mailbox.prepare_sleep(), Sleep::May);
        send(lease.address(), Box::new(|| ()));
        assert_eq!((wait(), wait()), (1, 0));
        assert_eq!(lease.take_errands().len(), 1);
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
    fn letters_come_out_in_their_order_until_there_is_a_crowd() {
        let mailbox = Mailbox::closed();
        mailbox.open();
        // Downwards, and past several growths of the inbox: a sort would show.
        let sent: Vec<u64> = (0..CROWDED as u64).rev().collect();
        for letter in &sent {
            let _ = mailbox.post(*letter);
        }
        assert_eq!(collected(&mailbox), sent);
        assert_eq!(mailbox.duplicates(), 0);
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

    #[test]
    fn a_search_that_frees_hardly_any_place_is_not_made_again_for_the_next_letters() {
        let mailbox = Mailbox::closed();
        mailbox.open();
        let crowd = CROWDED as u64;
        for letter in (0..crowd - 1).chain([0, crowd]) {
            let _ = mailbox.post(letter); // the last of these finds the box full, and one letter in it twice
        }
        assert_eq!(mailbox.duplicates(), 1);
        assert!(mailbox.capacity() >= 2 * CROWDED - 1, "{}", mailbox.capacity());
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of letters")]
    fn a_crowded_mailbox_drops_no_letter() {
        let crowd = CROWDED as u64;
        // Just below the bound, at it, above it, and where the box grows again. Each letter comes twice, far apart.
        for count in [crowd - 1, crowd, crowd + 1, 2 * crowd, 2 * crowd + 1, 5 * crowd] {
            let mailbox = Mailbox::closed();
            mailbox.open();
            for letter in (0..count).chain(0..count) {
                let _ = mailbox.post(letter);
            }
            let mut letters = collected(&mailbox);
            assert_eq!(letters.len() as u64 + mailbox.duplicates(), 2 * count);
            letters.sort_unstable();
            letters.dedup();
            assert_eq!(letters, (0..count).collect::<Vec<_>>());
        }
    }
}
