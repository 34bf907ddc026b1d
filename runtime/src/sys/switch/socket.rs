//! Sockets of either kernel: create, bind, listen, connect, accept, shut down.

use super::{Backend, Fd, sim};
use crate::sys::linux::{Connect, Domain, Type};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd;

impl Backend {
    pub fn socket(self, domain: Domain, kind: Type) -> io::Result<Fd> {
        match sim::socket(domain, kind) {
            Some(made) => made.map(Fd::from),
            None => self.linux.socket(domain, kind).map(Fd::from),
        }
    }
}

impl Fd {
    /// Fails for a real descriptor in a simulated host, which would be bound or connected on the real network before its
    /// registration is refused.
    fn real(&self, call: &str) -> io::Result<()> {
        Backend::current().needs_linux(&format!("descriptor {} is a real one, and {call}", self.as_raw_fd()))
    }

    pub fn bind(&self, address: &SocketAddr) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.bind(address),
            None => {
                self.real("bind")?;
                self.linux.bind(address)
            }
        }
    }

    pub fn listen(&self, backlog: u32) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.listen(backlog),
            None => {
                self.real("listen")?;
                self.linux.listen(backlog)
            }
        }
    }

    pub fn connect(&self, address: &SocketAddr) -> io::Result<Connect> {
        match self.simulated() {
            Some(simulated) => simulated.connect(address),
            None => {
                self.real("connect")?;
                self.linux.connect(address)
            }
        }
    }

    pub fn accept(&self) -> io::Result<(Fd, SocketAddr)> {
        match self.simulated() {
            Some(simulated) => simulated.accept().map(|(fd, peer)| (Fd::from(fd), peer)),
            None => self.linux.accept().map(|(fd, peer)| (Fd::from(fd), peer)),
        }
    }

    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.shutdown(how),
            None => self.linux.shutdown(how),
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.simulated() {
            Some(simulated) => simulated.local_addr(),
            None => self.linux.local_addr(),
        }
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.simulated() {
            Some(simulated) => simulated.peer_addr(),
            None => self.linux.peer_addr(),
        }
    }
}
