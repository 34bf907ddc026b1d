//! The content of a file on the disk, and the writes that may be there or not.

use super::{Dice, Survival};
use std::os::unix::fs::FileExt;

/// The unit that a disk writes: all of it, or nothing.
const SECTOR: u64 = 512;

/// A file that was written to.
#[derive(Default)]
pub(super) struct Content {
    durable: Vec<u8>,
    /// Since the last sync, in their order.
    pending: Vec<Piece>,
}

/// A write within one sector, or a new length.
enum Piece {
    Bytes { at: u64, bytes: Vec<u8> },
    Len(u64),
}

impl Content {
    /// Returns the content on the disk before the first write.
    pub(super) fn of(file: &std::fs::File) -> std::io::Result<Content> {
        let mut durable = vec![0; file.metadata()?.len() as usize];
        file.read_exact_at(&mut durable, 0)?;
        Ok(Content { durable, pending: Vec::new() })
    }

    pub(super) fn write(&mut self, mut at: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let left = (SECTOR - at % SECTOR) as usize;
            let (piece, rest) = bytes.split_at(left.min(bytes.len()));
            self.pending.push(Piece::Bytes { at, bytes: piece.to_vec() });
            (at, bytes) = (at + piece.len() as u64, rest);
        }
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.pending.push(Piece::Len(len));
    }

    pub(super) fn sync(&mut self) {
        self.settle(|_| true);
    }

    /// A sync that has failed: some is on the disk, and the rest never will be, whatever is synced later.
    pub(super) fn fail_to_sync(&mut self, dice: &mut Dice) {
        let survival = Survival::draw(dice, self.pending.len());
        self.settle(|number| survival.has(number, dice));
    }

    /// Returns the content after a crash, and how many of how many writes are in it.
    pub(super) fn crash(mut self, dice: &mut Dice) -> (Vec<u8>, usize, usize) {
        let (survival, of) = (Survival::draw(dice, self.pending.len()), self.pending.len());
        let mut survive = 0;
        self.settle(|number| {
            let survives = survival.has(number, dice);
            survive += usize::from(survives);
            survives
        });
        (self.durable, survive, of)
    }

    /// Applies those that survive, in their order; a length too, so that one which is lost may let old bytes be seen.
    fn settle(&mut self, mut survives: impl FnMut(usize) -> bool) {
        for (number, piece) in self.pending.drain(..).enumerate() {
            match piece {
                _ if !survives(number) => {}
                Piece::Len(len) => self.durable.resize(len as usize, 0),
                Piece::Bytes { at, bytes } => {
                    let (at, end) = (at as usize, at as usize + bytes.len());
                    if self.durable.len() < end {
                        self.durable.resize(end, 0);
                    }
                    self.durable[at..end].copy_from_slice(&bytes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_crash_leaves_old_and_new_sectors_and_nothing_else() {
        let mut seen = BTreeSet::new();
        for seed in 0..200 {
            let mut dice = Dice::new(seed, "disk");
            let mut content = Content { durable: vec![1; 1536], pending: Vec::new() };
            content.write(256, &[2; 1280]);
            let (left, survive, of) = content.crash(&mut dice);
            assert_eq!((left.len(), of), (1536, 3));
            let sectors = [&left[256..512], &left[512..1024], &left[1024..]];
            assert!(
                sectors.iter().all(|sector| sector.iter().all(|byte| *byte == sector[0])),
                "a torn sector"
            );
            assert_eq!(sectors.iter().filter(|sector| sector[0] == 2).count(), survive);
            assert!(left[..256] == [1; 256]);
            seen.insert(sectors.map(|sector| sector[0]));
        }
        assert_eq!(seen.len(), 8, "each choice of three: {seen:?}");
    }

    #[test]
    fn what_was_synced_survives_and_what_failed_to_be_is_decided_once() {
        for seed in 0..50 {
            let mut dice = Dice::new(seed, "disk");
            let mut content = Content::default();
            content.write(0, &[1; 600]);
            content.sync();
            content.set_len(512);
            content.write(0, &[2; 512]);
            content.fail_to_sync(&mut dice);
            let decided = content.durable.clone();
            content.sync();
            assert_eq!(content.crash(&mut dice).0, decided);
            assert!([512, 600].contains(&decided.len()) && [1, 2].contains(&decided[0]), "{decided:?}");
        }
    }
}
