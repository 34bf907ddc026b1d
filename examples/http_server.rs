//! An HTTP/1.1 server that is hardened for untrusted clients: one task per connection, straight-line code.
//!
//! `GET /` answers "Hello, world!", `POST /echo` sends the body back, and `GET /health` tells a balancer whether the
//! server takes new clients. The answers do not depend on how a client splits its bytes. Memory is bounded by the
//! limits below and time by `http_server/patience.rs`. The end of a request is never guessed: an ambiguous request is
//! refused, and nothing after it is read as a request. At the limit of connections or descriptors, clients wait until
//! there is room again.
//!
//! SIGTERM or Ctrl-C ends it. After a notice, if one is set (`notice=`), it stops listening, answers requests in flight
//! with `Connection: close`, cuts off what is left at the deadline, and exits with 0. A second signal makes it exit at
//! once, with 1.
//!
//! This file has the server. `http_server/connection.rs` serves a connection, `request.rs` parses requests,
//! `routes.rs` answers them, `patience.rs` has the timeouts, `head.rs` the heads of answers, and `options.rs` the command
//! line. `9110 x` and `9112 x` name sections of RFC 9110 and RFC 9112. The path of every request is `#[inline]`, which
//! saves one in fourteen of its instructions.
//!
//! With `--cores N` it has a runtime on each of N threads, and the kernel distributes the connections.
//!
//!     cargo run --release --example http_server [ADDRESS:PORT [MAX_CONNECTIONS [TIMEOUTS]]] [--cores N]
//!     cargo run --release --features inspect --example http_server -- --inspect 127.0.0.1:9900
//!     curl -i http://127.0.0.1:8080/
//!     curl -i http://127.0.0.1:8080/echo -d 'some text'

use std::cell::RefCell;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use egret::cores;
use egret::net::{Sharing, TcpListener, TcpShares};
use egret::runtime::Handle;
use egret::shutdown::{Drained, Shutdown};
use egret::signal::unix::{Signal, SignalKind, signal};
use egret::time::sleep;

#[path = "http_server/connection.rs"]
mod connection;
#[path = "http_server/date.rs"]
mod date;
#[path = "http_server/head.rs"]
mod head;
#[path = "http_server/options.rs"]
pub(crate) mod options;
#[path = "http_server/patience.rs"]
pub(crate) mod patience;
#[path = "http_server/request.rs"]
mod request;
#[path = "http_server/routes.rs"]
mod routes;

use head::LastHead;
use options::Options;
use patience::Limits;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{}", options::USAGE);
            return ExitCode::FAILURE;
        }
    };
    let served = match options.cores {
        1 => egret::block_on(listen(&options)),
        _ => listen_on_cores(&options),
    };
    if let Err(error) = served {
        eprintln!("cannot serve on {}: {error}\n{}", options.address, options::USAGE);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Shared by all connections, in cells: they are on one thread, so no lock is needed.
pub(crate) struct Server {
    limits: Limits,
    shutdown: Shutdown,
    /// A signal has asked for the end: `/health` fails. All cores share it.
    stopping: Arc<AtomicBool>,
    /// Of the last answer on any of them.
    head: RefCell<LastHead>,
}

async fn listen(options: &Options) -> io::Result<()> {
    let listener = TcpListener::bind(&*options.address).await?;
    // Installs the signal handlers before the address is printed.
    let server = Server::start(options)?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    if let Some(address) = &options.inspect {
        inspect(address, &[Handle::current()])?;
    }
    io::stdout().flush()?;
    serve(listener, server, options).await
}

/// Every core has a server of its own: they share the address and the end.
fn listen_on_cores(options: &Options) -> io::Result<()> {
    let shares = TcpShares::bind(&*options.address, Sharing::Group)?;
    let cores = cores::Builder::new().count(options.cores).deadline(options.limits.drain);
    let stopping = Arc::default();
    let ended = cores.run(async |core| {
        let share = shares.share(&core)?;
        let server = Server::with(core.shutdown().clone(), Arc::clone(&stopping), options);
        if core.index() == 0 {
            server.end_on_signals()?;
            // All sockets listen by now, and signals are received.
            writeln!(io::stdout(), "listening on http://{}", shares.local_addr())?;
            if let Some(address) = &options.inspect {
                inspect(address, core.handles())?;
            }
            io::stdout().flush()?;
        }
        let accepting = share.serve(core.shutdown()).max_connections(options.max_connections);
        accepting.run(|stream, _peer| connection::serve(stream, server.clone())).await
    })?;
    if ended.aborted > 0 {
        eprintln!("connections cut off: {}", ended.aborted);
    }
    Ok(())
}

/// Serves one page that shows the tasks of all cores, from a thread of its own.
#[cfg(feature = "inspect")]
fn inspect(address: &str, cores: &[Handle]) -> io::Result<()> {
    let page = egret::inspect::serve(address, cores.iter().cloned())?;
    writeln!(io::stdout(), "inspect: http://{}", page.local_addr())
}

#[cfg(not(feature = "inspect"))]
fn inspect(_address: &str, _cores: &[Handle]) -> io::Result<()> {
    Err(io::Error::other("--inspect needs feature inspect"))
}

impl Server {
    /// Waits for signals, and keeps the date, from now on.
    pub(crate) fn start(options: &Options) -> io::Result<Rc<Server>> {
        let server = Server::with(Shutdown::new(), Arc::default(), options);
        server.end_on_signals()?;
        Ok(server)
    }

    fn end_on_signals(self: &Rc<Server>) -> io::Result<()> {
        for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
            egret::spawn(end_on(signal(kind)?, self.clone()));
        }
        Ok(())
    }

    /// Ends with `shutdown`, and keeps the date from now on.
    fn with(shutdown: Shutdown, stopping: Arc<AtomicBool>, options: &Options) -> Rc<Server> {
        let head = RefCell::new(LastHead::new());
        let server = Rc::new(Server { limits: options.limits, shutdown, stopping, head });
        egret::spawn(keep_date(server.clone(), options.clock));
        server
    }
}

/// Serves until a signal asks for the end, and a little longer.
pub(crate) async fn serve(listener: TcpListener, server: Rc<Server>, options: &Options) -> io::Result<()> {
    let accepting = listener.serve(&server.shutdown).max_connections(options.max_connections);
    let accepted = accepting.run(|stream, _peer| connection::serve(stream, server.clone()));
    accepted.await?; // the server is to end, and the listener is closed
    if let Drained::Aborted(left) = server.shutdown.drain(options.limits.drain).await {
        eprintln!("connections cut off: {left}");
    }
    Ok(())
}

/// The first signal asks for the end, and the second does not wait for it.
async fn end_on(mut signals: Signal, server: Rc<Server>) {
    while signals.recv().await.is_some() {
        if server.stopping.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
        let server = server.clone();
        egret::spawn(async move {
            sleep(server.limits.notice).await;
            server.shutdown.request();
        });
    }
}

/// Formats the date once a second, and not once a request.
async fn keep_date(server: Rc<Server>, clock: fn() -> SystemTime) {
    loop {
        let lasts = server.head.borrow_mut().set_date(clock());
        sleep(lasts).await;
    }
}
