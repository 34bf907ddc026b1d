//! The ways to wait for one descriptor among many. Each has a connection of its own, and they share the idle
//! descriptors.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use egret::io::AsyncFd;
use egret::runtime::Runtime;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{
    FdSetElement, FdSetIter, PollFd, PollFlags, fd_set_insert, fd_set_num_elements, poll, select,
};

/// The descriptors that `select` can be asked about with the set of the C library are below `FD_SETSIZE`.
const SELECT_MOST: usize = 1024;

/// Sends a byte to the active connection, waits, finds which one is ready, reads the byte.
pub trait Way {
    fn event(&mut self) -> io::Result<()>;
}

/// A connection with both of its ends.
pub struct Active {
    ours: TcpStream,
    theirs: TcpStream,
}

impl Active {
    pub fn new() -> io::Result<Active> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let theirs = TcpStream::connect(listener.local_addr()?)?;
        theirs.set_nodelay(true)?;
        let (ours, _) = listener.accept()?;
        ours.set_nonblocking(true)?;
        Ok(Active { ours, theirs })
    }

    fn send(&self) -> io::Result<()> {
        (&self.theirs).write_all(&[1])
    }

    /// With room for more, so that one read tells that this was all.
    fn receive(&self) -> io::Result<()> {
        let n = (&self.ours).read(&mut [0; 64])?;
        if n == 1 { Ok(()) } else { Err(io::Error::other(format!("{n} bytes in place of one"))) }
    }
}

fn missed(way: &str) -> io::Error {
    io::Error::other(format!("{way} did not report the active descriptor"))
}

/// What is left when nothing waits.
pub struct NoWait<'a>(pub &'a Active);

impl Way for NoWait<'_> {
    fn event(&mut self) -> io::Result<()> {
        self.0.send()?;
        self.0.receive()
    }
}

/// The kernel writes its answer over the set, so it is given a copy each time; and it says how many, not which.
pub struct Select<'a> {
    active: &'a Active,
    /// All that the set has descriptors of, besides the active one.
    idle: &'a [Rc<OwnedFd>],
    set: Vec<FdSetElement>,
    answer: Vec<FdSetElement>,
    bound: RawFd,
}

impl<'a> Select<'a> {
    /// `None` when one of the descriptors is too large a number.
    pub fn new(active: &'a Active, idle: &'a [Rc<OwnedFd>]) -> Option<Select<'a>> {
        let fds = || idle.iter().map(|fd| fd.as_raw_fd()).chain([active.ours.as_raw_fd()]);
        let bound = fds().max().unwrap_or(0) + 1;
        if bound as usize > SELECT_MOST {
            return None;
        }
        let mut set = vec![FdSetElement::default(); fd_set_num_elements(idle.len() + 1, bound)];
        fds().for_each(|fd| fd_set_insert(&mut set, fd));
        Some(Select { active, idle, answer: set.clone(), set, bound })
    }
}

impl Way for Select<'_> {
    #[allow(unsafe_code)]
    fn event(&mut self) -> io::Result<()> {
        self.active.send()?;
        self.answer.copy_from_slice(&self.set);
        // SAFETY: every descriptor of the set is open: it was put in from `idle` or `active`, which own theirs and are
        // borrowed for as long as `self` is there. The slice has an element for each descriptor below `bound`, by
        // `fd_set_num_elements`, so the kernel writes within it.
        let ready = unsafe { select(self.bound, Some(&mut self.answer), None, None, None) }?;
        let active = self.active.ours.as_raw_fd();
        if ready != 1 || !FdSetIter::new(&self.answer).any(|fd| fd == active) || self.idle.is_empty() {
            return Err(missed("select"));
        }
        self.active.receive()
    }
}

/// The kernel is given the list each time and asks each of its descriptors; then the list is searched for what it set.
pub struct Poll<'a> {
    active: &'a Active,
    fds: Vec<PollFd<'a>>,
    place: usize,
}

