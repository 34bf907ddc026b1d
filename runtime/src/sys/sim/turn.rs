//! Crashes of hosts, and which program runs next.

use super::host::HostId;
use super::kernel::{FileId, Kernel};
use super::plan::Fault;
use super::program::{Loop, ProgramId};
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
        for program in self.programs.iter_mut().filter(|program| program.host == host) {
            program.power_off();
        }
        let host = &mut self.hosts[usize::from(host)];
        (host.up, host.is_paused) = (false, false);
    }

    /// Returns the programs whose loop can run, and the earliest wake time of the others.
    pub(super) fn ready_programs(&mut self) -> (Vec<ProgramId>, Option<u64>) {
        let mut ready = Vec::new();
        let mut wake: Option<u64> = None;
        for number in 0..self.programs.len() {
            let id = ProgramId::try_from(number).expect("fewer than 65 536 programs");
            let program = &self.programs[number];
            if program.loop_state == Loop::Absent || self.is_paused(id) {
                continue;
            }
            let goes_on = match program.loop_state {
                Loop::Absent => false,
                Loop::Awake => true,
                Loop::Asleep { until } => {
                    let is_due = until.is_some_and(|until| until <= self.now);
                    is_due || program.poll.is_some_and(|poll| self.has_events(poll))
                }
            };
            let (state, not_before) = (program.loop_state, program.not_before);
            match state {
                _ if goes_on && not_before > self.now => wake = wake.into_iter().chain([not_before]).min(),
                Loop::Asleep { .. } if goes_on && self.fault(Fault::Preempted) => {
                    let late = self.now + self.dice(Fault::Preempted).within(&(1_000..=10_000_000));
                    self.programs[number].not_before = late;
                    self.programs[number].loop_state = Loop::Awake;
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
