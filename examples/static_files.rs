//! The files of a folder by HTTP/1.1: GET and HEAD, one range of bytes, `sendfile`, and no way out of the folder.
//!
//!     cargo run --release --example static_files [FOLDER [ADDRESS:PORT]]
//!     curl -i -r 0-99 http://127.0.0.1:8080/README.md
//!
//! The kernel guards the folder (`static_files/folder.rs`), for no check of a path sees what a symbolic link becomes
//! between the check and the open. Files are opened on the threads that may block, for a disk can be slow; their
//! bytes go from the page cache to the socket and are never copied into this program. Everything under the folder is
//! served, names that begin with a dot as well.
//!
//! What a client can make it hold is bounded: 1024 connections, 8 KiB of head, no body. So is for how long: 10
//! seconds for a head, 60 between two requests, 30 for the client to take each 256 KiB. What the bytes of a request
//! mean is in `static_files/request.rs`; `9110 x` and `9112 x` name sections of RFC 9110 and RFC 9112. SIGTERM or
//! Ctrl-C ends it when what is being sent has been sent, 10 seconds later at the latest.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use egret::net::{TcpListener, TcpStream};
use egret::shutdown::Shutdown;
use egret::signal::unix::{SignalKind, signal};
use egret::task::spawn_blocking;
use egret::time::timeout;

#[path = "http_server/date.rs"]
mod date;
#[path = "static_files/folder.rs"]
mod folder;
#[path = "static_files/request.rs"]
mod request;

use folder::{Folder, Found};
use request::{Request, Status};

const MAX_CONNECTIONS: usize = 1024;
const MAX_HEAD: usize = 8 * 1024;
const HEAD_TIME: Duration = Duration::from_secs(10);
const IDLE_TIME: Duration = Duration::from_secs(60);
/// A client takes each piece of a file in time, so that one which takes a byte a minute does not keep its place.
const PIECE: u64 = 256 * 1024;
const PIECE_TIME: Duration = Duration::from_secs(30);
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
    /// Between two requests, or where there is nobody to tell.
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
        loop {
            // An idle connection does not hold up the end, nor does a request that has not been looked at: a GET can
            // be made again.
            let Some(next) = shutdown.run_until_requested(self.next()).await else { return Ok(()) };
            let stop = match next {
                Ok(request) => match self.answer(&request, shutdown.is_requested()).await {
                    Ok(()) if request.close || shutdown.is_requested() => return self.linger().await,
                    Ok(()) => continue,
                    Err(stop) => stop,
                },
                Err(stop) => stop,
            };
            return match stop {
                Stop::Gone => Ok(()),
                Stop::Refused(status) => {
                    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
                    let head = head(status, &format!("{allow}Content-Length: 0\r\nConnection: close\r\n"));
                    timeout(PIECE_TIME, self.stream.write_all(head.as_bytes())).await??;
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

    async fn answer(&mut self, request: &Request, last: bool) -> Result<(), Stop> {
        let (folder, path, range) = (self.folder.clone(), request.path.clone(), request.range);
        let found = spawn_blocking(move || folder.find(&path, range)).await;
        let connection = match (request.close || last, request.version) {
            (true, _) => "Connection: close\r\n",
            (false, 0) => "Connection: keep-alive\r\n",
            (false, _) => "",
        };
        let (status, fields, content) = match found.map_err(|_| "500 Internal Server Error")? {
            Found::File { file, kind, len } => {
                // The name says what it is, and no browser is to guess from what is in it.
                let kind = format!("Content-Type: {kind}\r\nX-Content-Type-Options: nosniff\r\n");
                let (status, fields, part) = match range.map(|range| range.of(len)) {
                    None => ("200 OK", format!("{kind}Accept-Ranges: bytes\r\n"), 0..len),
                    Some(Some(part)) => {
                        let range = format!("Content-Range: bytes {}-{}/{len}\r\n", part.start, part.end - 1);
                        ("206 Partial Content", kind + &range, part)
                    }
                    Some(None) => {
                        ("416 Range Not Satisfiable", format!("Content-Range: bytes */{len}\r\n"), 0..0)
                    }
                };
                (status, format!("{fields}Content-Length: {}\r\n", part.end - part.start), Some((file, part)))
            }
            // It was found beneath the folder, so the target begins with one slash, and no other site is meant.
            Found::Folder => {
                let fields = format!("Location: {}/\r\nContent-Length: 0\r\n", request.target);
                ("301 Moved Permanently", fields, None)
            }
            Found::Nothing => ("404 Not Found", "Content-Length: 0\r\n".to_owned(), None),
            Found::Failed => ("500 Internal Server Error", "Content-Length: 0\r\n".to_owned(), None),
        };
        let head = head(status, &(fields + connection));
        timeout(PIECE_TIME, self.stream.write_all(head.as_bytes())).await.map_err(io::Error::from)??;
        let Some((file, part)) = content.filter(|_| !request.is_head) else { return Ok(()) };
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

/// A whole head. `fields` are whole lines.
fn head(status: Status, fields: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let date = date::imf_fixdate(now.as_secs());
    let date = String::from_utf8_lossy(&date);
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\n{fields}\r\n")
}

async fn serve(folder: &Path, address: &str) -> io::Result<()> {
    let folder = Arc::new(Folder::open(folder)?);
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    io::stdout().flush()?;

    let shutdown = Shutdown::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, shutdown) = (signal(kind)?, shutdown.clone());
        egret::spawn(async move {
            signals.recv().await;
            shutdown.request();
        });
    }
    let accepting = listener.serve(&shutdown).max_connections(MAX_CONNECTIONS);
    let accepted = accepting.run(|stream, _| {
        let input = vec![0; MAX_HEAD].into_boxed_slice();
        let connection = Connection { stream, folder: folder.clone(), input, len: 0 };
        let shutdown = shutdown.clone();
        async move {
            let _ = connection.serve(shutdown).await; // the client has gone, so there is nobody to tell
        }
    });
    accepted.await?;
    let _ = shutdown.drain(DRAIN_TIME).await; // who is still at it then is cut off
    Ok(())
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (folder, address) = match &arguments[..] {
        [] => (".", "127.0.0.1:8080"),
        [folder] => (folder.as_str(), "127.0.0.1:8080"),
        [folder, address, ..] => (folder.as_str(), address.as_str()),
    };
    if let Err(error) = egret::block_on(serve(folder.as_ref(), address)) {
        eprintln!("cannot serve {folder} on {address}: {error}");
        eprintln!("usage: static_files [FOLDER [ADDRESS:PORT]], where port 0 takes any free one");
        std::process::exit(1);
    }
}
