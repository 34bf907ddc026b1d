//! Connecting a Unix socket.
//!
//! * There is no handshake: the result of `connect` is final, with one exception. When the listener's backlog is
//!   full, a non-blocking `connect` returns `EAGAIN`, has not started, and the socket reports `OUT|HUP`: no event
//!   reports room in a backlog.
//! * So the attempt is repeated, after a growing pause, and the socket is registered only once it is connected.
//!   Otherwise it would count as connected because it is writable, or wait for an edge that never comes.

use super::SocketAddr;
use egret_runtime::sys::{Backend, Domain, Fd, Type};
use egret_runtime::task::consume_budget;
use egret_runtime::time::{self, Duration};
use std::io;

/// The pause before the second attempt, and the longest; each is twice the one before. A brief overload is not
/// noticeable, and a server that hangs costs each client a call every fifty milliseconds.
const PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Creates a new, connected socket; not yet registered.
#[inline]
pub(super) async fn connect(kind: Type, address: &SocketAddr) -> io::Result<Fd> {
    connect_socket(Backend::current().socket(Domain::Unix, kind)?, address).await
}

#[inline]
pub(super) async fn connect_socket(fd: Fd, address: &SocketAddr) -> io::Result<Fd> {
    consume_budget().await; // the kernel answers at once, so a loop of connects would never yield
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
