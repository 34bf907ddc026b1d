//! Pipes: two files that refer to each other, and the bytes between them.

mod ring;

use super::file::Object;
use super::kernel::{FileId, Kernel};
use crate::sys::linux::Access;
use crate::sys::mask;
use ring::PipeRing;

/// One end of a pipe.
pub(super) struct SimPipe {
    end: SimPipeEnd,
    /// The other end, while it is open.
    other: Option<FileId>,
}

enum SimPipeEnd {
    /// The reader owns the bytes in the pipe.
    Reader(PipeRing),
    Writer {
        is_full: bool,
    },
}

impl SimPipe {
    /// Returns how many bytes are queued.
    pub(super) fn unread(&self) -> usize {
        match &self.end {
            SimPipeEnd::Reader(ring) => ring.len(),
            SimPipeEnd::Writer { .. } => 0,
        }
    }

    /// Returns the access of this end.
    pub(super) fn access(&self) -> Access {
        let read = matches!(self.end, SimPipeEnd::Reader(_));
        Access { read, write: !read }
    }

    /// As `pipe_poll` of Linux.
    pub(super) fn state(&self) -> u32 {
        match &self.end {
            SimPipeEnd::Reader(ring) => {
                let readable = if ring.is_empty() { 0 } else { mask::IN };
                readable | if self.other.is_none() { mask::HUP } else { 0 }
            }
            SimPipeEnd::Writer { is_full } => {
                let writable = if *is_full { 0 } else { mask::OUT };
                writable | if self.other.is_none() { mask::ERR } else { 0 }
            }
        }
    }
}

impl Kernel {
    fn pipe(&mut self, file: FileId) -> Result<&mut SimPipe, i32> {
        match self.files.get_mut(file as usize).and_then(Option::as_mut).map(|file| &mut file.object) {
            Some(Object::Pipe(pipe)) => Ok(pipe),
            _ => Err(libc::EBADF),
        }
    }

    /// Creates a reader and a writer; `packets` is `O_DIRECT`: a read returns the bytes of one write.
    pub(super) fn pipe_open(&mut self, packets: bool) -> Result<(FileId, FileId), i32> {
        self.check_limit_for(2)?;
        let reader = SimPipe { end: SimPipeEnd::Reader(PipeRing::new(packets)), other: None };
        let reader = self.open(Object::Pipe(Box::new(reader)));
        let writer = SimPipe { end: SimPipeEnd::Writer { is_full: false }, other: Some(reader) };
        let writer = self.open(Object::Pipe(Box::new(writer)));
        self.pipe(reader)?.other = Some(writer);
        Ok((reader, writer))
    }

    pub(super) fn pipe_read(&mut self, file: FileId, len: usize) -> Result<Vec<u8>, i32> {
        let pipe = self.pipe(file)?;
        let other = pipe.other;
        let SimPipeEnd::Reader(ring) = &mut pipe.end else { return Err(libc::EBADF) };
        if len == 0 {
            return Ok(Vec::new());
        }
        if ring.is_empty() {
            if other.is_none() {
                return Ok(Vec::new());
            }
            self.came_back_short(file, mask::IN);
            return Err(libc::EAGAIN);
        }
        let was_full = ring.is_full();
        let taken = ring.read(len);
        let made_room = was_full && !ring.is_full();
        if taken.len() < len {
            self.came_back_short(file, mask::IN);
        }
        self.progress += 1;
        if let (Some(writer), true) = (other, made_room) {
            if let Ok(SimPipe { end: SimPipeEnd::Writer { is_full }, .. }) = self.pipe(writer) {
                *is_full = false;
            }
            self.notify(writer, mask::OUT);
        }
        Ok(taken)
    }

    pub(super) fn pipe_write(&mut self, file: FileId, bytes: &[u8]) -> Result<usize, i32> {
        let pipe = self.pipe(file)?;
        let SimPipeEnd::Writer { .. } = &pipe.end else { return Err(libc::EBADF) };
        let reader = pipe.other;
        if bytes.is_empty() {
            return Ok(0);
        }
        let reader = reader.ok_or(libc::EPIPE)?;
        let SimPipeEnd::Reader(ring) = &mut self.pipe(reader)?.end else { return Err(libc::EBADF) };
        let n = ring.write(bytes);
        let full = ring.is_full();
        if let SimPipeEnd::Writer { is_full } = &mut self.pipe(file)?.end {
            *is_full = full;
        }
        if n < bytes.len() {
            self.came_back_short(file, mask::OUT);
        }
        if n == 0 {
            return Err(libc::EAGAIN);
        }
        self.progress += 1;
        self.notify(reader, mask::IN);
        Ok(n)
    }

    pub(super) fn pipe_close(&mut self, file: FileId) {
        let other = self.pipe(file).ok().and_then(|pipe| pipe.other);
        self.remove(file);
        if let Some(other) = other {
            if let Ok(pipe) = self.pipe(other) {
                pipe.other = None;
            }
            self.notify(other, 0);
        }
    }
}
