//! Listening and accepting. The rows are of docs/pitfalls.md: K are facts of the
//! kernel, A is about accepting, connecting and binding.

mod accepts;
mod binds;
