//! Name resolution.

use super::Backend;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

impl Backend {
    /// Returns how long to wait before a [`look_up`](Backend::look_up): a simulated one does not block.
    #[inline(always)]
    pub fn look_up_takes(self, _: &str) -> Option<Duration> {
        None
    }

    /// Returns the addresses of `name`, by the C library's [`getaddrinfo(3)`]. It blocks.
    ///
    /// # Errors
    ///
    /// Those of [`std::net::ToSocketAddrs`].
    ///
    /// [`getaddrinfo(3)`]: https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
    #[inline]
    pub fn look_up(self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (name, port).to_socket_addrs().map(Iterator::collect)
    }
}
