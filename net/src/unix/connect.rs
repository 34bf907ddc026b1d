//! How a Unix socket is connected.
//!
//! There is no handshake: `connect` is done or refused when it returns, but for one case. While as many connections
//! as the backlog of the listener wait to be accepted, a non-blocking `connect` answers `EAGAIN`, has begun nothing,
//! and leaves the socket reporting `OUT|HUP`, which says nothing at all: there is no event for "the queue has room".
//! So the attempt is repeated, after a pause that grows, and the socket is not registered before it is connected.
//! What would go wrong otherwise: a socket that is taken for connected because it is writable, or a wait for an edge
//! that never comes.

use super::SocketAddr;
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use egret_runtime::task::consume_budget;
use egret_runtime::time::{self, Duration};
use std::io;

/// The pause before the second attempt, and the longest there is; each is twice the one before. A server that is busy
/// for a moment is not felt, and one that hangs costs a call every fifty milliseconds for each client.
const PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A new socket, connected; not registered yet.
#[inline]
pub(super) async fn connect(kind: Type, address: &SocketAddr) -> io::Result<Fd> {
    connect_socket(Backend::current().socket(Domain::Unix, kind)?, address).await
}

#[inline]
pub(super) async fn connect_socket(fd: Fd, address: &SocketAddr) -> io::Result<Fd> {
    consume_budget().await; // the kernel answers at once, so that a loop of connects would never wait
    let mut pause = PAUSE;
    loop {
        match fd.connect_unix(address.raw()) {
            Ok(()) => return Ok(fd),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(2 * pause);
            }
            Err(error) => return Err(error),
        }
    }
}
