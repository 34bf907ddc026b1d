//! `std::fs` for `io/fs`: on the disk of a simulated host, or that of this machine.

#![allow(clippy::missing_errors_doc)]

mod read_dir; // the entries of a directory

use super::sim;
use crate::sys::sim::{DiskFile, Opens};
pub(crate) use read_dir::{DirEntry, ReadDir};
use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open file.
#[derive(Debug)]
pub(crate) enum File {
    Real(fs::File),
    Simulated(DiskFile),
}

/// A file that is open already.
pub(crate) fn adopt(file: fs::File) -> File {
    File::Real(file)
}

pub(crate) fn as_std(file: &File) -> &fs::File {
    match file {
        File::Real(std) => std,
        File::Simulated(file) => &file.std,
    }
}

pub(crate) fn into_std(file: File) -> fs::File {
    match file {
        File::Real(std) => std,
        File::Simulated(file) => file.std,
    }
}

/// The world of a program, for a file of its host.
enum FileWorld<'a> {
    Disk(std::rc::Rc<sim::World>, &'a DiskFile),
    Linux(&'a fs::File),
}

impl File {
    pub(crate) fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    pub(crate) fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    pub(crate) fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    fn of(&self) -> io::Result<FileWorld<'_>> {
        match (self, sim::program()) {
            (File::Simulated(file), Some(world)) => Ok(FileWorld::Disk(world, file)),
            (File::Real(_), Some(_)) => Err(sim::unsupported("a file that std has opened (File::from_std)")),
            (file, None) => Ok(FileWorld::Linux(as_std(file))),
        }
    }

    pub(crate) fn try_clone(&self) -> io::Result<File> {
        match self {
            File::Real(std) => std.try_clone().map(File::Real),
            File::Simulated(file) => file.try_clone().map(File::Simulated),
        }
    }

    pub(crate) fn sync_all(&self) -> io::Result<()> {
        match self.of()? {
            FileWorld::Disk(world, file) => world.disk_sync(file, "fsync"),
            FileWorld::Linux(std) => std.sync_all(),
        }
    }

    pub(crate) fn sync_data(&self) -> io::Result<()> {
        match self.of()? {
            FileWorld::Disk(world, file) => world.disk_sync(file, "fdatasync"),
            FileWorld::Linux(std) => std.sync_data(),
        }
    }

    pub(crate) fn set_len(&self, len: u64) -> io::Result<()> {
        match self.of()? {
            FileWorld::Disk(world, file) => world.disk_set_len(file, len),
            FileWorld::Linux(std) => std.set_len(len),
        }
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.of()?;
        as_std(self).metadata()
    }

    pub(crate) fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.of()?;
        as_std(self).set_permissions(permissions)
    }
}

impl FileExt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.of()? {
            FileWorld::Disk(world, file) => world.disk_read(file, buf, offset),
            FileWorld::Linux(std) => std.read_at(buf, offset),
        }
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        match self.of()? {
            FileWorld::Disk(world, file) => world.disk_write(file, buf, Some(offset)),
            FileWorld::Linux(std) => std.write_at(buf, offset),
        }
    }
}

/// At the end of the file, which is open to append.
impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.of()? {
            FileWorld::Disk(world, file) => world.disk_write(file, buf, None),
            FileWorld::Linux(mut std) => std.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.of()?;
        as_std(self).seek(position)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        as_std(self).as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        as_std(self).as_raw_fd()
    }
}

/// How a file is opened.
#[derive(Clone, Debug)]
pub(crate) struct OpenOptions {
    std: fs::OpenOptions,
    how: Opens,
}

impl OpenOptions {
    pub(crate) fn new() -> OpenOptions {
        OpenOptions { std: fs::OpenOptions::new(), how: Opens::default() }
    }

    pub(crate) fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.std.read(read);
        self
    }

    pub(crate) fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.std.write(write);
        self
    }

    pub(crate) fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.std.append(append);
        self
    }

    pub(crate) fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.std.truncate(truncate);
        self.how.truncates = truncate;
        self
    }

    pub(crate) fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.std.create(create);
        self.how.creates |= create;
        self
    }

    pub(crate) fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.std.create_new(create_new);
        self.how.creates |= create_new;
        self
    }

    pub(crate) fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        match sim::program() {
            Some(world) => world.disk_open(path.as_ref(), &self.std, self.how).map(File::Simulated),
            None => self.std.open(path).map(File::Real),
        }
    }
}

