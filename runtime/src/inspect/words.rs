//! Times, counts and tasks in words, for the page and the hints.

use super::dump::{Place, TaskView, WokenBy};
use std::fmt;

/// A time in nanoseconds, with two or three digits and a unit.
pub(super) struct Time(pub(super) u64);

/// A count, with a space between thousands.
pub(super) struct Count(pub(super) u64);

/// A task by its id and its name.
pub(super) struct TaskName<'a>(pub(super) u64, pub(super) Option<&'a str>);

/// `thing`, or `thing`s with their count.
pub(super) struct Many(pub(super) u64, pub(super) &'static str);

/// Returns what the line of a task has done: `block_on` is called.
pub(super) fn made(task: u64) -> &'static str {
    if task == 0 { "called" } else { "spawned" }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECOND: u64 = 1_000_000_000;
        let (value, unit, name) = match self.0 {
            0..1_000 => return write!(f, "{} ns", self.0),
            1_000..1_000_000 => (self.0, 1_000, "us"),
            1_000_000..SECOND => (self.0, 1_000_000, "ms"),
            _ if self.0 < 60 * SECOND => (self.0, SECOND, "s"),
            _ => {
                let seconds = self.0 / SECOND;
                let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
                return match (days, hours) {
                    (0, 0) => write!(f, "{} min {} s", seconds / 60, seconds % 60),
                    (0, _) => write!(f, "{hours} h {} min", seconds / 60 % 60),
                    _ => write!(f, "{days} d {hours} h"),
                };
            }
        };
        // Cut and not rounded: 999 999 ns would become 1000 us.
        match value / unit {
            whole @ 0..100 => write!(f, "{whole}.{} {name}", value % unit * 10 / unit),
            whole => write!(f, "{whole} {name}"),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..10_000 => self.0.fmt(f),
            _ => self.fmt_in_groups(f),
        }
    }
}

impl Count {
    fn fmt_in_groups(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000 {
            return write!(f, "{}", self.0);
        }
        Count(self.0 / 1_000).fmt_in_groups(f)?;
        write!(f, " {:03}", self.0 % 1_000)
    }
}

impl fmt::Display for TaskName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (0, _) => f.write_str("the future of block_on"),
            (id, None) => write!(f, "task {id}"),
            (id, Some(name)) => write!(f, "task {id} {name:?}"),
        }
    }
}

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => write!(f, "1 {}", self.1),
            n => write!(f, "{} {}s", Count(n), self.1),
        }
    }
}

impl<'a> TaskName<'a> {
    pub(super) fn of(task: &'a TaskView) -> TaskName<'a> {
        TaskName(task.id, task.name.as_deref())
    }
}

impl fmt::Display for WokenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WokenBy::Spawn => f.write_str("its spawn"),
            WokenBy::Event { fd: -1 } => f.write_str("an event of a descriptor that is closed"),
            WokenBy::Event { fd } => write!(f, "an event of #{fd}"),
            WokenBy::Timer => f.write_str("a timer"),
            WokenBy::Task { id } => TaskName(*id, None).fmt(f),
            WokenBy::EndedTask => f.write_str("a task that has ended"),
            WokenBy::Thread => f.write_str("another thread"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_two_or_three_digits_and_a_unit() {
        let told = |ns| Time(ns).to_string();
        assert_eq!(told(0), "0 ns");
        assert_eq!(told(999), "999 ns");
        assert_eq!(told(1_000), "1.0 us");
        assert_eq!(told(99_999), "99.9 us");
        assert_eq!(told(999_999), "999 us");
        assert_eq!(told(3_290_000), "3.2 ms");
        assert_eq!(told(12_340_000_000), "12.3 s");
        assert_eq!(told(59_999_999_999), "59.9 s");
        assert_eq!(told(61_000_000_000), "1 min 1 s");
        assert_eq!(told(7_260_000_000_000), "2 h 1 min");
        assert_eq!(told(90_000_000_000_000), "1 d 1 h");
    }

    #[test]
    fn a_count_from_ten_thousand_on_has_a_space_between_thousands() {
        let told = |n| Count(n).to_string();
        assert_eq!(told(9_999), "9999");
        assert_eq!(told(10_000), "10 000");
        assert_eq!(told(1_002_003), "1 002 003");
        assert_eq!(Many(1, "poll").to_string(), "1 poll");
        assert_eq!(Many(12_000, "poll").to_string(), "12 000 polls");
    }
}
