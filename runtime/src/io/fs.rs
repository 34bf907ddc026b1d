//! Files and folders, on the pool of blocking threads.
//!
//! Linux has no readiness for a file on a disk: `epoll` refuses it, and a read waits for the disk. So each operation here is a job
//! of [`spawn_blocking`](crate::task::spawn_blocking), and the loop goes on meanwhile. The names are those of `tokio::fs`.
//!
//! * **An operation is one job,** also [`read`] of a whole file and [`copy`]. A job costs two wakes between threads: several system
//!   calls in a row are cheaper in one `spawn_blocking` with `std::fs`.
//! * **A [`File`] is read and written in chunks** of at most 256 KiB, one job each. It holds no buffer, so a completed write is with
//!   the kernel, and there is nothing to flush.
//! * **A file goes to a socket without a copy** by `sendfile` of the stream, which takes [`File::as_std`].
//! * Pipes, terminals and devices are for `net::unix::pipe`, the standard streams and `AsyncFd`.
//!
//! ```
//! use egret_runtime::fs;
//!
//! # egret_runtime::block_on(async {
//! let folder = std::env::temp_dir().join(format!("egret-fs-{}", std::process::id()));
//! fs::create_dir_all(&folder).await?;
//! // A reader sees the old file or the new one, and never a part of it.
//! fs::write(folder.join("config.new"), "threads = 1\n").await?;
//! fs::rename(folder.join("config.new"), folder.join("config")).await?;
//! assert_eq!(fs::read_to_string(folder.join("config")).await?, "threads = 1\n");
//! fs::remove_dir_all(folder).await?;
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # Errors
//!
//! Those of the function of the same name in [`std::fs`]; [`Other`](std::io::ErrorKind::Other) when the pool has no thread, or the
//! runtime ends first.
//!
//! # Cancel safety
//!
//! A future that is dropped before a thread has taken its job has no effect. Once a thread has it, the job runs to its end, and its
//! result is lost: a file may be written although the future of [`write()`] was dropped. [`File`] and [`ReadDir`] say what
//! they do.
//!
//! # Panics
//!
//! Outside of a runtime.

mod file; // an open file, its position and the call in progress
#[cfg(feature = "futures-io")]
mod futures_io; // the traits of futures-io for it
mod job; // one call on the pool
mod open_options; // how a file is opened
mod paths; // the functions that take paths
mod read_dir; // the entries of a folder
#[cfg(feature = "tokio-io")]
mod tokio_io; // the traits of tokio for a file

pub use file::File;
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_dir, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink,
    symlink_metadata, try_exists, write,
};
pub use read_dir::{DirEntry, ReadDir};
