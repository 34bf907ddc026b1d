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
//! This file has the server and its connections. `http_server/request.rs` parses requests,
//! `routes.rs` answers them, `patience.rs` has the timeouts, `head.rs` the heads of answers,
//! and `options.rs` the command line. `9110 x` and `9112 x` name sections of RFC 9110 and RFC
//! 9112. The path of every request is `#[inline]`, which saves one in fourteen of its instructions.
//!
//! With `--cores N` it has a runtime on each of N threads, and the kernel distributes the connections.
//!
//!     cargo run --release --example http_server [ADDRESS:PORT [MAX_CONNECTIONS [TIMEOUTS]]] [--cores N]
//!     cargo run --release --features inspect --example http_server -- --inspect 127.0.0.1:9900
//!     curl -i http://127.0.0.1:8080/
//!     curl -i http://127.0.0.1:8080/echo -d 'some text'

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use egret::cores;
use egret::net::{Sharing, TcpListener, TcpShares, TcpStream};
use egret::runtime::Handle;
use egret::shutdown::{Drained, Shutdown};
use egret::signal::unix::{Signal, SignalKind, signal};
use egret::task::yield_now;
use egret::time::sleep;

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
use patience::{Awaited, Limits, Patience};
use request::{Framing, Parsed, Status};
use routes::{Content, Head, MAX_BODY};

/// Bytes that must be seen whole to be understood: a request line with its header, a chunk's first line,
/// a trailer.
const MAX_HEAD: usize = 8 * 1024;
/// Bytes of the chunk sizes of one body that say nothing: extensions, and zeros in front. Without a limit a client could
/// keep the server reading while its body does not grow. With it no byte of a body takes more than five others.
const MAX_PADDING: usize = 1024;
/// The answers to pipelined requests are collected up to this size and written together. As long as the
/// client does not take them, nothing more is read from it.
const MAX_OUTPUT: usize = 16 * 1024;
/// The kernel holds this much that is not sent yet, and not the megabytes of a send buffer: there is room as soon as the
/// client takes something, which is how the time limit of a write knows that it does.
const MAX_UNSENT: u32 = 16 * 1024;
/// After the last answer this much is read and thrown away, so that the answer arrives.
const MAX_LINGER: usize = 1024 * 1024;

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

// ---- The server ------------------------------------------------------------------------------------

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
        accepting.run(|stream, _peer| connection(stream, server.clone())).await
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

async fn connection(stream: TcpStream, server: Rc<Server>) {
    // An error here means that the client has gone.
    let _ = Connection::new(stream, &server).serve().await;
}

/// Serves until a signal asks for the end, and a little longer.
pub(crate) async fn serve(listener: TcpListener, server: Rc<Server>, options: &Options) -> io::Result<()> {
    let accepting = listener.serve(&server.shutdown).max_connections(options.max_connections);
    let accepted = accepting.run(|stream, _peer| connection(stream, server.clone()));
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

// ---- A connection ----------------------------------------------------------------------------------

struct Connection<'a> {
    stream: TcpStream,
    server: &'a Server,
    reading: Patience<'a>,
    writing: Patience<'a>,
    /// Read and not yet used is `input[start..end]`.
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// Answers not yet written.
    output: Vec<u8>,
}

/// Why no other request is read.
enum Stop {
    Refused(Status),
    EndOfFile,
    TimeOver,
    /// One of these two before another request began.
    Idle,
    Failed(io::Error),
}

impl From<Status> for Stop {
    fn from(status: Status) -> Stop {
        Stop::Refused(status)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Failed(error)
    }
}

