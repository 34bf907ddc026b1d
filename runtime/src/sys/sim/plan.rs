//! The configuration of a simulation: the network, the faults, the edge policy.

use super::dice::Dice;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Something that a kernel or a network may do and that tests rarely cover.
///
/// Each has its own random stream, so switching one off does not change the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Bytes that were sent at once arrive in pieces.
    Fragment,
    /// The peer sends a byte of urgent data in between. A reader that does not request it never sees the byte.
    Urgent,
    /// A segment takes up to a hundred times the usual latency.
    Delay,
    /// A segment is lost and is resent after 200 ms or more.
    Loss,
    /// A middlebox resets a connection.
    Reset,
    /// `send` takes a part although there is room for more, and an event reports room later.
    ShortWrite,
    /// A signal interrupts a system call before it has done anything.
    Interrupt,
    /// `epoll_wait` reports a descriptor without a cause.
    SpuriousEdge,
    /// `epoll_wait` reports a deleted registration.
    StaleEdge,
    /// `epoll_wait` reports events out of order.
    EventOrder,
    /// `epoll_wait` reports a part of the ready descriptors, and the rest next time.
    SplitBatch,
    /// Tasks are polled in another order than they were woken.
    TaskOrder,
    /// A connection dies before it is accepted.
    AbortedAccept,
    /// No descriptors are left, for a while.
    NoDescriptors,
    /// No memory is left, for a while: for an accepted socket or for a registration.
    NoMemory,
    /// A datagram is dropped.
    DatagramLoss,
    /// A datagram is duplicated.
    DatagramDuplicate,
    /// A name server fails.
    NameFailure,
    /// A question to a name server is lost, and asked again five seconds later.
    NameDelay,
    /// The processor runs other work: a loop that is ready runs up to 10 ms later.
    Preempted,
    /// The disk fails to read or write; after a failed sync, what it was to write may be lost for good.
    DiskError,
    /// The disk is full, for a moment.
    DiskFull,
    /// A fault of the program's own, by `sim::maybe!`: this probability times that of its place.
    Program,
}

/// The probability of each fault. [`Fault::licence`] says what permits it.
#[derive(Clone, PartialEq, Eq)]
pub struct Faults {
    per_million: [u32; Fault::ALL.len()],
}

/// When a kernel reports a change as an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EdgePolicy {
    /// As Linux 6: new data is an edge even if older data is unread; room is an edge only after the socket was seen
    /// full.
    #[default]
    Linux,
    /// The weakest that `epoll(7)` guarantees: new data is an edge only after a short read or `EAGAIN`. The end of a
    /// stream, an error and urgent data are always edges.
    Minimal,
    /// As `Linux`, and each edge may be reported again without cause.
    Noisy,
}

/// The configuration, before any choice by the seed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The latency between hosts, in nanoseconds. Half a microsecond within one host.
    pub(crate) latency: RangeInclusive<u64>,
    /// Bytes per second on a link.
    pub(crate) bandwidth: u64,
    pub(crate) send_buffer: usize,
    pub(crate) receive_buffer: usize,
    pub(crate) edges: EdgePolicy,
    pub(crate) faults: Faults,
}

/// The settings of one direction of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkPlan {
    pub(crate) latency: Option<RangeInclusive<u64>>,
    pub(crate) bandwidth: Option<u64>,
    /// The probability of a loss in millionths.
    pub(crate) loss: u32,
    pub(crate) is_cut: bool,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            latency: 50_000..=500_000,
            bandwidth: 125_000_000, // a gigabit
            send_buffer: 64 * 1024,
            receive_buffer: 64 * 1024,
            edges: EdgePolicy::Linux,
            faults: Faults::none(),
        }
    }
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 23] = [
        Fault::Fragment,
        Fault::Urgent,
        Fault::Delay,
        Fault::Loss,
        Fault::Reset,
        Fault::ShortWrite,
        Fault::Interrupt,
        Fault::SpuriousEdge,
        Fault::StaleEdge,
        Fault::EventOrder,
        Fault::SplitBatch,
        Fault::TaskOrder,
        Fault::AbortedAccept,
        Fault::NoDescriptors,
        Fault::NoMemory,
        Fault::DatagramLoss,
        Fault::DatagramDuplicate,
        Fault::NameFailure,
        Fault::NameDelay,
        Fault::Preempted,
        Fault::DiskError,
        Fault::DiskFull,
        Fault::Program,
    ];

    /// Returns why a real kernel or network may do this.
    pub fn licence(self) -> &'static str {
        match self {
            Fault::Fragment => "RFC 9293, 3.8: TCP keeps no boundaries of what was sent",
            Fault::Urgent => "RFC 9293, 3.8.5: urgent data; RFC 6093 on what is in use",
            Fault::Delay => "RFC 9293, 3.8.1: a round trip takes as long as it takes",
            Fault::Loss => "RFC 6298, 2.4: what is lost is sent again after the retransmission timeout",
            Fault::Reset => "RFC 9293, 3.5.2: a reset may come at any time, also from a middlebox",
            Fault::ShortWrite => {
                "send(2), ENOBUFS and non-blocking mode: the kernel takes what it has memory for"
            }
            Fault::Interrupt => "signal(7): interruption of system calls by signal handlers",
            Fault::SpuriousEdge => "select(2), BUGS: readiness may be reported where a read would block",
            Fault::StaleEdge => {
                "epoll(7), questions 5 and 6: a duplicate of a closed descriptor goes on to report"
            }
            Fault::EventOrder => "epoll(7) promises no order of events",
            Fault::SplitBatch => "epoll_wait(2) returns when there is something to report, not everything",
            Fault::TaskOrder => "the runtime's own contract: no order between tasks that are ready",
            Fault::AbortedAccept => "accept(2): ECONNABORTED, EPROTO and pending network errors",
            Fault::NoDescriptors => "accept(2), socket(2): EMFILE and ENFILE",
            Fault::NoMemory => "accept(2): ENOBUFS, ENOMEM; epoll_ctl(2): ENOMEM, ENOSPC",
            Fault::DatagramLoss => "RFC 768: delivery is not guaranteed",
            Fault::DatagramDuplicate => "RFC 768: nor is protection from duplicates",
            Fault::NameFailure => "getaddrinfo(3): EAI_AGAIN",
            Fault::NameDelay => "resolv.conf(5): timeout and attempts",
            Fault::Preempted => "sched(7): a thread that can run does so when it is its turn",
            Fault::DiskError => "fsync(2), read(2), write(2): EIO",
            Fault::DiskFull => "write(2), open(2), rename(2): ENOSPC",
            Fault::Program => "the program: where it says `sim::maybe!`",
        }
    }

    /// Returns the name of its random stream.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }
}

