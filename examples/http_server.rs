//! An HTTP/1.1 server that can be pointed at a hostile client: one task a connection, straight-line code.
//!
//! `GET /` answers "Hello, world!" and `POST /echo` sends the body back. However a client cuts its bytes
//! into pieces, it gets the same answers; it makes the process hold no more than the limits below say;
//! and where a request ends is never guessed: what could be read in two ways is refused, and nothing
//! after it is read as a request. `9110 x` and `9112 x` name sections of RFC 9110 and RFC 9112.
//!
//! Here are the server and its connections. What the bytes of a request mean is in `http_server/request.rs`.
//!
//!     cargo run --release --example http_server [ADDRESS:PORT [MAX_CONNECTIONS]]
//!     curl -i http://127.0.0.1:8080/
//!     curl -i http://127.0.0.1:8080/echo -d 'some text'

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, Write};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use egret::net::{TcpListener, TcpStream};

#[path = "http_server/date.rs"]
mod date;
#[path = "http_server/request.rs"]
mod request;

use date::imf_fixdate;
use request::{Content, Framing, Head, MAX_BODY, Parsed, Status};

/// Bytes that must be seen whole to be understood: a request line with its header, a chunk's first line,
/// a trailer.
const MAX_HEAD: usize = 8 * 1024;
/// Bytes of chunk extensions in one body. They mean nothing here, but without a limit a client could
/// keep the server reading while its body does not grow.
const MAX_EXTENSIONS: usize = 1024;
/// The answers to pipelined requests are collected up to this size and written together. As long as the
/// client does not take them, nothing more is read from it.
const MAX_OUTPUT: usize = 16 * 1024;
/// After the last answer this much is read and thrown away, so that the answer arrives.
const MAX_LINGER: usize = 1024 * 1024;
const MAX_CONNECTIONS: usize = 16 * 1024;

fn main() {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_string());
    let served = match args.next().map_or(Ok(MAX_CONNECTIONS), |most| most.parse()) {
        Ok(most) if most > 0 => egret::block_on(serve(&address, most)),
        _ => Err(io::Error::other("MAX_CONNECTIONS is not a number above 0")),
    };
    if let Err(error) = served {
        eprintln!("cannot serve on {address}: {error}");
        eprintln!("usage: http_server [ADDRESS:PORT [MAX_CONNECTIONS]], where port 0 takes any free one");
        std::process::exit(1);
    }
}

// ---- The server ------------------------------------------------------------------------------------

async fn serve(address: &str, most: usize) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    io::stdout().flush()?;
    let server = Rc::new(Server::new());
    loop {
        server.fewer_than(most).await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let slot = Slot::take(&server);
                egret::spawn(async move {
                    // An error here means that the client has gone, so there is nobody to tell.
                    let _ = Connection::new(stream, &slot.0).serve().await;
                });
            }
            // No descriptor or no memory is left, and trying again at once would find the same. The
            // client waits in the backlog until one of our connections gives its own back.
            Err(_) if server.open.get() > 0 => server.fewer_than(server.open.get()).await,
            // Other programs hold them all. There is no task here that a sleeping thread could delay.
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// What all connections share. They live on one thread, so cells do where others need locks.
struct Server {
    open: Cell<usize>,
    accepting: Cell<Option<Waker>>,
    /// What `Date` says, and until when.
    date: Cell<(Instant, [u8; 29])>,
}

impl Server {
    fn new() -> Server {
        let date = Cell::new((Instant::now(), imf_fixdate(0)));
        Server { open: Cell::new(0), accepting: Cell::new(None), date }
    }

