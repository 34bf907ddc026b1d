//! A restart without a gap: a server gives its listeners to its successor.
//!
//! ```text
//!     successor                              predecessor
//!         |  Handover::take: connects             |
//!         | ------------------------------------> | checks the user of the peer
//!         |  names and descriptors, one packet    |
//!         | <------------------------------------ | goes on accepting
//!         |  Taken::ready                         |
//!         | ------------------------------------> |
//!         |  yours                                |
//!         | <------------------------------------ | give returns: stops accepting, drains
//! ```
//!
//! - Both have the same sockets, with the same queue of connections: none is lost, refused or reset at the change.
//! - When the successor ends or says nothing before it is ready, the predecessor goes on as before.
//! - Each side lets in only processes of its own user, by the credentials that the kernel has.
//! - Every step of the protocol has a time limit.

use crate::unix::{RecvAncillary, SendAncillary};
use crate::{UnixSeqpacket, UnixSeqpacketListener};
use egret_runtime::time::{self, Duration};
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The first line of the packet with the names. The number is the version of the protocol.
const HELLO: &str = "egret handover 1";
const READY: &[u8] = b"ready";
const YOURS: &[u8] = b"yours";

/// The most descriptors in one packet: `SCM_MAX_FD` of the kernel.
const MOST: usize = 253;

/// How long a step takes at most that needs no work of the other side.
const STEP: Duration = Duration::from_secs(5);

/// The side of the server that runs: gives its listeners to a successor that asks for them.
///
/// ```no_run
/// use egret_net::TcpListener;
/// use egret_net::handover::Handover;
/// use egret_runtime::shutdown::Shutdown;
///
/// # egret_runtime::block_on(async {
/// let path = "/run/server/handover";
/// let predecessor = Handover::take(path).await?;
/// let listener = match &predecessor {
///     Some(taken) => TcpListener::from_std(taken.descriptor("http")?.into())?,
///     None => TcpListener::bind("0.0.0.0:80").await?,
/// };
/// let listeners = [("http", listener.as_fd().try_clone_to_owned()?)];
/// let shutdown = Shutdown::new();
/// let serve = listener.serve(&shutdown).run(|mut stream, _| async move {
///     let _ = stream.write_all(b"hello\n").await;
/// });
/// let server = egret_runtime::spawn(serve);
/// if let Some(taken) = predecessor {
///     taken.ready().await?; // the predecessor stops accepting
/// }
/// let handover = Handover::bind(path, listeners)?;
/// while let Err(error) = handover.give().await {
///     eprintln!("a successor failed: {error}"); // and this server goes on
/// }
/// shutdown.request();
/// server.await.unwrap()
/// # }).unwrap();
/// # use std::os::fd::AsFd;
/// ```
pub struct Handover {
    listener: UnixSeqpacketListener,
    path: PathBuf,
    descriptors: Vec<(String, OwnedFd)>,
    patience: Duration,
}

impl Handover {
    /// Waits for a successor at a path. A socket of a predecessor that is there is replaced in one step: a process that
    /// connects finds the one or the other.
    ///
    /// Called after [`Taken::ready`]: until then a restart has to reach the predecessor.
    ///
    /// The directory decides who may take the path away: it belongs to the user of the server, such as systemd's
    /// `RuntimeDirectory=`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for more than 253 descriptors, and for a name that is empty, has a line
    /// end in it or is there twice; as [`UnixSeqpacketListener::bind`], and those of `rename(2)`.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[track_caller]
    #[inline]
    pub fn bind<N: Into<String>>(
        path: impl AsRef<Path>,
        descriptors: impl IntoIterator<Item = (N, OwnedFd)>,
    ) -> io::Result<Handover> {
        let descriptors: Vec<_> = descriptors.into_iter().map(|(name, fd)| (name.into(), fd)).collect();
        check(&descriptors)?;
        let path = path.as_ref().to_owned();
        let mut own = path.clone().into_os_string();
        own.push(format!(".{}", std::process::id()));
        let _ = std::fs::remove_file(&own); // of a process of this number that was killed
        let listener = UnixSeqpacketListener::bind(&own)?;
        if let Err(error) = std::fs::rename(&own, &path) {
            let _ = std::fs::remove_file(&own);
            return Err(error);
        }
        Ok(Handover { listener, path, descriptors, patience: Duration::from_secs(60) })
    }

