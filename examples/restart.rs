//! A server that is restarted without a gap: a new process takes the listener from the old one, and says when it is
//! ready; the old one then stops accepting and finishes what it has begun.
//!
//! It answers each line of HTTP with the number of its process. SIGHUP reads the greeting anew; SIGTERM ends it.
//! Under systemd it says that it is ready, reloading and stopping, and feeds the watchdog.
//!
//!     cargo run --example restart -- /tmp/restart.sock 127.0.0.1:8080 &
//!     curl http://127.0.0.1:8080/
//!     cargo run --example restart -- /tmp/restart.sock 127.0.0.1:8080 &   # takes over
//!
//! With a third argument, a file, its content is the greeting. With `--die-before-ready` it ends where a
//! broken version might, and the old process goes on.

use std::cell::RefCell;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::rc::Rc;

use egret::net::handover::Handover;
use egret::net::{TcpListener, TcpStream};
use egret::service;
use egret::shutdown::{Drained, Shutdown};
use egret::signal::unix::{SignalKind, signal};
use egret::time::{Duration, timeout};

const USAGE: &str = "usage: restart HANDOVER_PATH ADDRESS:PORT [GREETING_FILE] [--die-before-ready]";
/// Longer than a client takes between two requests; shorter than an operator waits.
const LAST_CALL: Duration = Duration::from_millis(200);
const IDLE: Duration = Duration::from_secs(60);
const DRAIN: Duration = Duration::from_secs(10);
const MAX_HEAD: usize = 8 * 1024;

struct Options {
    path: String,
    address: String,
    greeting: Option<String>,
    dies: bool,
}

/// Shared by the connections.
struct Server {
    shutdown: Shutdown,
    greeting: RefCell<String>,
}

fn main() -> ExitCode {
    let Some(options) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match egret::block_on(run(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("restart: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: impl Iterator<Item = String>) -> Option<Options> {
    let (flags, mut args): (Vec<_>, Vec<_>) = args.partition(|argument| argument.starts_with("--"));
    let dies = flags == ["--die-before-ready"];
    if !(dies || flags.is_empty()) || !(2..=3).contains(&args.len()) {
        return None;
    }
    let mut args = args.drain(..);
    Some(Options { path: args.next()?, address: args.next()?, greeting: args.next(), dies })
}

async fn run(options: Options) -> io::Result<()> {
    let greeting = RefCell::new(read_greeting(&options)?);
    let server = Rc::new(Server { shutdown: Shutdown::new(), greeting });
    let predecessor = Handover::take(&options.path).await?;
    let listener = match &predecessor {
        Some(taken) => TcpListener::from_std(taken.descriptor("http")?.into())?,
        None => listen(&options.address).await?,
    };
    match service::raise_open_files() {
        Ok(limit) if limit.start() == limit.end() => {}
        Ok(limit) => eprintln!("restart: {} open files, not {}", limit.end(), limit.start()),
        Err(error) => eprintln!("restart: the limit of open files stays: {error}"),
    }
    if options.dies {
        return Err(io::Error::other("this version is broken"));
    }
    let (address, duplicate) = (listener.local_addr()?, listener.as_fd().try_clone_to_owned()?);
    let serve = listener.serve(&server.shutdown);
    let ours = server.clone();
    let serving = egret::spawn(serve.run(move |stream, _peer| connection(stream, ours.clone())));
    egret::spawn(end_on(server.clone(), SignalKind::terminate())?);
    egret::spawn(reload_on(server.clone(), options.greeting.clone())?);
    egret::spawn(service::watchdog());
    if let Some(taken) = predecessor {
        taken.ready().await?; // the old process stops accepting
        service::main_pid(std::process::id())?;
    }
    let handover = Handover::bind(&options.path, [("http", duplicate)])?;
    service::ready()?;
    writeln!(io::stdout(), "{} serves http://{address}", std::process::id())?;
    io::stdout().flush()?;

    let give = async {
        while let Err(error) = handover.give().await {
            eprintln!("restart: a new process failed: {error}"); // and this one goes on
        }
    };
    let given = server.shutdown.run_until_requested(give).await.is_some();
    drop(handover); // with its duplicate: nothing else keeps the listener open
    server.shutdown.request();
    if !given {
        service::stopping()?;
        let _ = std::fs::remove_file(&options.path);
    }
    let served = serving.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    if let Drained::Aborted(left) = server.shutdown.drain(DRAIN).await {
        eprintln!("restart: connections cut off: {left}");
    }
    served
}

/// From the supervisor, or else bound here.
async fn listen(address: &str) -> io::Result<TcpListener> {
    match TcpListener::from_env("http") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => TcpListener::bind(address).await,
        listener => listener,
    }
}

fn read_greeting(options: &Options) -> io::Result<String> {
    options.greeting.as_ref().map_or(Ok("hello".to_owned()), std::fs::read_to_string)
}

/// A task that ends the server at the first signal of this kind.
fn end_on(server: Rc<Server>, kind: SignalKind) -> io::Result<impl Future<Output = ()>> {
    let mut signals = signal(kind)?;
    Ok(async move {
        signals.recv().await;
        server.shutdown.request();
    })
}

/// A task that reads the greeting anew at each SIGHUP.
fn reload_on(server: Rc<Server>, file: Option<String>) -> io::Result<impl Future<Output = io::Result<()>>> {
    let mut signals = signal(SignalKind::hangup())?;
    Ok(async move {
        while signals.recv().await.is_some() {
            service::reloading()?;
            match file.as_ref().map(std::fs::read_to_string) {
                Some(Ok(greeting)) => *server.greeting.borrow_mut() = greeting,
                Some(Err(error)) => eprintln!("restart: the greeting stays as it is: {error}"),
                None => {}
            }
            service::ready()?;
        }
        Ok(())
    })
}

/// Answers each request. When the server ends, the answer to the last one says so, and a client that is silent is
/// closed after [`LAST_CALL`].
async fn connection(mut stream: TcpStream, server: Rc<Server>) {
    let mut head = Vec::new();
    loop {
        let Some(length) = next_request(&mut stream, &server.shutdown, &mut head).await else { return };
        head.drain(..length);
        let last = server.shutdown.is_requested() && head.is_empty();
        let body = format!("{} from {}\n", server.greeting.borrow().trim_end(), std::process::id());
        let close = if last { "Connection: close\r\n" } else { "" };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{close}\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() || last {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

/// Reads until a head is whole, and returns its length.
async fn next_request(stream: &mut TcpStream, shutdown: &Shutdown, head: &mut Vec<u8>) -> Option<usize> {
    let mut buffer = [0; 1024];
    loop {
        if let Some(at) = head.windows(4).position(|end| end == b"\r\n\r\n") {
            return Some(at + 4);
        }
        if head.len() > MAX_HEAD {
            return None;
        }
        let read = shutdown.run_until_requested(timeout(IDLE, stream.read(&mut buffer))).await;
        let read = match read {
            Some(read) => read,
            // A request may be on its way.
            None => timeout(LAST_CALL, stream.read(&mut buffer)).await,
        };
        match read {
            Ok(Ok(length @ 1..)) => head.extend_from_slice(&buffer[..length]),
            _ => return None,
        }
    }
}
