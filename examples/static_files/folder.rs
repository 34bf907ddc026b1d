//! The folder that is served, and files in it. What is beneath it is for the kernel to say: `openat2` with
//! `RESOLVE_BENEATH` walks a path and fails at the step that would leave, be it by `..`, by a leading slash, by a
//! symbolic link or by one that is put there while it walks. It needs Linux 5.6. Everything here may wait for a disk.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::request::Range;

/// Open as long as the server runs, so that it stays the same one when it is renamed.
pub struct Folder(OwnedFd);

/// What a path leads to.
pub enum Found {
    File {
        file: File,
        /// For `Content-Type`.
        kind: &'static str,
        len: u64,
    },
    /// Its path is to end with a slash, so that links in its index lead where they should.
    Folder,
    Nothing,
    /// Something is wrong here, and not with the path.
    Failed,
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

    /// Opens a file for what is wanted of it. The path has no slash in front and no NUL in it.
    pub fn find(&self, path: &[u8], range: Option<Range>) -> Found {
        let index = [path, b"index.html"].concat();
        let path = if path.is_empty() || path.ends_with(b"/") { &index } else { path };
        let file = match self.open_beneath(path) {
            Ok(file) => File::from(file),
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::IO | Errno::AGAIN) => {
                return Found::Failed;
            }
            // Not there, not to be read, or not beneath: what is outside is not told from what is not there.
            Err(_) => return Found::Nothing,
        };
        let Ok(metadata) = file.metadata() else { return Found::Failed };
        if metadata.is_dir() {
            return Found::Folder;
        }
        if !metadata.is_file() {
            return Found::Nothing; // a pipe, a socket, a device
        }
        let len = metadata.len();
        // The loop's thread waits for pages that are not in memory. This one waits for the first of them; those behind
        // it the kernel reads ahead while they are sent in order.
        let start = range.and_then(|range| range.of(len)).map_or(0, |part| part.start);
        if file.read_at(&mut [0], start).is_err() {
            return Found::Failed;
        }
        Found::File { file, kind: kind_of(path), len }
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

/// By the end of the name.
fn kind_of(path: &[u8]) -> &'static str {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let end = name.iter().rposition(|byte| *byte == b'.').map_or(&b""[..], |dot| &name[dot + 1..]);
    match end.to_ascii_lowercase().as_slice() {
        b"html" | b"htm" => "text/html; charset=utf-8",
        b"css" => "text/css; charset=utf-8",
        b"js" | b"mjs" => "text/javascript; charset=utf-8",
        b"json" => "application/json",
        b"txt" | b"md" | b"rs" | b"toml" => "text/plain; charset=utf-8",
        b"svg" => "image/svg+xml",
        b"png" => "image/png",
        b"jpg" | b"jpeg" => "image/jpeg",
        b"gif" => "image/gif",
        b"webp" => "image/webp",
        b"ico" => "image/x-icon",
        b"woff2" => "font/woff2",
        b"pdf" => "application/pdf",
        b"wasm" => "application/wasm",
        b"mp4" => "video/mp4",
        b"webm" => "video/webm",
        b"gz" => "application/gzip",
        b"zip" => "application/zip",
        _ => "application/octet-stream",
    }
}
