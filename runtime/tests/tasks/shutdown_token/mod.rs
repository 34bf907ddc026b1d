//! `Shutdown`, the token that a server's parts share. The codes are rows of docs/pitfalls.md: D shutdown,
//! R re-entrancy, N fairness.

#![allow(missing_docs)]

mod clock;
mod drain;
mod request;
mod tasks;
