//! The clock that a test controls.

use egret_runtime::time::{Duration, pause};
use std::future::Future;

pub const MS: Duration = Duration::from_millis(1);

pub const HOUR: Duration = Duration::from_secs(3600);

/// Runs a test on a paused clock.
pub fn paused<T>(future: impl Future<Output = T>) -> T {
    egret_runtime::block_on(async {
        pause();
        future.await
    })
}
