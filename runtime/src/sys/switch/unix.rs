//! Sockets of the Unix domain and pipes, of either kernel.

use super::transfer::{joined, scatter};
use super::{Backend, Fd, sim};
use crate::sys::linux::{Ancillary, Credentials, Message, ReadBuf, Type, UnixAddress};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

impl Backend {
    pub fn socket_pair(self, kind: Type) -> io::Result<(Fd, Fd)> {
        match sim::socket_pair(kind) {
            Some(made) => made.map(|(one, other)| (one.into(), other.into())),
            None => self.linux.socket_pair(kind).map(|(one, other)| (one.into(), other.into())),
        }
    }

    pub fn pipe(self) -> io::Result<(Fd, Fd)> {
        match sim::pipe() {
            Some(made) => made.map(|(reader, writer)| (reader.into(), writer.into())),
            None => self.linux.pipe().map(|(reader, writer)| (reader.into(), writer.into())),
        }
    }

    pub fn open(self, path: &std::path::Path, access: crate::sys::linux::Access) -> io::Result<Fd> {
        self.needs_linux("a named pipe or a terminal (open)")?;
        self.linux.open(path, access).map(Fd::from)
    }
}

impl Fd {
    pub fn bind_unix(&self, address: &UnixAddress) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.bind_unix(address),
            None => self.linux.bind_unix(address),
        }
    }

    pub fn connect_unix(&self, address: &UnixAddress) -> io::Result<()> {
        match self.simulated() {
            Some(simulated) => simulated.connect_unix(address),
            None => self.linux.connect_unix(address),
        }
    }

    pub fn accept_unix(&self) -> io::Result<(Fd, UnixAddress)> {
        match self.simulated() {
            Some(simulated) => simulated.accept_unix().map(|(fd, peer)| (fd.into(), peer)),
            None => self.linux.accept_unix().map(|(fd, peer)| (fd.into(), peer)),
        }
    }

    pub fn local_addr_unix(&self) -> io::Result<UnixAddress> {
        match self.simulated() {
            Some(simulated) => simulated.local_addr_unix(),
            None => self.linux.local_addr_unix(),
        }
    }

    pub fn peer_addr_unix(&self) -> io::Result<UnixAddress> {
        match self.simulated() {
            Some(simulated) => simulated.peer_addr_unix(),
            None => self.linux.peer_addr_unix(),
        }
    }

    pub fn recv_from_unix(&self, buf: &mut [u8]) -> io::Result<(usize, UnixAddress)> {
        match self.simulated() {
            Some(simulated) => simulated.recv_from_unix(buf),
            None => self.linux.recv_from_unix(buf),
        }
    }

    pub fn recv_from_unix_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<(usize, UnixAddress)> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_from_unix_uninit(buf) };
        let mut bytes = vec![0; buf.remaining()];
        let (n, from) = simulated.recv_from_unix(&mut bytes)?;
        Ok((buf.put(&bytes[..n]), from))
    }

    pub fn send_to_unix(&self, buf: &[u8], to: &UnixAddress) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.send_to_unix(buf, to),
            None => self.linux.send_to_unix(buf, to),
        }
    }

    pub fn recv_message(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        ancillary: &mut Ancillary,
    ) -> io::Result<Message> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_message(bufs, ancillary) };
        let room = bufs.iter().map(|buf| buf.len()).sum();
        simulated.recv_message(room, ancillary, |bytes| scatter(bytes, bufs))
    }

    pub fn send_message(
        &self,
        bufs: &[IoSlice<'_>],
        descriptors: &[BorrowedFd<'_>],
        credentials: Option<Credentials>,
        to: Option<&UnixAddress>,
    ) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => {
                simulated.send_message(&joined(bufs, usize::MAX), descriptors, credentials, to)
            }
            None => self.linux.send_message(bufs, descriptors, credentials, to),
        }
    }

    pub fn peer_credentials(&self) -> io::Result<Credentials> {
        match self.simulated() {
            Some(simulated) => simulated.peer_credentials(),
            None => self.linux.peer_credentials(),
        }
    }
}
