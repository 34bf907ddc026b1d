//! Tasks that belong together, taken in the order in which they end. N10 is of the list of pitfalls that the project
//! keeps: the cost of a wake must not grow with the number of those who wait.

#![allow(missing_docs)]

mod ends;
mod outputs;
mod polled;
mod wakes;
