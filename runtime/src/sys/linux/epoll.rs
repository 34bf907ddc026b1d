//! `epoll`: one instance for each reactor, which owns it.
//!
//! Code on the reactor's thread may add and delete; only the reactor waits.

use super::fork::Generation;
use super::{Backend, Fd, check};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The bits of an event mask, as [`epoll_ctl(2)`] defines them.
///
/// [`epoll_ctl(2)`]: https://man7.org/linux/man-pages/man2/epoll_ctl.2.html
pub mod mask {
    /// Data to read, or a connection to accept.
    pub const IN: u32 = libc::EPOLLIN as u32;
    /// Urgent data or another exceptional condition.
    pub const PRI: u32 = libc::EPOLLPRI as u32;
    /// Room to write.
    pub const OUT: u32 = libc::EPOLLOUT as u32;
    /// An error is pending. Always reported.
    pub const ERR: u32 = libc::EPOLLERR as u32;
    /// Both directions are shut. Always reported.
    pub const HUP: u32 = libc::EPOLLHUP as u32;
    /// The peer shut its writing side.
    pub const RDHUP: u32 = libc::EPOLLRDHUP as u32;
    /// Edge-triggered: report a change of state once, not the state on each wait.
    pub const EDGE: u32 = libc::EPOLLET as u32;
}

/// The system calls that a thread waiting for events is in.
#[cfg(feature = "test-util")]
pub(crate) const WAIT_CALLS: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
];

/// An `epoll` instance.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
    /// Whether to try `epoll_pwait2`, with its timeout in nanoseconds.
    nanoseconds: Cell<bool>,
    /// The process that made it. A child by `fork` leaves it alone.
    made_in: Generation,
}

/// The memory that [`Epoll::wait`](crate::sys::Epoll::wait) fills with events.
pub struct Events {
    buffer: Box<[libc::epoll_event]>,
    len: usize,
}

impl Backend {
    /// Creates a new `epoll` instance, by `epoll_create1(2)`.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE` or `ENOMEM`.
    #[inline]
    pub fn epoll(self) -> io::Result<Epoll> {
        // SAFETY: the call takes no pointer.
        let raw = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just made `raw` for us, so nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        // Miri models epoll_wait but not epoll_pwait2.
        Ok(Epoll { fd, nanoseconds: Cell::new(!cfg!(miri)), made_in: Generation::now() })
    }

    /// Creates a new counter descriptor, by `eventfd(2)`.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE` or `ENOMEM`.
    #[inline]
    pub fn eventfd(self) -> io::Result<Fd> {
        // SAFETY: the call takes no pointer.
        let raw = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel has just made `raw` for us, so nothing else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(raw) }.into())
    }
}

impl Epoll {
    /// Registers `fd`; its events carry `token`.
    ///
    /// The kernel keeps the registration until [`Epoll::delete`] or until the last descriptor of the same open file
    /// description is closed: a duplicate keeps it alive.
    ///
    /// # Errors
    ///
    /// `EPERM` for a descriptor that cannot be polled (a regular file or a directory), `EEXIST` for one that
    /// is registered already, `ENOSPC` at `/proc/sys/fs/epoll/max_user_watches`, `ENOMEM`; `Other` in a child by `fork`.
    #[inline]
    pub fn add(&self, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        self.made_in.check()?;
        // Miri has no urgent data.
        let events = if cfg!(miri) { events & !mask::PRI } else { events };
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: `event` lives across the call, which copies it and keeps no pointer.
        check(unsafe {
            libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event)
        })?;
        Ok(())
    }

    /// [`add`](Epoll::add) for the eventfd of a loop, which is a real one in a simulation too.
    #[inline]
    pub fn add_eventfd(&self, eventfd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        self.add(eventfd, events, token)
    }

    /// Removes the registration of the descriptor with this number. Does nothing in a child by `fork`, where the
    /// registration is that of the parent.
    ///
    /// # Errors
    ///
    /// `ENOENT` where there is none, `EBADF` where the number was closed without egret's knowledge.
    #[inline]
    pub fn delete(&self, fd: RawFd) -> io::Result<()> {
        if !self.made_in.is_current() {
            return Ok(());
        }
        // Kernels before 2.6.9 required a pointer here; null is valid since.
        let event = std::ptr::null_mut();
        // SAFETY: EPOLL_CTL_DEL does not look at the event.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_DEL, fd, event) })?;
        Ok(())
    }

    /// Waits until a registered descriptor has an event, or `timeout` has passed; `None` waits for ever. See
    /// [`wait_for`](Epoll::wait_for).
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Epoll::wait_for).
    #[inline]
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        self.wait_for(events, timeout.map_or(u64::MAX, nanoseconds))
    }

    /// Waits until a registered descriptor has an event, or so many nanoseconds have passed; `u64::MAX` waits for ever.
    ///
    /// A timeout below a second never ends early: it has nanoseconds where the kernel supports them (`epoll_pwait2`,
    /// Linux 5.11) and is rounded up to milliseconds otherwise. A longer one is in milliseconds, and ends up to one of
    /// them early. A signal handled on this thread ends the wait with no events.
    ///
    /// # Errors
    ///
    /// `Other` in a child by `fork`, which would take the events of its parent. Otherwise none in practice: `EBADF`,
    /// `EFAULT` and `EINVAL` would be bugs of this crate.
    #[inline(always)] // into its one caller of each turn
    pub fn wait_for(&self, events: &mut Events, timeout: u64) -> io::Result<usize> {
        if let Err(error) = self.made_in.check() {
            events.len = 0;
            return Err(error);
        }
        let waited = match timeout {
            u64::MAX => self.wait_milliseconds(events, -1),
            0 => self.wait_milliseconds(events, 0),
            SECOND.. => self.wait_milliseconds(events, milliseconds_down(timeout)),
            _ => self.wait_nanoseconds(events, timeout),
        };
        match waited {
            Ok(len) => {
                events.len = len as usize;
                Ok(events.len)
            }
            Err(error) => {
                events.len = 0;
                unless_interrupted(error)
            }
        }
    }

    #[inline]
    fn wait_milliseconds(&self, events: &mut Events, timeout: libc::c_int) -> io::Result<libc::c_int> {
        let capacity = events.buffer.len() as libc::c_int;
        // SAFETY: the kernel writes at most `capacity` events to the buffer, which has that many and is
        // borrowed mutably for the whole call.
        check(unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events.buffer.as_mut_ptr(), capacity, timeout) })
    }

    /// A separate function: it needs much stack, and a loop without timers never calls it.
    #[inline(never)]
    fn wait_nanoseconds(&self, events: &mut Events, timeout: u64) -> io::Result<libc::c_int> {
        if !self.nanoseconds.get() {
            return self.wait_milliseconds(events, milliseconds_up(timeout));
        }
        let limit = libc::timespec { tv_sec: (timeout / SECOND) as i64, tv_nsec: (timeout % SECOND) as i64 };
        let capacity = events.buffer.len() as libc::c_int;
        let no_mask = std::ptr::null::<libc::sigset_t>();
        // SAFETY: as for epoll_wait; `limit` lives across the call and the null mask means "leave it". Every argument has
        // the width of a register, as `syscall` wants it.
        let waited = check(unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                libc::c_long::from(self.fd.as_raw_fd()),
                events.buffer.as_mut_ptr(),
                libc::c_long::from(capacity),
                &raw const limit,
                no_mask,
                0usize,
            )
        } as libc::c_int);
        match waited {
            // An older kernel or a sandbox without the call: remember it.
            Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                self.nanoseconds.set(false);
                self.wait_milliseconds(events, milliseconds_up(timeout))
            }
            result => result,
        }
    }
}

