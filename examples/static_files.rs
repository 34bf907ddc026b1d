//! The files of a folder by HTTP/1.1: GET and HEAD, one range of bytes, `sendfile`, and no way out of the folder.
//!
//!     cargo run --release --example static_files [FOLDER [ADDRESS:PORT]]
//!     curl -i -r 0-99 http://127.0.0.1:8080/README.md
//!
//! The kernel guards the folder (`static_files/folder.rs`), because no check of a path detects a symbolic link that changes
//! between the check and the open. Files are opened in a job of the blocking pool, because a disk can be slow: one for all
//! the calls of an answer, where each operation of `egret::fs` would be one. Their
//! bytes go from the page cache to the socket and are never copied into this program. Everything under the folder is
//! served except names that begin with a dot. Answers have `Last-Modified` and an `ETag`, and conditional requests
//! are supported (`conditions.rs`).
//!
//! Memory is bounded: 1024 connections, 8 KiB of head, no body, 128 KiB of a file in the kernel.
//! So is time: 10 seconds for a head, 60 between two requests, 60 for the client to read each 64 KiB. A steady client
//! reads in the steps in which its kernel opens the window, 96 KiB on Linux: it needs 3 kB a second.
//!
//! `http_server/request.rs` and `static_files/request.rs` parse requests; `9110 x` and
//! `9112 x` name sections of RFC 9110 and RFC 9112. SIGTERM or Ctrl-C ends it when answers in flight are sent, 10
//! seconds later at the latest.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::signal::unix::{SignalKind, signal};
use egret::task::spawn_blocking;
use egret::time::timeout;

#[path = "static_files/conditions.rs"]
mod conditions;
#[path = "http_server/date.rs"]
mod date;
#[path = "static_files/folder.rs"]
pub(crate) mod folder;
#[path = "static_files/kinds.rs"]
mod kinds;
#[allow(dead_code, reason = "there are no bodies here")]
#[path = "http_server/request.rs"]
mod message;
#[path = "static_files/request.rs"]
mod request;

use conditions::Validators;
use folder::{Folder, Found};
use message::Status;
use request::Request;

const MAX_CONNECTIONS: usize = 1024;
const MAX_HEAD: usize = 8 * 1024;
const HEAD_TIME: Duration = Duration::from_secs(10);
const IDLE_TIME: Duration = Duration::from_secs(60);
/// A client takes each piece of a file in time, so that one which takes a byte a minute does not keep its place.
const PIECE: u64 = 64 * 1024;
const PIECE_TIME: Duration = Duration::from_secs(60);
/// The kernel holds this much that is not sent yet, and not the megabytes of a send buffer: there is room as soon as the
/// client takes something, which is how the time limit knows that it does.
const MAX_UNSENT: u32 = 128 * 1024;
/// After a refusal so much is read and thrown away, and for so long, so that the answer is not destroyed by a reset.
const MAX_LINGER: usize = 256 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);
const DRAIN_TIME: Duration = Duration::from_secs(10);

struct Connection {
    stream: TcpStream,
    folder: Arc<Folder>,
    /// Read and not yet used is `input[..len]`.
    input: Box<[u8]>,
    len: usize,
}

/// Why no other request is read.
enum Stop {
    Refused(Status),
    /// Between two requests, or when the client has gone.
    Gone,
}

impl From<Status> for Stop {
    fn from(status: Status) -> Stop {
        Stop::Refused(status)
    }
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Stop {
        Stop::Gone
    }
}

impl Connection {
    async fn serve(mut self, shutdown: Shutdown) -> io::Result<()> {
        // A small answer is two writes, and the second does not wait until the first has been acknowledged.
        self.stream.set_nodelay(true)?;
        self.stream.set_notsent_lowat(MAX_UNSENT)?;
        loop {
            // An idle connection does not hold up the end, nor does a request that has not been looked at: a GET can
            // be made again.
            let Some(next) = shutdown.run_until_requested(self.next()).await else { return Ok(()) };
            let stop = match next {
                Ok(request) => {
                    let is_last = request.close || shutdown.is_requested();
                    match self.answer(request, is_last).await {
                        Ok(()) if is_last || shutdown.is_requested() => return self.linger().await,
                        Ok(()) => continue,
                        Err(stop) => stop,
                    }
                }
                Err(stop) => stop,
            };
            return match stop {
                Stop::Gone => Ok(()),
                Stop::Refused(status) => {
                    let mut reply = Reply::page(status);
                    if status.starts_with("405") {
                        reply.fields += "Allow: GET, HEAD\r\n";
                    }
                    let is_head = self.input[..self.len].trim_ascii_start().starts_with(b"HEAD ");
                    let answer = reply.start("Connection: close\r\n", is_head);
                    timeout(PIECE_TIME, self.stream.write_all(answer.as_bytes())).await??;
                    self.linger().await
                }
            };
        }
    }

