//! A container without `/proc`, a writable root, or `/etc/hosts`.
//!
//! The test makes the namespaces: as root, and as a user without privileges in a user namespace. What is not possible it prints.

use crate::everyday;
use crate::support::{bounded, child};
use egret::net::{TcpListener, lookup_host};
use egret::runtime::Runtime;
use egret::time::{sleep, timeout};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::net::ToSocketAddrs;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::null;
use std::rc::Rc;
use std::time::Duration;

const INSIDE: &str = "EGRET_TEST_INSIDE";

/// In a test: runs `body` in a process of its own, in new namespaces of these kinds (`CLONE_NEW…`). With `CLONE_NEWPID`
/// that process is number 1. Root runs it a second time as a user without privileges, in a user namespace. Says so aloud
/// where they cannot be had.
pub fn inside(kinds: i32, body: impl FnOnce() + Send + 'static) {
    if std::env::var_os(INSIDE).is_some() {
        return bounded(body);
    }
    let name = child::test_of(&body);
    // SAFETY: the call has no conditions.
    let root = unsafe { libc::geteuid() } == 0;
    for unprivileged in [!root, true] {
        let mut again = child::again(name);
        match entering(again.env(INSIDE, "1"), kinds, unprivileged).output() {
            Err(error) if unprivileged => crate::skipped(name, &format!("no user namespace: {error}")),
            Err(error) => crate::skipped(name, &format!("no namespaces: {error}")),
            Ok(ended) => crate::passed(name, &ended),
        }
        if unprivileged {
            break;
        }
    }
}

/// Another user than root, whom root becomes.
const NOBODY: u32 = 65534;

/// Has a program begin in new namespaces, as root or in a user namespace of its own.
fn entering(command: &mut Command, kinds: i32, unprivileged: bool) -> &mut Command {
    // SAFETY: the call has no conditions.
    let (user, group) = match unsafe { libc::geteuid() } {
        0 => (NOBODY, NOBODY),
        // SAFETY: the call has no conditions.
        user => (user, unsafe { libc::getegid() }),
    };
    let maps = [
        (c"/proc/self/setgroups", "deny".to_owned()),
        (c"/proc/self/uid_map", format!("0 {user} 1")),
        (c"/proc/self/gid_map", format!("0 {group} 1")),
    ];
    let enter = move || {
        if unprivileged {
            become_user(user, group)?;
            // SAFETY: the call takes no pointer. The process has one thread, as after every fork.
            checked(unsafe { libc::unshare(libc::CLONE_NEWUSER) })?;
            // Its files in `/proc` are root's since it changed its user.
            // SAFETY: the call takes integers alone.
            checked(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) })?;
            maps.iter().try_for_each(|(path, text)| write_to(path, text))?;
        }
        // SAFETY: as above.
        checked(unsafe { libc::unshare(kinds) })?;
        if kinds & libc::CLONE_NEWNS != 0 {
            mount(c"none", c"/", null(), libc::MS_REC | libc::MS_PRIVATE)?;
        }
        if kinds & libc::CLONE_NEWPID != 0 {
            go_on_as_pid_1()?;
        }
        Ok(())
    };
    // SAFETY: between the fork and the program it makes system calls only, and what they are given was made before.
    unsafe { command.pre_exec(enter) }
}

/// Nothing, for a process that is not root's.
fn become_user(user: u32, group: u32) -> io::Result<()> {
    // SAFETY: the call has no conditions.
    if unsafe { libc::geteuid() } != 0 {
        return Ok(());
    }
    // By number: the functions of the C library would tell its other threads, which a forked process has not.
    for (call, id) in [(libc::SYS_setgid, group), (libc::SYS_setuid, user)] {
        // SAFETY: the call takes no pointer.
        let set = unsafe { libc::syscall(call, libc::c_long::from(id)) };
        checked(set as i32)?;
    }
    Ok(())
}

/// The first child that this process has now is number 1 of the new namespace: that goes on, and this process waits for
/// it and ends as it does.
fn go_on_as_pid_1() -> io::Result<()> {
    // SAFETY: the process has one thread, as after every fork.
    let child = checked(unsafe { libc::fork() })?;
    if child == 0 {
        return Ok(());
    }
    // Among them the one by which the parent of both learns that the program has begun.
    (3..1024).for_each(|fd| {
        // SAFETY: this process uses no descriptor any more.
        unsafe { libc::close(fd) };
    });
    let mut status = 0;
    // SAFETY: the kernel writes one integer, which lives across the call.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } < 0 {}
    // SAFETY: the call does not return.
    unsafe {
        libc::_exit(if libc::WIFEXITED(status) {
            libc::WEXITSTATUS(status)
        } else {
            128 + libc::WTERMSIG(status)
        })
    }
}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Writes to a file that is there. After a fork, too.
pub fn write_to(path: &CStr, text: &str) -> io::Result<()> {
    // SAFETY: the path ends in a zero byte and lives across the call.
    let fd = checked(unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })?;
    // SAFETY: the pointer and the length are those of `text`, which lives across the call.
    let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
    // SAFETY: the descriptor is ours, and not used again.
    unsafe { libc::close(fd) };
    if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Of a file system without a device, or of a directory or a file that is there.
