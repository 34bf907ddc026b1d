//! Programs under test: started on a free port, called by real clients, stopped with the test.

#![allow(dead_code)] // each test takes what it needs

use std::io::{BufRead, BufReader, ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything here may take. Nothing takes as long on a busy machine, and a hang is for ever.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A program that serves.
pub struct Server {
    child: Child,
    /// Where: `127.0.0.1:PORT`.
    pub address: String,
    /// What it writes to standard output after its address.
    lines: mpsc::Receiver<String>,
    errors: mpsc::Receiver<String>,
}

impl Server {
    /// Starts a program and waits until it says where it listens.
    pub fn start(program: &str, args: &[&str]) -> Server {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || BufReader::new(stdout).lines().try_for_each(|line| sender.send(line.unwrap())));
        let mut stderr = child.stderr.take().unwrap();
        let (sender, errors) = mpsc::channel();
        thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            sender.send(text)
        });
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{program} says nothing"));
        let (_, address) = line.rsplit_once('/').unwrap_or_else(|| panic!("{program} says {line:?}"));
        Server { child, address: address.to_owned(), lines, errors }
    }

    /// Starts a program whose limit of open files (`RLIMIT_NOFILE`) is this.
    pub fn start_with_descriptors(limit: usize, program: &str, args: &[&str]) -> Server {
        let set_limit = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        Server::start("sh", &[&["-c", &set_limit, program], args].concat())
    }

    /// Waits until it sleeps with every descriptor below this limit open. One above it may be inherited.
    pub fn wait_until_it_sleeps_without_descriptors(&self, limit: usize) {
        let proc = format!("/proc/{}", self.pid());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let open = std::fs::read_dir(format!("{proc}/fd")).map_or(0, |open| {
                let names = open.filter_map(|fd| fd.ok()?.file_name().to_str()?.parse().ok());
                names.filter(|number: &usize| *number < limit).count()
            });
            let stat = std::fs::read_to_string(format!("{proc}/stat")).unwrap();
            let state = stat.rsplit(") ").next().and_then(|fields| fields.chars().next());
            if open == limit && state == Some('S') {
                return;
            }
            assert_ne!(state, Some('Z'), "it has ended");
            assert!(
                Instant::now() < deadline,
                "{open} descriptors of {limit} are open and its state is {state:?}"
            );
            thread::yield_now();
        }
    }

    /// The next line that it prints.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it prints a line in time")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> &str {
        self.address.rsplit_once(':').unwrap().1
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        assert!(Command::new("kill").args(["-INT", &self.pid().to_string()]).status().unwrap().success());
    }

    /// Waits for it to end by itself, and says what it wrote to standard error.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child, "the server");
        (status, self.errors.recv_timeout(PATIENCE).unwrap())
    }

    /// Waits until it has so many sockets and no more, its listener being one.
    pub fn wait_for_sockets(&self, wanted: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
            let links = descriptors.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
            let sockets = links.filter(|link| link.to_string_lossy().starts_with("socket:")).count();
            if sockets == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{sockets} sockets are open, {wanted} should be");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes without reading until the server disconnects, which is to be by its time limit on writes. `more` is written
/// over and over, and has an answer each time.
pub fn write_until_disconnected(mut client: impl Write, more: &[u8]) {
    let deadline = Instant::now() + PATIENCE;
    let end = loop {
        match client.write_all(more) {
            Err(end) => break end,
            Ok(()) => assert!(Instant::now() < deadline, "it is still connected"),
        }
    };
    assert!(matches!(end.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end}");
}

/// Starts a program on a free port of its own, and waits until it answers there. One that ends before that has found the port
/// taken, by another process, and is started on another.
pub fn start_on_free_port(
    mut start: impl FnMut(u16) -> Child,
    answers: impl Fn(u16) -> bool,
) -> (Child, u16) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = start(port);
        while child.try_wait().unwrap().is_none() {
            if answers(port) && child.try_wait().unwrap().is_none() {
                return (child, port);
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                panic!("{child:?} does not answer on port {port}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        assert!(Instant::now() < deadline, "{child:?} has ended");
    }
}

/// A connection on which a write waits for no longer than a test.
pub fn connect(server: &Server) -> TcpStream {
    let client = TcpStream::connect(&server.address).unwrap();
    client.set_write_timeout(Some(PATIENCE / 4)).unwrap();
    client
}

/// A connection for clients that do not repeat what was interrupted: with a time limit, a call returns `EINTR` when its
/// process is stopped and continued (signal(7)).
pub struct Uninterrupted(pub TcpStream);

fn uninterrupted<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl Read for Uninterrupted {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        uninterrupted(|| self.0.read(buf))
    }
}

impl Write for Uninterrupted {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        uninterrupted(|| self.0.write(buf))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What a command printed, when it succeeds.
pub fn output(program: &str, args: &[&str]) -> String {
    output_for(program, args, b"")
}

/// What a command printed for this on standard input, when it succeeds.
pub fn output_for(program: &str, args: &[&str], input: &[u8]) -> String {
    let (status, out, errors) = run(program, args, input);
    assert!(status.success(), "{program} {args:?}: {status}, {errors}\n{out}");
    out
}

/// Runs a command to its end.
pub fn run(program: &str, args: &[&str], input: &[u8]) -> (ExitStatus, String, String) {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    thread::spawn(move || stdin.write_all(&input));
    let read = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = read(Box::new(child.stdout.take().unwrap()));
    let errors = read(Box::new(child.stderr.take().unwrap()));
    let status = wait(&mut child, program);
    (status, out.join().unwrap(), errors.join().unwrap())
}

fn wait(child: &mut Child, what: &str) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("{what} has not ended in {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a command is there; if not, says aloud what is not tested.
pub fn have(program: &str, package: &str) -> bool {
    let found =
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|dir| dir.join(program).exists());
    if !found {
        println!("SKIPPED: {program} is not installed (Debian's {package} has it)");
        // The harness keeps what a test that passes has printed to itself.
        let _ = writeln!(
            std::fs::OpenOptions::new().append(true).open("/dev/stderr").unwrap(),
            "SKIPPED: {program} is not installed (Debian's {package} has it)"
        );
    }
    found
}

/// Runs h2load for as long as `ECOSYSTEM_SECONDS` says, for 5000 requests without, and asserts that no request failed.
pub fn h2load(url: &str, more: &[&str]) {
    if !have("h2load", "nghttp2-client") {
        return;
    }
    let seconds = std::env::var("ECOSYSTEM_SECONDS");
    let most = seconds.map_or("--requests=5000".to_owned(), |seconds| format!("--duration={seconds}"));
    let out = output("h2load", &[&["-c10", "-m100", "-t1", &most], more, &[url]].concat());
    let requests = out.lines().find(|line| line.starts_with("requests:")).unwrap();
    println!("{requests}");
    // requests: T total, S started, D done, N succeeded, 0 failed, 0 errored, 0 timeout
    let figures: Vec<(u64, &str)> = requests
        .trim_start_matches("requests: ")
        .split(", ")
        .map(|figure| figure.split_once(' ').unwrap())
        .map(|(number, what)| (number.parse().unwrap(), what))
        .collect();
    let of = |what| figures.iter().find(|figure| figure.1 == what).unwrap().0;
    assert_eq!((of("failed"), of("errored"), of("timeout")), (0, 0, 0), "{out}");
    assert_eq!(of("done"), of("succeeded"), "{out}");
    assert!(of("succeeded") > 1000, "{out}");
}

/// A Python with a package of PyPI, in an environment of its own. Without, says that the test is skipped.
pub fn python_with(package: &str) -> Option<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(package);
    let python = directory.join("bin/python");
    let run = |program: &Path, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|ran| ran.status.success())
    };
    let has = || run(&python, &["-c", &format!("import {package}")]);
    let made = has()
        || (run("python3".as_ref(), &["-m", "venv", directory.to_str()?])
            && run(&python, &["-m", "pip", "install", "-q", package])
            && has());
    if !made {
        eprintln!("SKIPPED: PyPI's {package} cannot be installed");
    }
    made.then_some(python)
}