    /// Reads the next head. Each time it is looked at from its start, so where it was cut cannot matter.
    async fn next(&mut self) -> Result<Request, Stop> {
        if self.len == 0 {
            self.fill(IDLE_TIME).await?;
        }
        let whole = timeout(HEAD_TIME, async {
            loop {
                if let Some((used, request)) = request::parse(&self.input[..self.len])? {
                    self.input.copy_within(used..self.len, 0);
                    self.len -= used;
                    return Ok(request);
                }
                if self.len == self.input.len() {
                    return Err(Stop::Refused("431 Request Header Fields Too Large"));
                }
                self.fill(HEAD_TIME).await?;
            }
        });
        whole.await.unwrap_or(Err(Stop::Refused("408 Request Timeout")))
    }

    async fn fill(&mut self, time: Duration) -> Result<(), Stop> {
        match timeout(time, self.stream.read(&mut self.input[self.len..])).await {
            Ok(Ok(n)) if n > 0 => self.len += n,
            _ => return Err(Stop::Gone),
        }
        Ok(())
    }

    async fn answer(&mut self, request: Request, is_last: bool) -> Result<(), Stop> {
        let connection = match (is_last, request.version) {
            (true, _) => "Connection: close\r\n",
            (false, 0) => "Connection: keep-alive\r\n",
            (false, _) => "",
        };
        let (folder, is_head) = (self.folder.clone(), request.is_head);
        let reply = spawn_blocking(move || Reply::to(&request, &folder)).await;
        let reply = reply.map_err(|_| "500 Internal Server Error")?;
        let start = reply.start(connection, is_head);
        timeout(PIECE_TIME, self.stream.write_all(start.as_bytes())).await.map_err(io::Error::from)??;
        let Content::File(file, part) = reply.content else { return Ok(()) };
        if is_head {
            return Ok(());
        }
        let mut start = part.start;
        while start < part.end {
            let end = start + (part.end - start).min(PIECE);
            let sent = timeout(PIECE_TIME, self.send(&file, start..end)).await;
            if let Err(error) = sent.map_err(io::Error::from).and_then(|sent| sent) {
                // What the client has not taken is not kept for it, and it sees that this is not the end.
                self.stream.set_zero_linger()?;
                return Err(error.into());
            }
            start = end;
        }
        Ok(())
    }

    async fn send(&mut self, file: &File, mut part: Range<u64>) -> io::Result<()> {
        while !part.is_empty() {
            match self.stream.sendfile(file, part.start, (part.end - part.start) as usize).await? {
                // It has become shorter, and what was announced cannot be had: only a reset says so.
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => part.start += n as u64,
            }
        }
        Ok(())
    }

    /// Ends the connection so that the last answer arrives (9112 9.6): a close while bytes of the client are unread
    /// makes the kernel reset it, and the reset may overtake the answer.
    async fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let thrown = async {
            let mut thrown = 0;
            while thrown < MAX_LINGER {
                match self.stream.read(&mut self.input).await {
                    Ok(n) if n > 0 => thrown += n,
                    _ => break,
                }
            }
        };
        let _ = timeout(LINGER_TIME, thrown).await;
        Ok(())
    }
}

// ---- Answers ---------------------------------------------------------------------------------------

/// All of an answer but for what it says of the connection.
struct Reply {
    status: Status,
    /// Whole lines.
    fields: String,
    content: Content,
}

enum Content {
    /// Not even an empty one.
    None,
    Page(String),
    File(File, Range<u64>),
}

impl Reply {
    /// Says in words what the status says.
    fn page(status: Status) -> Reply {
        let fields = "Content-Type: text/plain; charset=utf-8\r\n".to_owned();
        Reply { status, fields, content: Content::Page(format!("{status}\n")) }
    }

    /// May wait for a disk.
    fn to(request: &Request, folder: &Folder) -> Reply {
        match folder.find(&request.file) {
            Found::File(file, kind, metadata) => Reply::with_file(request, file, kind, &metadata)
                .unwrap_or_else(|error| Reply::failed(request, error)),
            Found::Folder => {
                let mut reply = Reply::page("301 Moved Permanently");
                // With one slash in front, so that no other site is meant.
                let (path, query) = (request.path.trim_start_matches('/'), &request.query);
                reply.fields += &format!("Location: /{path}/{query}\r\n");
                reply
            }
            Found::Nothing => Reply::page("404 Not Found"),
            Found::Busy => {
                let mut reply = Reply::page("503 Service Unavailable");
                reply.fields += "Retry-After: 1\r\n";
                reply
            }
            Found::Failed(error) => Reply::failed(request, error),
        }
    }

    fn failed(request: &Request, error: io::Error) -> Reply {
        eprintln!("{}: {error}", request.path);
        Reply::page("500 Internal Server Error")
    }

