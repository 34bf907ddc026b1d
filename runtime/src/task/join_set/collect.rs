//! A set of tasks from futures, and more of them.

use super::JoinSet;
use std::future::Future;

impl<F> FromIterator<F> for JoinSet<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// Spawns each future as a task of a new set.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime and there is a future.
    #[track_caller]
    #[inline]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> JoinSet<F::Output> {
        let mut set = JoinSet::new();
        set.extend(futures);
        set
    }
}

impl<F> Extend<F> for JoinSet<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// Spawns each future as a task of the set.
    ///
    /// # Panics
    ///
    /// When this thread is not in a runtime and there is a future.
    ///
    /// ```
    /// # egret_runtime::block_on(async {
    /// let mut set = egret_runtime::task::JoinSet::new();
    /// set.extend((0..3).map(std::future::ready));
    /// assert_eq!(set.len(), 3);
    /// # });
    /// ```
    #[track_caller]
    #[inline]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}
