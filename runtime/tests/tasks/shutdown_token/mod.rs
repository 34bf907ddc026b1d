//! Ending a server well: the token that its parts share. Letters and numbers are rows of docs/pitfalls.md: D is about shutdown, R about user code that comes back, N about fairness.

#![allow(missing_docs)]

mod clock;
mod drain;
mod request;
mod tasks;
