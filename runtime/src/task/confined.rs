//! [`Confined`]: a value that other threads may hold and may not use.
//!
//! The rules that its unsafe code rests on:
//!
//! - **Access.** The value is read, written, moved out and dropped on the thread that made the wrapper, its home. Every path to it
//!   compares the number of this thread first ([`Home::is_here`]); numbers are never used twice, also not by a child
//!   after a `fork`. Other threads read the wrapper's own fields alone, which are `Send` and `Sync`, and move them.
//! - **Memory.** The value has an allocation of its own that no move of the wrapper moves, so a value may be pinned in it, and
//!   nothing that the compiler reads of the wrapper (a niche, a discriminant) is in it.
//! - **Pinning.** The value is pinned from the start, as in a `Pin<Box<T>>`: `&mut T` and `T` itself come out only when it is
//!   `Unpin`. It is dropped in its allocation, or its memory is never freed.
//! - **Ownership.** One wrapper owns the allocation. A drop elsewhere makes the second wrapper, which is sent to the loop, and
//!   the first is never looked at again. The second has no way left: it is dropped at home, or leaks.
//! - **`'static`.** A value that is dropped by its loop later must not borrow from what is gone then.

#![allow(unsafe_code)]

mod home; // the thread of a value, and the way back there
mod polls; // what it implements when the value does

use crate::wake::remote;
use home::Home;
use std::any::type_name;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::{self, NonNull};

/// Holds a value that stays on its thread, and may itself be sent to others: `Send` and `Sync` whatever `T` is.
///
/// For libraries that require `Send` of a stream, a connector or a future although they never move it when the executor that they
/// are given is local: hyper's upgrades, the pooled client of hyper-util, `Box<dyn Future + Send>` in a stack of tower. Sockets and
/// tasks of egret stay on one thread, and the compiler does not know that the library keeps to it: this checks it when it runs.
///
/// - **On the thread that made it** it is a `Pin<Box<T>>`: it derefs to the value and implements [`Future`], `Stream` of
///   futures-core, egret's [`AsyncRead`](crate::io::AsyncRead) and [`AsyncWrite`](crate::io::AsyncWrite), and with the features
///   those of futures-io, tokio and hyper, when the value does. Each use compares the number of the thread.
/// - **On any other thread** a use panics, with a message that names both threads.
/// - **A drop on another thread** sends the value to its runtime, which drops it on its own thread in its next turn, and is woken
///   for that if it sleeps; or when it ends, whichever is first. The value is never dropped elsewhere. When the runtime has ended,
///   or there was none where the value was wrapped, the value is leaked, and standard error has a line that says so.
///
/// It costs one allocation, and a comparison at each use. It belongs to the thread, not to the runtime: a later
/// runtime of the same thread may use it, but a drop elsewhere needs the runtime in which it was wrapped.
///
/// # Panics
///
/// Each use on another thread: dereferencing, polling, cloning. `Debug` does not.
///
/// ```
/// use egret_runtime::task::Confined;
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// fn boxed(future: impl Future<Output = u32> + Send + 'static) -> Box<dyn Future<Output = u32> + Send> {
///     Box::new(future)
/// }
///
/// egret_runtime::block_on(async {
///     let count = Rc::new(Cell::new(41)); // not `Send`, and so is the next future
///     let future = Confined::new(async move {
///         egret_runtime::task::yield_now().await;
///         count.get() + 1
///     });
///     assert_eq!(Box::into_pin(boxed(future)).await, 42);
/// });
/// ```
pub struct Confined<T: ?Sized + 'static> {
    /// Allocated by `Box`, and owned.
    value: NonNull<T>,
    home: Home,
}

// SAFETY: another thread that owns the wrapper gets nothing of the value: each access and the drop of the value
// compare the thread first. The pointer and `Home` are plain data for it. It only sends them home.
unsafe impl<T: ?Sized + 'static> Send for Confined<T> {}

// SAFETY: as for `Send`; a shared wrapper lends the value by `Deref` and through the impls of `Clone` and `Debug`, which all
// come through `get` and its comparison. A `&T` from there leaves the thread only when `T` is `Sync` itself.
unsafe impl<T: ?Sized + 'static> Sync for Confined<T> {}

