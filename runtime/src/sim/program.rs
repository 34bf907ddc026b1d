//! Functions for a program that may run in a simulation. Each says what it does outside of one, and without feature `sim`.

/// Returns whether this is called by a program in a simulation. Without feature `sim` it is a constant.
#[inline]
pub fn is_simulated() -> bool {
    #[cfg(feature = "sim")]
    return crate::sys::sim::program().is_some();
    #[cfg(not(feature = "sim"))]
    false
}

/// Returns a random number: in a simulation by its seed, and otherwise by the keys that std asks the system for. It
/// is for backoffs and for spreading load, not for secrets.
///
/// ```
/// use std::time::Duration;
///
/// let jitter = Duration::from_micros(egret_runtime::sim::random() % 1000);
/// assert!(jitter < Duration::from_millis(1));
/// ```
#[inline]
pub fn random() -> u64 {
    #[cfg(feature = "sim")]
    if let Some(world) = crate::sys::sim::program() {
        return world.random();
    }
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    RandomState::new().build_hasher().finish()
}

/// Writes a line to the trace of a simulation, with the arguments of [`format!`]. Elsewhere the arguments are not
/// evaluated.
///
/// ```
/// egret_runtime::sim::note!("the lease of {} is over", "worker 7");
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __sim_note {
    ($($text:tt)+) => {
        if $crate::sim::is_simulated() {
            $crate::sim::macro_support::note(format_args!($($text)+));
        }
    };
}

/// Says that a condition is to hold sometimes: [`check`](https://docs.rs/egret) of many seeds fails when it was
/// evaluated and held in none of them, so that a test does not pass because it never got to what it is for. Elsewhere
/// the condition is not evaluated.
///
/// ```
/// # let (queued, most) = (3, 3);
/// egret_runtime::sim::sometimes!(queued == most);
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __sim_sometimes {
    ($condition:expr $(,)?) => {
        if $crate::sim::is_simulated() {
            $crate::sim::macro_support::sometimes(stringify!($condition), file!(), line!(), $condition);
        }
    };
}

/// A fault of the program's own: true with the given probability in a simulation with
/// [`Fault::Program`](https://docs.rs/egret), of which each place has a random stream of its own. Elsewhere it is false.
///
/// ```
/// fn save(bytes: &[u8]) -> std::io::Result<()> {
///     if egret_runtime::sim::maybe!(0.05) {
///         return Err(std::io::ErrorKind::StorageFull.into());
///     }
///     std::fs::write("/dev/null", bytes)
/// }
/// assert!(save(b"a").is_ok()); // not in a simulation
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __sim_maybe {
    ($probability:expr $(,)?) => {
        $crate::sim::is_simulated()
            && $crate::sim::macro_support::maybe(concat!(file!(), ":", line!(), ":", column!()), $probability)
    };
}

#[doc(inline)]
pub use crate::{__sim_maybe as maybe, __sim_note as note, __sim_sometimes as sometimes};

#[doc(hidden)]
pub mod macro_support {
    //! The functions that the macros expand to. Not for other callers: it may change in any release.

    use std::fmt::Arguments;

    #[inline]
    pub fn note(text: Arguments<'_>) {
        #[cfg(feature = "sim")]
        if let Some(world) = crate::sys::sim::program() {
            world.note("note", crate::sys::sim::Outcome::Text(text.to_string().into()));
        }
        let _ = text;
    }

    #[inline]
    pub fn sometimes(condition: &'static str, file: &'static str, line: u32, holds: bool) {
        #[cfg(feature = "sim")]
        if let Some(world) = crate::sys::sim::program() {
            world.saw((file, line, condition), holds);
        }
        let _ = (condition, file, line, holds);
    }

    #[inline]
    pub fn maybe(place: &'static str, probability: f64) -> bool {
        #[cfg(feature = "sim")]
        if let Some(world) = crate::sys::sim::program() {
            return world.maybe(place, probability);
        }
        let _ = (place, probability);
        false
    }
}
