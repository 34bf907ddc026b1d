//! No lists, without feature `inspect`. See also `kept.rs`.

use crate::observe::id::Id;
use crate::observe::site::Site;
use std::rc::Rc;
use std::task::Waker;

/// Enters no list.
#[derive(Default)]
pub(crate) struct Entry(());

/// Keeps no wait.
#[derive(Default)]
pub(crate) struct RemoteWait(());

const _: () = assert!(size_of::<Entry>() == 0 && size_of::<RemoteWait>() == 0);

impl Entry {
    #[inline(always)]
    pub(crate) fn enter<L>(&self, _list: &Rc<L>) {}
}

impl RemoteWait {
    #[inline(always)]
    pub(crate) fn wait(&mut self, _task: Id, _waker: &Waker, _at: Site) {}
}
