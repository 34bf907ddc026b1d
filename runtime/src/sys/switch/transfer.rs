//! Transfers through descriptors of either kernel.

use super::Fd;
use crate::sys::Moved;
use crate::sys::linux::{Access, DatagramInfo, ReadBuf};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

impl Fd {
    #[inline]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.recv(buf),
            None => self.linux.recv(buf),
        }
    }

    #[inline]
    pub fn recv_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => Ok(buf.put(&simulated.receive("recv", buf.remaining(), false)?)),
            None => self.linux.recv_uninit(buf),
        }
    }

    pub fn recv_unix(&self, buf: &mut [u8]) -> io::Result<Moved> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_unix(buf) };
        let (bytes, cut) = simulated.receive_unix(buf.len())?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(Moved { bytes: bytes.len(), cut })
    }

    pub fn recv_unix_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<Moved> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_unix_uninit(buf) };
        let (bytes, cut) = simulated.receive_unix(buf.remaining())?;
        Ok(Moved { bytes: buf.put(&bytes), cut })
    }

    pub fn recv_unix_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_unix_vectored(bufs) };
        let (bytes, cut) = simulated.receive_unix(bufs.iter().map(|buf| buf.len()).sum())?;
        scatter(&bytes, bufs);
        Ok(Moved { bytes: bytes.len(), cut })
    }

    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.peek(buf),
            None => self.linux.peek(buf),
        }
    }

    pub fn recv_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_vectored(bufs) };
        let room = bufs.iter().map(|buf| buf.len()).sum();
        let bytes = simulated.receive("recvmsg", room, false)?;
        scatter(&bytes, bufs);
        Ok(bytes.len())
    }

    #[inline]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.send(buf),
            None => self.linux.send(buf),
        }
    }

    pub fn send_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.transmit("sendmsg", &joined(bufs, simulated.most_sent()), false),
            None => self.linux.send_vectored(bufs),
        }
    }

    pub fn send_urgent(&self, byte: u8) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.transmit("send urgent", &[byte], true),
            None => self.linux.send_urgent(byte),
        }
    }

    /// For a simulated socket: reads the file and sends as much as there is room for.
    pub fn sendfile(&self, file: BorrowedFd<'_>, offset: u64, count: usize) -> io::Result<usize> {
        let Some(simulated) = self.simulated() else { return self.linux.sendfile(file, offset, count) };
        let rest = (i64::MAX as u64).saturating_sub(offset);
        let mut bytes = vec![0; count.min(64 * 1024).min(rest as usize)];
        let read = File::from(file.try_clone_to_owned()?).read_at(&mut bytes, offset);
        let n = read.map_err(|error| match error.raw_os_error() {
            Some(libc::ESPIPE) => io::Error::from_raw_os_error(libc::EINVAL),
            _ => error,
        })?;
        if n == 0 { Ok(0) } else { simulated.transmit("sendfile", &bytes[..n], false) }
    }

    /// A simulation does not splice, by [`Backend::splices`](super::Backend::splices).
    pub fn splice_into(&self, pipe: &Fd, len: usize) -> io::Result<usize> {
        self.refuse("splice")?;
        self.linux.splice_into(&pipe.linux, len)
    }

    pub fn splice_out_to(&self, to: &Fd, len: usize) -> io::Result<usize> {
        self.refuse("splice")?;
        self.linux.splice_out_to(&to.linux, len)
    }

    /// The ring of a simulated pipe has one size.
    pub fn resize_pipe(&self, bytes: usize) -> io::Result<usize> {
        self.refuse("F_SETPIPE_SZ")?;
        self.linux.resize_pipe(bytes)
    }

    pub fn is_at_end(&self) -> bool {
        let Some(simulated) = self.simulated() else { return self.linux.is_at_end() };
        match simulated.peek(&mut [0]) {
            Ok(n) => n == 0,
            Err(error) => error.raw_os_error() == Some(libc::ENOTSOCK),
        }
    }

    pub fn access(&self) -> io::Result<Access> {
        match self.simulated() {
            Some(simulated) => simulated.access(),
            None => self.linux.access(),
        }
    }

    /// The descriptor is not changed, so a simulated one does as in [`recv`](Fd::recv).
    pub fn recv_at_once(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.recv(buf),
            None => self.linux.recv_at_once(buf),
        }
    }

    pub fn send_at_once(&self, buf: &[u8]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.send(buf),
            None => self.linux.send_at_once(buf),
        }
    }

    pub fn is_hung_up(&self) -> io::Result<bool> {
        match self.simulated() {
            Some(simulated) => simulated.is_hung_up(),
            None => self.linux.is_hung_up(),
        }
    }

    pub fn unsent(&self) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.unsent(),
            None => self.linux.unsent(),
        }
    }

    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self.simulated() {
            Some(simulated) => simulated.recv_from(buf, false),
            None => self.linux.recv_from(buf),
        }
    }

    pub fn recv_from_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<(usize, SocketAddr)> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_from_uninit(buf) };
        let mut bytes = vec![0; buf.remaining()];
        let (n, from) = simulated.recv_from(&mut bytes, false)?;
        Ok((buf.put(&bytes[..n]), from))
    }

    /// For a simulated socket: with its whole length, and no destination.
    pub fn recv_info(&self, buf: &mut [u8]) -> io::Result<DatagramInfo> {
        let Some(simulated) = self.simulated() else { return self.linux.recv_info(buf) };
        let mut whole = vec![0; 65_535];
        let (len, from) = simulated.recv_from(&mut whole, false)?;
        let kept = len.min(buf.len());
        buf[..kept].copy_from_slice(&whole[..kept]);
        let truncated = len > kept;
        Ok(DatagramInfo { len: kept, from, truncated, tos: None, destination: None, segment: None })
    }

    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self.simulated() {
            Some(simulated) => simulated.recv_from(buf, true),
            None => self.linux.peek_from(buf),
        }
    }

    pub fn send_to(&self, buf: &[u8], to: &SocketAddr) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.send_to(buf, *to),
            None => self.linux.send_to(buf, to),
        }
    }

    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.read(buf),
            None => self.linux.read(buf),
        }
    }

    pub fn read_uninit(&self, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        let Some(simulated) = self.simulated() else { return self.linux.read_uninit(buf) };
        let mut bytes = vec![0; buf.remaining()];
        let n = simulated.read(&mut bytes)?;
        Ok(buf.put(&bytes[..n]))
    }

    pub fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let Some(simulated) = self.simulated() else { return self.linux.read_vectored(bufs) };
        match bufs.iter_mut().find(|buf| !buf.is_empty()) {
            Some(buf) => simulated.read(buf),
            None => Ok(0),
        }
    }

    pub fn write(&self, buf: &[u8]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.write(buf),
            None => self.linux.write(buf),
        }
    }

    pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.simulated() {
            Some(simulated) => simulated.write(&joined(bufs, usize::MAX)),
            None => self.linux.write_vectored(bufs),
        }
    }
}

/// Fills `bufs` in order.
pub(super) fn scatter(bytes: &[u8], bufs: &mut [IoSliceMut<'_>]) {
    let mut rest = bytes;
    for buf in bufs {
        let (now, later) = rest.split_at(rest.len().min(buf.len()));
        buf[..now.len()].copy_from_slice(now);
        rest = later;
    }
}

/// Returns the bytes of `bufs`, up to `most` of them.
pub(super) fn joined<'a>(bufs: &'a [IoSlice<'_>], most: usize) -> Cow<'a, [u8]> {
    if let [buf] = bufs {
        return Cow::Borrowed(&buf[..buf.len().min(most)]);
    }
    let mut all = Vec::new();
    for buf in bufs {
        all.extend_from_slice(&buf[..buf.len().min(most - all.len())]);
    }
    Cow::Owned(all)
}
