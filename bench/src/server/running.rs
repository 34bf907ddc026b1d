//! A server that runs, perhaps under a tool.

use super::build::files;
use super::{Kind, Server};
use crate::Result;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to listen, and to end. Both are slow under valgrind.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time for a server to put away the last connection and to be back in its wait before it is ended.
const SETTLE: Duration = Duration::from_millis(50);

/// Has glibc keep the memory that closed connections gave back. By default it returns the end of the heap to the kernel
/// when 128 KiB there are free, and whether they ever are depends on which small allocation happens to come last: with
/// connections that come and go, a server with the luck against it pays a page fault for most of its buffers.
const TRIM: (&str, &str) = ("MALLOC_TRIM_THRESHOLD_", "67108864");

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
    /// Starts `program` as the last arguments of `tool`, or as it is, and waits until it listens. It ends by itself some
    /// time after `limit`.
    pub fn start(server: &Server, program: &Path, tool: Option<Command>, limit: Duration) -> Result<Running> {
        // Longer than anything here waits: it only matters when the benchmark itself is killed.
        let seconds = (limit + 2 * PATIENCE).as_secs();
        let started = match server.kind {
            Kind::Rust { flavour, .. } => {
                let mut arguments = vec!["--seconds".into(), seconds.to_string().into()];
                if let Some(flavour) = flavour {
                    arguments.extend(["--flavour".into(), flavour.into()]);
                }
                arguments.push("127.0.0.1:0".into());
                announced(program, tool, &arguments)
            }
            Kind::C { .. } => announced(program, tool, &[seconds.to_string().into()]),
            Kind::Nginx => nginx(program, tool, seconds),
        };
        started.map_err(|error| format!("{} does not start: {error}", server.name))
    }

    /// Its process.
    pub fn process(&self) -> Pid {
        self.pid
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
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

/// `program` with its arguments, under `tool` if there is one.
fn command(program: &Path, tool: Option<Command>, arguments: &[OsString]) -> Command {
    let mut command = match tool {
        Some(mut tool) => {
            tool.arg(program);
            tool
        }
        None => Command::new(program),
    };
    command.args(arguments).stdin(Stdio::null()).env(TRIM.0, TRIM.1);
    command
}

/// A server of ours: it prints where it listens, and ends itself when its time is up.
fn announced(program: &Path, tool: Option<Command>, arguments: &[OsString]) -> Result<Running> {
    let mut command = command(program, tool, arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let announced = first_line(&mut child)
        .and_then(|line| parse_announcement(&line).ok_or_else(|| format!("it printed {line:?}")));
    match announced {
        Ok((addr, pid)) => Ok(Running { child, addr, pid }),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// nginx with one process that does all the work, as the servers here have one thread. `timeout(1)` is around it,
/// because it has no end of its own.
fn nginx(program: &Path, tool: Option<Command>, seconds: u64) -> Result<Running> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let addr = free.map_err(|error| format!("no free port: {error}"))?;
    let directory = files()?.join("nginx");
    std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let at = |name: &str| directory.join(name).display().to_string();
    let pid_file = at("pid");
    let _ = std::fs::remove_file(&pid_file);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};", at(kind)))
        .concat();
    let configuration = format!(
        "daemon off; master_process off; pid {pid_file}; error_log {} crit;\n\
         events {{ worker_connections 20000; multi_accept on; }}\n\
         http {{ access_log off; server_tokens off; keepalive_requests 1000000000; keepalive_timeout 600; {temporary}\n\
         server {{ listen {addr}; location / {{ default_type text/plain; return 200 'Hello, world!'; }} }} }}\n",
        at("log")
    );
    std::fs::write(at("configuration"), configuration).map_err(|error| error.to_string())?;
    let arguments = ["-p", &at("."), "-e", &at("log"), "-c", &at("configuration")].map(OsString::from);
    let inner = command(program, tool, &arguments);
    let mut outer = Command::new("timeout");
    outer.arg(seconds.to_string()).arg(inner.get_program()).args(inner.get_args());
    outer.env(TRIM.0, TRIM.1).stdin(Stdio::null()).stdout(Stdio::null());
    let child = outer.spawn().map_err(|error| error.to_string())?;
    let timeout = Pid::from_child(&child);
    let mut running = Running { child, addr, pid: timeout };
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let pid = std::fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse().ok());
        if let (Some(pid), Ok(asked)) = (pid.and_then(Pid::from_raw), TcpStream::connect(addr)) {
            running.pid = pid;
            drop(asked);
            thread::sleep(SETTLE); // who counts its descriptors next must not count this one
            return Ok(running);
        }
        if let Ok(Some(status)) = running.child.try_wait() {
            return Err(format!("it ended at once: {status}; see {}", at("log")));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err("it does not listen".to_owned())
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
}
