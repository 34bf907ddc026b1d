//! Cores with thousands of connections: their end, and what they do without descriptors. The clients are in a process of
//! their own, and so is the server.

mod descriptors;
mod ends;
mod process;
