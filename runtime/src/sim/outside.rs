//! What programs say to a simulation, without feature `sim`: nothing.

mod program;

pub use program::{is_simulated, macro_support, maybe, note, random, sometimes};