impl OpenOptionsExt for OpenOptions {
    fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        self.std.mode(mode);
        self
    }

    fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        self.std.custom_flags(flags);
        self
    }
}

// The functions that take paths.

pub(crate) fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    match sim::program() {
        Some(world) => world.disk_canonicalize(path.as_ref()),
        None => fs::canonicalize(path),
    }
}

pub(crate) fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    if sim::program().is_none() {
        return fs::copy(from, to);
    }
    let permissions = metadata(&from)?.permissions();
    let content = read(from)?;
    write(&to, &content)?;
    set_permissions(to, permissions)?;
    Ok(content.len() as u64)
}

pub(crate) fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    match sim::program() {
        Some(world) => world.disk_create_dir(path.as_ref()),
        None => fs::create_dir(path),
    }
}

pub(crate) fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    if sim::program().is_none() {
        return fs::create_dir_all(path);
    }
    let path = path.as_ref();
    match create_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => match path.parent() {
            Some(parent) if parent != path => {
                create_dir_all(parent)?;
                create_dir_all(path)
            }
            _ => Err(error),
        },
        Err(error) if error.kind() == ErrorKind::AlreadyExists && metadata(path)?.is_dir() => Ok(()),
        made => made,
    }
}

pub(crate) fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    if sim::program().is_none() {
        return fs::exists(path);
    }
    match metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true),
    }
}

pub(crate) fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    match sim::program() {
        Some(world) => world.disk_hard_link(original.as_ref(), link.as_ref()),
        None => fs::hard_link(original, link),
    }
}

pub(crate) fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    match sim::program() {
        Some(world) => world.disk_metadata(path.as_ref()),
        None => fs::metadata(path),
    }
}

pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    if sim::program().is_none() {
        return fs::read(path);
    }
    let (file, mut content) = (File::open(path)?, Vec::new());
    FileReader { file: &file, at: 0 }.read_to_end(&mut content)?;
    Ok(content)
}

/// Reads a file from its start.
struct FileReader<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

pub(crate) fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    match sim::program() {
        Some(world) => {
            let folder = path.as_ref().to_owned();
            Ok(ReadDir::Simulated(folder, world.disk_entries(path.as_ref())?.into_iter()))
        }
        None => fs::read_dir(path).map(ReadDir::Real),
    }
}

pub(crate) fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    super::Backend::current().needs_linux("a symbolic link (read_link)")?;
    fs::read_link(path)
}

pub(crate) fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    if sim::program().is_none() {
        return fs::read_to_string(path);
    }
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
}

pub(crate) fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    match sim::program() {
        Some(world) => world.disk_remove(path.as_ref(), true),
        None => fs::remove_dir(path),
    }
}

pub(crate) fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    if sim::program().is_none() {
        return fs::remove_dir_all(path);
    }
    for entry in read_dir(&path)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => remove_dir_all(entry.path())?,
            false => remove_file(entry.path())?,
        }
    }
    remove_dir(path)
}

pub(crate) fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    match sim::program() {
        Some(world) => world.disk_remove(path.as_ref(), false),
        None => fs::remove_file(path),
    }
}

pub(crate) fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    match sim::program() {
        Some(world) => world.disk_rename(from.as_ref(), to.as_ref()),
        None => fs::rename(from, to),
    }
}

pub(crate) fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    match sim::program() {
        Some(world) => world.disk_set_permissions(path.as_ref(), permissions),
        None => fs::set_permissions(path, permissions),
    }
}

pub(crate) fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    super::Backend::current().needs_linux("a symbolic link (symlink)")?;
    std::os::unix::fs::symlink(original, link)
}

/// A simulated host has no symbolic links.
pub(crate) fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    match sim::program() {
        Some(world) => world.disk_metadata(path.as_ref()),
        None => fs::symlink_metadata(path),
    }
}

pub(crate) fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    if sim::program().is_none() {
        return fs::write(path, contents);
    }
    File::create(path)?.write_all_at(contents.as_ref(), 0)
}
