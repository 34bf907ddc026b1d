//! The watchdog of the supervisor: fed by the loop, so that a stuck loop is noticed.

use super::notify::notify;
use crate::cores::Core;
use crate::time::sleep;
use std::env;
use std::io;
use std::time::Duration;

/// Feeds the watchdog of the supervisor for ever, twice in each of its periods: to be spawned. Without a watchdog it
/// returns at once.
///
/// The task runs on the loop. While another task blocks the loop, the watchdog is not fed, and the supervisor ends the
/// process: systemd with `WatchdogSec=`, by `SIGABRT`, and starts it again with `Restart=on-watchdog`.
///
/// # Errors
///
/// [`InvalidData`](io::ErrorKind::InvalidData) when `WATCHDOG_USEC` is not a number above 0. A datagram that cannot be
/// sent is tried again in the next period.
///
/// # Cancel safety
///
/// A dropped future feeds the watchdog no more, and the supervisor ends the process.
///
/// # Panics
///
/// When this thread is not in a runtime.
#[inline]
pub async fn watchdog() -> io::Result<()> {
    let Some(period) = period()? else { return Ok(()) };
    loop {
        let _ = notify("WATCHDOG=1");
        sleep(period / 2).await;
    }
}

/// [`watchdog`] for all cores: it is fed when each of them has run a task that was sent to it. To be spawned on one of
/// them. A core that has ended needs to answer no more.
///
/// # Errors
///
/// As [`watchdog`].
///
/// # Cancel safety
///
/// As [`watchdog`].
///
/// # Panics
///
/// As [`watchdog`].
#[inline]
pub async fn watchdog_of(core: Core) -> io::Result<()> {
    let Some(period) = period()? else { return Ok(()) };
    loop {
        let visits: Vec<_> = core.handles().iter().map(|handle| handle.spawn_with(|| async {})).collect();
        for visit in visits {
            let _ = visit.await; // an error is the end of its core
        }
        let _ = notify("WATCHDOG=1");
        sleep(period / 2).await;
    }
}

/// Returns the period in which the supervisor has to be told once, if it watches this process.
#[inline]
fn period() -> io::Result<Option<Duration>> {
    let of_another = |pid: String| pid.parse() != Ok(std::process::id());
    let Ok(period) = env::var("WATCHDOG_USEC") else { return Ok(None) };
    if env::var("WATCHDOG_PID").is_ok_and(of_another) {
        return Ok(None);
    }
    match period.parse() {
        Ok(microseconds @ 1..) => Ok(Some(Duration::from_micros(microseconds))),
        _ => {
            let message = format!("WATCHDOG_USEC is {period:?}, which is not a number above 0");
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    }
}
