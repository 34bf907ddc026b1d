//! [`Hub`]: connections on their way from the core that accepts them to the core that serves them.
//!
//! - Each core has an inbox. It is open from the [`join`](Hub::join) of its core to the drop of its share.
//! - `load` of an inbox counts the connections that are queued or open. A [`Load`] adds one until it is dropped.
//! - The core that leads has the listening socket. When it ends, the socket goes back to the hub and another core takes
//!   it. The last core closes it.
//! - Wakers are called, and connections dropped, when no lock is held.

use crate::family::Family;
use egret_runtime::sys::Fd;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

pub(super) struct Hub<F: Family> {
    inboxes: Box<[CoreInbox<F>]>,
    /// The inbox at which the next search begins, so that ties go round.
    next: AtomicUsize,
    lead: Mutex<Lead>,
    /// The leader waits for a core below its limit.
    full: AtomicBool,
    waiting_for_room: Mutex<Option<Waker>>,
}

struct CoreInbox<F: Family> {
    load: AtomicUsize,
    limit: AtomicUsize,
    state: Mutex<InboxState<F>>,
}

struct InboxState<F: Family> {
    phase: InboxPhase,
    queue: VecDeque<Handed<F>>,
    /// The waker of the core, while it waits for a connection.
    waiting: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum InboxPhase {
    /// Its core has not joined yet.
    Expected,
    Open,
    Gone,
}

struct Lead {
    /// The listening socket, while no core leads.
    listener: Option<Fd>,
    /// The core that leads has failed by this error.
    failed: Option<(io::ErrorKind, String)>,
    /// Cores that have not gone.
    left: usize,
    /// The wakers of cores that would lead.
    candidates: Vec<Option<Waker>>,
}

/// A connection that is handed over.
pub(super) struct Handed<F: Family> {
    pub(super) fd: Fd,
    pub(super) peer: F::Addr,
    pub(super) load: Load<F>,
}

/// Counts in the load of a core until it is dropped.
pub(super) struct Load<F: Family> {
    hub: Arc<Hub<F>>,
    core: usize,
}

impl<F: Family> Hub<F> {
    #[inline]
    pub(super) fn new(cores: usize, listener: Fd) -> Arc<Hub<F>> {
        let inbox = |_| CoreInbox {
            load: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
            state: Mutex::new(InboxState {
                phase: InboxPhase::Expected,
                queue: VecDeque::new(),
                waiting: None,
            }),
        };
        let lead =
            Lead { listener: Some(listener), failed: None, left: cores, candidates: vec![None; cores] };
        Arc::new(Hub {
            inboxes: (0..cores).map(inbox).collect(),
            next: AtomicUsize::new(0),
            lead: Mutex::new(lead),
            full: AtomicBool::new(false),
            waiting_for_room: Mutex::new(None),
        })
    }

    #[inline]
    pub(super) fn has(&self, core: usize) -> bool {
        core < self.inboxes.len()
    }

    /// Opens the inbox of a core; `false` when it was opened before.
    #[inline]
    pub(super) fn join(&self, core: usize) -> bool {
        let mut state = lock(&self.inboxes[core].state);
        let is_first = state.phase == InboxPhase::Expected;
        if is_first {
            state.phase = InboxPhase::Open;
        }
        drop(state);
        if is_first {
            self.has_room(); // a leader that waits has one core more
        }
        is_first
    }

    #[inline]
    pub(super) fn limit(&self, core: usize, most: usize) {
        self.inboxes[core].limit.store(most, Ordering::SeqCst);
    }

    /// Returns the next connection of a core; without one, `waker` is woken when there is one.
    #[inline]
    pub(super) fn take(&self, core: usize, waker: Option<&Waker>) -> Option<Handed<F>> {
        let waker = waker.cloned();
        let mut state = lock(&self.inboxes[core].state);
        if let Some(handed) = state.queue.pop_front() {
            return Some(handed);
        }
        let before = waker.and_then(|waker| state.waiting.replace(waker));
        drop(state);
        drop(before);
        None
    }

    /// Returns the open inbox with the smallest load that is below its limit.
    #[inline]
    fn choose(&self) -> Option<usize> {
        self.choose_if(|inbox, load| load < inbox.limit.load(Ordering::SeqCst))
    }

