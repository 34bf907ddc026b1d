//! [`Seeds`]: the seeds of a scenario, and their notation.

use super::{Fault, Smaller};
use std::env;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use std::time::Duration;

/// The seeds that [`check`](super::check) runs: a range, unless the environment overrides it.
///
/// * `EGRET_SEED` is one seed, as printed by a failure: only it is run.
/// * `EGRET_SEEDS` is a count: as many seeds are run, from the start of the range. With `s`, `m` or `h` at its end it is a
///   time, `10m` say: seeds are run until it is over.
#[derive(Clone, Debug)]
pub struct Seeds {
    range: Range<u64>,
}

/// One run, in the notation of `EGRET_SEED`: a number, the faults removed to shrink a failure, or those left, and the
/// limit of each call of `up_to`, of which the last is that of all further calls: `4711-Delay-Loss@2`, `4711+Urgent@1:30`,
/// `4711+none`. `@2:` limits the first call alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replay {
    pub(crate) seed: u64,
    pub(crate) smaller: Smaller,
}

impl From<Range<u64>> for Seeds {
    fn from(range: Range<u64>) -> Seeds {
        Seeds { range }
    }
}

impl From<RangeInclusive<u64>> for Seeds {
    fn from(range: RangeInclusive<u64>) -> Seeds {
        Seeds { range: *range.start()..range.end().saturating_add(1) }
    }
}

impl Seeds {
    /// Returns the run named by the environment.
    ///
    /// # Panics
    ///
    /// When the value is invalid.
    pub(super) fn replay() -> Option<Replay> {
        let text = env::var("EGRET_SEED").ok()?;
        Some(text.parse().unwrap_or_else(|why| panic!("EGRET_SEED={text}: {why}")))
    }

    /// Returns the seeds, and for how long they are run.
    pub(super) fn limits(&self) -> (Range<u64>, Option<Duration>) {
        let Ok(text) = env::var("EGRET_SEEDS") else { return (self.range.clone(), None) };
        let limits = self.limited(&text);
        limits.unwrap_or_else(|| panic!("EGRET_SEEDS={text}: a number of seeds, or a time as 30s, 10m or 1h"))
    }

    fn limited(&self, text: &str) -> Option<(Range<u64>, Option<Duration>)> {
        let start = self.range.start;
        let seconds = match text.as_bytes().last()? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            _ => return Some((start..start.saturating_add(text.parse().ok()?), None)),
        };
        let count: u64 = text[..text.len() - 1].parse().ok()?;
        Some((start..u64::MAX, Some(Duration::from_secs(count.checked_mul(seconds)?))))
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without = &self.smaller.without;
        let names = |faults: &[Fault], sign| faults.iter().map(|fault| format!("{sign}{fault:?}")).collect();
        let (left_out, left): (String, String) = match &others(without)[..] {
            [] => (names(without, '-'), format!("+{NONE}")),
            left => (names(without, '-'), names(left, '+')),
        };
        write!(f, "{}{}", self.seed, if left.len() < left_out.len() { left } else { left_out })?;
        for (call, most) in self.smaller.at_most.iter().enumerate() {
            f.write_str(if call == 0 { "@" } else { ":" })?;
            most.map_or(Ok(()), |most| write!(f, "{most}"))?;
        }
        Ok(())
    }
}

/// The notation for a run without faults.
const NONE: &str = "none";

/// Returns all faults but these.
fn others(faults: &[Fault]) -> Vec<Fault> {
    Fault::ALL.into_iter().filter(|fault| !faults.contains(fault)).collect()
}

/// Returns the faults with these names.
fn named<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Fault>, String> {
    let named = |name: &str| Fault::ALL.into_iter().find(|fault| fault.name() == name);
    names.map(|name| named(name).ok_or_else(|| format!("{name:?} is no fault"))).collect()
}

impl FromStr for Replay {
    type Err = String;

    fn from_str(text: &str) -> Result<Replay, String> {
        let limit = |most: &str| match most {
            "" => Ok(None),
            most => most.parse().map(Some).map_err(|_| format!("{most:?} is no number")),
        };
        let (text, at_most) = match text.split_once('@') {
            Some((text, limits)) => (text, limits.split(':').map(limit).collect::<Result<_, _>>()?),
            None => (text, Vec::new()),
        };
        let (seed, faults) = text.split_at(text.find(['+', '-']).unwrap_or(text.len()));
        let seed = seed.parse().map_err(|_| format!("{seed:?} is no number"))?;
        let without = match faults.split_at_checked(1) {
            None => Vec::new(),
            Some(("+", NONE)) => Fault::ALL.to_vec(),
            Some(("+", left)) => others(&named(left.split('+'))?),
            Some((_, left_out)) => named(left_out.split('-'))?,
        };
        Ok(Replay { seed, smaller: Smaller { without, at_most } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_written_down_is_read_as_it_was() {
        let smaller = |without: &[Fault], at_most: &[Option<usize>]| Smaller {
            without: without.to_vec(),
            at_most: at_most.to_vec(),
        };
        for (text, seed, smaller) in [
            ("0", 0, smaller(&[], &[])),
            ("18446744073709551615@1", u64::MAX, smaller(&[], &[Some(1)])),
            ("4711-Delay-Loss@2", 4711, smaller(&[Fault::Delay, Fault::Loss], &[Some(2)])),
            ("1+Urgent@1", 1, smaller(&others(&[Fault::Urgent]), &[Some(1)])),
            ("2+Fragment+Preempted", 2, smaller(&others(&[Fault::Fragment, Fault::Preempted]), &[])),
            ("5@2:30", 5, smaller(&[], &[Some(2), Some(30)])),
            ("5@:30:", 5, smaller(&[], &[None, Some(30), None])),
            ("3+none@1", 3, smaller(&Fault::ALL, &[Some(1)])),
        ] {
            let replay = Replay { seed, smaller };
            assert_eq!(replay.to_string(), text);
            assert_eq!(text.parse(), Ok(replay));
        }
    }

    #[test]
    fn faults_that_are_left_out_may_be_spelled_out_however_many_they_are() {
        let left_out: String = others(&[Fault::Loss]).iter().map(|fault| format!("-{fault:?}")).collect();
        assert_eq!(format!("7{left_out}@1").parse::<Replay>(), "7+Loss@1".parse());
        let all: String = Fault::ALL.iter().map(|fault| format!("-{fault:?}")).collect();
        assert_eq!(format!("7{all}").parse::<Replay>(), "7+none".parse());
    }

    #[test]
    fn seeds_are_a_number_or_a_time() {
        let limited = |text: &str| Seeds::from(5..9).limited(text);
        let time = |seconds| Some((5..u64::MAX, Some(Duration::from_secs(seconds))));
        assert_eq!(limited("100"), Some((5..105, None)));
        assert_eq!([limited("30s"), limited("10m"), limited("2h")], [time(30), time(600), time(7200)]);
        assert_eq!([limited(""), limited("m"), limited("-1"), limited("1d")], [None, None, None, None]);
    }

    #[test]
    fn what_is_no_run_says_why() {
        let why = |text: &str| text.parse::<Replay>().unwrap_err();
        assert_eq!(why(""), "\"\" is no number");
        assert_eq!(why("1-Delya"), "\"Delya\" is no fault");
        assert_eq!(why("1+"), "\"\" is no fault");
        assert_eq!(why("1-none"), "\"none\" is no fault");
        assert_eq!(why("1+Delay-Loss"), "\"Delay-Loss\" is no fault");
        assert_eq!(why("+Delay"), "\"\" is no number");
        assert_eq!(why("1@x"), "\"x\" is no number");
    }
}
