//! Which descriptor a source was, by its index, for events that happened before.

/// How many descriptors of one index are known.
const KNOWN: usize = 4;

/// In place of a descriptor that is not known any more.
const UNKNOWN: i32 = -1;

/// The descriptors that were registered last, by the index of their source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Descriptors {
    /// The last one first, each with the time since when it has the index, in ticks.
    by_index: Vec<[(u64, i32); KNOWN]>,
}

impl Descriptors {
    /// Notes that `fd` has this index from now on.
    pub(crate) fn add(&mut self, index: u32, fd: i32, now: u64) {
        let at = index as usize;
        if self.by_index.len() <= at {
            self.by_index.resize(at + 1, [(u64::MAX, UNKNOWN); KNOWN]);
        }
        let known = &mut self.by_index[at];
        known.rotate_right(1);
        known[0] = (now, fd);
    }

    /// Returns the descriptor that had the index at a time; -1 when others have had it several times since.
    pub(crate) fn get(&self, index: u32, at: u64) -> i32 {
        let known = self.by_index.get(index as usize);
        known.and_then(|known| known.iter().find(|(since, _)| *since <= at)).map_or(UNKNOWN, |(_, fd)| *fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_of_the_descriptor_that_had_the_index_then() {
        let mut descriptors = Descriptors::default();
        assert_eq!(descriptors.get(3, 100), UNKNOWN);
        for (fd, since) in [(7, 10), (8, 20), (9, 30), (10, 40), (11, 50)] {
            descriptors.add(3, fd, since);
        }
        let at = |time| descriptors.get(3, time);
        assert_eq!([60, 50, 49, 39, 29, 20].map(at), [11, 11, 10, 9, 8, 8]);
        assert_eq!(at(19), UNKNOWN); // a fifth one is not known
        assert_eq!(descriptors.get(2, 60), UNKNOWN);
    }
}
