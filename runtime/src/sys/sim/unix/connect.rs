//! Listening and connecting Unix sockets.

use super::super::file::Object;
use super::super::kernel::{FileId, Kernel};
use super::{SimUnix, UnixKind};
use crate::sys::mask;

impl Kernel {
    pub(in super::super) fn unix_listen(&mut self, file: FileId, backlog: u32) -> Result<(), i32> {
        let unix = self.unix(file)?;
        if unix.kind == UnixKind::Datagram {
            return Err(libc::EOPNOTSUPP);
        }
        if unix.was_connected || unix.name.is_empty() {
            return Err(libc::EINVAL);
        }
        let waiting = unix.backlog.take().map(|(_, waiting)| waiting).unwrap_or_default();
        unix.backlog = Some((backlog as usize, waiting));
        Ok(())
    }

    /// Connects at once, or fails because the backlog is full (`EAGAIN`) or no socket listens. The connecting socket
    /// gets no event; only the listener does.
    pub(in super::super) fn unix_connect(&mut self, file: FileId, name: &[u8]) -> Result<(), i32> {
        let host = self.file(file).ok_or(libc::EBADF)?.host;
        let kind = self.unix(file)?.kind;
        let missing = if name.first() == Some(&0) { libc::ECONNREFUSED } else { libc::ENOENT };
        let target = self.ports.find_name(host, name).ok_or(missing)?;
        if self.unix(target)?.kind != kind {
            // Abstract names are looked up by type.
            return Err(if name.first() == Some(&0) { libc::ECONNREFUSED } else { libc::EPROTOTYPE });
        }
        if kind == UnixKind::Datagram {
            let unix = self.unix(file)?;
            (unix.peer, unix.peer_name, unix.was_connected) = (Some(target), name.to_vec(), true);
            return Ok(());
        }
        match &self.unix(target)?.backlog {
            None => return Err(libc::ECONNREFUSED),
            Some((limit, waiting)) if waiting.len() > *limit => return Err(libc::EAGAIN),
            Some(_) => {}
        }
        let unix = self.unix(file)?;
        match () {
            () if unix.was_connected => return Err(libc::EISCONN),
            () if unix.backlog.is_some() => return Err(libc::EINVAL),
            () => {}
        }
        let mut served = SimUnix::new(kind, self.plan.send_buffer);
        served.name = name.to_vec();
        let served = self.open_on(host, Object::Unix(Box::new(served)));
        self.unix_join(file, served)?;
        if let Some((_, waiting)) = &mut self.unix(target)?.backlog {
            waiting.push_back(served);
        }
        self.progress += 1;
        self.notify(target, mask::IN);
        Ok(())
    }

    pub(in super::super) fn unix_accept(&mut self, file: FileId) -> Result<(FileId, Vec<u8>), i32> {
        // Linux allocates a descriptor before it looks at the socket.
        self.check_limit()?;
        let unix = self.unix(file)?;
        let (_, waiting) = match &mut unix.backlog {
            Some(backlog) => backlog,
            None if unix.kind == UnixKind::Datagram => return Err(libc::EOPNOTSUPP),
            None => return Err(libc::EINVAL),
        };
        let Some(served) = waiting.pop_front() else {
            self.came_back_short(file, mask::IN);
            return Err(libc::EAGAIN);
        };
        self.progress += 1;
        let name = self.unix(served)?.peer_name.clone();
        Ok((served, name))
    }
}