    /// Returns the open inbox with the smallest load, of those that `takes` accepts.
    #[inline]
    fn choose_if(&self, takes: impl Fn(&CoreInbox<F>, usize) -> bool) -> Option<usize> {
        let count = self.inboxes.len();
        let start = self.next.load(Ordering::Relaxed);
        let cores = (0..count).map(|offset| (start + offset) % count);
        let with_load = cores.filter_map(|core| {
            let inbox = &self.inboxes[core];
            let load = inbox.load.load(Ordering::SeqCst);
            let takes = takes(inbox, load) && lock(&inbox.state).phase == InboxPhase::Open;
            takes.then_some((load, core))
        });
        let (_, core) = with_load.min_by_key(|(load, _)| *load)?;
        self.next.store((core + 1) % count, Ordering::Relaxed);
        Some(core)
    }

    /// Hands a connection over to the core with the fewest, and adds the waker of that core to `woken`.
    ///
    /// It has been accepted, so it goes to a core at its limit when the last one below has just gone. Without any core
    /// it is closed.
    #[inline]
    pub(super) fn hand(self: &Arc<Self>, fd: Fd, peer: F::Addr, woken: &mut Vec<Waker>) {
        let mut connection = (fd, peer);
        while let Some(core) = self.choose().or_else(|| self.choose_if(|_, _| true)) {
            connection = match self.hand_to(core, connection, woken) {
                Ok(()) => return,
                Err(back) => back, // it has gone in between
            };
        }
    }

    #[inline]
    fn hand_to(
        self: &Arc<Self>,
        core: usize,
        (fd, peer): (Fd, F::Addr),
        woken: &mut Vec<Waker>,
    ) -> Result<(), (Fd, F::Addr)> {
        let inbox = &self.inboxes[core];
        let mut state = lock(&inbox.state);
        if state.phase != InboxPhase::Open {
            return Err((fd, peer));
        }
        inbox.load.fetch_add(1, Ordering::SeqCst);
        state.queue.push_back(Handed { fd, peer, load: Load { hub: self.clone(), core } });
        woken.extend(state.waiting.take());
        Ok(())
    }

    /// Counts a connection that the leader takes itself.
    #[inline]
    pub(super) fn load(self: &Arc<Self>, core: usize) -> Load<F> {
        self.inboxes[core].load.fetch_add(1, Ordering::SeqCst);
        Load { hub: self.clone(), core }
    }

    /// Returns whether a core takes a connection; if none does, `waker` is woken when one may.
    #[inline]
    pub(super) fn room(&self, waker: &Waker) -> bool {
        if self.choose().is_some() {
            return true;
        }
        let waker = waker.clone();
        let before = lock(&self.waiting_for_room).replace(waker);
        drop(before);
        self.full.store(true, Ordering::SeqCst);
        // A connection that ended before the store has woken nothing.
        self.choose().is_some()
    }

