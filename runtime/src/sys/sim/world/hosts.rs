//! What a test does to hosts and links.

use super::super::host::{Host, HostId};
use super::super::plan::{Link, Plan};
use super::super::trace::Outcome;
use super::World;
use std::path::PathBuf;

impl World {
    pub(crate) fn add_host(&self, name: &str) -> HostId {
        self.ask(|kernel| {
            let number = HostId::try_from(kernel.hosts.len()).expect("fewer than 65 536 hosts");
            kernel.hosts.push(Host::new(name, number));
            number
        })
    }

    /// Changes a host.
    pub(crate) fn with_host<R>(&self, host: HostId, f: impl FnOnce(&mut Host) -> R) -> R {
        self.ask(|kernel| f(&mut kernel.hosts[usize::from(host)]))
    }

    /// Changes the plan.
    pub(crate) fn with_plan<R>(&self, f: impl FnOnce(&mut Plan) -> R) -> R {
        self.ask(|kernel| f(&mut kernel.plan))
    }

    pub(crate) fn crash(&self, host: HostId) {
        self.ask(|kernel| kernel.crash(host));
        let mut disks = self.disks.borrow_mut();
        let Some(disk) = disks.get_mut(&host) else { return };
        let told =
            disk.crash().unwrap_or_else(|error| panic!("the disk of a host cannot be rebuilt: {error}"));
        for line in told {
            self.note("disk", Outcome::Text(line.into()));
        }
    }

    /// The directory of this machine in which the files of a host are.
    pub(crate) fn disk_root(&self, host: HostId) -> PathBuf {
        self.disk_of(host, |disk| disk.root().to_owned())
    }

    pub(crate) fn signal(&self, host: HostId, number: usize) {
        self.ask(|kernel| kernel.signal(host, number));
    }

    /// Changes one direction of a link.
    pub(crate) fn with_link(&self, from: HostId, to: HostId, f: impl FnOnce(&mut Link)) {
        self.ask(|kernel| {
            let link = kernel.links.entry((from, to)).or_default();
            let was_cut = link.is_cut;
            f(link);
            let is_cut = link.is_cut;
            if is_cut != was_cut {
                let names = [from, to].map(|host| kernel.hosts[usize::from(host)].name.clone());
                let what = if is_cut { "cut" } else { "heal" };
                kernel.note(what, None, Outcome::Text(names.join(" > ").into()));
            }
        });
    }

    /// Stops the programs of a host, or lets them go on.
    pub(crate) fn pause(&self, host: HostId, is_paused: bool) {
        self.ask(|kernel| {
            kernel.hosts[usize::from(host)].is_paused = is_paused;
            let name = kernel.hosts[usize::from(host)].name.clone();
            kernel.note(if is_paused { "pause" } else { "resume" }, None, Outcome::Text(name));
        });
    }

    /// Changes how fast the clocks of a host are.
    pub(crate) fn set_drift(&self, host: HostId, drift: i64) {
        self.ask(|kernel| {
            let now = kernel.now;
            kernel.hosts[usize::from(host)].set_drift(now, drift);
        });
    }

    /// Sets the wall clock of a host to show `nanoseconds` since 1970.
    pub(crate) fn set_wall_clock(&self, host: HostId, nanoseconds: i128) {
        self.ask(|kernel| {
            let now = kernel.now;
            let entry = &mut kernel.hosts[usize::from(host)];
            entry.wall_start += nanoseconds - entry.wall_clock(now);
            let name = entry.name.clone();
            kernel.note("set clock", None, Outcome::Text(name));
        });
    }

    /// The files that the program of `host` has left open.
    pub(crate) fn left_open(&self, host: HostId) -> Vec<String> {
        self.ask(|kernel| kernel.open_files(host).into_iter().map(|file| kernel.describe(file)).collect())
    }
}