    fn with_file(request: &Request, file: File, kind: &str, metadata: &Metadata) -> io::Result<Reply> {
        let len = metadata.len();
        let validators = validators(metadata);
        let weak = if validators.is_weak { "W/" } else { "" };
        let modified = imf_fixdate(validators.modified);
        let mut fields = format!("ETag: {weak}\"{}\"\r\nLast-Modified: {modified}\r\n", validators.tag);
        match request.conditions.status(&validators) {
            Some(status @ "304 Not Modified") => return Ok(Reply { status, fields, content: Content::None }),
            Some(status) => return Ok(Reply::page(status)),
            None => {}
        }
        // Some clients ask for a range of everything; of a file that is empty there is none, and it is sent as it is.
        let range = request.range.filter(|_| len > 0 && request.conditions.allow_part(&validators));
        let (status, part) = match range.map(|range| range.of(len)) {
            None => ("200 OK", 0..len),
            Some(Some(part)) => {
                fields += &format!("Content-Range: bytes {}-{}/{len}\r\n", part.start, part.end - 1);
                ("206 Partial Content", part)
            }
            Some(None) => {
                let mut reply = Reply::page("416 Range Not Satisfiable");
                reply.fields += &format!("Content-Range: bytes */{len}\r\n");
                return Ok(reply);
            }
        };
        // The name says what it is, and no browser is to guess from what is in it.
        fields +=
            &format!("Content-Type: {kind}\r\nX-Content-Type-Options: nosniff\r\nAccept-Ranges: bytes\r\n");
        if !request.is_head {
            // The loop's thread waits for pages that are not in memory. This one waits for the first of them; those
            // behind it the kernel reads ahead while they are sent in order.
            file.read_at(&mut [0], part.start)?;
        }
        Ok(Reply { status, fields, content: Content::File(file, part) })
    }

    /// The head, and the page if that is the content.
    fn start(&self, connection: &str, is_head: bool) -> String {
        let Reply { status, fields, content } = self;
        let (length, page) = match content {
            Content::None => (String::new(), ""),
            Content::Page(page) => (format!("Content-Length: {}\r\n", page.len()), page.as_str()),
            Content::File(_, part) => (format!("Content-Length: {}\r\n", part.end - part.start), ""),
        };
        let date = imf_fixdate(seconds_now());
        let page = if is_head { "" } else { page };
        format!("HTTP/1.1 {status}\r\nDate: {date}\r\n{fields}{length}{connection}\r\n{page}")
    }
}

fn validators(metadata: &Metadata) -> Validators {
    let (seconds, now) = (metadata.mtime().max(0) as u64, seconds_now());
    let tag = format!(
        "{:x}-{:x}-{:x}.{:x}",
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec()
    );
    // None is later than the answer (9110 8.8.2.1), be the clocks as they are.
    Validators { tag, is_weak: seconds + 2 > now, modified: seconds.min(now) }
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn imf_fixdate(unix_seconds: u64) -> String {
    String::from_utf8_lossy(&date::imf_fixdate(unix_seconds)).into_owned()
}

// ---- The server ------------------------------------------------------------------------------------

async fn listen(folder: &Path, address: &str) -> io::Result<()> {
    let folder = Folder::open(folder)?;
    let listener = TcpListener::bind(address).await?;
    let shutdown = Shutdown::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, shutdown) = (signal(kind)?, shutdown.clone());
        egret::spawn(async move {
            signals.recv().await;
            shutdown.request();
        });
    }
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    io::stdout().flush()?;
    serve(listener, folder, &shutdown).await
}

/// Serves until the shutdown is requested, and a little longer.
pub(crate) async fn serve(listener: TcpListener, folder: Folder, shutdown: &Shutdown) -> io::Result<()> {
    let folder = Arc::new(folder);
    let accepting = listener.serve(shutdown).max_connections(MAX_CONNECTIONS);
    let accepted = accepting.run(|stream, _| {
        let input = vec![0; MAX_HEAD].into_boxed_slice();
        let connection = Connection { stream, folder: folder.clone(), input, len: 0 };
        let shutdown = shutdown.clone();
        async move {
            let _ = connection.serve(shutdown).await; // the client has gone
        }
    });
    accepted.await?;
    let _ = shutdown.drain(DRAIN_TIME).await; // then cuts off the rest
    Ok(())
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (folder, address) = match &arguments[..] {
        [] => (".", "127.0.0.1:8080"),
        [folder] => (folder.as_str(), "127.0.0.1:8080"),
        [folder, address, ..] => (folder.as_str(), address.as_str()),
    };
    if let Err(error) = egret::block_on(listen(folder.as_ref(), address)) {
        eprintln!("cannot serve {folder} on {address}: {error}");
        eprintln!("usage: static_files [FOLDER [ADDRESS:PORT]], where port 0 takes any free one");
        std::process::exit(1);
    }
}
