//! The descriptors of a loop as the last dump described them, so that the next dump need not ask the kernel again. With
//! feature `inspect`.

use crate::sys::Described;

/// Descriptions that stay as they are, each by the bits of the key of its source.
#[derive(Default)]
pub(crate) struct Remembered {
    /// By the low half of the bits, which is the index of the source.
    by_index: Vec<Option<(u64, Described)>>,
}

impl Remembered {
    pub(crate) fn get(&self, key: u64) -> Option<&Described> {
        let (of, described) = self.by_index.get(key as u32 as usize)?.as_ref()?;
        (*of == key).then_some(described)
    }

    pub(crate) fn keep(&mut self, key: u64, described: &Described) {
        let index = key as u32 as usize;
        if self.by_index.len() <= index {
            self.by_index.resize_with(index + 1, || None);
        }
        self.by_index[index] = Some((key, described.clone()));
    }

    /// Forgets all but these.
    pub(crate) fn retain(&mut self, keys: impl Iterator<Item = u64>) {
        let mut kept = Vec::new();
        kept.resize_with(self.by_index.len(), || None);
        for key in keys {
            let index = key as u32 as usize;
            let place = self.by_index.get_mut(index).and_then(Option::take);
            if let Some(remembered) = place.filter(|(of, _)| *of == key) {
                kept[index] = Some(remembered);
            }
        }
        self.by_index = kept;
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_index.iter().flatten().count()
    }
}
