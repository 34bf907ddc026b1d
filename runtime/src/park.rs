//! How a loop with nothing to run waits: asleep in the kernel, or awake, looking again and again.
//!
//! To sleep costs the processor twice, once to put the thread away and once to get it back, and whoever waits for an
//! answer pays the second in full. Where the next event is nearer than that, looking for it is less work as well as
//! less time. Whether it is near is what [`Forecast`] guesses from the waits before; `executor/park.rs` asks it at the
//! beginning of a wait and tells it at the end how long that was. Nobody else touches it.
//!
//! A guess that is wrong must cost no more than a bounded part of the sleep that it hoped to save: a loop that looks in
//! vain takes its processor from the very client that it waits for.

mod forecast;

pub(crate) use forecast::Forecast;

use crate::stats::Counter;
use std::cell::Cell;
use std::time::Duration;

/// How a loop with nothing to run waits for the next event, by [`Builder::park`](crate::runtime::Builder::park).
///
/// On a clock that a test has paused every loop waits as with [`Park::Sleep`].
///
/// | | best for | costs |
/// |---|---|---|
/// | `Sleep` | anything; the default | a wake-up of the thread for each wait |
/// | `Adaptive` | few clients that answer at once, on a processor that is not wanted elsewhere | never more than `limit` for a wait that lasts longer |
/// | `Spin` | the least latency, on a processor of its own | all of that processor, always |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Park {
    /// Sleeps in `epoll_wait(2)` until something happens.
    #[default]
    Sleep,
    /// Looks without sleeping, for `limit` at most, when the waits before were on average shorter than `limit`, and
    /// sleeps otherwise and after that.
    ///
    /// A loop that is idle or whose waits are long sleeps, and pays two readings of the clock for each wait (50 ns).
    /// When its waits are so short that the wake-ups may be most of them, it looks for a few to see whether that would
    /// do; the more often it would not, the rarer.
    ///
    /// `limit` is best what a sleep costs the processor: then it takes no more CPU time than sleeping does, as long as the
    /// client has a processor of its own. That was 20 us in a virtual machine with two processors; measure yours by
    /// `bench park`. With a longer one latency is lower at middling loads, for CPU time. Where client and server share a
    /// processor, or others want it, a sleep is cheap and to look only keeps the client from running: up to 1.7 times the
    /// CPU time, for nothing (see `docs/benchmarks/`). With `limit` zero it is `Sleep`.
    Adaptive {
        /// How long a wait may be awake, and how short the waits have to be on average.
        limit: Duration,
    },
    /// Never sleeps: calls `epoll_wait(2)` with a timeout of zero until something happens.
    Spin,
}

/// What an executor keeps of it.
#[derive(Debug)]
pub(crate) struct Parking {
    park: Park,
    forecast: Cell<Forecast>,
    /// Waits that began awake, and those of them that ended asleep.
    pub(crate) spins: Counter,
    pub(crate) misses: Counter,
}

impl Parking {
    pub(crate) fn new(park: Park) -> Parking {
        let limit = match park {
            Park::Adaptive { limit } => u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX),
            Park::Sleep | Park::Spin => 0,
        };
        let park = if park == (Park::Adaptive { limit: Duration::ZERO }) { Park::Sleep } else { park };
        Parking {
            park,
            forecast: Cell::new(Forecast::new(limit)),
            spins: Counter::default(),
            misses: Counter::default(),
        }
    }

    /// Whether a wait is anything but a sleep.
    #[inline]
    pub(crate) fn may_look(&self) -> bool {
        self.park != Park::Sleep
    }

    /// For how many nanoseconds the wait that begins now is to be awake; 0 is not at all, and `u64::MAX` for ever.
    pub(crate) fn begin(&self) -> u64 {
        match self.park {
            Park::Sleep => 0,
            Park::Adaptive { .. } => self.forecast.get().begin(),
            Park::Spin => u64::MAX,
        }
    }

    /// Takes note of a wait that is over: how long it was, and whether it began awake.
    pub(crate) fn end(&self, nanoseconds: u64, looked: bool) {
        self.forecast.set(self.forecast.get().after(nanoseconds, looked));
    }
}