fn mount(source: &CStr, at: &CStr, kind: *const libc::c_char, flags: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the strings end in a zero byte and live across the call; null stands for none.
    checked(unsafe { libc::mount(source.as_ptr(), at.as_ptr(), kind, flags, null()) }).map(drop)
}

/// Something mounted over a path: an empty directory, or `/dev/null`. Gone when this is dropped.
pub struct Hidden(CString);

impl Hidden {
    pub fn directory(path: &CStr) -> Hidden {
        mount(c"none", path, c"tmpfs".as_ptr(), 0).unwrap();
        Hidden(path.to_owned())
    }

    fn file(path: &CStr) -> Hidden {
        mount(c"/dev/null", path, null(), libc::MS_BIND).unwrap();
        Hidden(path.to_owned())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // SAFETY: the path ends in a zero byte and lives across the call.
        unsafe { libc::umount2(self.0.as_ptr(), libc::MNT_DETACH) };
    }
}

#[test]
fn without_proc() {
    inside(libc::CLONE_NEWNS, || {
        let hidden = Hidden::directory(c"/proc");
        assert_eq!(File::open("/proc/self/exe").unwrap_err().kind(), io::ErrorKind::NotFound);
        let rt = Runtime::new().unwrap();
        everyday::without_proc(&rt);
        everyday::children(&rt);
        drop(hidden); // what looks for descriptors that were left open needs it
    });
}

#[test]
fn with_a_root_that_is_read_only() {
    inside(libc::CLONE_NEWNS, || {
        let read_only: [u64; 4] = [1, 0, 0, 0]; // `struct mount_attr` with `MOUNT_ATTR_RDONLY` set
        const AT_RECURSIVE: libc::c_long = 0x8000;
        // SAFETY: the path ends in a zero byte, the structure has the length that is given, and both live across the call.
        let set = unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                libc::c_long::from(libc::AT_FDCWD),
                c"/".as_ptr(),
                AT_RECURSIVE,
                read_only.as_ptr(),
                size_of_val(&read_only),
            )
        };
        if set < 0 {
            let why = format!("no read-only root: {}", io::Error::last_os_error());
            return crate::skipped("namespaces::with_a_root_that_is_read_only", &why);
        }
        for directory in [std::env::temp_dir(), "/".into(), std::env::current_dir().unwrap()] {
            let refused = File::create(directory.join("egret-test-read-only")).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ReadOnlyFilesystem, "{}", directory.display());
        }
        everyday::all(&Runtime::new().unwrap());
    });
}

/// Of the new network namespace, which has no other interface.
pub fn loopback_up() {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // SAFETY: it is made of integers and of a union of those, for all of which zero bytes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the kernel reads one `ifreq`, which lives across the call.
    checked(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw mut request) }).unwrap();
}

/// What comes of a look-up that no server answers and no file does: the same as std's, with the name before the error, and
/// the loop goes on meanwhile.
fn look_up(rt: &Runtime, name: &'static str) -> io::Result<Vec<std::net::SocketAddr>> {
    rt.block_on(async {
        let ticks = Rc::new(Cell::new(0));
        let ticking = ticks.clone();
        let ticker = egret::spawn(async move {
            loop {
                sleep(Duration::from_micros(100)).await;
                ticking.set(ticking.get() + 1);
            }
        });
        sleep(Duration::from_millis(1)).await;
        let looked_up = timeout(Duration::from_secs(40), lookup_host(name)).await;
        let found = looked_up.expect("a look-up ends").map(Iterator::collect::<Vec<_>>);
        ticker.abort();
        assert!(ticks.get() > 0);
        let by_std = name.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        match (&found, by_std) {
            (Ok(found), Ok(by_std)) => assert_eq!(*found, by_std),
            (Err(error), Err(by_std)) => {
                let (host, _port) = name.rsplit_once(':').unwrap();
                assert_eq!(error.to_string(), format!("{host:?}: {by_std}"));
            }
            (found, by_std) => panic!("{found:?}, and by std {by_std:?}"),
        }
        found
    })
}

/// A name without an address is an error, and `localhost` is that or this host; a number needs no file.
fn names(rt: &Runtime) {
    look_up(rt, "no-such-host.invalid:80").unwrap_err();
    if let Ok(found) = look_up(rt, "localhost:80") {
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
    }
    rt.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(listener.local_addr().unwrap().ip().is_loopback());
    });
}

#[test]
fn without_etc_hosts_and_a_network() {
    inside(libc::CLONE_NEWNS | libc::CLONE_NEWNET, || {
        let rt = Runtime::new().unwrap();
        // Not even the loopback interface is up.
        let _hosts = Hidden::file(c"/etc/hosts");
        names(&rt);
        loopback_up();
        names(&rt);
        everyday::all(&rt);
    });
}

#[test]
fn without_etc() {
    inside(libc::CLONE_NEWNS | libc::CLONE_NEWNET, || {
        loopback_up();
        let _etc = Hidden::directory(c"/etc");
        let rt = Runtime::new().unwrap();
        names(&rt);
        everyday::all(&rt);
    });
}
