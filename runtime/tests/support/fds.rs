//! Descriptors that std has no constructor for. Pipes and socket pairs are used as `File`s, whose `read(2)` and
//! `write(2)` Miri knows for both.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

fn owned(raw: libc::c_int) -> OwnedFd {
    assert!(raw >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: every caller passes what the kernel has just made for it, so nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

/// Makes operations on the open file description return `WouldBlock`.
pub fn set_nonblocking(fd: impl AsFd) {
    // SAFETY: the call takes no pointer; the flags of a fresh pipe or socket are none but the access mode.
    let done = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

fn pipe_with(flags: libc::c_int) -> (File, File) {
    let mut ends = [-1; 2];
    // SAFETY: the kernel writes two numbers to `ends`, which has room for two.
    let done = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK | flags) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    (owned(ends[0]).into(), owned(ends[1]).into())
}

/// The reading end of a pipe and its writing end, neither of which blocks.
pub fn pipe() -> (File, File) {
    pipe_with(0)
}

/// Closes one end of a pipe or a pair, and returns when the kernel tells the other end of it: a child that another test is
/// starting has a copy of every descriptor until it runs its program.
pub fn close(end: File, other: impl AsFd) {
    drop(end);
    let mut other = libc::pollfd { fd: other.as_fd().as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: the kernel reads and writes one `pollfd`, which lives across the call.
    let told = unsafe { libc::poll(&raw mut other, 1, super::HANG.as_millis() as libc::c_int) };
    assert_eq!(told, 1, "the other end is not told that this one is closed");
}

/// A pipe that keeps the bounds of each write (`O_DIRECT`, packet mode).
pub fn packet_pipe() -> (File, File) {
    pipe_with(libc::O_DIRECT)
}

/// Two connected Unix stream sockets, neither of which blocks.
pub fn pair() -> (File, File) {
    let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    let (a, b) = (OwnedFd::from(a), OwnedFd::from(b));
    set_nonblocking(&a);
    set_nonblocking(&b);
    (a.into(), b.into())
}

/// A counter that starts at `value`; with `one_by_one` a read takes 1 and not all.
pub fn eventfd(value: u32, one_by_one: bool) -> File {
    let semaphore = if one_by_one { libc::EFD_SEMAPHORE } else { 0 };
    // SAFETY: the call takes no pointer.
    owned(unsafe { libc::eventfd(value, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK | semaphore) }).into()
}

/// Two connected sockets that keep the bounds of each write, in order.
pub fn seqpacket_pair() -> (File, File) {
    let mut ends = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the kernel writes two numbers to `ends`, which has room for two.
    let done = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
    (owned(ends[0]).into(), owned(ends[1]).into())
}

/// A second descriptor for the same open file, with the number `at`, or the next that is free.
///
/// The kernel allocates the lowest free number, so tests that run in parallel do not get a high one.
pub fn duplicate_at(at: RawFd, of: impl AsFd) -> OwnedFd {
    // SAFETY: the call takes no pointer.
    owned(unsafe { libc::fcntl(of.as_fd().as_raw_fd(), libc::F_DUPFD_CLOEXEC, at) })
}

/// Both ends of a new terminal that passes bytes on as they are: master, slave. `None` where there is no devpts.
pub fn raw_terminal() -> Option<(File, File)> {
    // SAFETY: the call takes no pointer.
    let master = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) };
    if master < 0 {
        return None;
    }
    let master = owned(master);
    set_nonblocking(&master);
    // SAFETY: the call takes no pointer.
    let unlocked = unsafe { libc::unlockpt(master.as_raw_fd()) };
    let peer = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: this request takes an integer, and no pointer.
    let slave = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, peer) };
    if unlocked < 0 || slave < 0 {
        return None;
    }
    let slave = owned(slave);
    let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the kernel writes one `termios` there.
    let got = unsafe { libc::tcgetattr(slave.as_raw_fd(), settings.as_mut_ptr()) };
    assert_eq!(got, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call above has succeeded, so it has initialised the whole.
    let mut settings = unsafe { settings.assume_init() };
    // SAFETY: it changes the flags of a `termios` that we borrow mutably.
    unsafe { libc::cfmakeraw(&raw mut settings) };
    // SAFETY: the kernel reads one `termios`, which lives across the call.
    let set = unsafe { libc::tcsetattr(slave.as_raw_fd(), libc::TCSANOW, &raw const settings) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    Some((master.into(), slave.into()))
}

/// One attempt to read, as the closures of `AsyncFd` make it.
pub fn read(mut file: &File) -> std::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 64 * 1024];
    let n = file.read(&mut buffer)?;
    buffer.truncate(n);
    Ok(buffer)
}

/// Writes the whole of `bytes` to a descriptor that has room for it.
pub fn write(mut file: &File, bytes: &[u8]) {
    file.write_all(bytes).unwrap();
}

/// Writes until there is no room left. Returns how many bytes that took.
pub fn fill(mut file: &File) -> usize {
    let mut written = 0;
    loop {
        match file.write(&[b'x'; 4096]) {
            Ok(n) => written += n,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return written,
            Err(e) => panic!("{e}"),
        }
    }
}

/// Sets how many descriptors this process may have to `wanted`, or as near as it is allowed to. Says how many.
pub fn set_descriptor_limit(wanted: usize) -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`, which lives across the call.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    assert_eq!(got, 0, "{}", std::io::Error::last_os_error());
    limit.rlim_cur = limit.rlim_max.min(wanted as libc::rlim_t);
    // SAFETY: the kernel reads one `rlimit`, which lives across the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    limit.rlim_cur as usize
}
