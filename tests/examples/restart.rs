//! `examples/restart`: a server that is restarted under load, by systemd's protocol and by a hand-over.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::example_common::example;
use crate::uninterrupted::uninterrupted;

const PATIENCE: Duration = Duration::from_secs(120);

/// How long a server that ends waits for a request that may be on its way (`LAST_CALL` of the example).
const LAST_CALL: Duration = Duration::from_millis(200);

/// A directory for the path of the hand-over, which is removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("egret-restart-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Place(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process of the example. It is killed when it is dropped.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: Option<SocketAddr>,
}

impl Process {
    /// Starts one, and waits until it serves.
    fn serving(command: &mut Command) -> Process {
        let mut process = Process::start(command);
        let mut line = String::new();
        process.stdout.read_line(&mut line).unwrap();
        let serves = format!("{} serves http://", process.child.id());
        process.address = line.trim_end().strip_prefix(&serves).and_then(|address| address.parse().ok());
        assert!(process.address.is_some(), "{line:?}");
        process
    }

    fn start(command: &mut Command) -> Process {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Process { child, stdout, address: None }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it ends.
    fn code(mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "it goes on");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    stream.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// The answer's body, and whether it is the last on this connection.
fn answer(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, bool)> {
    let (mut length, mut last, mut line) = (None, false, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "no answer"));
        }
        match line.trim_end() {
            "" => break,
            "Connection: close" => last = true,
            field => length = length.or(field.strip_prefix("Content-Length: ").map(|n| n.parse().unwrap())),
        }
    }
    let mut body = vec![0; length.unwrap()];
    stream.read_exact(&mut body)?;
    Ok((String::from_utf8(body).unwrap(), last))
}

fn request(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, bool)> {
    ask(stream).and_then(|()| answer(stream))
}

fn connect(address: SocketAddr) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

fn body_of(address: SocketAddr) -> String {
    request(&mut connect(address).unwrap()).unwrap().0
}

/// What the clients of a load have seen.
#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    /// In microseconds.
    longest: AtomicU64,
    /// Requests on a connection that the client had left idle for longer than the server waits, and found closed.
    late: AtomicU64,
}

