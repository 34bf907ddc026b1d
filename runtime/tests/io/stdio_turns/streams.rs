//! The files that replace 0 and 1, and a runtime whose threads are busy.

use egret_runtime::runtime::{Builder, Runtime};
use egret_runtime::task::spawn_blocking;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::mpsc::{Sender, channel};

/// Clears `O_NONBLOCK`, which the constructors in `support` set, and duplicates `fd` to `number`.
pub fn install(number: i32, fd: impl AsFd) {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: the call takes no pointer.
    assert_eq!(unsafe { libc::fcntl(raw, libc::F_SETFL, 0) }, 0);
    // SAFETY: the call takes no pointer. What had the number is not used by this process, which has one test.
    assert_eq!(unsafe { libc::dup2(raw, number) }, number);
}

/// Restores the descriptor when it is dropped: the harness prints to 1 and exits.
pub struct Lent(i32, OwnedFd);

impl Lent {
    pub fn out(number: i32, to: impl AsFd) -> Lent {
        // SAFETY: the number is open, and this borrows it for one call.
        let before = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
        let before = crate::support::fds::duplicate_at(100, before);
        install(number, to);
        Lent(number, before)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: the call takes no pointer.
        assert_eq!(unsafe { libc::dup2(self.1.as_raw_fd(), self.0) }, self.0);
    }
}

/// A file without a name, with `bytes` in it and the position at its start.
pub fn file_with(bytes: &[u8]) -> File {
    let path = std::env::temp_dir().join(format!("egret-stdio-{}", std::process::id()));
    let mut file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    file
}

/// A runtime whose blocking jobs wait until the returned guard is dropped.
pub fn with_its_one_thread_busy() -> (Runtime, Sender<()>) {
    let rt = Builder::new().max_blocking_threads(1).build().unwrap();
    let (go, wait) = channel();
    rt.block_on(async { drop(spawn_blocking(move || wait.recv())) });
    (rt, go)
}
