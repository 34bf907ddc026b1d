//! The calls of programs: each is one system call of the simulated host, which takes time, is traced, and may fail.

use super::content::Content;
use super::log::Change;
use super::{Disk, DiskNode};
use crate::sys::sim::dice::Dice;
use crate::sys::sim::plan::Fault;
use crate::sys::sim::trace::Outcome;
use crate::sys::sim::world::World;
use std::collections::btree_map::Entry;
use std::fs::{self, DirEntry, File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open file of a host.
#[derive(Debug)]
pub(crate) struct DiskFile {
    pub(crate) std: File,
    node: DiskNode,
    name: Arc<str>,
}

/// How a file is opened, as far as the disk must know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opens {
    pub(crate) truncates: bool,
    pub(crate) creates: bool,
}

/// Whether a call needs room on the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Room,
    None,
}

impl World {
    /// Performs a call of the current host on its disk. `told` is what the trace has of it.
    fn on_disk<R>(
        &self,
        name: &'static str,
        told: &str,
        needs: Needs,
        act: impl FnOnce(&mut Disk) -> io::Result<R>,
    ) -> io::Result<R> {
        self.with_disk(|disk| {
            let call = |kernel: &mut super::super::kernel::Kernel| {
                if needs == Needs::Room && kernel.fault(Fault::DiskFull) {
                    return Err(libc::ENOSPC);
                }
                if kernel.fault(Fault::DiskError) {
                    return Err(libc::EIO);
                }
                act(disk).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
            };
            self.call(name, None, call, |_| Outcome::Text(told.into()))
        })
    }

    /// Returns the disk of the current host.
    fn with_disk<R>(&self, f: impl FnOnce(&mut Disk) -> R) -> R {
        let host = self.ask(|kernel| kernel.here()).expect("a program uses its disk");
        self.disk_of(host, f)
    }

    pub(crate) fn disk_open(&self, path: &Path, options: &OpenOptions, how: Opens) -> io::Result<DiskFile> {
        let name: Arc<str> = path.to_string_lossy().into();
        let needs = if how.creates { Needs::Room } else { Needs::None };
        self.on_disk("open", &name, needs, |disk| {
            let real = disk.real(path);
            let is_new = how.creates && !real.try_exists()?;
            if is_new {
                disk.keep(parent(&real)?)?;
            }
            let before = match how.truncates && real.is_file() {
                true => Some(Content::of(&File::open(&real)?)?),
                false => None,
            };
            let std = options.open(&real)?;
            let node = disk.node(std.metadata()?.ino());
            if is_new {
                disk.contents.insert(node, Content::default());
                disk.change(&[(&real, Some(node))], false)?;
            }
            if let Some(before) = before {
                disk.contents.entry(node).or_insert(before).set_len(0);
            }
            Ok(DiskFile { std, node, name: name.clone() })
        })
    }

