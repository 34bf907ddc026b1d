//! A crash: which writes and changes reach the disk, and the directory that the program then sees.

use super::log::Entries;
use super::{Disk, DiskNode, Log};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files and directories after a crash, and their places.
struct Rebuilt {
    /// Where each node was.
    was: BTreeMap<DiskNode, PathBuf>,
    is: BTreeMap<DiskNode, PathBuf>,
    contents: BTreeMap<DiskNode, Vec<u8>>,
    entries: BTreeMap<DiskNode, Entries>,
}

impl Disk {
    /// The host loses power. Returns what the trace says of it: a line for each file and one for the names.
    pub(in super::super) fn crash(&mut self) -> io::Result<Vec<String>> {
        let mut was = BTreeMap::new();
        let (root, gone) = (self.root.clone(), self.gone.clone());
        self.find(&gone, &mut was)?;
        let root_node = self.node_at(&root)?;
        was.insert(root_node, root.clone());
        self.find(&root, &mut was)?;
        let (mut contents, mut told) = (BTreeMap::new(), Vec::new());
        for (node, content) in std::mem::take(&mut self.contents) {
            let (left, survive, of) = content.crash(&mut self.dice);
            if of > 0 {
                let name = was
                    .get(&node)
                    .map_or_else(|| "a file".to_owned(), |path| self.seen(path).display().to_string());
                told.push(format!("{name}: {survive} of {of} writes survive"));
            }
            contents.insert(node, left);
        }
        let (entries, survive, of) = std::mem::take::<Log>(&mut self.log).crash(&mut self.dice);
        if of > 0 {
            told.push(format!("{survive} of {of} changes of names survive"));
        }
        let old = self.folder.join("before");
        fs::rename(&root, &old)?;
        for path in was.values_mut() {
            if let Ok(rest) = path.strip_prefix(&root) {
                *path = old.join(rest);
            }
        }
        let mut rebuilt = Rebuilt { was, is: BTreeMap::new(), contents, entries };
        self.rebuild(root_node, &root, &mut rebuilt)?;
        fs::remove_dir_all(&old)?;
        // Some of them are back; the others were not to come.
        fs::remove_dir_all(&gone)?;
        fs::create_dir(&gone)?;
        // Inodes are free to be reused now.
        self.nodes.clear();
        Ok(told)
    }

    /// Collects the path of each node of a tree.
    fn find(&mut self, folder: &Path, was: &mut BTreeMap<DiskNode, PathBuf>) -> io::Result<()> {
        for (name, node) in self.listing(folder)? {
            let path = folder.join(name);
            if path.is_dir() {
                self.find(&path, was)?;
            }
            was.insert(node, path);
        }
        Ok(())
    }

    /// Makes the directory `node` at `path`, with what is on the disk of it.
    fn rebuild(&mut self, node: DiskNode, path: &Path, rebuilt: &mut Rebuilt) -> io::Result<()> {
        let was = rebuilt.was[&node].clone();
        let entries = match rebuilt.entries.remove(&node) {
            Some(entries) => entries,
            None => self.listing(&was)?,
        };
        fs::create_dir(path)?;
        fs::set_permissions(path, fs::metadata(&was)?.permissions())?;
        for (name, node) in entries {
            let path = path.join(name);
            let Some(was) = rebuilt.was.get(&node).cloned() else { continue }; // std has removed it
            if was.is_dir() {
                self.rebuild(node, &path, rebuilt)?;
                continue;
            }
            if let Some(is) = rebuilt.is.get(&node) {
                fs::hard_link(is, path)?;
                continue;
            }
            fs::rename(was, &path)?;
            if let Some(content) = rebuilt.contents.remove(&node) {
                fs::write(&path, content)?;
            }
            rebuilt.is.insert(node, path);
        }
        Ok(())
    }
}
