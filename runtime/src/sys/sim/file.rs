//! Open files: their kind, numbers, lifetime and state.

use super::counter::SimCounter;
use super::datagram::SimUdp;
use super::host::HostId;
use super::kernel::{FileId, Kernel};
use super::pipe::SimPipe;
use super::plan::Fault;
use super::poll::PollId;
use super::program::ProgramId;
use super::tcp::{SimListener, SimTcp};
use super::trace::Outcome;
use super::unix::SimUnix;
use crate::sys::mask;
use std::os::fd::RawFd;

/// An open file description.
pub(super) struct OpenFile {
    pub(super) host: HostId,
    /// The number of descriptors. A connection may outlive its last.
    pub(super) descriptors: u32,
    /// The watches that are notified of changes.
    pub(super) watches: Vec<(PollId, usize)>,
    pub(super) object: Object,
    /// How many `EAGAIN` it returned since its last change, and since when.
    pub(super) refused: u32,
    pub(super) refused_since: u64,
}

/// The kind of a file.
pub(super) enum Object {
    Tcp(Box<SimTcp>),
    Listener(Box<SimListener>),
    Datagrams(Box<SimUdp>),
    Unix(Box<SimUnix>),
    Pipe(Box<SimPipe>),
    Counter(SimCounter),
    /// The eventfd of a loop, a real one: it outlives the simulation, and other threads may write to it.
    LoopEventfd {
        notified: bool,
    },
    /// The eventfd of signals, written and never read: its edges count, its state does not.
    Alarm,
    /// The pidfd of a child.
    Child(ProgramId),
}

/// The bits of a write to an eventfd: `IN` with `EPOLLRDNORM`, an edge by every policy. egret's wakes depend on it,
/// and Linux has done so since eventfds exist.
pub(super) const EACH_WRITE: u32 = mask::IN | libc::EPOLLRDNORM as u32;

impl Kernel {
    /// Creates a new file of the current host, without a descriptor.
    pub(super) fn open(&mut self, object: Object) -> FileId {
        let host = self.here().expect("a program of some host makes this call");
        self.open_on(host, object)
    }

    pub(super) fn open_on(&mut self, host: HostId, object: Object) -> FileId {
        let id = FileId::try_from(self.files.len()).expect("fewer than 2^32 files in a simulation");
        self.files.push(Some(OpenFile {
            host,
            descriptors: 0,
            watches: Vec::new(),
            object,
            refused: 0,
            refused_since: 0,
        }));
        id
    }

    /// Fails when the current program is at its descriptor limit.
    pub(super) fn check_limit(&mut self) -> Result<(), i32> {
        self.check_limit_for(1)
    }

    /// Fails when `more` descriptors would exceed the limit of the current program.
    pub(super) fn check_limit_for(&mut self, more: usize) -> Result<(), i32> {
        let program = self.current.expect("a program of some host makes this call");
        let program = &self.programs[usize::from(program)];
        if program.descriptors + more > program.limit {
            return Err(libc::EMFILE);
        }
        if self.fault(Fault::NoDescriptors) {
            return Err([libc::EMFILE, libc::ENFILE][self.dice(Fault::NoDescriptors).below(2)]);
        }
        Ok(())
    }

