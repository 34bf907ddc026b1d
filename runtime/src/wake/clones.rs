//! Which tasks have had their waker cloned, for a dump. With feature `inspect`; without it, nothing is kept.
//!
//! A waker is a number, so clones are not counted and their drops are unknown. But without any clone nothing has the
//! waker of a task between two polls, other than a table of egret's.

use super::key::TaskKey;
#[cfg(feature = "inspect")]
use super::key::Tenant;
#[cfg(feature = "inspect")]
use std::cell::RefCell;

/// The last task at each index whose waker was cloned on the loop's thread.
#[derive(Debug, Default)]
pub(crate) struct Clones {
    #[cfg(feature = "inspect")]
    tenants: RefCell<Vec<Option<Tenant>>>,
}

impl Clones {
    /// Notes a clone.
    #[inline(always)]
    pub(crate) fn note(&self, key: TaskKey) {
        #[cfg(feature = "inspect")]
        {
            let (tenants, at) = (&mut *self.tenants.borrow_mut(), key.index() as usize);
            if tenants.len() <= at {
                tenants.resize(at + 1, None);
            }
            tenants[at] = Some(key.tenant());
        }
        #[cfg(not(feature = "inspect"))]
        let _ = key;
    }

    /// Returns whether the waker of this task was ever cloned.
    #[cfg(feature = "inspect")]
    pub(crate) fn has(&self, key: TaskKey) -> bool {
        self.tenants.borrow().get(key.index() as usize) == Some(&Some(key.tenant()))
    }
}

#[cfg(not(feature = "inspect"))]
const _: () = assert!(size_of::<Clones>() == 0);
