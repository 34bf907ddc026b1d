//! How a wake from another thread finds its executor and ends its `epoll_wait`.
//!
//! - Each executor leases a [`Remote`]: a mailbox and an eventfd, in a static table under the executor's number, which
//!   every waker carries.
//! - Remotes are made once and recycled, never freed. A wake after its runtime is gone finds a closed mailbox, or that
//!   of a later executor, which rejects the generation; it reaches neither freed memory nor a reused descriptor. The
//!   price is one eventfd for each runtime alive at the same time, kept until the process ends.
//! - Other threads also send errands: closures that the loop runs on its own thread, to spawn or abort a task. An
//!   errand names its lease, so that no later executor runs it.

use crate::observe::watch::Post;
#[cfg(feature = "inspect")]
use crate::sys::ThreadId;
use crate::sys::{Backend, Fd, Generation};
use crate::wake::key::TaskKey;
use crate::wake::mailbox::{Mailbox, Notify};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The part of an executor that other threads see.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) mailbox: Mailbox,
    pub(crate) eventfd: Fd,
    /// The process that made it. A child by `fork` shares the eventfd with its parent and does not take it.
    made_in: Generation,
    notifications: AtomicU64,
    /// How many of the writes are not in the counter of the eventfd any more. Changed under the lock of `NUMBERS`.
    drained: AtomicU64,
    errands: Mutex<Errands>,
}

/// A closure that another thread sends to the loop. It may be dropped without being run, on any thread.
pub(crate) type Errand = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Errands {
    /// The current lease, if any.
    tenure: Option<Tenure>,
    /// The same for values that are sent home: they are taken until the tasks of the executor are gone.
    home: Option<Tenure>,
    /// What other threads may read of its loop.
    post: Post,
    /// The name of the runtime.
    name: Option<Arc<str>>,
    list: Vec<Errand>,
    /// The thread of the last lease.
    #[cfg(feature = "inspect")]
    thread: Option<ThreadId>,
}

/// How many executors had this number before: with the number it names one executor for the life of the process.
type Tenure = u32;

/// Where errands for an executor are sent. It may outlive the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    number: u16,
    tenure: Tenure,
}

impl Address {
    /// The address of the executor that has this number now.
    #[inline]
    pub(crate) fn of_executor(number: u16) -> Option<Address> {
        let tenure = find(number)?.with_errands(|errands| errands.tenure)?;
        Some(Address { number, tenure })
    }

    /// The number of the executor.
    #[cfg(feature = "inspect")]
    pub(crate) fn number(self) -> u16 {
        self.number
    }

    /// The address as one number, which is not 0.
    pub(crate) fn bits(self) -> u64 {
        (u64::from(self.tenure) << 16) | u64::from(self.number)
    }
}

/// Gives a [`Remote`] to one executor until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    remote: &'static Remote,
    number: u16,
    tenure: Tenure,
    /// The counters when the lease began.
    notifications_before: u64,
    duplicates_before: u64,
}

const PAGE: usize = 256;
type Page = Box<[OnceLock<&'static Remote>; PAGE]>;

/// Two levels, so that the 65 535 possible executors cost four kilobytes and not megabytes, and as much again for the first
/// 256 that are alive at the same time.
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
    if !remote.mailbox.joins(key.bits()) {
        remote.post(key.bits());
    }
}

/// Runs an errand on the executor at `address`; drops it when that executor is gone. Callable from any thread.
pub(crate) fn send(address: Address, errand: Errand) {
    send_if(address, errand, |errands| errands.tenure);
}

/// The same, for an errand that brings a value back. An executor that ends still takes it while it drops its tasks.
pub(crate) fn send_home(address: Address, errand: Errand) {
    send_if(address, errand, |errands| errands.home);
}