    pub(crate) fn disk_metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.on_disk("stat", &path.to_string_lossy(), Needs::None, |disk| fs::metadata(disk.real(path)))
    }

    pub(crate) fn disk_set_permissions(&self, path: &Path, permissions: Permissions) -> io::Result<()> {
        self.on_disk("chmod", &path.to_string_lossy(), Needs::None, |disk| {
            fs::set_permissions(disk.real(path), permissions)
        })
    }

    /// Returns the path without `.` and `..`, if it is there.
    pub(crate) fn disk_canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.on_disk("realpath", &path.to_string_lossy(), Needs::None, |disk| {
            let real = disk.real(path);
            fs::symlink_metadata(&real)?;
            Ok(disk.seen(&real))
        })
    }

    /// Returns the entries of a directory, by name.
    pub(crate) fn disk_entries(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.on_disk("getdents", &path.to_string_lossy(), Needs::None, |disk| {
            let mut entries = fs::read_dir(disk.real(path))?.collect::<io::Result<Vec<_>>>()?;
            entries.sort_by_key(DirEntry::file_name);
            Ok(entries)
        })
    }

    pub(crate) fn disk_create_dir(&self, path: &Path) -> io::Result<()> {
        self.on_disk("mkdir", &path.to_string_lossy(), Needs::Room, |disk| {
            let real = disk.real(path);
            if real != disk.root {
                disk.keep(parent(&real)?)?;
            }
            fs::create_dir(&real)?;
            let node = disk.node_at(&real)?;
            disk.log.keep(node, Default::default());
            disk.change(&[(&real, Some(node))], false)
        })
    }

    pub(crate) fn disk_remove(&self, path: &Path, is_directory: bool) -> io::Result<()> {
        let name = if is_directory { "rmdir" } else { "unlink" };
        self.on_disk(name, &path.to_string_lossy(), Needs::None, |disk| {
            let real = disk.movable(path)?;
            match (is_directory, real.is_dir()) {
                (true, false) => return Err(errno(libc::ENOTDIR)),
                (false, true) => return Err(errno(libc::EISDIR)),
                (true, true) if fs::read_dir(&real)?.next().is_some() => return Err(errno(libc::ENOTEMPTY)),
                _ => {}
            }
            disk.keep(parent(&real)?)?;
            disk.bury(&real)?;
            disk.change(&[(&real, None)], is_directory)
        })
    }

    pub(crate) fn disk_rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let told = format!("{} > {}", from.display(), to.display());
        self.on_disk("rename", &told, Needs::Room, |disk| {
            let (from, to) = (disk.movable(from)?, disk.real(to));
            if to == disk.root {
                return Err(errno(libc::EBUSY));
            }
            if to.starts_with(&from) && to != from {
                return Err(errno(libc::EINVAL));
            }
            let node = disk.node_at(&from)?;
            disk.keep(parent(&from)?)?;
            disk.keep(parent(&to)?)?;
            let is_directory = from.is_dir();
            if let Ok(replaced) = fs::symlink_metadata(&to) {
                if disk.node(replaced.ino()) == node {
                    return Ok(()); // rename(2): two names of one file
                }
                match (is_directory, replaced.is_dir()) {
                    (true, false) => return Err(errno(libc::ENOTDIR)),
                    (false, true) => return Err(errno(libc::EISDIR)),
                    (true, true) if fs::read_dir(&to)?.next().is_some() => {
                        return Err(errno(libc::ENOTEMPTY));
                    }
                    _ => disk.bury(&to)?,
                }
            }
            fs::rename(&from, &to)?;
            disk.change(&[(&from, None), (&to, Some(node))], is_directory)
        })
    }

    pub(crate) fn disk_hard_link(&self, original: &Path, link: &Path) -> io::Result<()> {
        let told = format!("{} > {}", original.display(), link.display());
        self.on_disk("link", &told, Needs::Room, |disk| {
            let (original, link) = (disk.real(original), disk.real(link));
            disk.keep(parent(&link)?)?;
            fs::hard_link(&original, &link)?;
            let node = disk.node_at(&original)?;
            disk.change(&[(&link, Some(node))], false)
        })
    }

    // Of an open file.

    pub(crate) fn disk_read(&self, file: &DiskFile, buf: &mut [u8], at: u64) -> io::Result<usize> {
        self.on_disk("pread", &file.name, Needs::None, |_| file.std.read_at(buf, at))
    }

    /// Writes at a position, or else at the end of the file, and returns how much.
    pub(crate) fn disk_write(&self, file: &DiskFile, bytes: &[u8], at: Option<u64>) -> io::Result<usize> {
        let modified = FileTimes::new().set_modified(self.wall_clock());
        let name = if at.is_some() { "pwrite" } else { "write" };
        self.on_disk(name, &file.name, Needs::Room, |disk| {
            disk.remember(file)?;
            let end = file.std.metadata()?.len();
            let n = match at {
                Some(at) => file.std.write_at(bytes, at)?,
                None => (&file.std).write(bytes)?,
            };
            let _ = file.std.set_times(modified);
            disk.content(file).write(at.unwrap_or(end), &bytes[..n]);
            Ok(n)
        })
    }

    pub(crate) fn disk_set_len(&self, file: &DiskFile, len: u64) -> io::Result<()> {
        self.on_disk("ftruncate", &file.name, Needs::Room, |disk| {
            disk.remember(file)?;
            file.std.set_len(len)?;
            disk.content(file).set_len(len);
            Ok(())
        })
    }

    /// Puts the content of a file, or the entries of a directory, on the disk. When it fails, what is not there then never
    /// will be, whatever a later sync says.
    pub(crate) fn disk_sync(&self, file: &DiskFile, name: &'static str) -> io::Result<()> {
        let synced = self.on_disk(name, &file.name, Needs::None, |disk| {
            disk.log.sync(file.node);
            disk.contents.entry(file.node).and_modify(Content::sync);
            Ok(())
        });
        if synced.is_err() {
            self.with_disk(|Disk { contents, dice, .. }| {
                contents.entry(file.node).and_modify(|content| content.fail_to_sync(dice));
            });
        }
        synced
    }
}

impl Disk {
    /// Returns a path that may be removed or renamed.
    fn movable(&self, path: &Path) -> io::Result<PathBuf> {
        let real = self.real(path);
        if real == self.root {
            return Err(errno(libc::EBUSY));
        }
        fs::symlink_metadata(&real)?;
        Ok(real)
    }

    /// Notes that names have become nodes, or none.
    fn change(&mut self, sets: &[(&Path, Option<DiskNode>)], is_of_directory: bool) -> io::Result<()> {
        let mut of = Vec::new();
        for (real, node) in sets {
            let directory = self.node_at(parent(real)?)?;
            of.push((directory, real.file_name().unwrap_or_default().to_owned(), *node));
        }
        self.log.push(Change { sets: of, is_of_directory });
        Ok(())
    }

    /// Before a file is written to: its content is what is on the disk.
    fn remember(&mut self, file: &DiskFile) -> io::Result<()> {
        if let Entry::Vacant(entry) = self.contents.entry(file.node) {
            // The descriptor may be for writing alone.
            let reads = File::open(format!("/proc/self/fd/{}", file.std.as_raw_fd()))?;
            entry.insert(Content::of(&reads)?);
        }
        Ok(())
    }

    fn content(&mut self, file: &DiskFile) -> &mut Content {
        self.contents.entry(file.node).or_default()
    }
}

impl DiskFile {
    /// Another descriptor of the same open file.
    pub(crate) fn try_clone(&self) -> io::Result<DiskFile> {
        Ok(DiskFile { std: self.std.try_clone()?, node: self.node, name: self.name.clone() })
    }
}

fn parent(real: &Path) -> io::Result<&Path> {
    real.parent().ok_or_else(|| errno(libc::EBUSY))
}

fn errno(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

/// Returns the stream of choices of a disk.
pub(in crate::sys::sim) fn dice(seed: u64, host: &str) -> Dice {
    Dice::new(seed, &format!("disk of {host}"))
}
