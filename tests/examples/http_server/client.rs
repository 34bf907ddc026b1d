//! Examples as child processes, and blocking clients for them. Each wait has a timeout: a hang fails a test.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::uninterrupted::uninterrupted;

use super::date::imf_fixdate;

/// Far longer than any answer takes.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Long enough for an answer that is on its way to come.
pub const A_WHILE: Duration = Duration::from_millis(200);
/// More than the buffers of a connection, here and in the kernel, can hold.
const MUCH: usize = 64 * 1024 * 1024;
const DATE_LENGTH: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len();

pub const HELLO: &str = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/plain\r\n\
    Content-Length: 13\r\n\r\nHello, world!";
pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The whole answer to a request after which the server closes.
pub fn refused(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nDate: now\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// `HELLO` with this in its `Connection`.
pub fn hello_with(connection: &str) -> String {
    HELLO.replace("\r\n\r\n", &format!("\r\nConnection: {connection}\r\n\r\n"))
}

/// A request to `/echo` whose body is so long, and as much of it as is here.
pub fn post(length: usize, part: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{part}")
}

pub fn echoed(body: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: application/octet-stream\r\nContent-Length:";
    format!("{head} {}\r\n\r\n{body}", body.len())
}

/// `target/<profile>/examples/<name>`. All of `cargo test` builds it; one test alone does not, so that it
/// may be missing, or older than what it is made of.
fn path_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests are in <profile>/deps");
    let path = profile.join("examples").join(name);
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let built = modified(&path);
    let sources = fs::read_to_string(path.with_extension("d")).unwrap_or_default();
    let is_stale = sources.split_whitespace().skip(1).any(|source| modified(source.as_ref()) > built);
    assert!(built.is_some() && !is_stale, "{} is to be made by `cargo build --examples`", path.display());
    path
}

/// Runs an example that is expected to end by itself.
pub fn run(name: &str, arguments: &[&str]) -> Output {
    Command::new(path_of(name)).args(arguments).output().expect("the example starts")
}

/// A running example. It is killed when this is dropped, so also when its test fails.
pub struct Example {
    child: Child,
    first_line: String,
    stdout: Option<BufReader<ChildStdout>>,
    pub address: SocketAddr,
}

impl Example {
    pub fn http_server() -> Example {
        Example::start(Command::new(path_of("http_server")).arg("127.0.0.1:0"))
    }

    pub fn named(name: &str) -> Example {
        Example::start(Command::new(path_of(name)).arg("127.0.0.1:0"))
    }

    pub fn named_with(name: &str, arguments: &[&str]) -> Example {
        Example::start(Command::new(path_of(name)).args(arguments))
    }

    pub fn with_most_connections(most: usize) -> Example {
        Example::start(Command::new(path_of("http_server")).args(["127.0.0.1:0", &most.to_string()]))
    }

    /// With time limits of so many milliseconds, as in `header=300,idle=300`, and the others as they are.
    pub fn with_limits(limits: &str) -> Example {
        Example::start(Command::new(path_of("http_server")).args(["127.0.0.1:0", "16384", limits]))
    }

    pub fn with_most_descriptors(most: usize) -> Example {
        let script = format!("ulimit -n {most}; exec \"$0\" 127.0.0.1:0");
        Example::start(Command::new("sh").arg("-c").arg(script).arg(path_of("http_server")))
    }

    fn start(command: &mut Command) -> Example {
        // A huge page is resident for the little that is used of it. The child inherits this; where the kernel refuses it, pages
        // are as they are.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the example starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut first_line = String::new();
        stdout.read_line(&mut first_line).expect("the example prints its address");
        let words = first_line.strip_prefix("listening on ").unwrap_or_default().trim_end();
        let address = words.strip_prefix("http://").unwrap_or(words).parse();
        let Ok(address) = address else {
            let _ = child.kill();
            panic!("not an address: {first_line:?}");
        };
        Example { child, first_line, stdout: Some(stdout), address }
    }

