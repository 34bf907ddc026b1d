//! `AsyncFd` over each kind of descriptor of Linux: when it is readable, and where a read stops early.

#![allow(missing_docs)]
#![cfg(not(miri))] // which has none of these

use crate::support::bounded;
use crate::support::fds::{raw_terminal, read, write};
use egret_runtime::io::{AsyncFd, Interest};
use egret_runtime::task::yield_now;
use egret_runtime::{block_on, spawn};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem::size_of;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

fn owned(raw: libc::c_int) -> File {
    assert!(raw >= 0, "{}", io::Error::last_os_error());
    // SAFETY: every caller passes what the kernel has just made for it, so nothing else owns it.
    File::from(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Runs `readable` as a task that has to wait, and then `cause` to end the wait. Returns what the task read.
async fn waits_for<T: 'static>(reading: impl Future<Output = T> + 'static, cause: impl FnOnce()) -> T {
    let task = spawn(reading);
    yield_now().await;
    yield_now().await;
    assert!(!task.is_finished(), "there is something to read before there is a reason for it");
    cause();
    task.await.unwrap()
}

fn arm(timer: &File, first: Duration, then: Duration) {
    let spec = |d: Duration| libc::timespec { tv_sec: d.as_secs() as i64, tv_nsec: d.subsec_nanos().into() };
    let times = libc::itimerspec { it_interval: spec(then), it_value: spec(first) };
    // SAFETY: the kernel reads one `itimerspec`, which lives across the call; the old one is not asked for.
    let set = unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const times, std::ptr::null_mut()) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_timerfd_expires_again_and_again() {
    bounded(|| {
        block_on(async {
            // SAFETY: the call takes no pointer.
            let timer = owned(unsafe {
                libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC)
            });
            let timer = AsyncFd::new(timer).unwrap();
            let start = Instant::now();
            arm(timer.get_ref(), Duration::from_millis(2), Duration::from_millis(2));
            let mut expirations = 0;
            while expirations < 5 {
                let count = timer.read_with(read).await.unwrap();
                expirations += u64::from_ne_bytes(count.try_into().unwrap());
            }
            assert!(start.elapsed() >= Duration::from_millis(10), "5 expirations of 2 ms");
            // Read to the last, it waits: and a timer that is set anew needs no new registration.
            arm(timer.get_ref(), Duration::ZERO, Duration::ZERO);
            let _ = timer.try_io(Interest::READABLE, read);
            let timer = Rc::new(timer);
            let waiting = timer.clone();
            let count = waits_for(async move { waiting.read_with(read).await.unwrap() }, || {
                arm(timer.get_ref(), Duration::from_nanos(1), Duration::ZERO)
            });
            assert_eq!(count.await, 1u64.to_ne_bytes());
        });
    });
}

/// The names in what inotify has written.
fn names(events: &[u8]) -> Vec<String> {
    let header = size_of::<libc::inotify_event>();
    let (mut names, mut rest) = (Vec::new(), events);
    while !rest.is_empty() {
        let len = u32::from_ne_bytes(rest[12..16].try_into().unwrap()) as usize;
        let name = &rest[header..header + len];
        names.push(String::from_utf8(name.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap());
        rest = &rest[header + len..];
    }
    names
}

#[test]
fn inotify_tells_of_files_and_a_small_buffer_loses_none() {
    bounded(|| {
        let directory = std::env::temp_dir().join(format!("egret-inotify-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        block_on(async {
            // SAFETY: the call takes no pointer.
            let watch = owned(unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) });
            let path = std::ffi::CString::new(directory.to_str().unwrap()).unwrap();
            // SAFETY: the path is a string that ends in a NUL and lives across the call.
            let added = unsafe { libc::inotify_add_watch(watch.as_raw_fd(), path.as_ptr(), libc::IN_CREATE) };
            assert!(added >= 0);
            let create = {
                let directory = directory.clone();
                move || (0..3).for_each(|n| drop(File::create(directory.join(format!("file-{n}"))).unwrap()))
            };
            let seen = waits_for(
                async move {
                    let watch = AsyncFd::new(watch).unwrap();
                    let mut seen = Vec::new();
                    while seen.len() < 3 {
                        // Room for one event: a read that does not take all, and no edge for the others (K5).
                        let mut buffer = [0; 40];
                        let read = |mut file: &File| io::Read::read(&mut file, &mut buffer);
                        let n = watch.read_with(read).await.unwrap();
                        seen.extend(names(&buffer[..n]));
                    }
                    seen
                },
                create,
            );
            assert_eq!(seen.await, ["file-0", "file-1", "file-2"]);
        });
        std::fs::remove_dir_all(&directory).unwrap();
    });
}

