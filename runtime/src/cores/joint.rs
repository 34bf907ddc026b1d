//! [`Joint`]: the shutdown of all cores, and [`Stop`], which requests it from any thread.
//!
//! - `requested` is the moment of the first request, `aborted` is set by [`Stop::abort`]. Both are final.
//! - A core waits for a change by its waker, which is stored and compared under the lock: no change is missed.
//! - Wakers are called after the lock is released.

use crate::sys::Backend;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

#[derive(Default)]
pub(super) struct Joint {
    state: Mutex<JointState>,
}

#[derive(Default)]
struct JointState {
    /// In nanoseconds, by the clock of the kernel.
    requested: Option<u64>,
    aborted: bool,
    /// The waker of each core that waits for the next change.
    waiting: Vec<Option<Waker>>,
}

/// The requests to all cores so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Nothing,
    /// To end, since this moment.
    Request(u64),
    /// To end at once.
    Abort,
}

impl Joint {
    #[inline]
    pub(super) fn request(&self) {
        self.change(|state| {
            let is_first = state.requested.is_none();
            state.requested.get_or_insert_with(now);
            is_first
        });
    }

    #[inline]
    pub(super) fn abort(&self) {
        self.change(|state| {
            state.requested.get_or_insert_with(now);
            !std::mem::replace(&mut state.aborted, true)
        });
    }

    /// Makes a change, and wakes the waiting cores if it is one.
    #[inline]
    fn change(&self, change: impl FnOnce(&mut JointState) -> bool) {
        let mut state = self.lock();
        let waiting = if change(&mut state) { std::mem::take(&mut state.waiting) } else { Vec::new() };
        drop(state);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    #[inline]
    pub(super) fn asked(&self) -> Asked {
        self.lock().asked()
    }

    /// Returns the requests so far, if they are not `known`. Otherwise `waker` is woken by the next change.
    #[inline]
    pub(super) fn asked_beyond(&self, known: Asked, core: usize, waker: &Waker) -> Option<Asked> {
        let waker = waker.clone();
        let mut state = self.lock();
        let asked = state.asked();
        if asked != known {
            return Some(asked);
        }
        if state.waiting.len() <= core {
            state.waiting.resize(core + 1, None);
        }
        let before = state.waiting[core].replace(waker);
        drop(state);
        drop(before);
        None
    }

    /// Returns how much of `deadline` is left since the request; all of it before a request.
    #[inline]
    pub(super) fn left_of(&self, deadline: Duration) -> Duration {
        let requested = self.lock().requested;
        let elapsed = |requested: u64| Duration::from_nanos(now().saturating_sub(requested));
        requested.map_or(deadline, |requested| deadline.saturating_sub(elapsed(requested)))
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, JointState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[inline]
fn now() -> u64 {
    Backend::current().monotonic()
}

impl JointState {
    #[inline]
    fn asked(&self) -> Asked {
        match (self.aborted, self.requested) {
            (true, _) => Asked::Abort,
            (false, Some(requested)) => Asked::Request(requested),
            (false, None) => Asked::Nothing,
        }
    }
}

/// Ends all cores of a [`Builder`](super::Builder), from any thread.
///
/// ```
/// use egret_runtime::cores;
/// use std::io;
///
/// let builder = cores::Builder::new().count(2);
/// let stop = builder.stop();
/// let ended = std::thread::scope(|scope| {
///     scope.spawn(|| stop.request());
///     builder.run(async |core| {
///         core.shutdown().requested().await;
///         io::Result::Ok(())
///     })
/// })?;
/// assert_eq!(ended.outputs.len(), 2);
/// # io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Stop {
    pub(super) joint: Arc<Joint>,
}

impl Stop {
    /// Requests the shutdown of all cores, like [`Shutdown::request`](crate::shutdown::Shutdown::request) on each of
    /// them. A second call is a no-op. Before [`Builder::run`](super::Builder::run) it holds for the run.
    #[inline]
    pub fn request(&self) {
        self.joint.request();
    }

    /// Ends all cores without waiting for a drain: as if the [deadline](super::Builder::deadline) had passed.
    #[inline]
    pub fn abort(&self) {
        self.joint.abort();
    }

    /// Returns whether the shutdown has been requested.
    #[inline]
    pub fn is_requested(&self) -> bool {
        self.joint.asked() != Asked::Nothing
    }
}

impl fmt::Debug for Stop {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("requested", &self.is_requested()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_counts_from_the_first_request() {
        let (joint, whole) = (Joint::default(), Duration::from_secs(3600));
        assert_eq!(joint.left_of(whole), whole);
        joint.request();
        let requested = now();
        while now() == requested {}
        let left = joint.left_of(whole);
        assert!(left < whole);
        joint.request();
        joint.abort();
        assert!(joint.left_of(whole) <= left);
        assert_eq!(joint.left_of(Duration::ZERO), Duration::ZERO);
    }
}
