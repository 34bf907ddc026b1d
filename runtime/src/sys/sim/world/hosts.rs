//! What a test does to hosts and links.

use super::super::host::{Host, HostId};
use super::super::plan::Plan;
use super::super::trace::Outcome;
use super::World;

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
    }

    pub(crate) fn signal(&self, host: HostId, number: usize) {
        self.ask(|kernel| kernel.signal(host, number));
    }

    /// Cuts the link between two hosts, or heals it.
    pub(crate) fn set_link(&self, one: HostId, other: HostId, is_cut: bool) {
        let link = (one.min(other), one.max(other));
        self.ask(|kernel| {
            kernel.cut.retain(|cut| *cut != link);
            if is_cut {
                kernel.cut.push(link);
            }
            let names = [link.0, link.1].map(|host| kernel.hosts[usize::from(host)].name.clone());
            kernel.note(if is_cut { "cut" } else { "heal" }, None, Outcome::Text(names.join(" - ").into()));
        });
    }

    /// The files that the program of `host` has left open.
    pub(crate) fn left_open(&self, host: HostId) -> Vec<String> {
        self.ask(|kernel| kernel.open_files(host).into_iter().map(|file| kernel.describe(file)).collect())
    }
}