// B3, L19: what was written before the other side closed comes first, in reads that take part of it.
#[test]
fn a_terminal_gives_all_that_was_written_before_it_was_closed() {
    bounded(|| {
        let Some((master, slave)) = raw_terminal() else {
            return eprintln!("SKIPPED: there is no devpts here");
        };
        block_on(async {
            let got = waits_for(
                async move {
                    let master = AsyncFd::new(master).unwrap();
                    let mut got = 0;
                    let end = loop {
                        let mut buffer = [0; 512];
                        let read = |mut file: &File| io::Read::read(&mut file, &mut buffer);
                        match master.read_with(read).await {
                            Ok(0) => break None,
                            Ok(n) => got += n,
                            Err(error) => break error.raw_os_error(),
                        }
                    };
                    (got, end)
                },
                move || {
                    write(&slave, &[b'x'; 3000]);
                    drop(slave);
                },
            );
            assert_eq!(got.await, (3000, Some(libc::EIO)));
        });
    });
}

/// Sets both sides as a serial line is: a speed, raw, and a read that returns with what there is.
fn set_up_line(line: &File) -> libc::termios {
    let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the kernel writes one `termios` there.
    let got = unsafe { libc::tcgetattr(line.as_raw_fd(), settings.as_mut_ptr()) };
    assert_eq!(got, 0);
    // SAFETY: the call above has succeeded, so it has initialised the whole.
    let mut settings = unsafe { settings.assume_init() };
    // SAFETY: it changes the fields of a `termios` that we borrow mutably.
    unsafe { libc::cfmakeraw(&raw mut settings) };
    // SAFETY: as above.
    unsafe { libc::cfsetspeed(&raw mut settings, libc::B115200) };
    settings.c_cflag |= libc::CLOCAL | libc::CREAD;
    (settings.c_cc[libc::VMIN], settings.c_cc[libc::VTIME]) = (1, 0);
    // SAFETY: the kernel reads one `termios`, which lives across the call.
    let set = unsafe { libc::tcsetattr(line.as_raw_fd(), libc::TCSANOW, &raw const settings) };
    assert_eq!(set, 0);
    settings
}

// A device that answers each line, over a pair of pseudo-terminals set up as a serial line.
#[test]
fn a_serial_line_carries_questions_and_answers() {
    bounded(|| {
        let Some((master, slave)) = raw_terminal() else {
            return eprintln!("SKIPPED: there is no devpts here");
        };
        crate::support::fds::set_nonblocking(&slave);
        let settings = set_up_line(&slave);
        // SAFETY: the settings are initialised and only read.
        assert_eq!(unsafe { libc::cfgetospeed(&raw const settings) }, libc::B115200);
        block_on(async {
            async fn line(port: &AsyncFd<File>) -> Vec<u8> {
                let mut line = Vec::new();
                while line.last() != Some(&b'\n') {
                    let mut byte = [0; 1];
                    let read = |mut file: &File| io::Read::read_exact(&mut file, &mut byte);
                    port.read_with(read).await.unwrap();
                    line.extend(byte);
                }
                line
            }
            let device = AsyncFd::new(master).unwrap();
            let port = AsyncFd::new(slave).unwrap();
            let answering = spawn(async move {
                for _ in 0..3 {
                    let mut answer = b"OK ".to_vec();
                    answer.extend(line(&device).await);
                    device.write_with(|mut file| file.write_all(&answer)).await.unwrap();
                }
                device // to close it is to hang up, and what is on the line is lost
            });
            for command in ["AT\n", "ATI0\n", "AT+CSQ\n"] {
                port.write_with(|mut file| file.write_all(command.as_bytes())).await.unwrap();
                assert_eq!(line(&port).await, format!("OK {command}").as_bytes());
            }
            answering.await.unwrap();
        });
    });
}

