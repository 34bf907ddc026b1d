//! Level-triggered and edge-triggered `epoll` compared on the real kernel: the same traffic in both modes, and the number
//! of reports of `epoll_wait`. It does not use egret, which is built on the right-hand column.
//!
//!     cargo run --example level_or_edge
//!
//! Each experiment alternates `epoll_wait`, with a timeout of zero, and a step. On Unix sockets
//! data has arrived when `send` returns, so a call without a report means that none comes until
//! something changes. "Left" is what a program that waits there does not see. docs/edge-triggered.md has the
//! rules that follow.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::ioctl_fionread;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Level,
    Edge,
}

/// An epoll with one descriptor in it, and how often it has been reported.
struct Poll {
    epoll: OwnedFd,
    flags: EventFlags,
    reports: u32,
}

impl Poll {
    fn new(fd: impl AsFd, interest: EventFlags, mode: Mode) -> io::Result<Poll> {
        let flags = if mode == Mode::Edge { interest | EventFlags::ET } else { interest };
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, fd, EventData::new_u64(0), flags)?;
        Ok(Poll { epoll, flags, reports: 0 })
    }

    /// Whether `epoll_wait` has something to report now.
    fn wait(&mut self) -> io::Result<bool> {
        let mut events = [const { MaybeUninit::<Event>::uninit() }; 1];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let (reported, _) = epoll::wait(&self.epoll, &mut events, Some(&at_once))?;
        self.reports += reported.len() as u32;
        Ok(!reported.is_empty())
    }
}

/// The result of an experiment: how often a descriptor was reported, and what was left without a report.
struct Outcome {
    reports: u32,
    left: String,
}

fn outcome(poll: &Poll, left: u64, what: &str) -> Outcome {
    let left = if left == 0 { "nothing".to_owned() } else { format!("{left} {what}") };
    Outcome { reports: poll.reports, left }
}

fn nothing_is_read(mode: Mode) -> io::Result<Outcome> {
    let (ours, mut theirs) = UnixStream::pair()?;
    let mut poll = Poll::new(&ours, EventFlags::IN, mode)?;
    theirs.write_all(&[0; 100])?;
    for _ in 0..5 {
        poll.wait()?;
    }
    Ok(outcome(&poll, ioctl_fionread(&ours)?, "bytes"))
}

fn half_is_read(mode: Mode) -> io::Result<Outcome> {
    let (mut ours, mut theirs) = UnixStream::pair()?;
    let mut poll = Poll::new(&ours, EventFlags::IN, mode)?;
    theirs.write_all(&[0; 2000])?;
    while poll.wait()? {
        ours.read_exact(&mut [0; 1000])?;
    }
    Ok(outcome(&poll, ioctl_fionread(&ours)?, "bytes"))
}

fn all_is_read(mode: Mode) -> io::Result<Outcome> {
    let (mut ours, mut theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut poll = Poll::new(&ours, EventFlags::IN, mode)?;
    theirs.write_all(&[0; 2000])?;
    while poll.wait()? {
        // Until it would block: the price of the edge, and the way to need no second report.
        while ours.read(&mut [0; 1000]).is_ok() {}
    }
    Ok(outcome(&poll, ioctl_fionread(&ours)?, "bytes"))
}

fn more_arrives_for_one_that_reads_too_little(mode: Mode) -> io::Result<Outcome> {
    let (mut ours, mut theirs) = UnixStream::pair()?;
    let mut poll = Poll::new(&ours, EventFlags::IN, mode)?;
    for _ in 0..3 {
        theirs.write_all(&[0; 100])?; // each arrival is a change, whatever is there already
        if poll.wait()? {
            ours.read_exact(&mut [0; 50])?;
        }
    }
    while poll.wait()? {
        ours.read_exact(&mut [0; 50])?;
    }
    Ok(outcome(&poll, ioctl_fionread(&ours)?, "bytes"))
}

fn one_connection_is_accepted_a_report(mode: Mode) -> io::Result<Outcome> {
    // An abstract name of the kernel's choice would do, but std cannot ask for one.
    let name = format!("level_or_edge.{}.{}", std::process::id(), mode == Mode::Edge);
    let address = SocketAddr::from_abstract_name(name)?;
    let listener = UnixListener::bind_addr(&address)?;
    let clients = [(); 3].map(|()| UnixStream::connect_addr(&address));
    let mut poll = Poll::new(&listener, EventFlags::IN, mode)?;
    let mut accepted = 0;
    while poll.wait()? {
        listener.accept()?;
        accepted += 1;
    }
    Ok(outcome(&poll, clients.len() as u64 - accepted, "connections"))
}

fn there_is_always_room_to_write(mode: Mode) -> io::Result<Outcome> {
    let (mut ours, mut theirs) = UnixStream::pair()?;
    let mut poll = Poll::new(&ours, EventFlags::OUT, mode)?;
    for _ in 0..5 {
        if poll.wait()? {
            ours.write_all(b"x")?;
        }
    }
    let mut arrived = [0; 8];
    let n = theirs.read(&mut arrived)?;
    Ok(outcome(&poll, 5 - n as u64, "writes"))
}

fn asked_again_by_epoll_ctl(mode: Mode) -> io::Result<Outcome> {
    let (mut ours, mut theirs) = UnixStream::pair()?;
    let mut poll = Poll::new(&ours, EventFlags::IN, mode)?;
    theirs.write_all(&[0; 2000])?;
    while poll.wait()? {
        ours.read_exact(&mut [0; 1000])?;
        // The same flags again: the kernel looks anew, and reports what is the case already.
        epoll::modify(&poll.epoll, &ours, EventData::new_u64(0), poll.flags)?;
    }
    Ok(outcome(&poll, ioctl_fionread(&ours)?, "bytes"))
}

fn the_other_end_has_closed(mode: Mode) -> io::Result<Outcome> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut poll = Poll::new(&ours, EventFlags::IN | EventFlags::RDHUP, mode)?;
    drop(theirs);
    for _ in 0..5 {
        poll.wait()?;
    }
    Ok(outcome(&poll, 1, "end of file"))
}

type Experiment = (&'static str, fn(Mode) -> io::Result<Outcome>);

const EXPERIMENTS: [Experiment; 8] = [
    ("100 bytes arrive, none is read, 5 calls", nothing_is_read),
    ("2000 bytes arrive, 1000 are read a report", half_is_read),
    ("2000 bytes arrive, read until EAGAIN", all_is_read),
    ("3 x 100 bytes arrive, 50 are read a report", more_arrives_for_one_that_reads_too_little),
    ("3 connections wait, 1 is accepted a report", one_connection_is_accepted_a_report),
    ("room to write, 1 byte is written a report, 5 calls", there_is_always_room_to_write),
    ("as the second, EPOLL_CTL_MOD after each read", asked_again_by_epoll_ctl),
    ("the peer has closed, no read, 5 calls", the_other_end_has_closed),
];

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:51} {:>5} {:17} {:>5} left",
        "epoll_wait returns with a report", "level", "left", "edge"
    )?;
    for (name, run) in EXPERIMENTS {
        let (level, edge) = (run(Mode::Level)?, run(Mode::Edge)?);
        let silent = if edge.left == level.left { "" } else { "   <- silent" };
        writeln!(
            out,
            "{name:51} {:>5} {:17} {:>5} {}{silent}",
            level.reports, level.left, edge.reports, edge.left
        )?;
    }
    Ok(())
}