    #[inline]
    fn has_room(&self) {
        if self.full.swap(false, Ordering::SeqCst) {
            let waiting = lock(&self.waiting_for_room).take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Takes the listening socket, to lead; if another core has it, `waker` is woken when it is free.
    #[inline]
    pub(super) fn take_lead(&self, core: usize, waker: Option<&Waker>) -> Option<Fd> {
        let waker = waker.cloned();
        let mut lead = lock(&self.lead);
        if let Some(listener) = lead.listener.take() {
            return Some(listener);
        }
        let before = waker.and_then(|waker| lead.candidates[core].replace(waker));
        drop(lead);
        drop(before);
        None
    }

    /// Returns the error by which the leader has failed.
    #[inline]
    pub(super) fn failure(&self) -> Option<io::Error> {
        let lead = lock(&self.lead);
        lead.failed.as_ref().map(|(kind, message)| io::Error::new(*kind, message.clone()))
    }

    /// Makes every core return the error.
    #[inline]
    pub(super) fn fail(&self, error: &io::Error) {
        lock(&self.lead).failed = Some((error.kind(), format!("the listener that the cores share: {error}")));
        let wakers: Vec<_> =
            self.inboxes.iter().filter_map(|inbox| lock(&inbox.state).waiting.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends the share of a core: what is queued for it goes to others, and so does the listening socket if it led.
    #[inline]
    pub(super) fn leave(self: &Arc<Self>, core: usize, listener: Option<Fd>) {
        let mut state = lock(&self.inboxes[core].state);
        state.phase = InboxPhase::Gone;
        let (queue, waiting) = (std::mem::take(&mut state.queue), state.waiting.take());
        drop(state);
        drop(waiting);
        let mut woken = Vec::new();
        for Handed { fd, peer, load } in queue {
            self.hand(fd, peer, &mut woken);
            drop(load);
        }
        let mut lead = lock(&self.lead);
        lead.left -= 1;
        if listener.is_some() {
            lead.listener = listener;
        }
        let own = lead.candidates[core].take();
        let closed = if lead.left == 0 { lead.listener.take() } else { None };
        if lead.listener.is_some() {
            woken.extend(lead.candidates.iter_mut().filter_map(Option::take));
        }
        drop(lead);
        drop((own, closed));
        woken.into_iter().for_each(Waker::wake);
    }
}

impl<F: Family> Drop for Load<F> {
    #[inline]
    fn drop(&mut self) {
        self.hub.inboxes[self.core].load.fetch_sub(1, Ordering::SeqCst);
        self.hub.has_room();
    }
}

/// No user code runs under the locks of this file.
#[inline]
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(miri))] // which has no sockets
#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Tcp;
    use egret_runtime::sys::{Backend, Type};
    use std::iter;
    use std::task::Wake;

    fn fd() -> Fd {
        Backend::current().socket_pair(Type::Stream).unwrap().0
    }

    /// A hub that all of its cores have joined.
    fn joined(cores: usize) -> Arc<Hub<Tcp>> {
        let hub = Hub::new(cores, fd());
        assert!((0..cores).all(|core| hub.join(core)));
        hub
    }

    fn hand(hub: &Arc<Hub<Tcp>>, port: u16) {
        hub.hand(fd(), ([127, 0, 0, 1], port).into(), &mut Vec::new());
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Count>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_leader_that_waits_for_room_is_woken_by_a_core_that_joins_and_by_a_connection_that_ends() {
        let (hub, count) = (Hub::<Tcp>::new(2, fd()), Arc::<Count>::default());
        let waker = Waker::from(count.clone());
        let woken = || count.0.swap(0, Ordering::SeqCst);
        assert!(!hub.room(&waker));
        hub.join(0);
        assert_eq!(woken(), 1);
        hub.limit(0, 1);
        assert!(hub.room(&waker));
        let load = hub.load(0);
        assert!(!hub.room(&waker));
        drop(load);
        assert_eq!(woken(), 1);
        hub.join(1);
        drop(hub.load(0));
        assert_eq!(woken(), 0);
    }

    #[test]
    fn a_connection_goes_to_a_core_at_its_limit_when_the_last_below_it_has_gone() {
        let hub = joined(2);
        hub.limit(0, 0);
        hub.leave(1, None);
        hand(&hub, 1);
        assert_eq!(hub.take(0, None).unwrap().peer.port(), 1);
    }

    #[test]
    fn cores_with_as_many_connections_take_turns() {
        let hub = joined(3);
        for core in [0, 1, 2, 0, 1, 2] {
            hand(&hub, 1);
            assert!(hub.take(core, None).is_some(), "{core}");
        }
    }

    #[test]
    fn an_error_of_the_listener_wakes_every_core() {
        let (hub, count) = (joined(2), Arc::<Count>::default());
        let waker = Waker::from(count.clone());
        assert!((0..2).all(|core| hub.take(core, Some(&waker)).is_none()));
        hub.fail(&io::ErrorKind::InvalidInput.into());
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
        assert_eq!(hub.failure().unwrap().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_queue_of_a_core_that_leaves_goes_to_those_that_stay() {
        let hub = joined(3);
        (1..=9).for_each(|port| hand(&hub, port));
        hub.leave(0, None);
        hub.leave(1, None);
        let mut ports: Vec<_> = iter::from_fn(|| hub.take(2, None)).map(|it| it.peer.port()).collect();
        ports.sort_unstable();
        assert!(ports.into_iter().eq(1..=9));
        assert_eq!(hub.inboxes[2].load.load(Ordering::SeqCst), 0);
    }
}