    /// Gives a file a descriptor of the current program with this number. A file that had the number was closed without our
    /// knowledge.
    pub(super) fn name(&mut self, file: FileId, number: RawFd) {
        let at = usize::try_from(number).expect("a descriptor is no negative number");
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, None);
        }
        if self.numbers[at].is_some() {
            self.close(number);
        }
        let owner = self.current.expect("a program of some host makes this call");
        self.numbers[at] = Some((file, owner));
        let Some(entry) = &mut self.files[file as usize] else { return };
        entry.descriptors += 1;
        let counts = !matches!(entry.object, Object::LoopEventfd { .. });
        self.programs[usize::from(owner)].descriptors += usize::from(counts);
    }

    /// Returns the file with this descriptor number.
    pub(super) fn file_of(&self, number: RawFd) -> Result<FileId, i32> {
        let at = usize::try_from(number).map_err(|_| libc::EBADF)?;
        let (file, _) = self.numbers.get(at).copied().flatten().ok_or(libc::EBADF)?;
        // The number may have outlived a crash of its host.
        self.file(file).map(|_| file).ok_or(libc::EBADF)
    }

    /// Closes a descriptor; the last one closes its file.
    pub(super) fn close(&mut self, number: RawFd) {
        if self.file_of(number).is_err() {
            return;
        }
        let Some((file, owner)) = self.numbers[number as usize].take() else { return };
        let Some(entry) = &mut self.files[file as usize] else { return };
        entry.descriptors -= 1;
        let counts = !matches!(entry.object, Object::LoopEventfd { .. });
        self.programs[usize::from(owner)].descriptors -= usize::from(counts);
        self.end_unless_held(file);
    }

    /// A file is passed in a message: it stays open meanwhile.
    pub(super) fn hold(&mut self, file: FileId) {
        if let Some(entry) = &mut self.files[file as usize] {
            entry.descriptors += 1;
        }
    }

    /// A held file has its descriptor, or will have none.
    pub(super) fn release(&mut self, file: FileId) {
        if let Some(entry) = &mut self.files[file as usize] {
            entry.descriptors -= 1;
            self.end_unless_held(file);
        }
    }

    fn end_unless_held(&mut self, file: FileId) {
        let Some(entry) = &mut self.files[file as usize] else { return };
        if entry.descriptors > 0 {
            return;
        }
        let close = match &entry.object {
            Object::Tcp(_) => Kernel::tcp_close,
            Object::Listener(_) => Kernel::listener_close,
            Object::Datagrams(_) => Kernel::datagrams_close,
            Object::Unix(_) => Kernel::unix_close,
            Object::Pipe(_) => Kernel::pipe_close,
            Object::Counter(_) | Object::LoopEventfd { .. } | Object::Alarm | Object::Child(_) => {
                Kernel::remove
            }
        };
        for (poll, at) in std::mem::take(&mut entry.watches) {
            self.forget(poll, at);
        }
        close(self, file);
    }

    /// Ends a file.
    pub(super) fn remove(&mut self, file: FileId) {
        if let Some(gone) = self.files[file as usize].take() {
            for (poll, at) in gone.watches {
                self.forget(poll, at);
            }
        }
    }

    pub(super) fn file(&self, file: FileId) -> Option<&OpenFile> {
        self.files.get(file as usize)?.as_ref()
    }

    pub(super) fn watched_by(&mut self, file: FileId) -> &mut Vec<(PollId, usize)> {
        &mut self.files[file as usize].as_mut().expect("a file that is open").watches
    }

    pub(super) fn is_loop_eventfd(&self, file: FileId) -> bool {
        matches!(self.file(file).map(|file| &file.object), Some(Object::LoopEventfd { .. }))
    }

    /// Returns the full state of a file, as `poll(2)` reports it.
    pub(super) fn state(&self, file: FileId) -> u32 {
        match self.file(file).map(|file| &file.object) {
            Some(Object::Tcp(tcp)) => tcp.state(),
            Some(Object::Listener(listener)) => listener.state(),
            Some(Object::Datagrams(datagrams)) => datagrams.state(),
            Some(Object::Unix(unix)) => self.unix_state(file, unix),
            Some(Object::Pipe(pipe)) => pipe.state(),
            Some(Object::Counter(counter)) => counter.state(),
            Some(Object::LoopEventfd { notified: true }) => mask::IN | mask::OUT,
            Some(Object::LoopEventfd { notified: false }) => mask::OUT,
            Some(Object::Alarm) => mask::IN | mask::OUT,
            Some(Object::Child(program)) => self.child_state(*program),
            None => 0,
        }
    }

    /// Returns the value of `SIOCOUTQ`.
    pub(super) fn unsent(&self, file: FileId) -> Result<usize, i32> {
        match self.file(file).map(|file| &file.object) {
            Some(Object::Tcp(tcp)) => Ok(tcp.used()),
            Some(Object::Unix(unix)) => Ok(unix.used()),
            _ => Err(libc::ENOTTY),
        }
    }

    /// Returns the state of a file for `epoll`. The query has an effect: a writer without room is notified of room
    /// later, though none of its calls was refused (`SOCK_NOSPACE` in `tcp_poll`, the wait queue of a Unix peer).
    pub(super) fn poll_state(&mut self, file: FileId) -> u32 {
        let state = self.state(file);
        match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::Tcp(tcp)) => tcp.polled(),
            Some(Object::Unix(_)) => self.unix_polled(file),
            _ => {}
        }
        state
    }

    /// One write to the eventfd with this number, if it is one.
    pub(super) fn eventfd_notify(&mut self, number: RawFd) -> Option<Result<(), i32>> {
        let file = self.file_of(number).ok()?;
        let notified = match self.files[file as usize].as_mut().map(|file| &mut file.object) {
            Some(Object::LoopEventfd { notified }) => {
                *notified = true;
                Ok(())
            }
            Some(Object::Counter(counter)) => counter.notify(),
            _ => return None,
        };
        self.note("notify", Some(file), notified.map_or_else(Outcome::Error, |()| Outcome::Done));
        if notified.is_ok() {
            self.notify(file, EACH_WRITE);
        }
        Some(notified)
    }

    /// Returns the descriptors that a program has open, without the eventfd of its loop, and their files.
    pub(super) fn open_numbers(&self, program: ProgramId) -> Vec<(FileId, RawFd)> {
        let owned = self.numbers.iter().enumerate().filter_map(|(number, entry)| {
            let (file, owner) = (*entry)?;
            let is_open = owner == program && self.file(file).is_some() && !self.is_loop_eventfd(file);
            is_open.then_some((file, number as RawFd))
        });
        let mut owned: Vec<_> = owned.collect();
        owned.sort_unstable(); // the numbers depend on other threads of the process
        owned
    }

    /// Returns the files that a program has open, without the eventfd of its loop.
    pub(super) fn open_files(&self, program: ProgramId) -> Vec<FileId> {
        let mut files: Vec<_> = self.open_numbers(program).into_iter().map(|(file, _)| file).collect();
        files.dedup();
        files
    }

    /// Returns how much data of a file is untaken, as text; `None` for nothing.
    pub(super) fn untaken(&self, file: FileId) -> Option<String> {
        let (connections, bytes) = match &self.file(file)?.object {
            Object::Listener(listener) => (listener.waiting(), 0),
            Object::Unix(unix) => (unix.waiting(), unix.unread()),
            Object::Tcp(tcp) => (0, tcp.readable()),
            Object::Datagrams(datagrams) => (0, datagrams.unread()),
            Object::Pipe(pipe) => (0, pipe.unread()),
            Object::Counter(_) | Object::LoopEventfd { .. } | Object::Alarm | Object::Child(_) => (0, 0),
        };
        match (connections, bytes) {
            (0, 0) => None,
            (0, 1) => Some("1 byte is unread".to_owned()),
            (0, _) => Some(format!("{bytes} bytes are unread")),
            (1, _) => Some("1 connection is not accepted".to_owned()),
            (_, _) => Some(format!("{connections} connections are not accepted")),
        }
    }

    /// Returns the kind of a file, as text.
    pub(super) fn describe(&self, file: FileId) -> String {
        let what = match self.file(file).map(|file| &file.object) {
            Some(Object::Tcp(tcp)) => match (tcp.local, tcp.peer) {
                (Some(local), Some(peer)) => format!("TCP {local} to {peer}, {:?}", tcp.phase),
                (Some(local), None) => format!("TCP {local}, {:?}", tcp.phase),
                _ => format!("TCP, {:?}", tcp.phase),
            },
            Some(Object::Listener(listener)) => format!("TCP listener {}", listener.local),
            Some(Object::Datagrams(_)) => "UDP".to_owned(),
            Some(Object::Unix(_)) => "Unix socket".to_owned(),
            Some(Object::Pipe(_)) => "pipe".to_owned(),
            Some(Object::Counter(_)) => "eventfd".to_owned(),
            Some(Object::LoopEventfd { .. }) => "eventfd of a loop".to_owned(),
            Some(Object::Alarm) => "signals".to_owned(),
            Some(Object::Child(program)) => self.describe_child(*program),
            None => "closed".to_owned(),
        };
        format!("#{file} ({what})")
    }
}
