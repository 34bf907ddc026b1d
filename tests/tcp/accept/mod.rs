//! Listening and accepting. The rows are of the list of pitfalls that the project keeps: K are facts of the
//! kernel, A is about accepting, connecting and binding.

mod accepts;
mod binds;
