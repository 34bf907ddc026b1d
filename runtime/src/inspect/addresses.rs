//! What the descriptors of a loop are: their types and addresses, asked for on another thread while the loop goes on.
//!
//! A descriptor may be closed meanwhile, and its number be that of another. So the loop says afterwards which sources are
//! still registered: a source keeps its descriptor open, and its key is never that of another one, so what was asked in
//! between is of the same descriptor. Of the others only the number is shown.

use super::gather::{Gathered, Registered};
use crate::executor::Executor;
use crate::sys::{self, Described};
use crate::wake::key::SourceKey;
use std::time::{Duration, Instant};

/// What the descriptors of a [`Gathered`] are, in its order.
pub(super) struct Addresses {
    pub(super) described: Vec<Described>,
    /// For how long the loop was held.
    pub(super) held: Duration,
}

/// Which sources are still registered, by the loop's thread.
pub(super) struct Kept {
    is_kept: Vec<bool>,
    held: Duration,
}

impl Kept {
    /// Looks the sources up. For the loop's thread.
    pub(super) fn of(executor: &Executor, sources: &[SourceKey]) -> Kept {
        let start = Instant::now();
        let is_kept = sources.iter().map(|key| executor.reactor.has(*key)).collect();
        Kept { is_kept, held: start.elapsed() }
    }
}

impl Addresses {
    /// Asks on the loop's own thread, where no descriptor is closed meanwhile.
    pub(super) fn here(gathered: &mut Gathered) -> Addresses {
        let described = gathered.described.take().unwrap_or_else(|| describe(&gathered.sources));
        Addresses { described, held: Duration::ZERO }
    }

    /// Asks on another thread, and then the loop which sources are `kept`. Returns the error of that.
    pub(super) fn elsewhere<E>(
        gathered: &mut Gathered,
        kept: impl FnOnce(Vec<SourceKey>) -> Result<Kept, E>,
    ) -> Result<Addresses, E> {
        if gathered.sources.is_empty() || gathered.described.is_some() {
            return Ok(Addresses::here(gathered));
        }
        let mut described = describe(&gathered.sources);
        let Kept { is_kept, held } = kept(gathered.sources.iter().map(|source| source.key).collect())?;
        for (of, is_kept) in described.iter_mut().zip(is_kept) {
            if !is_kept {
                *of = Described::closed_meanwhile();
            }
        }
        Ok(Addresses { described, held })
    }
}

fn describe(sources: &[Registered]) -> Vec<Described> {
    sources.iter().map(|source| sys::describe(source.fd)).collect()
}

#[cfg(all(test, not(miri)))]
mod tests;
