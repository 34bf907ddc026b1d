//! [`Home`]: the thread that a value belongs to, and the way back there.

use crate::executor;
use crate::wake::remote::Address;
use std::cell::Cell;
use std::fmt;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};

thread_local! {
    /// The number of this thread; 0 until it makes a [`Home`]. Without a destructor, so that it is there while other
    /// thread-locals are destroyed.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// A thread and, if it was made in a runtime, the address of that.
pub(super) struct Home {
    /// Not 0, and no other thread's, ever.
    number: u64,
    way: WayHome,
    /// For its name.
    thread: Thread,
}

#[derive(Clone, Copy)]
enum WayHome {
    /// The runtime in which the home was made.
    Loop(Address),
    /// There was no runtime.
    None,
    /// The value has been sent to its runtime already.
    Taken,
}

impl Home {
    /// Returns this thread, and its runtime.
    #[inline]
    pub(super) fn here() -> Home {
        let number = match NUMBER.get() {
            0 => number_this_thread(),
            number => number,
        };
        let way = executor::try_current().map_or(WayHome::None, |executor| WayHome::Loop(executor.address()));
        Home { number, way, thread: thread::current() }
    }

    /// Returns whether this is the thread.
    #[inline]
    pub(super) fn is_here(&self) -> bool {
        NUMBER.get() == self.number
    }

    /// Returns where to send the value.
    #[inline]
    pub(super) fn way_back(&self) -> Option<Address> {
        match self.way {
            WayHome::Loop(address) => Some(address),
            WayHome::None | WayHome::Taken => None,
        }
    }

    /// The same thread, for a value that is on its way.
    #[inline]
    pub(super) fn without_way(&self) -> Home {
        Home { number: self.number, way: WayHome::Taken, thread: self.thread.clone() }
    }

    /// Panics over a use of the value on this thread, which is another.
    #[cold]
    #[track_caller]
    pub(super) fn refuse(&self, type_name: &str) -> ! {
        panic!(
            "a value that is confined to {} was used on {}: Confined<{type_name}>. Use it on the thread that made it, in a task of \
             its runtime (`spawn`, or `Handle::spawn_with` from elsewhere); a library that moves it to other threads cannot have it",
            ThreadName(&self.thread),
            ThreadName(&thread::current())
        )
    }

    /// Says on standard error that a value was not dropped.
    #[inline]
    pub(super) fn report_leak(&self, type_name: &str) {
        let why = match self.way {
            WayHome::None => "there was no runtime where it was made, which could take it back",
            WayHome::Loop(_) | WayHome::Taken => "its runtime has ended",
        };
        say(&format!(
            "egret: leaked a value that is confined to {} and was dropped on another thread, because {why}: Confined<{type_name}>. \
             Drop it on its own thread, or before its runtime ends",
            ThreadName(&self.thread)
        ));
    }
}

impl fmt::Debug for Home {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of {}", ThreadName(&self.thread))
    }
}

#[cold]
fn number_this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    NUMBER.set(number);
    number
}

/// A thread, for a message.
struct ThreadName<'a>(&'a Thread);

impl fmt::Display for ThreadName<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.id();
        match self.0.name() {
            Some(name) => write!(f, "thread {name:?} ({id:?})"),
            None => write!(f, "a thread without a name ({id:?})"),
        }
    }
}

/// Standard error may be a pipe without a reader, and `eprintln!` then panics.
#[cfg(not(test))]
#[inline]
fn say(report: &str) {
    let _ = catch_unwind(|| eprintln!("{report}"));
}

#[cfg(test)]
#[inline]
fn say(report: &str) {
    let _ = catch_unwind(|| assert!(report.starts_with("egret: leaked a value")));
    LEAKS.set(LEAKS.get() + 1);
}

/// Lets Miri find the memory of a leaked value.
#[cfg(test)]
#[inline]
pub(super) fn keep(value: std::ptr::NonNull<()>) {
    use std::sync::{Mutex, atomic::AtomicPtr};

    static LEAKED: Mutex<Vec<AtomicPtr<()>>> = Mutex::new(Vec::new());
    LEAKED.lock().unwrap().push(AtomicPtr::new(value.as_ptr()));
}

#[cfg(test)]
thread_local! {
    /// How many values this thread has leaked.
    pub(super) static LEAKS: Cell<usize> = const { Cell::new(0) };
}