impl AsFd for Epoll {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Reports no events for an interrupted wait.
#[cold]
fn unless_interrupted(error: io::Error) -> io::Result<usize> {
    if error.raw_os_error() == Some(libc::EINTR) { Ok(0) } else { Err(error) }
}

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;

/// Returns a duration, or as much of it as waits: all but for ever.
#[inline]
fn nanoseconds(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX - 1)
}

/// Converts `timeout` to whole milliseconds, rounded up: a wait that ends early would spin until its deadline.
#[inline]
fn milliseconds_up(timeout: u64) -> libc::c_int {
    libc::c_int::try_from(timeout.div_ceil(MILLISECOND)).unwrap_or(libc::c_int::MAX)
}

/// Converts `timeout` to whole milliseconds, rounded down.
#[inline]
fn milliseconds_down(timeout: u64) -> libc::c_int {
    libc::c_int::try_from(timeout / MILLISECOND).unwrap_or(libc::c_int::MAX)
}

impl Events {
    /// Creates room for `capacity` events per wait.
    ///
    /// # Panics
    ///
    /// When `capacity` is 0, which `epoll_wait` refuses.
    #[inline]
    pub fn with_capacity(capacity: usize) -> Events {
        assert!(capacity > 0, "epoll_wait needs room for at least one event");
        let empty = libc::epoll_event { events: 0, u64: 0 };
        Events { buffer: vec![empty; capacity].into_boxed_slice(), len: 0 }
    }

    /// Stores the events that the simulated kernel reports, and returns their number.
    #[cfg(feature = "sim")]
    #[inline]
    pub(in crate::sys) fn fill(&mut self, reported: Vec<(u64, u32)>) -> usize {
        self.len = reported.len();
        for (event, (token, mask)) in self.buffer.iter_mut().zip(reported) {
            *event = libc::epoll_event { events: mask, u64: token };
        }
        self.len
    }

    /// Returns how many events one wait can report.
    #[cfg(feature = "sim")]
    #[inline]
    pub(in crate::sys) fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the events of the last wait: the token of each registration and its mask.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.with_heads().map(|(token, head)| (token, head.mask()))
    }

    /// The same, with the mask as a part of a [`Head`].
    #[inline]
    pub fn with_heads(&self) -> impl Iterator<Item = (u64, Head<'_>)> + '_ {
        self.buffer[..self.len].iter().map(|event| (event.u64, Head(event)))
    }
}

/// The mask of an event, and the low half of its token above it. It is read where it is asked for, so that it takes no
/// register before.
#[derive(Clone, Copy)]
pub struct Head<'a>(&'a libc::epoll_event);

impl Head<'_> {
    /// Returns the mask alone.
    #[inline(always)]
    pub fn mask(self) -> u32 {
        self.0.events
    }

    /// Returns both.
    #[inline(always)]
    pub fn bits(self) -> u64 {
        head(self.0)
    }
}

/// Returns the mask of an event, and the low half of its token above it: as they stand in memory, one load.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn head(event: &libc::epoll_event) -> u64 {
    // SAFETY: on x86-64 an event is packed: the mask has its first four bytes and the token the other eight, so its
    // first eight bytes are initialised. The load is an unaligned one.
    unsafe { std::ptr::from_ref(event).cast::<u64>().read_unaligned() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn head(event: &libc::epoll_event) -> u64 {
    u64::from(event.events) | event.u64 << 32
}

#[cfg(test)]
mod tests;
