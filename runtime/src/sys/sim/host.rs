//! A host: a machine with a name, an address, a clock of its own, and programs (`program.rs`).

use super::program::ProgramId;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A host, by its index in the kernel's list.
pub(crate) type HostId = u16;

pub(crate) struct Host {
    pub(crate) name: Arc<str>,
    pub(crate) address: IpAddr,
    /// False after a crash, until the host is started again.
    pub(crate) up: bool,
    /// Its first program, which the test gives it.
    pub(crate) main: ProgramId,
    /// The reading of its clock at `clock_since`, a true time, and its error since then in parts per million.
    pub(crate) clock_start: u64,
    clock_since: u64,
    pub(crate) clock_drift: i64,
    /// The reading of its wall clock then, in nanoseconds since 1970. It goes as the other.
    pub(crate) wall_start: i128,
    /// Its programs are stopped.
    pub(crate) is_paused: bool,
}

/// A clock of a machine that has been up for a while: deadlines before the start of the simulation are representable.
pub(super) const CLOCK_START: u64 = 1_000_000_000_000;

/// A wall clock starts in September 2001, a thousand million seconds after 1970.
const WALL_START: i128 = 1_000_000_000_000_000_000;

impl Host {
    pub(crate) fn new(name: &str, number: HostId, main: ProgramId) -> Host {
        let [high, low] = (number + 1).to_be_bytes();
        Host {
            name: name.into(),
            address: IpAddr::V4(Ipv4Addr::new(10, 0, high, low)),
            up: true,
            main,
            clock_start: CLOCK_START,
            clock_since: 0,
            clock_drift: 0,
            wall_start: WALL_START,
            is_paused: false,
        }
    }

    /// Returns the reading of its clock at a true time.
    pub(crate) fn clock(&self, now: u64) -> u64 {
        let passed = i128::from(now) - i128::from(self.clock_since);
        let time = i128::from(self.clock_start) + passed + passed * i128::from(self.clock_drift) / 1_000_000;
        u64::try_from(time).unwrap_or(u64::MAX)
    }

    /// Returns the reading of its wall clock at a true time, in nanoseconds since 1970.
    pub(crate) fn wall_clock(&self, now: u64) -> i128 {
        self.wall_start + i128::from(self.clock(now)) - i128::from(self.clock_start)
    }

    /// Changes how fast its clock is from `now` on. Its current reading does not change, nor does its reading at the
    /// deadlines of its programs.
    pub(crate) fn set_drift<'a>(
        &mut self,
        now: u64,
        drift: i64,
        deadlines: impl Iterator<Item = &'a mut u64>,
    ) {
        let shows = self.clock(now);
        let left = deadlines.map(|until| (self.clock((*until).max(now)) - shows, until));
        let left: Vec<_> = left.collect();
        self.wall_start = self.wall_clock(now);
        (self.clock_start, self.clock_since, self.clock_drift) = (shows, now, drift);
        for (left, until) in left {
            *until = self.deadline(now, left);
        }
    }

    /// Returns the earliest true time at which its clock has advanced by `timeout`.
    pub(crate) fn deadline(&self, now: u64, timeout: u64) -> u64 {
        let rate = (1_000_000 + self.clock_drift).max(1) as u128;
        let passes = (u128::from(timeout) * 1_000_000).div_ceil(rate) + 1;
        now.saturating_add(u64::try_from(passes).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_early_whatever_the_clock_does() {
        let mut host = Host::new("a", 0, 0);
        for drift in [-200_000, -7, 0, 3, 500_000] {
            host.clock_drift = drift;
            for timeout in [0, 1, 999, 1_000_000_007] {
                for now in [0, 12_345, 9_999_999_999] {
                    let then = host.deadline(now, timeout);
                    assert!(host.clock(then) - host.clock(now) >= timeout, "{drift} {timeout} {now}");
                }
            }
        }
    }

    #[test]
    fn a_clock_that_becomes_fast_or_slow_does_not_jump() {
        let mut host = Host::new("a", 0, 0);
        let second = 1_000_000_000;
        let mut until = 1_010 * second;
        let due = host.clock(until);
        for (now, drift) in [(1_000, 500_000), (1_002, -200_000), (1_003, 0)] {
            let (clock, wall) = (host.clock(now * second), host.wall_clock(now * second));
            host.set_drift(now * second, drift, [&mut until].into_iter());
            assert_eq!((host.clock(now * second), host.wall_clock(now * second)), (clock, wall));
            assert!(
                (due..due + 10).contains(&host.clock(until)),
                "{drift}: {} and not {due}",
                host.clock(until)
            );
        }
        // Two seconds half as fast again, and one a fifth slower.
        assert_eq!(host.clock(1_003 * second) - CLOCK_START, 1_003 * second + second - second / 5);
    }

    #[test]
    fn hosts_have_addresses_of_their_own() {
        assert_eq!(Host::new("a", 0, 0).address.to_string(), "10.0.0.1");
        assert_eq!(Host::new("b", 299, 0).address.to_string(), "10.0.1.44");
    }
}