/// Looks whether the process of a pidfd has ended, and does not reap it.
fn has_ended(pidfd: &File) -> io::Result<()> {
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `siginfo_t` is made of integers and pointers, for all of which zero bytes are a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `siginfo_t`, which lives across the call.
    let done =
        unsafe { libc::waitid(libc::P_PIDFD, pidfd.as_raw_fd() as libc::id_t, &raw mut info, options) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
    // SAFETY: the call has succeeded, so this is about a child or still zero.
    if unsafe { info.si_pid() } == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

// A pidfd can only be polled: that it is readable has to be enough, before the first event too (pidfd_open(2)).
#[test]
fn a_pidfd_is_readable_when_the_process_has_ended() {
    bounded(|| {
        for by_an_operation in [false, true] {
            let (input, its) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut command = std::process::Command::new("cat");
            let mut child = command.stdin(OwnedFd::from(its)).spawn().unwrap();
            drop(command);
            let pid = libc::c_long::from(child.id());
            // SAFETY: the call takes no pointer. Every argument has the width of a register, as `syscall` wants it.
            let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0 as libc::c_long) };
            let pidfd = owned(raw as libc::c_int);
            block_on(async {
                let ended = waits_for(
                    async move {
                        let pidfd = AsyncFd::new(pidfd).unwrap();
                        if by_an_operation {
                            pidfd.read_with(has_ended).await.unwrap();
                        } else {
                            let _ready = pidfd.readable().await.unwrap();
                        }
                    },
                    move || drop(input),
                );
                ended.await;
            });
            assert!(child.try_wait().unwrap().unwrap().success(), "ended, and std reaps it without a wait");
        }
    });
}

/// A netlink socket that answers questions about routing, and does not block.
fn netlink() -> File {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the call takes no pointer.
    owned(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) })
}

/// The question for all network interfaces: `struct nlmsghdr`, then `struct ifinfomsg`, by netlink(7).
fn question() -> Vec<u8> {
    let header =
        [32u32, u32::from(libc::RTM_GETLINK) | ((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u32) << 16, 1, 0];
    let mut message: Vec<u8> = header.iter().flat_map(|word| word.to_ne_bytes()).collect();
    message.resize(32, 0);
    message
}

// Datagrams of a kind: the answer comes in several, and each read takes one (K5).
#[test]
fn netlink_lists_the_loopback_interface() {
    bounded(|| {
        block_on(async {
            let socket = AsyncFd::new(netlink()).unwrap();
            assert_eq!(socket.try_io(Interest::READABLE, read).unwrap_err().kind(), ErrorKind::WouldBlock);
            socket.write_with(|mut file| file.write_all(&question())).await.unwrap();
            let (mut done, mut found) = (false, false);
            while !done {
                let answer = socket.read_with(read).await.unwrap();
                found |= answer.windows(3).any(|bytes| bytes == b"lo\0");
                let mut rest = &answer[..];
                while rest.len() >= 16 {
                    let len = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
                    done |= u16::from_ne_bytes(rest[4..6].try_into().unwrap()) == libc::NLMSG_DONE as u16;
                    rest = &rest[len.next_multiple_of(4).min(rest.len())..];
                }
            }
            assert!(found, "there is a loopback");
        });
    });
}

/// One attempt to take the urgent byte of a connection; none there is "not yet".
fn take_urgent(stream: &TcpStream) -> io::Result<u8> {
    let mut byte = 0;
    // SAFETY: the kernel writes at most one byte to `byte`, which lives across the call.
    let n = unsafe { libc::recv(stream.as_raw_fd(), (&raw mut byte).cast(), 1, libc::MSG_OOB) };
    match n {
        1 => Ok(byte),
        _ => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::EINVAL) => Err(ErrorKind::WouldBlock.into()),
            error => Err(error),
        },
    }
}

// EPOLLPRI: the socket has nothing to read in the ordinary way, and is woken for all that.
#[test]
fn urgent_data_wakes_whoever_waits_for_it() {
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        block_on(async {
            let ours = Rc::new(AsyncFd::new(ours).unwrap());
            for byte in *b"ab" {
                let waiting = ours.clone();
                let urgent = waits_for(
                    async move { waiting.async_io(Interest::READABLE, take_urgent).await.unwrap() },
                    || {
                        // SAFETY: the pointer is to one byte, which lives across the call.
                        let sent = unsafe {
                            libc::send(peer.as_raw_fd(), (&raw const byte).cast(), 1, libc::MSG_OOB)
                        };
                        assert_eq!(sent, 1);
                    },
                );
                assert_eq!(urgent.await, byte);
            }
            let plain = ours.get_ref().peek(&mut [0; 8]).unwrap_err();
            assert_eq!(plain.kind(), ErrorKind::WouldBlock, "nothing came in the ordinary way");
        });
    });
}
