//! The disk of a host: what its program sees, and what would be left if the power failed now.
//!
//! - **What the program sees** is a directory of this machine, of which the host knows nothing: its files are real, and so are
//!   `std`'s types for them. Paths of the program start in it, relative ones too.
//! - **What is on the disk** is kept for what is not synced: the content of each file that was written to, with the writes since
//!   ([`Content`]), and the entries of each directory that was changed, with the changes since ([`Entries`](log::Entries)). All
//!   else is on the disk as it is seen.
//! - **A crash** lets a choice of these reach the disk, and makes the directory look so. Nothing that was removed is gone before.
//!
//! Nodes have numbers of their own, in the order in which they are met: those of this machine differ from run to run.

mod calls; // what programs call
mod content; // a file's bytes and writes
mod crash; // what is left
mod log; // names and their changes

pub(super) use calls::dice;
pub(crate) use calls::{DiskFile, Opens};

use super::dice::Dice;
use content::Content;
use log::Log;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file or a directory, by its number.
type DiskNode = u64;

/// How writes and changes of names survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Survival {
    None,
    All,
    /// The first ones.
    Prefix(usize),
    /// Each or not.
    Some,
}

impl Survival {
    fn draw(dice: &mut Dice, of: usize) -> Survival {
        match dice.below(4) {
            0 => Survival::None,
            1 => Survival::All,
            2 => Survival::Prefix(dice.below(of + 1)),
            _ => Survival::Some,
        }
    }

    /// Returns whether that with this number does.
    fn has(self, number: usize, dice: &mut Dice) -> bool {
        match self {
            Survival::None => false,
            Survival::All => true,
            Survival::Prefix(len) => number < len,
            Survival::Some => dice.below(2) == 0,
        }
    }
}

pub(crate) struct Disk {
    /// The folder of this disk; `root` and `gone` are in it.
    folder: PathBuf,
    /// The directory that the program sees.
    root: PathBuf,
    /// Removed nodes, which a crash may bring back.
    gone: PathBuf,
    removed: u64,
    /// The node of each inode of this machine. None is reused, because nothing is removed before the disk.
    nodes: BTreeMap<u64, DiskNode>,
    /// Files that were written to.
    contents: BTreeMap<DiskNode, Content>,
    log: Log,
    dice: Dice,
}

impl Disk {
    /// Creates an empty disk.
    pub(super) fn new(dice: Dice) -> io::Result<Disk> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("egret-disk-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder); // of a process that had this number before
        let (root, gone) = (folder.join("root"), folder.join("gone"));
        fs::create_dir_all(&root)?;
        fs::create_dir(&gone)?;
        let (contents, log) = (BTreeMap::new(), Log::default());
        Ok(Disk { folder, root, gone, removed: 0, nodes: BTreeMap::new(), contents, log, dice })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the path on this machine. `..` is resolved before, as there are no symbolic links.
    fn real(&self, path: &Path) -> PathBuf {
        let mut real = PathBuf::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => real.push(name),
                Component::ParentDir => drop(real.pop()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        self.root.join(real)
    }

    /// Returns the path by which the program knows it.
    fn seen(&self, real: &Path) -> PathBuf {
        Path::new("/").join(real.strip_prefix(&self.root).unwrap_or(real))
    }

    /// Returns the node of an inode.
    fn node(&mut self, inode: u64) -> DiskNode {
        let next = self.nodes.len() as DiskNode;
        *self.nodes.entry(inode).or_insert(next)
    }

    fn node_at(&mut self, real: &Path) -> io::Result<DiskNode> {
        let inode = fs::symlink_metadata(real)?.ino();
        Ok(self.node(inode))
    }

    /// Returns the entries of a directory as they are seen, by name.
    fn listing(&mut self, real: &Path) -> io::Result<log::Entries> {
        let mut found = Vec::new();
        for entry in fs::read_dir(real)? {
            let entry = entry?;
            found.push((entry.file_name(), entry.metadata()?.ino()));
        }
        found.sort(); // so that nodes are met in one order
        Ok(found.into_iter().map(|(name, inode)| (name, self.node(inode))).collect())
    }

    /// Before an entry of the directory changes: what is on the disk now.
    fn keep(&mut self, parent: &Path) -> io::Result<DiskNode> {
        let node = self.node_at(parent)?;
        if !self.log.knows(node) {
            let listing = self.listing(parent)?;
            self.log.keep(node, listing);
        }
        Ok(node)
    }

    /// Moves a node to those that are gone, from which a crash may bring it back.
    fn bury(&mut self, real: &Path) -> io::Result<()> {
        self.removed += 1;
        fs::rename(real, self.gone.join(self.removed.to_string()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
