//! A connection: one request after the other, each with its time and its size.

use super::answer::Answer;
use super::door::{Door, MAX_HEAD, Refusal, Request};
use super::routes::Routes;
use super::waiting::WaitingConnections;
use crate::TcpStream;
use egret_runtime::shutdown::Shutdown;
use egret_runtime::time::timeout;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// The most connections at a time; more wait in the backlog, or take the place of one without a request.
pub(super) const MOST: usize = 32;
/// For a whole head, from the end of the answer before it.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// For each [`PART`] of an answer to be taken.
const PART_TIME: Duration = Duration::from_secs(15);
const PART: usize = 64 * 1024;
/// The limit of bytes that the kernel holds unsent, so that a slow client is seen as one.
const MAX_UNSENT: u32 = 64 * 1024;
/// After a refusal: for the client to read it and close.
const LINGER: Duration = Duration::from_secs(1);
/// The most that is read and dropped meanwhile.
const MAX_LINGER: usize = 64 * 1024;

/// A connection, its bytes so far.
pub(super) struct PageConnection {
    stream: TcpStream,
    input: Box<[u8]>,
    filled: usize,
}

impl PageConnection {
    pub(super) fn new(stream: TcpStream) -> PageConnection {
        PageConnection { stream, input: vec![0; MAX_HEAD].into(), filled: 0 }
    }

    /// Answers requests until the client closes, is refused, is late, has to make room, or `shutdown` is requested.
    pub(super) async fn serve(
        mut self,
        door: &Door,
        routes: &Routes,
        waiting: &WaitingConnections,
        shutdown: &Shutdown,
    ) -> io::Result<()> {
        let place = waiting.enter();
        self.stream.set_nodelay(true)?;
        self.stream.set_notsent_lowat(MAX_UNSENT)?;
        loop {
            let next = place.wait(timeout(HEAD_TIME, self.next(door)));
            let Some(Some(next)) = shutdown.run_until_requested(next).await else { return Ok(()) };
            match next {
                Ok(Ok(Some(request))) => {
                    self.write(&routes.answer(&request), request.close).await?;
                    if request.close {
                        return self.linger().await;
                    }
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(NoRequest::Refused(refusal))) => {
                    self.write(&refusal.into(), true).await?;
                    return self.linger().await;
                }
                Ok(Err(NoRequest::Failed(error))) => return Err(error),
                Err(_) if self.filled == 0 => return Ok(()), // idle
                Err(_) => {
                    self.write(&Answer::error("408 Request Timeout", "The head took too long."), true)
                        .await?;
                    return self.linger().await;
                }
            }
        }
    }

    /// Returns the next request, or `None` at the end of the connection.
    async fn next(&mut self, door: &Door) -> Result<Option<Request>, NoRequest> {
        loop {
            if self.filled > 0 {
                if let Some((used, request)) = door.check(&self.input[..self.filled])? {
                    self.input.copy_within(used..self.filled, 0);
                    self.filled -= used;
                    return Ok(Some(request));
                }
            }
            // `check` refuses a full buffer, so there is room.
            match self.stream.read(&mut self.input[self.filled..]).await? {
                0 if self.filled == 0 => return Ok(None),
                0 => return Err(NoRequest::Failed(ErrorKind::UnexpectedEof.into())),
                n => self.filled += n,
            }
        }
    }

    async fn write(&mut self, answer: &Answer, close: bool) -> io::Result<()> {
        let mut first = answer.head(close).into_bytes();
        let (with_head, rest) = answer.body.split_at(answer.body.len().min(PART));
        first.extend_from_slice(with_head);
        for part in std::iter::once(&*first).chain(rest.chunks(PART)) {
            timeout(PART_TIME, self.stream.write_all(part)).await??;
        }
        Ok(())
    }

    /// Closes so that the last answer arrives: a close with unread bytes would reset the connection.
    async fn linger(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let drain = async {
            let mut left = MAX_LINGER;
            while left > 0 {
                match self.stream.read(&mut self.input).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => left = left.saturating_sub(n),
                }
            }
        };
        let _ = timeout(LINGER, drain).await; // late: the connection is cut
        Ok(())
    }
}

/// Why there is no further request.
enum NoRequest {
    Refused(Refusal),
    Failed(io::Error),
}

impl From<Refusal> for NoRequest {
    fn from(refusal: Refusal) -> NoRequest {
        NoRequest::Refused(refusal)
    }
}

impl From<io::Error> for NoRequest {
    fn from(error: io::Error) -> NoRequest {
        NoRequest::Failed(error)
    }
}
