//! Processes that a test talks to: each command is a line on their standard input, and is answered with one.

use crate::uninterrupted::uninterrupted;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// The address that the clients of a process connect to, and how many they are.
const CLIENTS: &str = "EGRET_TEST_CLIENTS_OF";

/// The number in an environment variable.
pub fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}

/// A process. It is killed when it is dropped.
pub struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Process {
    /// This program again, with one test, whose part `variable` tells it. `limit` is the one of its descriptors.
    pub fn start(test: &str, limit: Option<usize>, variable: &str, value: &str) -> Process {
        let limit = limit.map_or(String::new(), |limit| format!("ulimit -n {limit} && "));
        let mut child = Command::new("sh")
            .args(["-c", &format!("{limit}exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads", "1"])
            .env(variable, value)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Process { child, lines }
    }

    /// Connects so many clients, and returns when the kernel has connected all.
    pub fn clients(test: &str, address: SocketAddr, count: usize) -> Process {
        let mut clients = Process::start(test, None, CLIENTS, &format!("{address} {count}"));
        clients.hear("connected");
        clients
    }

    /// What it says to a command.
    pub fn ask(&mut self, command: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
        self.hear(command)
    }

    /// The rest of the line that begins with this word. The harness prints others.
    pub fn hear(&mut self, word: &str) -> String {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if let Some((_, rest)) = line.trim_end().split_once(&format!("{word}: ")) {
                return rest.to_owned();
            }
            line.clear();
        }
        panic!("the process has ended before it said {word:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The clients, in their process. Both commands read from one after the other, and say of how many it came true:
///
/// * `served`: a first byte has come;
/// * `ended`: the connection has ended without an error.
pub fn is_clients() -> bool {
    let Ok(variable) = std::env::var(CLIENTS) else { return false };
    let (address, count) = variable.split_once(' ').unwrap();
    let connect = |_| {
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    };
    let mut clients: Vec<_> = (0..count.parse::<usize>().unwrap()).map(connect).collect();
    println!("connected: {count}");
    for command in io::stdin().lines() {
        let command = command.unwrap();
        let wanted = if command == "served" { 1 } else { 0 };
        let came_true = clients
            .iter_mut()
            .map(|client| uninterrupted(PATIENCE, || client.read(&mut [0])).ok() == Some(wanted));
        println!("{command}: {}", came_true.filter(|came_true| *came_true).count());
    }
    true
}