    /// The next line that it prints.
    #[cfg(feature = "inspect")]
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().expect("it is taken at the end").read_line(&mut line).expect("text");
        line.trim_end().to_owned()
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_nodelay(true).expect("TCP has it");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        Client { stream, unread: Vec::new() }
    }

    /// All that comes back when these bytes are sent and the sending side is closed.
    pub fn exchange(&self, bytes: impl AsRef<[u8]> + Send) -> String {
        let mut client = self.connect();
        let mut sender = client.stream.try_clone().expect("a descriptor is left");
        thread::scope(|scope| {
            // While reading: a server need not read everything before it has written some answers.
            scope.spawn(move || {
                sender.write_all(bytes.as_ref()).expect("the server reads");
                sender.shutdown(Shutdown::Write).expect("the server has not reset the connection");
            });
            client.rest()
        })
    }

    pub fn assert_serves(&self) {
        assert_eq!(self.exchange(GET), HELLO);
    }

    /// Sends it a signal: `TERM` or `INT`.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill is there").success(), "it has ended already");
    }

    /// Stops it when it has nothing left to do and sends it what `meanwhile` does: when it goes on it finds all of it, in
    /// that order.
    pub fn stopped(&self, meanwhile: impl FnOnce()) {
        self.await_state("S");
        self.signal("STOP");
        self.await_state("T");
        meanwhile();
        self.signal("CONT");
    }

    /// Waits until it sleeps (`S`) or is stopped (`T`).
    fn await_state(&self, state: &str) {
        let start = Instant::now();
        while self.stat()[0] != state {
            assert!(start.elapsed() < PATIENCE, "its state does not come to be {state}");
        }
    }

    /// Its fields in `/proc`, from the state on.
    fn stat(&self) -> Vec<String> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let fields = stat.rsplit(')').next().expect("the command's name is in parentheses");
        fields.split_whitespace().map(str::to_owned).collect()
    }

    /// Lets it have so many more descriptors than now.
    pub fn limit_descriptors(&self, more: usize) {
        let descriptors = PathBuf::from(format!("/proc/{}/fd", self.child.id()));
        let is_free = |number: &usize| fs::symlink_metadata(descriptors.join(number.to_string())).is_err();
        let most = (0..).filter(is_free).nth(more).expect("numbers do not end");
        let (process, limit) = (self.child.id().to_string(), format!("--nofile={most}:"));
        let status = Command::new("prlimit").args(["--pid", &process, &limit]).status();
        assert!(status.expect("util-linux is there").success());
    }

    /// Waits until it has ended by itself, and gives its exit code.
    pub fn exit_code(mut self) -> Option<i32> {
        // Its output ends when it does.
        let mut stdout = self.stdout.take().expect("it is taken here alone");
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(stdout.read_to_string(&mut String::new())));
        receiver.recv_timeout(PATIENCE).expect("it ends in time").expect("text");
        self.child.wait().expect("it is our child").code()
    }

    /// Resident memory in KiB.
    pub fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux has it");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Processor time used so far, in ticks of 10 ms.
    pub fn ticks(&self) -> usize {
        self.stat()[11..13].iter().map(|ticks| ticks.parse::<usize>().expect("a number")).sum()
    }

    /// How many descriptors it has.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count()
    }

    /// Whether every number that a descriptor may have is taken.
    pub fn has_all_descriptors(&self, most: usize) -> bool {
        let descriptors = PathBuf::from(format!("/proc/{}/fd", self.child.id()));
        (0..most).all(|number| fs::symlink_metadata(descriptors.join(number.to_string())).is_ok())
    }

    /// Kills it and gives all that it printed.
    pub fn output(mut self) -> String {
        let _ = self.child.kill();
        let mut output = self.first_line.clone();
        let mut stdout = self.stdout.take().expect("it is taken here alone");
        stdout.read_to_string(&mut output).expect("text");
        output
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Client {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Says that nothing else will be sent.
    pub fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("the server has not reset the connection");
    }

    /// Everything up to the end of file, with each date checked and written as `now`.
    pub fn rest(&mut self) -> String {
        self.stream.read_to_end(&mut self.unread).expect("the end comes, in time and not by a reset");
        with_dates_checked(std::mem::take(&mut self.unread))
    }

    /// Exactly this comes next, where `now` stands for the date. Gives what came.
    pub fn expect(&mut self, answer: &str) -> Vec<u8> {
        let length = answer.len() + answer.matches("Date: now").count() * (DATE_LENGTH - "now".len());
        let mut buffer = [0; 16 * 1024];
        while self.unread.len() < length {
            match uninterrupted(PATIENCE, || self.stream.read(&mut buffer)) {
                Ok(n) if n > 0 => self.unread.extend_from_slice(&buffer[..n]),
                end => panic!("{end:?} after {:?}", String::from_utf8_lossy(&self.unread)),
            }
        }
        let rest = self.unread.split_off(length);
        let came = std::mem::replace(&mut self.unread, rest);
        assert_eq!(with_dates_checked(came.clone()), answer);
        came
    }

    /// Whether nothing comes for a while.
    pub fn is_silent(&mut self) -> bool {
        self.is_silent_for(A_WHILE)
    }

    /// Whether neither bytes nor an end come for so long.
    pub fn is_silent_for(&mut self, duration: Duration) -> bool {
        self.stream.set_read_timeout(Some(duration)).expect("not zero");
        let silence = match uninterrupted(duration, || self.stream.peek(&mut [0])) {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Err(error) => panic!("{error} in place of silence"),
        };
        self.stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        silence
    }

    /// Sends this again and again until nothing of it is taken for so long: what was sent, and how it ended.
    pub fn send_while_taken(&mut self, bytes: &[u8], patience: Duration) -> (usize, ErrorKind) {
        self.stream.set_write_timeout(Some(patience)).expect("not zero");
        let mut sent = 0;
        loop {
            match uninterrupted(patience, || self.stream.write(&bytes[sent % bytes.len()..])) {
                Ok(n) => sent += n,
                Err(error) => return (sent, error.kind()),
            }
            assert!(sent < MUCH, "all of it is taken");
        }
    }
}

fn with_dates_checked(answers: Vec<u8>) -> String {
    let answers = String::from_utf8(answers).expect("these tests send and get text");
    let mut parts = answers.split("\r\nDate: ");
    let mut checked = parts.next().unwrap_or_default().to_string();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let recent: Vec<_> = (now - 60..=now).map(imf_fixdate).collect();
    for part in parts {
        let (date, rest) = part.split_at_checked(DATE_LENGTH).unwrap_or((part, ""));
        assert!(recent.iter().any(|recent| recent == date.as_bytes()), "not a date of now: {date:?}");
        checked.push_str("\r\nDate: now");
        checked.push_str(rest);
    }
    checked
}