    /// Returns how long a successor may take from its connection to [`Taken::ready`]; 60 s by default.
    #[inline]
    pub fn patience(mut self, patience: Duration) -> Handover {
        self.patience = patience;
        self
    }

    /// Waits for a successor, gives it the descriptors, and returns when it is ready. From then on this process has to
    /// stop accepting.
    ///
    /// # Errors
    ///
    /// Those of one successor, after which this is called again, and the server goes on:
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when it belongs to another user,
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof) when it ends before it is ready,
    /// [`TimedOut`](ErrorKind::TimedOut) when it is not ready within the [patience](Handover::patience),
    /// [`InvalidData`](ErrorKind::InvalidData) when it says something else; and those of `accept(2)`, after a pause when
    /// no descriptors are left.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, this process has given nothing away: a successor fails.
    #[inline]
    pub async fn give(&self) -> io::Result<()> {
        let (peer, _) = match self.listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                time::sleep(Duration::from_millis(100)).await; // it may fail at once again
                return Err(error);
            }
        };
        same_user(&peer, "the successor")?;
        within(self.patience, "the successor is not ready", async {
            let names: Vec<_> = self.descriptors.iter().map(|(name, _)| &**name).collect();
            let hello = [&[HELLO], &*names].concat().join("\n");
            let descriptors: Vec<BorrowedFd<'_>> =
                self.descriptors.iter().map(|(_, fd)| fd.as_fd()).collect();
            let control = SendAncillary::new().descriptors(&descriptors);
            peer.send_message(&[IoSlice::new(hello.as_bytes())], &control).await?;
            expect(&peer, READY, "the successor").await?;
            // If it is gone by now, this fails and the server goes on.
            peer.send(YOURS).await.map(drop)
        })
        .await
    }

    /// Returns the path.
    #[inline]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the server that runs, if there is one, for its descriptors. It goes on accepting until
    /// [`Taken::ready`].
    ///
    /// `None` when no server waits at the path.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when the server belongs to another user, or the path may not
    /// be used; [`TimedOut`](ErrorKind::TimedOut) when it does not answer within 5 s;
    /// [`InvalidData`](ErrorKind::InvalidData) when it answers something else;
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof) when it ends; `EMFILE` when this process has no descriptors left.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it resolves, the server goes on.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime.
    #[inline]
    pub async fn take(path: impl AsRef<Path>) -> io::Result<Option<Taken>> {
        within(STEP, "the predecessor does not answer", async {
            let peer = match UnixSeqpacket::connect(path).await {
                Ok(peer) => peer,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            same_user(&peer, "the predecessor")?;
            let (mut hello, mut control) = (vec![0; 64 * 1024], RecvAncillary::with_room_for(MOST));
            let message = peer.recv_message(&mut [IoSliceMut::new(&mut hello)], &mut control).await?;
            if message.ancillary_truncated {
                return Err(io::Error::other(
                    "descriptors of the predecessor were lost: RLIMIT_NOFILE is too low",
                ));
            }
            let descriptors = parse(&hello[..message.len], control.take_descriptors())?;
            Ok(Some(Taken { peer, descriptors }))
        })
        .await
    }
}

/// The side of the successor: what it has taken, until it is [`ready`](Taken::ready). Dropped before, the predecessor
/// goes on.
pub struct Taken {
    peer: UnixSeqpacket,
    descriptors: Vec<(String, OwnedFd)>,
}

