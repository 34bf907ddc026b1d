//! The entries of directories on the disk, and the changes that may be there or not.

use super::{Dice, DiskNode, Survival};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// The entries of a directory.
pub(super) type Entries = BTreeMap<OsString, DiskNode>;

/// The directories of which an entry was changed.
#[derive(Default)]
pub(super) struct Log {
    durable: BTreeMap<DiskNode, Entries>,
    /// Since the last sync of their directories, in their order.
    pending: Vec<Change>,
}

/// One operation: it is there whole or not at all, also a rename from one directory to another.
pub(super) struct Change {
    /// In which directory which name becomes which node, or none.
    pub(super) sets: Vec<(DiskNode, OsString, Option<DiskNode>)>,
    /// A directory is moved or removed: the changes before it are there if it is, as one of a tree that is not there yet would
    /// make a circle.
    pub(super) is_of_directory: bool,
}

impl Change {
    fn touches(&self, directories: &BTreeSet<DiskNode>) -> bool {
        self.sets.iter().any(|(directory, ..)| directories.contains(directory))
    }
}

impl Log {
    pub(super) fn knows(&self, directory: DiskNode) -> bool {
        self.durable.contains_key(&directory)
    }

    pub(super) fn keep(&mut self, directory: DiskNode, entries: Entries) {
        self.durable.insert(directory, entries);
    }

    pub(super) fn push(&mut self, change: Change) {
        self.pending.push(change);
    }

    /// The entries of a directory are on the disk. A rename to or from another one takes the earlier changes of that one with it.
    pub(super) fn sync(&mut self, directory: DiskNode) {
        let mut directories = BTreeSet::from([directory]);
        let mut synced = vec![false; self.pending.len()];
        for (number, change) in self.pending.iter().enumerate().rev() {
            if change.touches(&directories) {
                directories.extend(change.sets.iter().map(|(directory, ..)| *directory));
                synced[number] = true;
            }
        }
        let mut synced = synced.into_iter();
        for change in std::mem::take(&mut self.pending) {
            match synced.next() {
                Some(true) => self.apply(change),
                _ => self.pending.push(change),
            }
        }
    }

    /// Returns the entries after a crash, and how many of how many changes are in them.
    pub(super) fn crash(mut self, dice: &mut Dice) -> (BTreeMap<DiskNode, Entries>, usize, usize) {
        let of = self.pending.len();
        let survival = Survival::draw(dice, of);
        let mut survive: Vec<_> = (0..of).map(|number| survival.has(number, dice)).collect();
        let moved = (0..of).rev().find(|number| survive[*number] && self.pending[*number].is_of_directory);
        survive[..moved.unwrap_or(0)].fill(true);
        for (change, survives) in std::mem::take(&mut self.pending).into_iter().zip(&survive) {
            if *survives {
                self.apply(change);
            }
        }
        (self.durable, survive.iter().filter(|survives| **survives).count(), of)
    }

    fn apply(&mut self, change: Change) {
        for (directory, name, node) in change.sets {
            let entries = self.durable.entry(directory).or_default();
            match node {
                Some(node) => drop(entries.insert(name, node)),
                None => drop(entries.remove(&name)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(sets: &[(DiskNode, &str, Option<DiskNode>)]) -> Change {
        let sets =
            sets.iter().map(|(directory, name, node)| (*directory, OsString::from(name), *node)).collect();
        Change { sets, is_of_directory: false }
    }

    /// A file 9 is made as `new` of directory 1 and renamed to `old` of directory 2, where 8 was.
    fn replaced() -> Log {
        let mut log = Log::default();
        log.keep(1, Entries::new());
        log.keep(2, Entries::from([("old".into(), 8)]));
        log.push(change(&[(1, "new", Some(9))]));
        log.push(change(&[(1, "new", None), (2, "old", Some(9))]));
        log
    }

    #[test]
    fn a_rename_is_there_whole_or_not_at_all_with_or_without_what_was_before() {
        let mut seen = BTreeSet::new();
        for seed in 0..100 {
            let (left, ..) = replaced().crash(&mut Dice::new(seed, "disk"));
            let old = left[&2][&OsString::from("old")];
            let is_new = left[&1].contains_key(&OsString::from("new"));
            assert!([(8, false), (8, true), (9, false)].contains(&(old, is_new)), "{left:?}");
            seen.insert((old, is_new));
        }
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn a_sync_of_one_directory_takes_a_rename_whole() {
        for directory in [1, 2] {
            let mut log = replaced();
            log.sync(directory);
            assert!(log.pending.is_empty());
            for seed in 0..20 {
                let mut log = replaced();
                log.sync(directory);
                let (left, ..) = log.crash(&mut Dice::new(seed, "disk"));
                assert_eq!((left[&2][&OsString::from("old")], left[&1].len()), (9, 0));
            }
        }
    }
}
