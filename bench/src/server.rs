//! The servers under test: their names, building them, starting them under a tool, ending them.

mod build;
mod running;

pub use build::{Built, files};
pub use running::Running;

use crate::Result;
use load::Case;
use std::path::Path;
use std::process::Command;

/// The directory of this workspace.
pub const WORKSPACE: &str = env!("CARGO_MANIFEST_DIR");

/// A server under test.
#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    /// What it is called here.
    pub name: &'static str,
    kind: Kind,
    /// Whether it is measured when no servers are named.
    shown: bool,
}

/// Where its program comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Package `server-NAME` with programs `CASE-NAME`; a flavour is an argument. The library is the package whose
    /// version is reported, or none.
    Rust { name: &'static str, flavour: Option<&'static str>, library: &'static str },
    /// `servers/c/echo-NAME.c`, with a library of the system by its name for pkg-config.
    C { library: &'static str },
    /// The system's nginx, with a configuration of ours.
    Nginx,
}

const fn rust(name: &'static str, package: &'static str, flavour: &'static str) -> Server {
    let flavour = if flavour.is_empty() { None } else { Some(flavour) };
    Server { name, kind: Kind::Rust { name: package, flavour, library: package }, shown: true }
}

const fn unshown(server: Server) -> Server {
    Server { shown: false, ..server }
}

impl Server {
    /// Every server, in the order of the report.
    pub const ALL: &[Server] = &[
        rust("floor", "floor", ""),
        rust("egret", "egret", ""),
        unshown(rust("egret-spin", "egret", "spin")),
        // The case `echo` alone: with feature `inspect`, with and without its flight recorder.
        unshown(rust("egret-inspect", "egret-inspect", "")),
        unshown(rust("egret-inspect-no-recorder", "egret-inspect", "no-recorder")),
        rust("tokio", "tokio", ""),
        rust("tokio-local", "tokio", "local"),
        rust("smol", "smol", ""),
        rust("monoio", "monoio", ""),
        rust("monoio-uring", "monoio", "uring"),
        rust("compio", "compio", ""),
        rust("glommio", "glommio", ""),
        // hyper, and the case `http` alone.
        unshown(rust("hyper-egret", "hyper-egret", "")),
        unshown(rust("hyper-egret-timer", "hyper-egret", "timer")),
        unshown(rust("hyper-egret-upgrades", "hyper-egret", "upgrades")),
        unshown(rust("hyper-tokio", "hyper-tokio", "")),
        unshown(rust("hyper-tokio-timer", "hyper-tokio", "timer")),
        unshown(rust("hyper-tokio-upgrades", "hyper-tokio", "upgrades")),
        Server { name: "libuv", kind: Kind::C { library: "libuv" }, shown: true },
        Server { name: "libevent", kind: Kind::C { library: "libevent" }, shown: true },
        Server { name: "nginx", kind: Kind::Nginx, shown: true },
    ];

    /// Those that are measured when none are named.
    pub fn shown() -> impl Iterator<Item = &'static Server> {
        Server::ALL.iter().filter(|server| server.shown)
    }

    /// The server of that name.
    pub fn find(name: &str) -> Result<&'static Server> {
        let found = Server::ALL.iter().find(|server| server.name == name);
        found.ok_or_else(|| format!("no server {name:?}; {}", list()))
    }

    /// Whether it serves `case` at all.
    pub fn serves(&self, case: Case) -> bool {
        match self.kind {
            Kind::Rust { name: "egret-inspect", .. } => case == Case::Echo,
            Kind::Rust { name, .. } => case == Case::Http || !name.starts_with("hyper-"),
            Kind::C { .. } => case == Case::Echo,
            Kind::Nginx => case == Case::Http,
        }
    }

    /// Whether it takes system calls for I/O through a ring, so that they cannot be counted or followed by the tools.
    pub fn uses_uring(&self) -> bool {
        matches!(self.name, "monoio-uring" | "compio" | "glommio")
    }

    /// What its package and its programs are named after, if it is in Rust.
    pub fn package(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Rust { name, .. } => Some(name),
            Kind::C { .. } | Kind::Nginx => None,
        }
    }

    /// The name of the program that only waits on its connections, where there is one.
    pub fn idle_program(&self) -> Option<String> {
        self.package().map(|name| format!("idle-{name}"))
    }

    /// Its name with the version of its library.
    pub fn title(&self) -> String {
        match self.version() {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.to_owned(),
        }
    }

    fn version(&self) -> Option<String> {
        match self.kind {
            Kind::Rust { library, .. } => locked_version(library),
            Kind::C { library } => {
                let output = Command::new("pkg-config").args(["--modversion", library]).output().ok()?;
                let text = String::from_utf8(output.stdout).ok()?;
                Some(text.trim().to_owned()).filter(|version| !version.is_empty())
            }
            Kind::Nginx => {
                let output = Command::new("nginx").arg("-v").output().ok()?;
                let text = String::from_utf8(output.stderr).ok()?;
                Some(text.trim().rsplit_once('/')?.1.to_owned())
            }
        }
    }
}

/// All names, for the error about an unknown one.
pub fn list() -> String {
    let names: Vec<_> = Server::ALL.iter().map(|server| server.name).collect();
    format!("there are {}", names.join(", "))
}

/// The version that Cargo.lock has of a package. The servers' own packages are not there under these names.
fn locked_version(library: &str) -> Option<String> {
    let lock = std::fs::read_to_string(Path::new(WORKSPACE).join("Cargo.lock")).ok()?;
    let name = format!("name = \"{library}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_names_one_server() {
        for server in Server::ALL {
            assert_eq!(Server::find(server.name), Ok(server));
        }
        assert!(Server::find("nobody").unwrap_err().contains("monoio-uring"));
    }

    #[test]
    fn a_case_that_a_server_does_not_serve_is_known() {
        let serves = |name, case| Server::find(name).unwrap().serves(case);
        assert!(serves("nginx", Case::Http) && !serves("nginx", Case::Echo));
        assert!(serves("libuv", Case::Echo) && !serves("libuv", Case::Http));
        assert!(serves("egret", Case::Echo) && serves("egret", Case::Http));
    }
}