impl Taken {
    /// Returns the names, in the order of the predecessor.
    #[inline]
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.descriptors.iter().map(|(name, _)| &**name)
    }

    /// Returns a duplicate of the descriptor of this name.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when the predecessor has no such name: the message lists those that it has.
    /// `EMFILE`.
    #[inline]
    pub fn descriptor(&self, name: &str) -> io::Result<OwnedFd> {
        match self.descriptors.iter().find(|(other, _)| other == name) {
            Some((_, fd)) => fd.try_clone(),
            None => {
                let names: Vec<_> = self.names().collect();
                let message = format!("the predecessor has no descriptor {name:?}, but {names:?}");
                Err(io::Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    /// Tells the predecessor that this process serves from now on, and waits until it knows: it then stops accepting.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof) and [`TimedOut`](ErrorKind::TimedOut) when the predecessor has ended
    /// or does not answer within 5 s: this process is the only one then, or they both accept.
    ///
    /// # Cancel safety
    ///
    /// None: after the message has been sent, the predecessor may stop accepting.
    #[inline]
    pub async fn ready(self) -> io::Result<()> {
        within(STEP, "the predecessor does not answer", async {
            self.peer.send(READY).await?;
            expect(&self.peer, YOURS, "the predecessor").await
        })
        .await
    }
}

/// Names are lines of the packet.
#[inline]
fn check(descriptors: &[(String, OwnedFd)]) -> io::Result<()> {
    let refuse = |message| Err(io::Error::new(ErrorKind::InvalidInput, message));
    if descriptors.len() > MOST {
        return refuse(format!("{} descriptors, and a message has {MOST} at most", descriptors.len()));
    }
    for (at, (name, _)) in descriptors.iter().enumerate() {
        if name.is_empty() || name.contains('\n') {
            return refuse(format!("{name:?} is no name of a descriptor: it is one line that is not empty"));
        }
        if descriptors[..at].iter().any(|(other, _)| other == name) {
            return refuse(format!("two descriptors have the name {name:?}"));
        }
    }
    Ok(())
}

#[inline]
fn parse(hello: &[u8], descriptors: Vec<OwnedFd>) -> io::Result<Vec<(String, OwnedFd)>> {
    if hello.is_empty() {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "the predecessor has ended"));
    }
    let lines = std::str::from_utf8(hello).ok().map(|text| text.split('\n'));
    let names = lines.and_then(|mut lines| (lines.next() == Some(HELLO)).then(|| lines.map(str::to_owned)));
    let names: Option<Vec<_>> = names.map(Iterator::collect);
    match names {
        Some(names) if names.len() == descriptors.len() => Ok(names.into_iter().zip(descriptors).collect()),
        Some(names) => {
            let (names, there) = (names.len(), descriptors.len());
            let message = format!("the predecessor has sent {names} names and {there} descriptors");
            Err(io::Error::new(ErrorKind::InvalidData, message))
        }
        None => Err(unexpected("the predecessor", hello, HELLO.as_bytes())),
    }
}

/// Receives one packet, which has to be this one.
#[inline]
async fn expect(peer: &UnixSeqpacket, wanted: &[u8], who: &str) -> io::Result<()> {
    let mut packet = [0; 64];
    match peer.recv(&mut packet).await? {
        0 => Err(io::Error::new(ErrorKind::UnexpectedEof, format!("{who} has ended"))),
        len if &packet[..len] == wanted => Ok(()),
        len => Err(unexpected(who, &packet[..len], wanted)),
    }
}

#[inline]
fn unexpected(who: &str, said: &[u8], wanted: &[u8]) -> io::Error {
    let said = said[..said.len().min(64)].escape_ascii();
    let message = format!("{who} has said \"{said}\" instead of \"{}\"", wanted.escape_ascii());
    io::Error::new(ErrorKind::InvalidData, message)
}

#[inline]
async fn within<T>(
    limit: Duration,
    message: &str,
    step: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let late = |_| Err(io::Error::new(ErrorKind::TimedOut, format!("{message} after {limit:?}")));
    time::timeout(limit, step).await.unwrap_or_else(late)
}

/// Checks that the peer is a process of the user of this one.
#[inline]
fn same_user(peer: &UnixSeqpacket, who: &str) -> io::Result<()> {
    let theirs = peer.peer_cred()?;
    let own = UnixSeqpacket::pair()?.0.peer_cred()?;
    if theirs.uid() == own.uid() {
        return Ok(());
    }
    let pid = theirs.pid().map_or("unknown".to_owned(), |pid| pid.to_string());
    let message =
        format!("{who} is process {pid} of user {}, and this one is of user {}", theirs.uid(), own.uid());
    Err(io::Error::new(ErrorKind::PermissionDenied, message))
}

impl fmt::Debug for Handover {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.descriptors.iter().map(|(name, _)| name).collect();
        f.debug_struct("Handover").field("path", &self.path).field("names", &names).finish()
    }
}

impl fmt::Debug for Taken {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").field("names", &self.names().collect::<Vec<_>>()).finish()
    }
}
