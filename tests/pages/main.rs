//! What is written in Markdown, compared with the sources, and the rules that every test program keeps: nothing here needs a
//! process of its own.

mod pitfalls;
mod readme;
mod rooms;
mod safety_page;
mod sim_page;
mod test_binaries;