impl<'a> Connection<'a> {
    fn new(stream: TcpStream, server: &'a Server) -> Connection<'a> {
        let input = vec![0; MAX_HEAD].into_boxed_slice();
        let reading = Patience::new(&server.limits, Awaited::FirstRequest);
        let writing = Patience::new(&server.limits, Awaited::Room);
        let output = Vec::with_capacity(512);
        Connection { stream, server, reading, writing, input, start: 0, end: 0, output }
    }

    async fn serve(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.stream.set_notsent_lowat(MAX_UNSENT)?;
        // Polled once to register this task, which a shutdown request then wakes: see `poll_read`.
        let mut end = pin!(self.server.shutdown.requested());
        let _ = poll_fn(|cx| Poll::Ready(end.as_mut().poll(cx))).await;
        match self.requests().await {
            Ok(()) => {}
            Err(Stop::Refused(status)) => self.refuse(status),
            Err(Stop::EndOfFile) => self.refuse("400 Bad Request"), // it came within a request
            Err(Stop::TimeOver) => self.refuse("408 Request Timeout"),
            // Should a request cross this, its client sees the end of file first, and then the reset.
            Err(Stop::Idle) => return self.stream.shutdown().await,
            Err(Stop::Failed(error)) => return Err(error),
        }
        poll_fn(|cx| self.poll_flush(cx)).await?;
        self.linger().await
    }

    /// Answers requests in their order, until one is the last.
    async fn requests(&mut self) -> Result<(), Stop> {
        loop {
            let head = match self.next(routes::parse_head).await {
                Err(Stop::EndOfFile | Stop::TimeOver) if self.unused().trim_ascii().is_empty() => {
                    return Err(Stop::Idle);
                }
                head => head?,
            };
            let body = match head.framing {
                Framing::Length(0) => Vec::new(),
                _ => self.body(&head).await?,
            };
            // At the end of the server, an answer is not the last while there is more that is in flight.
            let close = head.close || self.server.shutdown.is_requested() && self.unused().is_empty();
            self.respond(&head, &body, close);
            if close {
                return Ok(());
            }
            self.reading.await_next(match self.unused() {
                [] => Awaited::AnotherRequest,
                _ => Awaited::RestOfHeader,
            });
            if self.output.len() >= MAX_OUTPUT {
                poll_fn(|cx| self.poll_flush(cx)).await?;
                yield_now().await; // there may be no end to what it pipelines, and others have their turn
            }
        }
    }

    async fn body(&mut self, head: &Head) -> Result<Vec<u8>, Stop> {
        if head.expects_continue {
            self.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.reading.await_next(Awaited::Body);
        let mut body = Vec::new(); // grows with what arrives, not with what is announced
        match head.framing {
            Framing::Length(length) => self.take(length, &mut body).await?,
            Framing::Chunked => self.chunks(&mut body).await?,
        }
        Ok(body)
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), Stop> {
        let mut padding = 0;
        loop {
            let chunk = self.next(request::parse_chunk_size).await?;
            padding += chunk.padding;
            if chunk.size > MAX_BODY - body.len() || padding > MAX_PADDING {
                return Err(Stop::Refused("413 Content Too Large"));
            }
            if chunk.size == 0 {
                return self.next(request::parse_trailer).await;
            }
            self.take(chunk.size, body).await?;
            self.next(request::parse_line_end).await?;
        }
    }

    /// Moves the next `length` bytes of the input to the end of `body`.
    async fn take(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), Stop> {
        let mut left = length;
        while left > 0 {
            if self.start == self.end {
                poll_fn(|cx| self.poll_fill(cx)).await?;
            }
            let part = left.min(self.end - self.start);
            body.extend_from_slice(&self.input[self.start..self.start + part]);
            self.start += part;
            left -= part;
        }
        Ok(())
    }

    /// Reads until `parse` has seen enough, and takes what it used out of the input. Each time `parse`
    /// sees all the bytes from the same start, so where they were cut in between cannot matter.
    async fn next<T>(&mut self, parse: impl Fn(&[u8]) -> Parsed<T>) -> Result<T, Stop> {
        loop {
            if self.start < self.end {
                if let Some((used, value)) = parse(self.unused())? {
                    self.start += used;
                    return Ok(value);
                }
            }
            poll_fn(|cx| self.poll_fill(cx)).await?;
        }
    }

    fn unused(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// Reads once. The client may send no more before it has the answers so far, so they go first.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        if !self.output.is_empty() {
            ready!(self.poll_flush(cx))?;
        }
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.input.len() {
            return Poll::Ready(Err(Stop::Refused("431 Request Header Fields Too Large")));
        }
        let count = ready!(self.poll_read(cx))?;
        self.end += count;
        self.reading.on_bytes(count);
        Poll::Ready(if count > 0 { Ok(()) } else { Err(Stop::EndOfFile) })
    }

    /// Reads behind what is unused, in time.
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Stop>> {
        // First, so that a request which is here is answered, whatever has come to its end meanwhile.
        if let Poll::Ready(read) = self.stream.poll_read(cx, &mut self.input[self.end..]) {
            return Poll::Ready(Ok(read?));
        }
        // An idle connection is not closed before a request that is on its way has had the time to arrive.
        if self.end == 0 && self.reading.is_idle() && self.server.shutdown.is_requested() {
            self.reading.await_next(Awaited::LastRequest);
        }
        self.reading.poll_end(cx).map(|()| Err(Stop::TimeOver))
    }

    /// Writes the answers so far, in time.
    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            match self.stream.poll_write(cx, &self.output) {
                Poll::Ready(Ok(n)) if n == self.output.len() => self.output.clear(),
                Poll::Ready(Ok(n)) => {
                    self.output.drain(..n);
                    self.writing.on_bytes(n);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(self.writing.poll_end(cx));
                    // A close would leave what was written in the kernel's memory, for the client to take.
                    self.stream.set_zero_linger()?;
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        self.output.shrink_to(MAX_OUTPUT);
        self.writing.await_next(Awaited::Room);
        Poll::Ready(Ok(()))
    }

    /// Ends the connection so that the last answer arrives (9112 9.6). Closing while bytes of the client
    /// are unread or still coming makes the kernel reset the connection, and the reset may overtake the
    /// answer. So this shuts down the writing side, and discards what the client sends until it
    /// closes as well.
    async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        self.reading.await_next(Awaited::End);
        self.end = 0;
        let mut thrown = 0;
        while thrown < MAX_LINGER {
            match poll_fn(|cx| self.poll_read(cx)).await {
                Ok(n) if n > 0 => thrown += n,
                _ => break,
            }
        }
        Ok(())
    }

    #[inline]
    fn respond(&mut self, head: &Head, body: &[u8], close: bool) {
        let mut status = head.answer.status;
        let content = match head.answer.content {
            Content::Text(text) => text.as_bytes(),
            Content::RequestBody => body,
            Content::Health if self.server.stopping.load(Ordering::Relaxed) => {
                status = "503 Service Unavailable";
                b"stopping\n"
            }
            Content::Health => b"ready\n",
        };
        self.write_head(status, head.answer.fields, content.len());
        self.output.extend_from_slice(match (close, head.version) {
            (true, _) => b"Connection: close\r\n\r\n",
            (false, 0) => b"Connection: keep-alive\r\n\r\n",
            (false, _) => b"\r\n",
        });
        if !head.is_head {
            self.output.extend_from_slice(content);
        }
    }

    /// There is no content: it may be a HEAD that is refused, and whether it is may be unreadable.
    fn refuse(&mut self, status: Status) {
        self.write_head(status, "", 0);
        self.output.extend_from_slice(b"Connection: close\r\n\r\n");
    }

    #[inline]
    fn write_head(&mut self, status: Status, fields: &'static str, content_length: usize) {
        let mut head = self.server.head.borrow_mut();
        self.output.extend_from_slice(head.of(status, fields, content_length));
    }
}
