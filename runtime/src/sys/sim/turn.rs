//! Crashes and signals of hosts, and which host runs next.

use super::file::EACH_WRITE;
use super::host::{HostId, Loop};
use super::kernel::{FileId, Kernel};
use super::plan::Fault;
use super::trace::Outcome;

impl Kernel {
    /// A host loses power: no connection is closed, no peer is notified.
    pub(super) fn crash(&mut self, host: HostId) {
        self.note("crash", None, Outcome::Text(self.hosts[usize::from(host)].name.clone()));
        for file in 0..self.files.len() as FileId {
            let of_host = self.file(file).is_some_and(|file| file.host == host);
            if of_host && !self.is_loop_eventfd(file) {
                self.ports.release(file);
                self.remove(file);
            }
        }
        let host = &mut self.hosts[usize::from(host)];
        (host.up, host.descriptors, host.loop_state, host.poll) = (false, 0, Loop::Absent, None);
        host.is_paused = false;
        host.signal_eventfds.clear();
    }

    /// Delivers a signal to the program of `host`.
    pub(super) fn signal(&mut self, host: HostId, number: usize) {
        self.note("signal", None, Outcome::Value(number as u64));
        let entry = &mut self.hosts[usize::from(host)];
        entry.signals[number] += 1;
        for eventfd in entry.signal_eventfds.clone() {
            self.notify(eventfd, EACH_WRITE);
        }
    }

    /// The hosts whose loop can run, and the earliest wake time of the others.
    pub(super) fn ready_hosts(&mut self) -> (Vec<HostId>, Option<u64>) {
        let mut ready = Vec::new();
        let mut wake: Option<u64> = None;
        for number in 0..self.hosts.len() {
            let host = &self.hosts[number];
            if host.is_paused {
                continue;
            }
            let goes_on = match host.loop_state {
                Loop::Absent => continue,
                Loop::Awake => true,
                Loop::Asleep { until } => {
                    let is_due = until.is_some_and(|until| until <= self.now);
                    is_due || host.poll.is_some_and(|poll| self.has_events(poll))
                }
            };
            let id = HostId::try_from(number).expect("fewer than 65 536 hosts");
            let (state, not_before) = (host.loop_state, host.not_before);
            match state {
                _ if goes_on && not_before > self.now => wake = wake.into_iter().chain([not_before]).min(),
                Loop::Asleep { .. } if goes_on && self.fault(Fault::Preempted) => {
                    let late = self.now + self.dice(Fault::Preempted).within(&(1_000..=10_000_000));
                    self.hosts[number].not_before = late;
                    self.hosts[number].loop_state = Loop::Awake;
                    wake = wake.into_iter().chain([late]).min();
                }
                _ if goes_on => ready.push(id),
                Loop::Asleep { until } => wake = wake.into_iter().chain(until).min(),
                Loop::Absent | Loop::Awake => {}
            }
        }
        (ready, wake)
    }
}