impl Seen {
    /// Requests until `over`, on a new connection each or on one that is kept. Any failure is a panic, unless this client
    /// has been late itself: that request is made again, as by every client of HTTP.
    fn load(&self, address: SocketAddr, keeps: bool, over: &AtomicBool) {
        let mut kept = None;
        while !over.load(Ordering::Relaxed) {
            let start = Instant::now();
            // The server cannot have waited for longer than since the last request, or the begin of the connection.
            let (mut stream, last_heard) =
                kept.take().unwrap_or_else(|| (connect(address).expect("not refused"), start));
            let asked = ask(&mut stream);
            let is_late = last_heard.elapsed() >= LAST_CALL;
            let last = match asked.and_then(|()| answer(&mut stream)) {
                Ok((_, last)) => last,
                Err(_) if is_late => {
                    self.late.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                Err(error) => panic!("{error} in place of an answer"),
            };
            let took = start.elapsed().as_micros() as u64;
            self.longest.fetch_max(took, Ordering::Relaxed);
            self.requests.fetch_add(1, Ordering::Relaxed);
            if keeps && !last {
                kept = Some((stream, start));
            }
        }
    }
}

/// 20 restarts, or as many as `EGRET_RESTARTS` says, or those of `EGRET_MINUTES`.
#[test]
fn twenty_restarts_under_load_fail_no_request() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let time = number("EGRET_MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    let most = number("EGRET_RESTARTS").unwrap_or(if time.is_some() { u64::MAX } else { 20 });
    let place = Place::new("load");
    let new = |address: &str| {
        let mut command = example("restart");
        command.args([&place.path("handover"), address]);
        Process::serving(&mut command)
    };
    let mut current = new("127.0.0.1:0");
    let address = current.address.unwrap();
    let kinds = [("a connection for each request", false), ("a kept connection", true)];
    let (seen, over) = ([Seen::default(), Seen::default()], AtomicBool::new(false));
    let (start, mut restarts) = (Instant::now(), 0);
    thread::scope(|scope| {
        for (seen, (_, keeps)) in seen.iter().zip(kinds) {
            let over = &over;
            scope.spawn(move || {
                let _end = OnDrop(over);
                seen.load(address, keeps, over);
            });
        }
        let end = OnDrop(&over);
        let requests = || seen.each_ref().map(|seen| seen.requests.load(Ordering::Relaxed));
        while restarts < most && time.is_none_or(|time| start.elapsed() < time) {
            let before = requests();
            let next = new(&address.to_string());
            let previous = std::mem::replace(&mut current, next);
            assert_eq!(previous.code(), Some(0));
            // The new one has served some of each client before it is replaced.
            while requests().iter().zip(before).any(|(now, before)| *now < before + 20) {
                assert!(!over.load(Ordering::Relaxed), "a client has failed");
                thread::yield_now();
            }
            restarts += 1;
        }
        drop(end);
    });
    println!("{restarts} restarts in {:?}", start.elapsed());
    for (seen, (kind, _)) in seen.into_iter().zip(kinds) {
        let (requests, longest) = (seen.requests.into_inner(), seen.longest.into_inner());
        let late = seen.late.into_inner();
        println!(
            "{kind}: {requests} requests, none failed, {late} came too late; the longest took {longest} us"
        );
    }
    current.signal("-TERM");
    assert_eq!(current.code(), Some(0));
    assert!(TcpStream::connect(address).is_err());
}

/// Ends the load also when the test panics.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn when_the_new_process_dies_before_it_is_ready_the_old_one_goes_on() {
    let place = Place::new("dies");
    let arguments = [place.path("handover"), "127.0.0.1:0".to_owned()];
    let old = Process::serving(example("restart").args(&arguments));
    let (address, pid) = (old.address.unwrap(), old.child.id());
    for _ in 0..3 {
        let broken = Process::start(example("restart").args(&arguments).arg("--die-before-ready"));
        assert_eq!(broken.code(), Some(1));
        assert_eq!(body_of(address), format!("hello from {pid}\n"));
    }
    // And it still gives its listener to one that works.
    let new = Process::serving(example("restart").args(&arguments));
    assert_eq!(old.code(), Some(0));
    assert_eq!(body_of(address), format!("hello from {}\n", new.child.id()));
}

#[test]
fn a_signal_reads_the_greeting_anew() {
    let place = Place::new("reload");
    let file = place.path("greeting");
    fs::write(&file, "one\n").unwrap();
    let arguments = [place.path("handover"), "127.0.0.1:0".to_owned(), file.clone()];
    let supervisor = UnixDatagram::bind(place.path("notify")).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut datagram = [0; 256];
        let length = uninterrupted(PATIENCE, || supervisor.recv(&mut datagram)).unwrap();
        String::from_utf8(datagram[..length].to_vec()).unwrap()
    };
    let server =
        Process::serving(example("restart").args(&arguments).env("NOTIFY_SOCKET", place.path("notify")));
    assert_eq!(told(), "READY=1");
    let mut kept = connect(server.address.unwrap()).unwrap();
    assert_eq!(request(&mut kept).unwrap().0, format!("one from {}\n", server.child.id()));
    fs::write(&file, "two\n").unwrap();
    server.signal("-HUP");
    assert!(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(), "READY=1");
    assert_eq!(request(&mut kept).unwrap().0, format!("two from {}\n", server.child.id()));
    drop(kept);
    server.signal("-TERM");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(server.code(), Some(0));
}

