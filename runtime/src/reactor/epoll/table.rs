//! The slab of sources, at one word for each place.
//!
//! The crate `slab` marks its places as taken or free, which doubles a pointer, for each of a hundred thousand idle
//! connections. Here a free place is the null of `Option<Rc>`, and the free places are in a second list, which is
//! empty while connections are only added. The place that was freed last is reused first.

use super::Source;
use std::rc::Rc;

#[derive(Default)]
pub(super) struct SourceTable {
    places: Vec<Option<Rc<Source>>>,
    free: Vec<u32>,
}

impl SourceTable {
    /// Returns the place of the next source.
    pub(super) fn vacant(&self) -> u32 {
        let new = || u32::try_from(self.places.len()).expect("a process has fewer than 2^32 descriptors");
        self.free.last().copied().unwrap_or_else(new)
    }

    /// Puts `source` at the index in its key, which is the vacant one.
    pub(super) fn insert(&mut self, source: Rc<Source>) {
        let index = source.key.index() as usize;
        match self.free.pop() {
            None => {
                debug_assert_eq!(index, self.places.len());
                self.places.push(Some(source));
            }
            Some(free) => {
                debug_assert_eq!(index, free as usize);
                self.places[index] = Some(source);
            }
        }
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&Rc<Source>> {
        self.places.get(index as usize)?.as_ref()
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<Rc<Source>> {
        let gone = self.places.get_mut(index as usize)?.take();
        if gone.is_some() {
            self.free.push(index);
        }
        gone
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rc<Source>> {
        self.places.iter().flatten()
    }
}

const _: () = assert!(size_of::<Option<Rc<Source>>>() == size_of::<usize>());
