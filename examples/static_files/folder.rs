//! The served folder and its files. The kernel confines paths: `openat2` with
//! `RESOLVE_BENEATH` fails at the step that would leave the folder, by `..`, by a leading slash, by a
//! symbolic link or by one that is created during the walk. It needs Linux 5.6. Everything here may wait for a disk.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::kinds::kind_of;

/// Open as long as the server runs, so that it stays the same one when it is renamed.
pub struct Folder(OwnedFd);

/// The result of opening a path.
pub enum Found {
    /// With what it is, for `Content-Type`.
    File(File, &'static str, Metadata),
    /// Its path is to end with a slash, so that links in its index lead where they should.
    Folder,
    Nothing,
    /// There is no descriptor or no memory left for it now.
    Busy,
    /// Something else is wrong here, and not with the path.
    Failed(io::Error),
}

/// How often a walk is tried again when something was renamed meanwhile and the kernel cannot tell whether it left.
const TRIES: usize = 16;

impl Folder {
    pub fn open(path: &Path) -> io::Result<Folder> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = Folder(openat(CWD, path, flags, Mode::empty())?);
        // Once before there are clients: a kernel without the call is no reason to answer 500 to all of them.
        folder.open_beneath(b".")?;
        Ok(folder)
    }

    /// Opens a file. The path has no slash in front and no NUL in it.
    pub fn find(&self, path: &[u8]) -> Found {
        if path.split(|byte| *byte == b'/').any(is_hidden) {
            return Found::Nothing;
        }
        let index = [path, b"index.html"].concat();
        let is_folder = path.is_empty() || path.ends_with(b"/");
        let path = if is_folder { &index } else { path };
        let file = match self.open_beneath(path) {
            Ok(file) => File::from(file),
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => return Found::Busy,
            Err(error @ (Errno::IO | Errno::AGAIN)) => return Found::Failed(error.into()),
            // Missing, unreadable or outside the folder: the answer does not distinguish them.
            Err(_) => return Found::Nothing,
        };
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Found::File(file, kind_of(path), metadata),
            Ok(metadata) if metadata.is_dir() && !is_folder => Found::Folder,
            Ok(_) => Found::Nothing, // a pipe, a socket, a device, or a folder with the name of an index
            Err(error) => Found::Failed(error),
        }
    }

    fn open_beneath(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        // A pipe without a writer would keep its thread waiting, and a terminal might become ours.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut tries = 0;
        loop {
            tries += 1;
            match openat2(&self.0, path, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) if tries < TRIES => {}
                opened => return opened,
            }
        }
    }
}

/// `.git` and `.env` are seldom there to be served; `.well-known` is (RFC 8615).
fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") && !matches!(name, b"." | b".." | b".well-known")
}