impl Faults {
    /// Creates a plan without faults.
    pub fn none() -> Faults {
        Faults { per_million: [0; Fault::ALL.len()] }
    }

    /// Returns all faults, each likely enough that a scenario of a few hundred system calls sees some of it and still
    /// makes progress.
    pub fn all() -> Faults {
        let mut faults = Faults::none();
        for fault in Fault::ALL {
            faults.per_million[fault as usize] = match fault {
                Fault::Fragment | Fault::EventOrder | Fault::TaskOrder => 200_000,
                Fault::Delay | Fault::ShortWrite | Fault::SplitBatch => 50_000,
                Fault::Urgent | Fault::Interrupt | Fault::SpuriousEdge | Fault::StaleEdge => 30_000,
                Fault::AbortedAccept | Fault::Preempted => 30_000,
                Fault::DatagramLoss | Fault::DatagramDuplicate => 30_000,
                Fault::NameFailure | Fault::NameDelay => 30_000,
                Fault::DiskError | Fault::DiskFull => 5_000,
                Fault::Loss | Fault::NoDescriptors | Fault::NoMemory => 10_000,
                Fault::Reset => 500,
                Fault::Program => 1_000_000,
            };
        }
        faults
    }

    /// These, with one fault of the given probability: 0.0 for never, 1.0 for always.
    ///
    /// # Panics
    ///
    /// When `probability` is not between 0.0 and 1.0.
    pub fn with(mut self, fault: Fault, probability: f64) -> Faults {
        assert!(
            (0.0..=1.0).contains(&probability),
            "{probability} is no probability: 0.0 is never, 1.0 always"
        );
        self.per_million[fault as usize] = (probability * 1e6).round() as u32;
        self
    }

    /// About half of these, each with its probability, four times it or a quarter, as the seed says for this fault alone.
    pub(crate) fn swarm(mut self, seed: u64) -> Faults {
        for fault in Fault::ALL {
            let mut dice = Dice::new(seed, &format!("swarm {fault:?}"));
            let probability = &mut self.per_million[fault as usize];
            *probability = match dice.below(6) {
                0 => *probability / 4,
                1 => *probability,
                2 => probability.saturating_mul(4).min(1_000_000),
                _ => 0,
            };
        }
        self
    }

    /// These without one fault.
    pub fn without(self, fault: Fault) -> Faults {
        self.with(fault, 0.0)
    }

    /// Returns the faults that can happen.
    pub fn enabled(&self) -> impl Iterator<Item = Fault> + '_ {
        Fault::ALL.into_iter().filter(|fault| self.per_million(*fault) > 0)
    }

    pub(crate) fn per_million(&self, fault: Fault) -> u32 {
        self.per_million[fault as usize]
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let probability = |fault| (fault, f64::from(self.per_million(fault)) / 1e6);
        f.debug_map().entries(self.enabled().map(probability)).finish()
    }
}

/// `duration` in nanoseconds, saturated.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_a_place_of_its_own_and_a_licence() {
        for (at, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, at);
            assert!(!fault.licence().is_empty());
            assert_eq!(Faults::none().with(fault, 0.5).enabled().collect::<Vec<_>>(), [fault]);
        }
        assert_eq!(Faults::all().enabled().count(), Fault::ALL.len());
        let drawn: Vec<_> = (0..200).map(|seed| Faults::all().swarm(seed).enabled().count()).collect();
        assert!((2090..2310).contains(&drawn.iter().sum::<usize>()), "{drawn:?}");
        let resets = |seed| Faults::all().swarm(seed).per_million(Fault::Reset);
        let resets: std::collections::BTreeSet<_> = (0..50).map(resets).collect();
        assert_eq!(resets.into_iter().collect::<Vec<_>>(), [0, 125, 500, 2000]);
        assert_eq!(Faults::all().without(Fault::Reset).enabled().count(), Fault::ALL.len() - 1);
    }
}
