//! `epoll`, and everything that is registered with it.

pub(crate) mod async_fd; // the public form of a registered descriptor
mod current; // the reactor of this thread
pub(crate) mod epoll; // the instance of `epoll`: it turns events into wakes
pub(crate) mod gone; // the error when the runtime is no more
pub(crate) mod interest; // what a wait is for
pub(crate) mod label; // what a descriptor is for, with feature `inspect`
pub(crate) mod readiness; // the rules of edge-triggered readiness
pub(crate) mod ready; // what a descriptor is ready for
pub(crate) mod registration; // a descriptor and its place in the reactor
pub(crate) mod waiters; // the wakers that wait for a descriptor

pub(crate) use current::{current, enter};