fn send_if(address: Address, errand: Errand, tenure: impl Fn(&Errands) -> Option<Tenure>) {
    // In a child by `fork` no loop takes it, and the eventfd is that of the parent.
    let Some(remote) = find(address.number).filter(|remote| remote.made_in.is_current()) else { return };
    let refused = remote.with_errands(|errands| {
        if tenure(errands) == Some(address.tenure) {
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

/// The name of the runtime at `address`, if it is alive and has one.
pub(crate) fn name(address: Address) -> Option<Arc<str>> {
    let alive = |errands: &mut Errands| errands.tenure == Some(address.tenure);
    find(address.number)?.with_errands(|errands| if alive(errands) { errands.name.clone() } else { None })
}

/// What any thread may read of the loop at `address`; `None` when that executor is gone.
#[cfg(feature = "inspect")]
pub(crate) fn post(address: Address) -> Option<Post> {
    let remote = find(address.number)?;
    remote.with_errands(|errands| (errands.tenure == Some(address.tenure)).then(|| errands.post.clone()))
}

/// The eventfds that are kept for later executors.
#[cfg(feature = "test-util")]
pub(crate) fn eventfds() -> Vec<std::os::fd::RawFd> {
    use std::os::fd::AsRawFd;
    let pages = TABLE.iter().filter_map(OnceLock::get);
    pages
        .flat_map(|page| page.iter())
        .filter_map(OnceLock::get)
        .map(|remote| remote.eventfd.as_raw_fd())
        .collect()
}

/// The addresses of the executors that are alive.
#[cfg(feature = "inspect")]
pub(crate) fn addresses() -> Vec<Address> {
    let numbers = (1..=u16::MAX).take_while(|number| find(*number).is_some());
    numbers.filter_map(Address::of_executor).collect()
}

#[inline]
fn find(number: u16) -> Option<&'static Remote> {
    TABLE[usize::from(number) / PAGE].get()?[usize::from(number) % PAGE].get().copied()
}

/// The thread of the executor at `address`; `None` when that is gone.
#[cfg(feature = "inspect")]
pub(crate) fn thread_of(address: Address) -> Option<ThreadId> {
    find(address.number)?
        .with_errands(|errands| errands.thread.filter(|_| errands.tenure == Some(address.tenure)))
}

impl Remote {
    #[inline(never)]
    fn post(&self, letter: u64) {
        self.answer(self.mailbox.post(letter));
    }

    fn answer(&self, notify: Notify) {
        if notify == Notify::Needed {
            self.notifications.fetch_add(1, Ordering::Relaxed);
            // Fails only when another thread fills the counter at the same moment.
            let _ = self.eventfd.notify();
        }
    }

    /// Empties the counter of an eventfd that was written for an earlier lease; the next owner would get an event for
    /// it. One system call, or none if there was no write.
    fn drain(&self) {
        if self.notifications.load(Ordering::Relaxed) == self.drained.load(Ordering::Relaxed) {
            return;
        }
        // Fails if a thread has counted its write and not made it yet: then the next owner gets one event too many.
        if let Ok(count) = self.eventfd.take_count() {
            self.drained.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The errands that other threads have sent since the last call.
    pub(crate) fn take_errands(&self) -> Vec<Errand> {
        self.with_errands(|errands| std::mem::take(&mut errands.list))
    }

    /// How many errands the loop has not taken.
    #[cfg(feature = "inspect")]
    pub(crate) fn errands(&self) -> usize {
        self.with_errands(|errands| errands.list.len())
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
        let is_own = |number| find(number).is_some_and(|remote| remote.made_in.is_current());
        let used = std::iter::from_fn(|| numbers.free.pop()).find(|(number, _)| is_own(*number));
        let (number, tenure) = match used {
            Some(used) => used,
            None => {
                let number = u16::try_from(numbers.unused).map_err(|_| {
                    io::Error::other("egret: 65535 runtimes are alive in this process; drop some first")
                })?;
                let page = TABLE[usize::from(number) / PAGE]
                    .get_or_init(|| Box::new([const { OnceLock::new() }; PAGE]));
                let (mailbox, eventfd) = (Mailbox::closed(), backend.eventfd()?);
                let remote = Remote {
                    mailbox,
                    eventfd,
                    made_in: Generation::now(),
                    notifications: AtomicU64::new(0),
                    drained: AtomicU64::new(0),
                    errands: Mutex::default(),
                };
                let _ = page[usize::from(number) % PAGE].set(Box::leak(Box::new(remote)));
                numbers.unused += 1;
                (number, 0)
            }
        };
        let remote = find(number).expect("a number that was given out has a remote");
        remote.with_errands(|errands| {
            errands.tenure = Some(tenure);
            errands.home = Some(tenure);
            errands.name = None;
            #[cfg(feature = "inspect")]
            errands.thread.replace(ThreadId::current());
        });
        remote.drain();
        remote.mailbox.open();
        let notifications_before = remote.notifications.load(Ordering::Relaxed);
        Ok(Lease {
            remote,
            number,
            tenure,
            notifications_before,
            duplicates_before: remote.mailbox.duplicates(),
        })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Publishes what other threads may read of the loop.
    #[inline]
    pub(crate) fn publish(&self, post: Post) {
        if size_of::<Post>() > 0 {
            self.remote.with_errands(|errands| errands.post = post);
        }
    }

    /// Names the runtime for its handles.
    pub(crate) fn set_name(&self, name: Arc<str>) {
        self.remote.with_errands(|errands| errands.name = Some(name));
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
            errands.post = Post::default();
            std::mem::take(&mut errands.list)
        })
    }

    /// Refuses values that are sent home from now on, and returns those that have come. Errands are refused before.
    #[must_use = "a value that panics when it is dropped must not take the others with it"]
    pub(crate) fn refuse_values(&self) -> Vec<Errand> {
        self.remote.with_errands(|errands| {
            errands.home = None;
            std::mem::take(&mut errands.list)
        })
    }

    /// How often the eventfd was written for this lease.
    pub(crate) fn notifications(&self) -> u64 {
        self.remote.notifications.load(Ordering::Relaxed) - self.notifications_before
    }

    /// How many posts of this lease found their letter in the inbox already.
    pub(crate) fn duplicates(&self) -> u64 {
        let since = self.remote.mailbox.duplicates().wrapping_sub(self.duplicates_before);
        if since > u64::MAX / 2 { 0 } else { since } // a post that another thread counts may be missing for a moment
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
        drop((self.refuse_errands(), self.refuse_values())); // those of an executor that could not be built, if any
        self.remote.mailbox.close();
        let numbers = &mut *NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.free.push((self.number, self.tenure.wrapping_add(1)));
    }
}

#[cfg(test)]
mod tests;
