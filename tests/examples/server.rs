//! An example as a child process that listens, with its output; and clients of std for it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::example_common::example;

/// Far longer than any answer takes.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Server {
    child: Child,
    lines: Receiver<String>,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(name: &str, arguments: &[&str]) -> Server {
        Server::run(example(name).args(arguments))
    }

    /// Starts an example whose limit of open files (`RLIMIT_NOFILE`) is this.
    pub fn start_with_descriptors(limit: usize, name: &str, arguments: &[&str]) -> Server {
        let set_limit = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        Server::run(shell.args(["-c", &set_limit]).arg(example(name).get_program()).args(arguments))
    }

    /// Starts an example whose standard error is among the lines.
    #[cfg(feature = "inspect")]
    pub fn start_with_errors(name: &str, arguments: &[&str]) -> Server {
        let mut shell = Command::new("sh");
        let errors_too = "exec \"$0\" \"$@\" 2>&1";
        Server::run(shell.args(["-c", errors_too]).arg(example(name).get_program()).args(arguments))
    }

    fn run(command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the example starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).unwrap_or_default()
        });
        let mut server = Server { child, lines, address: SocketAddr::from(([0; 4], 0)) };
        let line = server.line();
        let words = line.strip_prefix("listening on ").unwrap_or_default();
        server.address = words.strip_prefix("http://").unwrap_or(words).parse().expect("an address");
        assert_ne!(server.address.port(), 0);
        server
    }

    /// The next line that it prints.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it prints a line in time")
    }

    /// All that it prints until it ends.
    pub fn last_lines(&self) -> VecDeque<String> {
        let mut lines = VecDeque::new();
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            lines.push_back(line);
        }
        assert!(Instant::now() < end, "it goes on after {lines:?}");
        lines
    }

    /// The names of its threads that begin so, sorted.
    pub fn threads_named(&self, prefix: &str) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it is there");
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        let mut names: Vec<_> = names.map(|name| name.trim_end().to_owned()).collect();
        names.retain(|name| name.starts_with(prefix));
        names.sort();
        names
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("there is a `kill`").success());
    }

    /// Has it stand still, and returns when it does.
    pub fn stop(&self) {
        self.signal("-STOP");
        let end = Instant::now() + PATIENCE;
        loop {
            let stat =
                std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it is there");
            if stat.rsplit(") ").next().is_some_and(|state| state.starts_with('T')) {
                return;
            }
            assert!(Instant::now() < end, "it does not stand still: {stat}");
            std::thread::yield_now();
        }
    }

    /// Waits until it sleeps with every descriptor below this limit open. One above it may be inherited.
    pub fn wait_until_it_sleeps_without_descriptors(&self, limit: usize) {
        let proc = format!("/proc/{}", self.child.id());
        let end = Instant::now() + PATIENCE;
        loop {
            let open = std::fs::read_dir(format!("{proc}/fd")).map_or(0, |open| {
                let names = open.filter_map(|fd| fd.ok()?.file_name().to_str()?.parse().ok());
                names.filter(|number: &usize| *number < limit).count()
            });
            let stat = std::fs::read_to_string(format!("{proc}/stat")).expect("it is there");
            let state = stat.rsplit(") ").next().and_then(|fields| fields.chars().next());
            if open == limit && state == Some('S') {
                return;
            }
            assert_ne!(state, Some('Z'), "it has ended");
            assert!(
                Instant::now() < end,
                "{open} descriptors of {limit} are open and its state is {state:?}"
            );
            std::thread::yield_now();
        }
    }

    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_nodelay(true).expect("TCP has it");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        Client { reader: BufReader::new(stream) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Client {
    pub reader: BufReader<TcpStream>,
}

impl Client {
    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        self.stream().write_all(bytes.as_ref()).expect("the server takes it");
    }

    pub fn finish(&self) {
        self.stream().shutdown(Shutdown::Write).expect("it is connected");
    }

    /// The next line without its end; empty at the end of the stream.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line comes in time");
        line.trim_end_matches('\n').to_owned()
    }

    pub fn exactly(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.reader.read_exact(&mut bytes).expect("they come in time");
        bytes
    }

    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes).expect("the end comes in time");
        bytes
    }
}

/// The message of an example for each invalid address.
pub fn assert_explains_itself(name: &str, arguments: &[&str]) {
    let output = example(name).args(arguments).output().expect("the example starts");
    let message = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.starts_with("cannot serve ") && message.contains(&format!("usage: {name} [")),
        "{message}"
    );
    assert!(output.stdout.is_empty());
}
