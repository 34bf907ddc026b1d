//! The servers under test: their names, building them, starting them under a tool, ending them.

use crate::Result;
use crate::args::Settings;
use load::Case;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The directory of this workspace.
const WORKSPACE: &str = env!("CARGO_MANIFEST_DIR");

/// How long a server may take to listen, and to end. Both are slow under valgrind.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time for a server to put away the last connection and to be back in its wait before it is ended.
const SETTLE: Duration = Duration::from_millis(50);

/// A server under test.
#[derive(Debug, PartialEq, Eq)]
pub struct Server {
    /// What it is called here.
    pub name: &'static str,
    /// `server-NAME` is its package, `CASE-NAME` its program.
    program: &'static str,
    flavour: Option<&'static str>,
    /// The package whose version is reported.
    library: Option<&'static str>,
}

impl Server {
    /// Every server, in the order of the report.
    pub const ALL: &[Server] = &[
        Server::new("floor", "floor", None, None),
        Server::new("egret", "egret", None, Some("egret")),
        Server::new("tokio", "tokio", None, Some("tokio")),
        Server::new("tokio-local", "tokio", Some("local"), Some("tokio")),
        Server::new("smol", "smol", None, Some("smol")),
        Server::new("monoio", "monoio", None, Some("monoio")),
    ];

    const fn new(
        name: &'static str,
        program: &'static str,
        flavour: Option<&'static str>,
        library: Option<&'static str>,
    ) -> Server {
        Server { name, program, flavour, library }
    }

    /// The server of that name.
    pub fn find(name: &str) -> Result<&'static Server> {
        Server::ALL.iter().find(|server| server.name == name).ok_or_else(|| {
            let names: Vec<_> = Server::ALL.iter().map(|server| server.name).collect();
            format!("no server {name:?}; there are {}", names.join(", "))
        })
    }

    /// Its name with the version that Cargo.lock has of its library.
    pub fn title(&self) -> String {
        let version = self.library.and_then(locked_version);
        match version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Builds its program alone, so that it gets the features that its own package asks for and no others.
    pub fn build(&self, case: Case, profile: &str) -> Result<PathBuf> {
        let program = format!("{case}-{}", self.program);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(WORKSPACE)
            .args(["build", "--quiet", "--profile", profile])
            .args(["--package", &format!("server-{}", self.program)])
            .args(["--bin", &program])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cannot run cargo: {error}"))?;
        if !output.status.success() {
            return Err(format!("{program} does not build"));
        }
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(executable)
            .find(|path| path.file_name().is_some_and(|name| *name == *program))
            .ok_or_else(|| format!("cargo does not say where it built {program}"))
    }

    /// The arguments to start it with on a free port.
    fn arguments(&self, limit: Duration) -> Vec<OsString> {
        // Longer than anything here waits: it only matters when the benchmark itself is killed.
        let seconds = limit.as_secs() + 2 * PATIENCE.as_secs();
        let mut arguments = vec!["--seconds".into(), seconds.to_string().into()];
        if let Some(flavour) = self.flavour {
            arguments.extend(["--flavour".into(), flavour.into()]);
        }
        arguments.push("127.0.0.1:0".into());
        arguments
    }
}

/// The path in one line of cargo's JSON messages. Paths with escapes in them are not supported.
fn executable(line: &str) -> Option<PathBuf> {
    let (_, rest) = line.split_once("\"executable\":\"")?;
    let (path, _) = rest.split_once('"')?;
    Some(PathBuf::from(path))
}

fn locked_version(library: &str) -> Option<String> {
    let lock = std::fs::read_to_string(Path::new(WORKSPACE).join("Cargo.lock")).ok()?;
    let name = format!("name = \"{library}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

/// A server that runs, under a tool. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    /// The tool; for valgrind that is the server's own process.
    child: Child,
    pub addr: SocketAddr,
    /// The server's process.
    pid: Pid,
}

impl Running {
    /// Starts `program` as the last arguments of `tool` and waits until it listens.
    pub fn start(server: &Server, program: &Path, mut tool: Command, settings: &Settings) -> Result<Running> {
        let mut child = tool
            .arg(program)
            .args(server.arguments(settings.limit))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", server.name))?;
        let announced = first_line(&mut child)
            .and_then(|line| parse_announcement(&line).ok_or_else(|| format!("it printed {line:?}")));
        match announced {
            Ok((addr, pid)) => Ok(Running { child, addr, pid }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("{} does not listen: {error}", server.name))
            }
        }
    }

    /// Sends the server SIGTERM and waits for the tool to write its counts.
    pub fn end(mut self) -> Result<()> {
        thread::sleep(SETTLE);
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("the server ended by itself: {status}"));
        }
        kill_process(self.pid, Signal::TERM).map_err(|error| format!("cannot end the server: {error}"))?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(format!("cannot wait for the server: {error}")),
            }
        }
        Err("the server does not end on SIGTERM".to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The first line that the child prints. The thread ends when the child does.
fn first_line(child: &mut Child) -> Result<String> {
    let stdout = child.stdout.take().ok_or("its output is not piped")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let mut reader = BufReader::new(stdout);
        let result = reader.read_line(&mut line).map(|_| line);
        let _ = sender.send(result);
        // Keeps the pipe open and empty: a server that prints more must not die of it.
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("nothing printed in {} s", PATIENCE.as_secs())),
    }
}

/// Reads "listening on ADDR pid PID".
fn parse_announcement(line: &str) -> Option<(SocketAddr, Pid)> {
    let (addr, pid) = line.trim_end().strip_prefix("listening on ")?.split_once(" pid ")?;
    Some((addr.parse().ok()?, Pid::from_raw(pid.parse().ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_gives_address_and_process() {
        let (addr, pid) = parse_announcement("listening on 127.0.0.1:4000 pid 12\n").unwrap();
        assert_eq!(addr, SocketAddr::from(([127, 0, 0, 1], 4000)));
        assert_eq!(pid.as_raw_nonzero().get(), 12);
        assert_eq!(parse_announcement(""), None);
    }

    #[test]
    fn the_executable_is_read_from_a_message_of_cargo() {
        let line = r#"{"reason":"compiler-artifact","executable":"/t/release/echo-floor","fresh":true}"#;
        assert_eq!(executable(line), Some("/t/release/echo-floor".into()));
        assert_eq!(executable(r#"{"executable":null}"#), None);
    }
}
