//! The data that a picture of a run needs in addition to its trace: which task is polled, what is woken, which packet
//! arrives.
//!
//! Recorded only when a picture of the run was asked for. It is not part of the trace and does not change its hash.

use super::host::HostId;
use super::kernel::Kernel;
use super::program::ProgramId;
use super::world::{World, program};
use std::cell::Cell;

/// A moment of a run: true time, how many lines the trace had, and the task that was polled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TraceMoment {
    pub(crate) at: u64,
    pub(crate) line: usize,
    pub(crate) task: Option<u32>,
}

/// Something that happened before the line `moment.line` of the trace. `host` is a program of it; tasks are indices of its
/// run queue.
#[derive(Clone, Debug)]
pub(crate) struct TraceMark {
    pub(crate) moment: TraceMoment,
    pub(crate) what: Marked,
}

#[derive(Clone, Debug)]
pub(crate) enum Marked {
    Spawned {
        host: ProgramId,
        task: u32,
        name: String,
    },
    Polled {
        host: ProgramId,
        task: u32,
    },
    Woken {
        host: ProgramId,
        task: u32,
    },
    /// The kernel of a host sends something of its own accord: again, or because there is room now.
    Sent {
        host: ProgramId,
    },
    Arrived {
        packet: Packet,
        from: ProgramId,
        to: ProgramId,
        sent: TraceMoment,
    },
}

/// A packet between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Syn,
    SynAck,
    Data(usize),
    Fin,
    Reset,
    Datagram(usize),
}

thread_local! {
    /// Whether the run of this thread is drawn.
    static IS_DRAWN: Cell<bool> = const { Cell::new(false) };
}

/// The executor is about to poll a task, or has woken or spawned one.
pub(crate) fn mark(what: impl FnOnce(ProgramId) -> Marked) {
    if !IS_DRAWN.get() {
        return;
    }
    let Some(world) = program() else { return };
    let Some(program) = world.ask(|kernel| kernel.current) else { return };
    let what = what(program);
    world.ask(|kernel| {
        if let Marked::Polled { task, .. } = what {
            kernel.polled = Some(task);
        }
        kernel.mark(what);
    });
}

impl World {
    /// From now on the runs of this thread are drawn, or are not.
    pub(crate) fn draw(is_drawn: bool) {
        IS_DRAWN.set(is_drawn);
    }

    /// The tasks of the last turn are not polled any more.
    pub(crate) fn polls_end(&self) {
        self.ask(|kernel| kernel.polled = None);
    }
}

impl Kernel {
    pub(super) fn moment(&self) -> TraceMoment {
        TraceMoment { at: self.now, line: self.trace().records().len(), task: self.polled }
    }

    /// Returns the first program of a host: pictures show its packets there.
    fn main_of(&self, host: HostId) -> ProgramId {
        self.hosts[usize::from(host)].main
    }

    /// A packet arrives that `from` sent.
    pub(super) fn arrived(&mut self, packet: Packet, from: HostId, to: HostId, sent: TraceMoment) {
        if IS_DRAWN.get() {
            let (from, to) = (self.main_of(from), self.main_of(to));
            self.mark(Marked::Arrived { packet, from, to, sent });
        }
    }

    /// `host` sends a packet.
    pub(super) fn sent(&mut self, host: HostId) -> TraceMoment {
        if IS_DRAWN.get() && self.polled.is_none() {
            self.mark(Marked::Sent { host: self.main_of(host) });
        }
        self.moment()
    }

    fn mark(&mut self, what: Marked) {
        let mark = TraceMark { moment: self.moment(), what };
        self.marks.push(mark);
    }
}
