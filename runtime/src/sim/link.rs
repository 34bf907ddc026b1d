//! [`Link`]: a test's handle of the network between two hosts.

use super::host::SimShared;
use crate::sys::sim::{HostId, LinkPlan, nanoseconds};
use std::fmt;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

/// A link between two hosts, by [`Sim::link`](super::Sim::link), or one direction of it, by
/// [`Sim::link_to`](super::Sim::link_to). A setting applies to packets that are sent from then on.
pub struct Link {
    shared: Rc<SimShared>,
    /// From which host to which.
    directions: Vec<(HostId, HostId)>,
}

impl Link {
    pub(super) fn new(shared: Rc<SimShared>, directions: Vec<(HostId, HostId)>) -> Link {
        Link { shared, directions }
    }

    fn change(&self, f: impl Fn(&mut LinkPlan)) -> &Link {
        self.directions.iter().for_each(|(from, to)| self.shared.world.with_link(*from, *to, &f));
        self
    }

    /// Sets its latency, in place of [`Sim::latency`](super::Sim::latency).
    pub fn latency(&self, range: RangeInclusive<Duration>) -> &Link {
        let range = nanoseconds(*range.start())..=nanoseconds(*range.end());
        self.change(|link| link.latency = Some(range.clone()))
    }

    /// Sets its bandwidth in bytes per second, in place of [`Sim::bandwidth`](super::Sim::bandwidth).
    pub fn bandwidth(&self, bytes_per_second: u64) -> &Link {
        self.change(|link| link.bandwidth = Some(bytes_per_second))
    }

    /// Sets the probability that a packet is lost, besides the faults: a datagram is gone, a segment is sent again.
    ///
    /// # Panics
    ///
    /// When `probability` is not between 0.0 and 1.0.
    pub fn loss(&self, probability: f64) -> &Link {
        assert!((0.0..=1.0).contains(&probability), "{probability} is no probability");
        self.change(|link| link.loss = (probability * 1e6).round() as u32)
    }

    /// Cuts it. TCP sends what does not arrive again, and again what arrives and whose acknowledgement does not, until the
    /// link is healed or it gives up after a quarter of an hour.
    pub fn cut(&self) -> &Link {
        self.change(|link| link.is_cut = true)
    }

    /// Restores it.
    pub fn heal(&self) -> &Link {
        self.change(|link| link.is_cut = false)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("directions", &self.directions).finish_non_exhaustive()
    }
}
