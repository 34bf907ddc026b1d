//! The budget of a poll: how many operations a task may complete before it has to let others run.
//!
//! A number of the thread. The executor fills it before each poll; I/O, sleeps and `task::coop` charge it.

use std::cell::Cell;

/// How many I/O operations a task may complete in one poll before it has to let others run.
///
/// Large enough that the yield is lost in the noise (one wake a hundred operations), small enough
/// that a task fed by a fast peer holds the loop for tens of microseconds and not for good.
pub(crate) const BUDGET: u64 = 128;

/// Means "no limit": outside the executor, where there is no other task to yield to.
const UNLIMITED: u64 = u64::MAX;

thread_local! {
    static REMAINING: Cell<u64> = const { Cell::new(UNLIMITED) };
}

/// While it lives, nothing is charged.
pub(crate) struct Unlimited {
    before: u64,
}

impl Unlimited {
    pub(crate) fn start() -> Unlimited {
        Unlimited { before: REMAINING.replace(UNLIMITED) }
    }
}

impl Drop for Unlimited {
    fn drop(&mut self) {
        REMAINING.set(self.before);
    }
}

/// Starts the budget of a poll.
#[inline]
pub(crate) fn refill() {
    REMAINING.set(BUDGET);
}

/// Charges one operation to the task that is being polled, unless its budget is used up.
#[inline]
#[must_use = "a task with no budget left has to let others run"]
pub(crate) fn charge() -> bool {
    let remaining = REMAINING.get();
    if remaining == 0 {
        return false;
    }
    REMAINING.set(remaining - 1);
    true
}

/// Whether a charge would go through.
pub(crate) fn has_left() -> bool {
    REMAINING.get() > 0
}

/// Ends the budget of a poll: what runs next on this thread is no task of this loop.
#[inline]
pub(crate) fn lift() {
    REMAINING.set(UNLIMITED);
}

/// Takes the last charge back: the operation did not complete.
pub(crate) fn refund() {
    REMAINING.set(REMAINING.get().saturating_add(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_after_so_many_charges_and_not_before() {
        refill();
        for _ in 0..BUDGET {
            assert!(charge());
        }
        assert!(!charge());
        refund();
        assert!(charge());
        assert!(!charge());
        {
            let _unlimited = Unlimited::start();
            assert!(charge());
        }
        assert!(!charge());
        lift();
        assert!(charge());
    }
}
