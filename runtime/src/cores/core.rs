//! [`Core`]: one of the runtimes, as the closure of [`Builder::run`](super::Builder::run) sees it.

use super::joint::{Joint, Stop};
use crate::executor;
use crate::observe::stats::Metrics;
use crate::runtime::Handle;
use crate::runtime::shutdown::Shutdown;
use std::fmt;
use std::sync::Arc;

/// One of the cores of a [`Builder`](super::Builder): its number, its shutdown, and the handles of all.
///
/// Clones stand for the same core. It stays on its thread, because its [`Shutdown`] does.
#[derive(Clone)]
pub struct Core {
    index: usize,
    handles: Arc<[Handle]>,
    pub(super) joint: Arc<Joint>,
    pub(super) shutdown: Shutdown,
}

impl Core {
    #[inline]
    pub(super) fn new(index: usize, handles: Arc<[Handle]>, joint: Arc<Joint>) -> Core {
        Core { index, handles, joint, shutdown: Shutdown::new() }
    }

    /// Returns the number of this core, from 0.
    #[inline]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns how many cores there are.
    #[inline]
    pub fn count(&self) -> usize {
        self.handles.len()
    }

    /// Returns the handles of all cores, by their index; that of this core is among them.
    ///
    /// ```
    /// use egret_runtime::cores;
    /// use std::io;
    ///
    /// let ended = cores::Builder::new().count(2).run(async |core| {
    ///     let next = &core.handles()[(core.index() + 1) % core.count()];
    ///     let name = next.spawn_with(|| async { std::thread::current().name().map(str::to_owned) });
    ///     // The other core ends no sooner than this one has its answer.
    ///     let name = name.await;
    ///     core.shutdown().request();
    ///     core.shutdown().requested().await;
    ///     io::Result::Ok(name.map_or(None, |name| name))
    /// })?;
    /// assert!(ended.outputs.iter().flatten().all(|name| name.starts_with("egret-core-")));
    /// # io::Result::Ok(())
    /// ```
    #[inline]
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// Returns the shutdown of this core. A [request](Shutdown::request) on it is one of all cores.
    ///
    /// When it is requested and the future of the core has returned, the core drains it, for up to the
    /// [deadline](super::Builder::deadline).
    #[inline]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Ends all cores, from any thread.
    #[inline]
    pub fn stop(&self) -> Stop {
        Stop { joint: self.joint.clone() }
    }

    /// Returns the counts of each core so far, by their index; `None` for one that has ended.
    ///
    /// It visits every core, which takes as long as the longest of their turns. For a sum:
    ///
    /// ```
    /// use egret_runtime::cores;
    /// use egret_runtime::runtime::Metrics;
    /// use std::io;
    ///
    /// cores::Builder::new().count(2).run(async |core| {
    ///     let all: Metrics = core.metrics().await.into_iter().flatten().sum();
    ///     assert!(all.polls > 0);
    ///     io::Result::Ok(())
    /// })?;
    /// # io::Result::Ok(())
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: it changes nothing.
    #[inline]
    pub async fn metrics(&self) -> Vec<Option<Metrics>> {
        let ask = |handle: &Handle| handle.spawn_with(|| async { executor::current().metrics() });
        let asked: Vec<_> = self.handles.iter().map(ask).collect();
        let mut metrics = Vec::with_capacity(asked.len());
        for answer in asked {
            metrics.push(answer.await.ok());
        }
        metrics
    }
}

impl fmt::Debug for Core {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Core");
        debug.field("index", &self.index).field("count", &self.count()).field("shutdown", &self.shutdown);
        debug.finish()
    }
}
