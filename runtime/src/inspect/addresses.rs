//! The descriptions of a loop's descriptors: their types and addresses, asked for on another thread while the loop goes on.
//!
//! - A descriptor may be closed meanwhile, and its number reused. So the loop says afterwards which sources are still
//!   registered. A source keeps its descriptor open and no other source has its key, so an answer in between is about
//!   the same descriptor. Of the others only the number is shown.
//! - The addresses of a TCP connection and of a listener do not change while it is open, so those of an earlier dump are
//!   kept. Otherwise the three system calls for each of ten thousand connections would be most of the cost of a dump.

use super::gather::{Gathered, Registered};
use crate::executor::Executor;
use crate::observe::remembered::Remembered;
use crate::sys::{self, Described};
use crate::wake::key::SourceKey;
use std::time::{Duration, Instant};

/// The descriptions of the descriptors of a [`Gathered`], in its order.
pub(super) struct Addresses {
    pub(super) described: Vec<Described>,
    /// For how long the loop was held.
    pub(super) held: Duration,
}

/// Which sources are still registered, by the loop's thread.
pub(super) struct KeptAddresses {
    is_kept: Vec<bool>,
    held: Duration,
}

impl KeptAddresses {
    /// Looks the sources up. For the loop's thread.
    pub(super) fn of(executor: &Executor, sources: &[SourceKey]) -> KeptAddresses {
        let start = Instant::now();
        let is_kept = sources.iter().map(|key| executor.reactor.has(*key)).collect();
        KeptAddresses { is_kept, held: start.elapsed() }
    }
}

impl Addresses {
    /// Asks on the loop's own thread, where no descriptor is closed meanwhile.
    pub(super) fn here(gathered: &mut Gathered) -> Addresses {
        let described = gathered.described.take().unwrap_or_else(|| describe(&gathered.sources));
        Addresses { described, held: Duration::ZERO }
    }

    /// Asks on another thread for what is not `known`, and then the loop which sources are `kept`. `known` is afterwards
    /// what the next dump need not ask for. Returns the error of `kept`.
    pub(super) fn elsewhere<E>(
        gathered: &mut Gathered,
        known: &mut Remembered,
        kept: impl FnOnce(Vec<SourceKey>) -> Result<KeptAddresses, E>,
    ) -> Result<Addresses, E> {
        if gathered.described.is_some() {
            return Ok(Addresses::here(gathered));
        }
        let is_new = |source: &&Registered| known.get(source.key.bits()).is_none();
        let asked: Vec<Registered> = gathered.sources.iter().filter(is_new).copied().collect();
        let (mut answers, mut held) = (describe(&asked), Duration::ZERO);
        if !asked.is_empty() {
            let kept = kept(asked.iter().map(|source| source.key).collect())?;
            held = kept.held;
            for (of, is_kept) in answers.iter_mut().zip(kept.is_kept) {
                if !is_kept {
                    *of = Described::closed_meanwhile();
                }
            }
        }
        let (mut answers, mut described) = (answers.into_iter(), Vec::with_capacity(gathered.sources.len()));
        for source in &gathered.sources {
            if let Some(of) = known.get(source.key.bits()) {
                described.push(of.clone());
                continue;
            }
            let of = answers.next().expect("an answer for each");
            if of.is_settled() {
                known.keep(source.key.bits(), &of);
            }
            described.push(of);
        }
        known.retain(gathered.sources.iter().map(|source| source.key.bits()));
        Ok(Addresses { described, held })
    }
}

fn describe(sources: &[Registered]) -> Vec<Described> {
    sources.iter().map(|source| sys::describe(source.fd)).collect()
}

#[cfg(all(test, not(miri)))]
mod tests;
