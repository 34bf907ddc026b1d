//! Without feature `sim`: only the functions for programs, which are then outside of a simulation.

mod program;

pub use program::{is_simulated, macro_support, maybe, note, random, sometimes};