// Not inferred from `T`: the value is pinned in its own allocation, and moves of the wrapper do not move it.
impl<T: ?Sized + 'static> Unpin for Confined<T> {}

impl<T: 'static> Confined<T> {
    /// Wraps a value, which belongs to this thread from now on. The runtime of this thread, if there is one, gets it back when
    /// another thread drops it.
    #[inline]
    pub fn new(value: T) -> Confined<T> {
        Confined::from(Box::new(value))
    }

    /// Unwraps the value.
    ///
    /// # Panics
    ///
    /// On another thread than that which made the wrapper. The value then goes home, as by a drop.
    #[inline]
    #[track_caller]
    pub fn into_inner(self) -> T
    where
        T: Unpin,
    {
        self.check();
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped and not used after this function, so its `home` is owned once.
        drop(unsafe { ptr::read(&raw const this.home) });
        // SAFETY: the pointer is that of a box, and `this`, which owned it, gives it up: see the line above. This is the thread of
        // the value. It is pinned, which has no meaning for a type that is `Unpin`.
        *unsafe { Box::from_raw(this.value.as_ptr()) }
    }
}

impl<T: ?Sized + 'static> Confined<T> {
    /// Returns whether this is the thread of the value, where it may be used.
    #[inline]
    pub fn is_here(&self) -> bool {
        self.home.is_here()
    }

    /// Returns the value, on its thread; `None` elsewhere.
    #[inline]
    pub fn try_get(&self) -> Option<&T> {
        if !self.is_here() {
            return None;
        }
        // SAFETY: the pointer is valid for as long as the wrapper, which owns the value and is borrowed. This is the thread of the
        // value, and there `&mut T` is lent by `&mut self` alone.
        Some(unsafe { self.value.as_ref() })
    }

    /// Returns the value, pinned: it does not move until it is dropped.
    ///
    /// # Panics
    ///
    /// On another thread than that which made the wrapper.
    #[inline]
    #[track_caller]
    pub fn as_pin_mut(&mut self) -> Pin<&mut T> {
        self.check();
        // SAFETY: as in `try_get`, and the wrapper is borrowed mutably.
        let value = unsafe { self.value.as_mut() };
        // SAFETY: the value stays in its allocation until it is dropped there, or for ever. Other ways to it need `T: Unpin`.
        unsafe { Pin::new_unchecked(value) }
    }

    #[inline]
    #[track_caller]
    fn get(&self) -> &T {
        match self.try_get() {
            Some(value) => value,
            None => self.home.refuse(type_name::<T>()),
        }
    }

    #[inline]
    #[track_caller]
    fn check(&self) {
        if !self.is_here() {
            self.home.refuse(type_name::<T>());
        }
    }

    /// Sends the value to its loop, or leaks it.
    #[cold]
    fn leave(&mut self) {
        let Some(address) = self.home.way_back() else {
            #[cfg(test)]
            home::keep(self.value.cast());
            return self.home.report_leak(type_name::<T>());
        };
        // The loop runs the errand or drops it, at home either way. If it is gone the errand is dropped right here, and leaks the
        // value: its home has no way left.
        let parcel = Confined { value: self.value, home: self.home.without_way() };
        remote::send_home(address, Box::new(move || drop(parcel)));
    }
}

impl<T: ?Sized + 'static> From<Box<T>> for Confined<T> {
    /// Wraps a value that has an allocation already, such as a `dyn Future`.
    #[inline]
    fn from(value: Box<T>) -> Confined<T> {
        Confined { value: NonNull::from(Box::leak(value)), home: Home::here() }
    }
}

impl<T: ?Sized + 'static> Drop for Confined<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_here() {
            return self.leave();
        }
        // SAFETY: the pointer is that of a box. The wrapper owns it and ends here, on the thread of the value; a wrapper that has
        // given its value up (`leave`, `into_inner`) does not come here. The value is dropped in place.
        drop(unsafe { Box::from_raw(self.value.as_ptr()) });
    }
}

#[cfg(test)]
mod tests;
