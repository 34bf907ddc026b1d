//! Without feature `inspect-backtrace`.

use super::Stack;
use crate::sys::ThreadId;

pub(crate) fn take(_thread: ThreadId, _is_still: impl Fn() -> bool) -> Stack {
    Stack::missing("the feature inspect-backtrace is off")
}