#[test]
fn the_loop_feeds_the_watchdog_and_the_supervisor_hears_nothing_of_one_that_stands_still() {
    let place = Place::new("watchdog");
    let supervisor = UnixDatagram::bind(place.path("notify")).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = example("restart");
    command.args([place.path("handover"), "127.0.0.1:0".to_owned()]);
    command.env("NOTIFY_SOCKET", place.path("notify")).env("WATCHDOG_USEC", "20000");
    // In a group of its own: the kernel continues a stopped process whose group loses its shell.
    let server = Process::serving(command.process_group(0));
    let mut fed = 0;
    while fed < 5 {
        let mut datagram = [0; 256];
        let length = uninterrupted(PATIENCE, || supervisor.recv(&mut datagram)).unwrap();
        fed += usize::from(&datagram[..length] == b"WATCHDOG=1");
    }
    server.signal("-STOP");
    let a_while = Duration::from_millis(200);
    supervisor.set_read_timeout(Some(a_while)).unwrap();
    // What it sent before it stood still: no more than a socket takes.
    let before = std::iter::from_fn(|| uninterrupted(a_while, || supervisor.recv(&mut [0; 256])).ok())
        .take(100)
        .count();
    assert!(before < 100, "it goes on");
    server.signal("-CONT");
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    uninterrupted(PATIENCE, || supervisor.recv(&mut [0; 256])).unwrap();
}

/// Starts the example with a socket as descriptor 3, by a shell that also sets `LISTEN_PID` to the process.
fn activated(place: &Place, socket: impl Into<OwnedFd>, names: &str) -> Command {
    let count = names.split(':').count();
    let variables = format!("LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES={names}");
    let script = format!("exec 3<&0 </dev/null; export {variables}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(example("restart").get_program());
    command.args([place.path("handover"), "127.0.0.1:0".to_owned()]).stdin(socket.into());
    command
}

#[test]
fn a_listener_of_the_supervisor_is_served() {
    let place = Place::new("activated");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut early = connect(address).unwrap(); // before there is a server
    let server = Process::serving(&mut activated(&place, listener, "http"));
    assert_eq!(server.address, Some(address));
    let body = format!("hello from {}\n", server.child.id());
    assert_eq!(request(&mut early).unwrap().0, body);
    assert_eq!(body_of(address), body);
}

#[test]
fn a_supervisor_that_lies_is_an_error_that_says_which() {
    let place = Place::new("lies");
    let says = |mut command: Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let passed = "restart: descriptor 3 (\"http\"), which the supervisor has passed,";
    let unix = std::os::unix::net::UnixListener::bind(place.path("unix")).unwrap();
    assert_eq!(
        says(activated(&place, unix, "http")),
        format!("{passed} is a Unix stream socket that listens, not a TCP listener\n")
    );
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(
        says(activated(&place, udp, "http")),
        format!("{passed} is an IP datagram socket, not a TCP listener\n")
    );
    let file = fs::File::open("/dev/null").unwrap();
    assert_eq!(
        says(activated(&place, file, "http")),
        format!("{passed} is no socket, and so not a TCP listener\n")
    );
    // The second was not passed: the number is that of a descriptor of the runtime.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let said = says(activated(&place, listener, "http:admin"));
    assert_eq!(
        said,
        "restart: LISTEN_FDS lists descriptor 4 (\"admin\"), which was opened by this process\n"
    );
    let client = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(client.local_addr().unwrap()).unwrap();
    assert_eq!(
        says(activated(&place, connected, "http")),
        format!("{passed} is an IP stream socket that does not listen, not a TCP listener\n")
    );
}

/// The real thing, where it is installed.
#[test]
fn systemd_socket_activate_starts_it_at_the_first_client() {
    let place = Place::new("systemd");
    let Ok(version) = Command::new("systemd-socket-activate").arg("--version").output() else {
        return eprintln!("skipped: there is no systemd-socket-activate");
    };
    assert!(version.status.success());
    // It takes no port 0: one that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new("systemd-socket-activate");
    command
        .args(["--listen", &address.to_string(), "--fdname", "http"])
        .arg(example("restart").get_program());
    command.args([place.path("handover"), "127.0.0.1:0".to_owned()]).stderr(Stdio::null());
    let server = Process::start(&mut command);
    let end = Instant::now() + PATIENCE;
    let mut client = loop {
        match connect(address) {
            Ok(client) => break client,
            Err(_) => assert!(Instant::now() < end, "it does not listen"),
        }
        thread::sleep(Duration::from_millis(5));
    };
    // It has become the server, by exec.
    assert_eq!(request(&mut client).unwrap().0, format!("hello from {}\n", server.child.id()));
}
