//! A clock that only the test moves.

use crate::support::bounded;
use egret_runtime::runtime::Runtime;
use egret_runtime::time::{self, Duration};
use std::future::Future;

pub const SECOND: Duration = Duration::from_secs(1);

/// Runs `test` on a paused clock.
pub fn paused<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    bounded(|| {
        Runtime::new().unwrap().block_on(async {
            time::pause();
            test().await;
        });
    });
}
