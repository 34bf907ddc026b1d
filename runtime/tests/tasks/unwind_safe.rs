//! What may be carried over `catch_unwind`, as tokio's types may: a panic of user code leaves each of them in order, which the
//! tests of panics show (`panics.rs`, `panicking_wakers.rs`, `unhandled.rs`).

use egret_runtime::io::{AsyncFd, Registration};
use egret_runtime::runtime::{Handle, Id, Metrics, Runtime};
use egret_runtime::task::{
    self, AbortHandle, JoinError, JoinHandle, JoinSet, LocalKey, LocalSet, RemoteJoinHandle,
};
use egret_runtime::time::Instant;
use std::os::fd::OwnedFd;
use std::panic::{RefUnwindSafe, UnwindSafe};

const fn may_be_carried<T: UnwindSafe + RefUnwindSafe>() {}

const _: () = {
    may_be_carried::<JoinHandle<()>>();
    may_be_carried::<JoinSet<()>>();
    may_be_carried::<RemoteJoinHandle<()>>();
    may_be_carried::<AbortHandle>();
    may_be_carried::<JoinError>();
    may_be_carried::<LocalSet>();
    may_be_carried::<LocalKey<u32>>();
    may_be_carried::<task::Id>();
    may_be_carried::<Runtime>();
    may_be_carried::<Handle>();
    may_be_carried::<Id>();
    may_be_carried::<Metrics>();
    may_be_carried::<Registration<OwnedFd>>();
    may_be_carried::<AsyncFd<OwnedFd>>();
    may_be_carried::<Instant>();
};
