//! [`LocalSet::block_on`], which names a runtime.

use super::Runtime;
use crate::task::LocalSet;
use std::future::Future;

impl LocalSet {
    /// [`Runtime::block_on`] of [`run_until`](LocalSet::run_until).
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    ///
    /// ```
    /// use egret_runtime::runtime::Runtime;
    /// use egret_runtime::task::{LocalSet, spawn_local};
    ///
    /// let rt = Runtime::new()?;
    /// let output = LocalSet::new().block_on(&rt, async { spawn_local(async { 42 }).await.unwrap() });
    /// assert_eq!(output, 42);
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[inline]
    pub fn block_on<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        runtime.block_on(self.run_until(future))
    }
}