impl<'a> Poll<'a> {
    pub fn new(active: &'a Active, idle: &'a [Rc<OwnedFd>]) -> Poll<'a> {
        let mut fds: Vec<_> = idle.iter().map(|fd| PollFd::new(&**fd, PollFlags::IN)).collect();
        let place = fds.len() / 2;
        fds.insert(place, PollFd::new(&active.ours, PollFlags::IN));
        Poll { active, fds, place }
    }
}

impl Way for Poll<'_> {
    fn event(&mut self) -> io::Result<()> {
        self.active.send()?;
        poll(&mut self.fds, None)?;
        let found = self.fds.iter().position(|fd| !fd.revents().is_empty());
        if found != Some(self.place) {
            return Err(missed("poll"));
        }
        self.active.receive()
    }
}

/// The kernel keeps the list, and a second one of those that have something to report: it hands over that.
pub struct Epoll<'a> {
    active: &'a Active,
    epoll: OwnedFd,
    token: u64,
}

impl<'a> Epoll<'a> {
    pub fn new(active: &'a Active, idle: &[Rc<OwnedFd>]) -> io::Result<Epoll<'a>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = EventFlags::IN | EventFlags::ET;
        for (token, fd) in idle.iter().enumerate() {
            epoll::add(&epoll, fd, EventData::new_u64(token as u64), flags)?;
        }
        let token = idle.len() as u64;
        epoll::add(&epoll, &active.ours, EventData::new_u64(token), flags)?;
        Ok(Epoll { active, epoll, token })
    }
}

impl Way for Epoll<'_> {
    fn event(&mut self) -> io::Result<()> {
        self.active.send()?;
        let mut events = [const { MaybeUninit::<Event>::uninit() }; 256];
        let (events, _) = epoll::wait(&self.epoll, &mut events, None)?;
        // Copied out: the field is not aligned.
        let tokens = events.iter().map(|event| { event.data }.u64());
        if !tokens.eq([self.token]) {
            return Err(missed("epoll"));
        }
        self.active.receive()
    }
}

/// A task for each descriptor: those of the idle ones wait and go on waiting, that of the active one reads and counts.
pub struct Egret<'a> {
    active: &'a Active,
    runtime: Runtime,
    received: Rc<Cell<u64>>,
    expected: u64,
}

impl<'a> Egret<'a> {
    pub fn new(active: &'a Active, idle: &[Rc<OwnedFd>]) -> io::Result<Egret<'a>> {
        let runtime = Runtime::new()?;
        let received = Rc::new(Cell::new(0));
        for fd in idle {
            let fd = fd.clone();
            runtime.spawn(async move {
                let fd = AsyncFd::new(fd).expect("an eventfd can be polled");
                // A new registration is tried first, so an attempt is made and says that there is nothing.
                let read = |fd: &Rc<OwnedFd>| Ok(rustix::io::read(&**fd, &mut [0; 8])?);
                fd.read_with(read).await.expect("it waits for ever");
            });
        }
        let (ours, counter) = (active.ours.try_clone()?, received.clone());
        runtime.spawn(async move {
            let mut stream = egret::net::TcpStream::from_std(ours).expect("a socket can be polled");
            while stream.read(&mut [0; 64]).await.expect("it is connected") == 1 {
                counter.set(counter.get() + 1);
            }
        });
        // Each task has been polled when there is nothing more to do.
        while runtime.turn(Some(Duration::ZERO)).polled > 0 {}
        Ok(Egret { active, runtime, received, expected: 0 })
    }
}

impl Way for Egret<'_> {
    fn event(&mut self) -> io::Result<()> {
        self.active.send()?;
        self.expected += 1;
        while self.received.get() < self.expected {
            // One event, one poll, one read; anything else would be another measurement.
            let turn = self.runtime.turn(None);
            if (turn.events, turn.polled) != (1, 1) {
                return Err(missed("egret"));
            }
        }
        Ok(())
    }
}
