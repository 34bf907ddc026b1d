//! A connection: reads requests, answers them in their order, and ends so that the last answer arrives.

use super::Server;
use super::patience::{Awaited, Patience};
use super::request::{self, Framing, Parsed, Status};
use super::routes::{self, Content, Head, MAX_BODY};

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use egret::net::TcpStream;
use egret::task::yield_now;

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

/// Serves one client until it is gone, or its connection is to be closed.
pub(super) async fn serve(stream: TcpStream, server: Rc<Server>) {
    // An error here means that the client has gone.
    let _ = Connection::new(stream, &server).serve().await;
}

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
