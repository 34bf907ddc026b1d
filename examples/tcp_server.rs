//! A TCP echo server for many clients, which logs each connection with its result. At
//! most 1024 are connected at a time; the others wait in the kernel's backlog.
//!
//! Ctrl-C or SIGTERM ends it: it stops listening, and cuts off clients that are still connected 2 seconds later.
//!
//!     cargo run --release --example tcp_server [ADDRESS:PORT]

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use egret::net::{TcpListener, TcpStream};
use egret::shutdown::{Drained, Shutdown};
use egret::signal::unix::{SignalKind, signal};

const MOST: usize = 1024;
const DRAIN: Duration = Duration::from_secs(2);

/// Prints one line of the log. It blocks the loop while standard output is full, because the alternative is to lose
/// lines. An error is ignored: the server continues without a log.
fn log(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Counts of the clients, in cells: all tasks are on one thread, so no lock is needed.
#[derive(Default)]
struct Clients {
    connected: Cell<usize>,
    messages: Cell<u64>,
}

/// A client that is counted for as long as this lives, however its task ends.
struct Client(Rc<Clients>);

impl Client {
    fn new(clients: Rc<Clients>) -> Client {
        clients.connected.set(clients.connected.get() + 1);
        Client(clients)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.connected.set(self.0.connected.get() - 1);
    }
}

/// Returns when the client has finished sending and has been sent all of it.
async fn echo(stream: &mut TcpStream, bytes: &mut u64, clients: &Clients) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
        *bytes += n as u64;
        clients.messages.set(clients.messages.get() + 1);
    }
}

async fn serve_client(mut stream: TcpStream, peer: SocketAddr, clients: Rc<Clients>) {
    let client = Client::new(clients.clone());
    log(format_args!("{peer} connected, {} now", clients.connected.get()));
    let mut bytes = 0;
    let ended = echo(&mut stream, &mut bytes, &clients).await;
    drop((stream, client));
    let left = clients.connected.get();
    match ended {
        Ok(()) => log(format_args!("{peer} disconnected after {bytes} bytes, {left} left")),
        Err(error) => log(format_args!("{peer} failed after {bytes} bytes, {left} left: {error}")),
    }
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    io::stdout().flush()?;

    let shutdown = Shutdown::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, shutdown) = (signal(kind)?, shutdown.clone());
        egret::spawn(async move {
            signals.recv().await;
            shutdown.request();
        });
    }
    let clients = Rc::new(Clients::default());
    let serving = listener.serve(&shutdown).max_connections(MOST);
    let counts = serving.counts();
    serving.run(|stream, peer| serve_client(stream, peer, clients.clone())).await?;

    let cut_off = match shutdown.drain(DRAIN).await {
        Drained::Clean => 0,
        Drained::Aborted(left) => left,
    };
    let (accepted, reads) = (counts.accepted(), clients.messages.get());
    log(format_args!("done: {accepted} clients, {cut_off} cut off, {reads} reads sent back"));
    Ok(())
}

fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_string());
    if let Err(error) = egret::block_on(serve(&address)) {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: tcp_server [ADDRESS:PORT], where port 0 takes any free one");
        std::process::exit(1);
    }
}
