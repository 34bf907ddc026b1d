//! The budget of a poll: how many operations a task may complete before it must yield.
//!
//! One number for each thread. The executor refills it before each poll; I/O, sleeps and `task::coop` charge it.

use std::cell::Cell;

/// How many I/O operations a task may complete in one poll before it must yield.
///
/// Large enough that the cost of the yield is not measurable (one wake in a hundred operations), small enough that a
/// task with a fast peer holds the loop for tens of microseconds only.
pub(crate) const BUDGET: u64 = 128;

/// Means "no limit": outside the executor, where there is no other task to yield to.
const UNLIMITED: u64 = u64::MAX;

thread_local! {
    static REMAINING: Cell<u64> = const { Cell::new(UNLIMITED) };
}

/// While it lives, no operation is charged.
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

/// Returns whether a charge would go through.
#[inline]
pub(crate) fn has_left() -> bool {
    REMAINING.get() > 0
}

/// Charges an operation that [`has_left`] let through and that has completed. Cheaper than [`charge`] and [`refund`]
/// where most polls are pending.
#[inline]
pub(crate) fn charge_completed() {
    REMAINING.set(REMAINING.get().saturating_sub(1));
}

/// Ends the budget of a poll: no task of this loop runs next on this thread.
#[inline]
pub(crate) fn lift() {
    REMAINING.set(UNLIMITED);
}

/// Returns the last charge: the operation did not complete.
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
