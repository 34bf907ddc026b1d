//! How a loop with nothing to run waits: asleep in the kernel, or polling `epoll_wait`.

use crate::observe::stats::Counter;

/// How a loop with nothing to run waits for the next event, set by [`Builder::park`](crate::runtime::Builder::park).
///
/// On a clock that a test has paused every loop waits as with [`Park::Sleep`].
///
/// | | best for | costs |
/// |---|---|---|
/// | `Sleep` | anything; the default | a wake-up of the thread for each wait |
/// | `Spin` | the least latency, on a processor of its own | all of that processor, always |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Park {
    /// Sleeps in `epoll_wait(2)` until something happens.
    #[default]
    Sleep,
    /// Never sleeps: calls `epoll_wait(2)` with a timeout of zero until something happens.
    Spin,
}

/// The executor's state for it.
#[derive(Debug)]
pub(crate) struct Parking {
    park: Park,
    /// Waits that were spent polling.
    pub(crate) spins: Counter,
}

impl Parking {
    pub(crate) fn new(park: Park) -> Parking {
        Parking { park, spins: Counter::default() }
    }

    #[inline]
    pub(crate) fn spins(&self) -> bool {
        self.park == Park::Spin
    }
}
