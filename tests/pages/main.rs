//! Markdown compared with the sources, and the rules for all test programs: no test here needs a
//! process of its own.

mod inline;
mod pitfalls;
mod readme;
mod road;
mod rooms;
mod safety_page;
mod sim_page;
mod test_binaries;
