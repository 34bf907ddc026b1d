//! The attributes, as one program, which is linked once.

mod attributes;
mod cores;
mod misuse;
mod two_names;
