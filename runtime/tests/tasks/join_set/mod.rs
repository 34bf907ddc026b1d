//! `JoinSet`: outputs come in the order in which the tasks end. Row N10 of docs/pitfalls.md: the cost of a wake must not
//! grow with the number of waiting tasks.

#![allow(missing_docs)]

mod ends;
mod on_a_handle;
mod outputs;
mod polled;
mod wakes;
