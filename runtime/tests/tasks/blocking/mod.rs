//! Blocking jobs: what comes out of the join, how many threads there are, and what is left of it all when the
//! runtime goes. The rows are D6, D8, D11, M1, P1 and P4 of docs/pitfalls.md.

#![allow(missing_docs)]

mod aborts;
mod ends;
mod gate;
mod joins;
mod threads;
mod unhandled;
