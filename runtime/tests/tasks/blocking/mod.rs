//! Blocking jobs: the result of the join, the number of threads, and the end of the
//! runtime. The rows are D6, D8, D11, M1, P1 and P4 of docs/pitfalls.md.

#![allow(missing_docs)]

mod aborts;
mod ends;
mod gate;
mod joins;
mod threads;
mod unhandled;
