//! Files and folders: `egret_runtime::fs`.

mod given_up; // futures dropped before they resolve
mod moved; // polls that find the call of another
mod traits; // those of futures-io and of tokio

use egret_runtime::fs::{self, File, OpenOptions};
use egret_runtime::runtime::Builder;
use egret_runtime::task::spawn_blocking;
use egret_runtime::{block_on, io, task};
use std::collections::BTreeSet;
use std::io::{ErrorKind, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Waker};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("egret-files-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Runs `test` with a pool of one thread, which runs the jobs one after the other.
fn with_one_thread<T>(test: impl Future<Output = T>) -> T {
    Builder::new().max_blocking_threads(1).build().unwrap().block_on(test)
}

/// Keeps the one thread of the pool busy until the sender is used or dropped.
fn keep_busy() -> Sender<()> {
    let (open, gate) = channel::<()>();
    let (begun, has_begun) = channel();
    let _busy = spawn_blocking(move || {
        begun.send(()).unwrap();
        let _ = gate.recv();
    });
    has_begun.recv().unwrap();
    open
}

/// Polls once, and drops the future: it is pending.
async fn give_up<T>(future: impl Future<Output = T>) {
    let mut future = std::pin::pin!(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// A job behind all that were submitted, for a pool of one thread.
async fn those_before_have_run() {
    spawn_blocking(|| ()).await.unwrap();
}

#[test]
fn each_function_does_what_that_of_std_does() {
    let folder = Folder::new("functions");
    block_on(async {
        let (one, two) = (folder.path("one"), folder.path("two"));
        fs::write(&one, "first").await.unwrap();
        assert_eq!(std::fs::read(&one).unwrap(), b"first");
        assert_eq!(fs::read(&one).await.unwrap(), b"first");
        assert_eq!(fs::read_to_string(&one).await.unwrap(), "first");
        assert_eq!(fs::metadata(&one).await.unwrap().len(), 5);
        assert_eq!(fs::copy(&one, &two).await.unwrap(), 5);
        fs::hard_link(&one, folder.path("hard")).await.unwrap();
        fs::symlink("one", folder.path("soft")).await.unwrap();
        assert_eq!(fs::read_link(folder.path("soft")).await.unwrap(), PathBuf::from("one"));
        assert!(fs::symlink_metadata(folder.path("soft")).await.unwrap().is_symlink());
        assert!(fs::metadata(folder.path("soft")).await.unwrap().is_file());
        let there = std::fs::canonicalize(&one).unwrap();
        assert_eq!(fs::canonicalize(folder.path("soft")).await.unwrap(), there);
        fs::rename(&two, folder.path("three")).await.unwrap();
        assert!(!fs::try_exists(&two).await.unwrap() && fs::try_exists(folder.path("three")).await.unwrap());
        let mut read_only = fs::metadata(&one).await.unwrap().permissions();
        read_only.set_readonly(true);
        fs::set_permissions(&one, read_only).await.unwrap();
        assert!(std::fs::metadata(&one).unwrap().permissions().readonly());
        fs::create_dir(folder.path("a")).await.unwrap();
        fs::create_dir_all(folder.path("a/b/c")).await.unwrap();
        assert_eq!(fs::remove_dir(folder.path("a")).await.unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        fs::remove_dir(folder.path("a/b/c")).await.unwrap();
        fs::remove_dir_all(folder.path("a")).await.unwrap();
        fs::remove_file(&one).await.unwrap();
        let missing = fs::read(&one).await.unwrap_err();
        assert_eq!((missing.kind(), missing.raw_os_error()), (ErrorKind::NotFound, Some(2)));
    });
}

#[test]
fn a_folder_of_more_entries_than_a_batch_has_each_of_them_once() {
    for count in [0, 1, 63, 64, 65, 200] {
        let folder = Folder::new(&format!("entries-{count}"));
        let names: BTreeSet<_> = (0..count).map(|n| n.to_string()).collect();
        names.iter().for_each(|name| std::fs::write(folder.path(name), name).unwrap());
        block_on(async {
            let (mut entries, mut found) = (fs::read_dir(&folder.0).await.unwrap(), BTreeSet::new());
            while let Some(entry) = entries.next_entry().await.unwrap() {
                let name = entry.file_name().into_string().unwrap();
                assert_eq!(entry.path(), folder.path(&name));
                assert_eq!(entry.ino(), std::fs::symlink_metadata(entry.path()).unwrap().ino());
                assert!(found.insert(name), "twice");
            }
            assert_eq!(found, names);
            assert!(entries.next_entry().await.unwrap().is_none(), "the end stays");
        });
    }
}

#[test]
fn reads_writes_and_seeks_move_the_position_as_std_has_it() {
    let folder = Folder::new("position");
    block_on(async {
        let path = folder.path("file");
        let mut file = File::create_new(&path).await.unwrap();
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        file.write_all(b"0123456789").await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(-4)).await.unwrap(), 6);
        let mut two = [0; 2];
        assert_eq!(file.read(&mut two).await.unwrap(), 2);
        assert_eq!(&two, b"67");
        assert_eq!(file.write(b"xy").await.unwrap(), 2);
        assert_eq!(file.read(&mut two).await.unwrap(), 0, "the end");
        assert_eq!(file.seek(SeekFrom::End(-3)).await.unwrap(), 7);
        let mut rest = String::from("rest: ");
        assert_eq!(file.read_to_string(&mut rest).await.unwrap(), 3);
        assert_eq!(rest, "rest: 7xy");
        for bad in [SeekFrom::Start(1 << 63), SeekFrom::Current(-11), SeekFrom::End(-11)] {
            assert_eq!(file.seek(bad).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(file.seek(SeekFrom::Start(8)).await.unwrap(), 8);
        assert_eq!(file.read_exact(&mut [0; 3]).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        file.set_len(4).await.unwrap();
        file.sync_all().await.unwrap();
        file.sync_data().await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 4);
        assert_eq!(file.write(b"").await.unwrap() + file.read(&mut []).await.unwrap(), 0);
    });
}

#[test]
fn a_file_to_and_from_std_keeps_its_position_and_a_clone_has_one_of_its_own() {
    use std::io::{Read, Seek};
    use std::os::fd::{AsFd, AsRawFd};

    let folder = Folder::new("std");
    std::fs::write(folder.path("file"), "abcdef").unwrap();
    block_on(async {
        let mut std = std::fs::File::open(folder.path("file")).unwrap();
        std.seek(SeekFrom::Start(2)).unwrap();
        let raw = std.as_raw_fd();
        let mut file = File::from_std(std);
        assert_eq!((file.as_raw_fd(), file.as_fd().as_raw_fd()), (raw, raw));
        let mut byte = [0];
        file.read_exact(&mut byte).await.unwrap();
        let mut clone = file.try_clone().await.unwrap();
        assert_eq!(file.read(&mut [0; 10]).await.unwrap(), 3);
        clone.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"d");
        let mut rest = String::new();
        clone.try_into_std().unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "ef");
    });
}

#[test]
fn appends_go_to_the_end_and_the_position_with_them() {
    let folder = Folder::new("append");
    block_on(async {
        std::fs::write(folder.path("log"), "old ").unwrap();
        let mut log = OpenOptions::new().read(true).append(true).open(folder.path("log")).await.unwrap();
        let mut other = File::options().append(true).open(folder.path("log")).await.unwrap();
        log.write_all(b"one ").await.unwrap();
        other.write_all(b"two ").await.unwrap();
        log.write_all(b"three").await.unwrap();
        assert_eq!(log.read(&mut [0; 10]).await.unwrap(), 0);
        assert_eq!(fs::read_to_string(folder.path("log")).await.unwrap(), "old one two three");
    });
}

#[test]
fn a_clone_of_a_file_that_appends_has_the_position_after_what_it_has_appended() {
    let folder = Folder::new("appending-clone");
    std::fs::write(folder.path("file"), "abc").unwrap();
    block_on(async {
        let file = File::options().append(true).open(folder.path("file")).await.unwrap();
        let mut clone = file.try_clone().await.unwrap();
        clone.write_all(b"de").await.unwrap();
        assert_eq!(clone.seek(SeekFrom::Current(0)).await.unwrap(), 5);
    });
    assert_eq!(std::fs::read(folder.path("file")).unwrap(), b"abcde");
}

#[test]
fn a_large_file_goes_in_chunks_through_a_copy_and_comes_back() {
    let folder = Folder::new("large");
    let bytes: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
    block_on(async {
        let mut file = File::create(folder.path("file")).await.unwrap();
        assert_eq!(io::copy(&mut &bytes[..], &mut file).await.unwrap(), 1_000_003);
        file.write_all(&bytes).await.unwrap();
        let mut back = Vec::new();
        let mut file = File::open(folder.path("file")).await.unwrap();
        let first = file.read(&mut vec![0; 1_000_000]).await.unwrap();
        assert_eq!(first, 256 * 1024, "the most of a job");
        assert_eq!(file.read_to_end(&mut back).await.unwrap(), 2_000_006 - first);
        assert!(back == [&bytes[first..], &bytes[..]].concat());
    });
}

/// What has a path, and removes the file when it is dropped.
struct Temporary(PathBuf);

impl AsRef<Path> for Temporary {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn what_names_a_path_lives_until_the_operation_is_over() {
    let folder = Folder::new("temporary");
    let temporary = |name: &str| {
        std::fs::write(folder.path(name), name).unwrap();
        Temporary(folder.path(name))
    };
    block_on(async {
        assert_eq!(fs::read(temporary("read")).await.unwrap(), b"read");
        let mut file = File::open(temporary("open")).await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "open");
        assert!(OpenOptions::new().read(true).open(temporary("options")).await.is_ok());
        assert_eq!(fs::copy(temporary("from"), temporary("to")).await.unwrap(), 4);
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0); // and not for longer
    });
}

#[test]
fn the_loop_goes_on_while_a_file_keeps_a_thread_waiting() {
    let (reader, writer) = crate::support::fds::pipe();
    let fifo = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    block_on(async {
        let read = egret_runtime::spawn(async move { fs::read(fifo).await.unwrap() });
        for _ in 0..1000 {
            task::yield_now().await;
        }
        assert!(!read.is_finished());
        std::io::Write::write_all(&mut &writer, b"at last").unwrap();
        drop(writer);
        assert_eq!(read.await.unwrap(), b"at last");
    });
}

#[test]
fn a_file_without_positions_is_an_error_and_no_hang() {
    let (reader, writer) = crate::support::fds::pipe();
    block_on(async {
        let mut reader = File::from_std(reader);
        let mut writer = File::from_std(writer);
        assert_eq!(reader.read(&mut [0]).await.unwrap_err().raw_os_error(), Some(libc::ESPIPE));
        assert_eq!(writer.write(b"x").await.unwrap_err().raw_os_error(), Some(libc::ESPIPE));
    });
}