    /// Waits until fewer than `most` connections are open.
    async fn fewer_than(&self, most: usize) {
        poll_fn(|cx| {
            if self.open.get() < most {
                return Poll::Ready(());
            }
            self.accepting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// The value of `Date`, formatted once a second.
    fn date(&self) -> [u8; 29] {
        let now = Instant::now();
        let (mut until, mut text) = self.date.get();
        if now >= until {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            until = now + Duration::from_nanos(1_000_000_000 - u64::from(unix.subsec_nanos()));
            text = imf_fixdate(unix.as_secs());
            self.date.set((until, text));
        }
        text
    }
}

/// One of the places that are limited to `MAX_CONNECTIONS`. The connection's task owns it and drops it
/// last, when the descriptor is closed.
struct Slot(Rc<Server>);

impl Slot {
    fn take(server: &Rc<Server>) -> Slot {
        server.open.set(server.open.get() + 1);
        Slot(server.clone())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        if let Some(waker) = self.0.accepting.take() {
            waker.wake();
        }
    }
}

// ---- A connection ----------------------------------------------------------------------------------

struct Connection<'a> {
    stream: TcpStream,
    server: &'a Server,
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
        Connection { stream, server, input, start: 0, end: 0, output: Vec::with_capacity(512) }
    }

    async fn serve(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        match self.requests().await {
            Ok(()) => {}
            Err(Stop::Refused(status)) => self.refuse(status),
            Err(Stop::EndOfFile) => self.refuse("400 Bad Request"), // it came within a request
            Err(Stop::Failed(error)) => return Err(error),
        }
        self.flush().await?;
        self.linger().await
    }

    /// Answers requests in their order, until one is the last or the client closes between two.
    async fn requests(&mut self) -> Result<(), Stop> {
        loop {
            let head = match self.next(request::parse_head).await {
                Err(Stop::EndOfFile) if self.unused().trim_ascii().is_empty() => return Ok(()),
                head => head?,
            };
            let body = match head.framing {
                Framing::Length(0) => Vec::new(),
                _ => self.body(&head).await?,
            };
            self.respond(&head, &body);
            if head.close {
                return Ok(());
            }
            if self.output.len() >= MAX_OUTPUT {
                self.flush().await?;
            }
        }
    }

    async fn body(&mut self, head: &Head) -> Result<Vec<u8>, Stop> {
        if head.expects_continue {
            self.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let mut body = Vec::new(); // grows with what arrives, not with what is announced
        match head.framing {
            Framing::Length(length) => self.take(length, &mut body).await?,
            Framing::Chunked => self.chunks(&mut body).await?,
        }
        Ok(body)
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), Stop> {
        let mut extensions = 0;
        loop {
            let chunk = self.next(request::parse_chunk_size).await?;
            extensions += chunk.extension;
            if chunk.size > MAX_BODY - body.len() || extensions > MAX_EXTENSIONS {
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
                self.fill().await?;
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
            self.fill().await?;
        }
    }

    fn unused(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// Reads once. The client may send no more before it has the answers so far, so they go first.
    async fn fill(&mut self) -> Result<(), Stop> {
        self.flush().await?;
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.input.len() {
            return Err(Stop::Refused("431 Request Header Fields Too Large"));
        }
        match self.stream.read(&mut self.input[self.end..]).await? {
            0 => Err(Stop::EndOfFile),
            n => {
                self.end += n;
                Ok(())
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.output.clear();
            self.output.shrink_to(MAX_OUTPUT);
        }
        Ok(())
    }

    /// Ends the connection so that the last answer arrives (9112 9.6). Closing while bytes of the client
    /// are unread or still coming makes the kernel reset the connection, and the reset may overtake the
    /// answer. So the client is told that this is the end, and what it sends is thrown away until it
    /// closes as well.
    async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut thrown = 0;
        while thrown < MAX_LINGER {
            match self.stream.read(&mut self.input).await? {
                0 => break,
                n => thrown += n,
            }
        }
        Ok(())
    }

    fn respond(&mut self, head: &Head, body: &[u8]) {
        let content = match head.answer.content {
            Content::Text(text) => text.as_bytes(),
            Content::RequestBody => body,
        };
        self.begin_head(head.answer.status);
        if head.close {
            self.output.extend_from_slice(b"Connection: close\r\n");
        } else if head.version == 0 {
            self.output.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        self.output.extend_from_slice(head.answer.fields.as_bytes());
        self.end_head(content.len());
        if !head.is_head {
            self.output.extend_from_slice(content);
        }
    }

    /// There is no content: it may be a HEAD that is refused, and whether it is may be unreadable.
    fn refuse(&mut self, status: Status) {
        self.begin_head(status);
        self.output.extend_from_slice(b"Connection: close\r\n");
        self.end_head(0);
    }

    fn begin_head(&mut self, status: Status) {
        self.output.extend_from_slice(b"HTTP/1.1 ");
        self.output.extend_from_slice(status.as_bytes());
        self.output.extend_from_slice(b"\r\nDate: ");
        self.output.extend_from_slice(&self.server.date());
        self.output.extend_from_slice(b"\r\n");
    }

    fn end_head(&mut self, content_length: usize) {
        self.output.extend_from_slice(b"Content-Length: ");
        push_decimal(&mut self.output, content_length);
        self.output.extend_from_slice(b"\r\n\r\n");
    }
}

/// What `write!` does, with a third of its instructions: it is in every answer.
fn push_decimal(output: &mut Vec<u8>, number: usize) {
    if number > 9 {
        push_decimal(output, number / 10);
    }
    output.push(b'0' + (number % 10) as u8);
}
