//! [`Id`] and the name of a runtime: which runtime a handle is of.

use super::Handle;
use crate::wake::remote::Address;
use std::fmt;

/// Identifies one runtime among all of the process, past and present. From [`Handle::id`].
///
/// Its number says nothing of the order in which runtimes were made.
///
/// ```
/// use egret_runtime::runtime::Runtime;
///
/// let (first, second) = (Runtime::new()?, Runtime::new()?);
/// assert_ne!(first.handle().id(), second.handle().id());
/// assert_eq!(first.handle().id(), first.block_on(async { egret_runtime::runtime::Handle::current().id() }));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u64);

impl Id {
    #[inline]
    fn of(address: Address) -> Id {
        Id(address.bits())
    }
}

impl fmt::Display for Id {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Handle {
    /// Returns the number of the runtime. It is there also when the runtime is gone.
    ///
    /// See [`Id`].
    #[inline]
    pub fn id(&self) -> Id {
        Id::of(self.address)
    }

    /// Returns the name of the runtime, if [`Builder::name`](crate::runtime::Builder::name) has given it one.
    ///
    /// A handle keeps it. A job of [`spawn_blocking`](crate::task::spawn_blocking) that outlives its runtime gets a handle
    /// without a name from [`Handle::current`].
    ///
    /// ```
    /// use egret_runtime::runtime::{Builder, Handle};
    ///
    /// let rt = Builder::new().name("front").build()?;
    /// let handle = rt.handle();
    /// drop(rt);
    /// assert_eq!(handle.name(), Some("front"));
    /// egret_runtime::block_on(async { assert_eq!(Handle::current().name(), None) });
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
