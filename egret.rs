//! An async runtime for servers on 64-bit Linux: one thread, one loop around edge-triggered `epoll`, and wakers that are
//! numbers.
//!
//! A task stays on the thread that spawned it, so its future need not be `Send` and may hold an `Rc`. Where tokio has the
//! same thing, egret has the same module and name, and nearly always the same signature. It is not a work-stealing runtime,
//! not portable, and not built on io_uring.
//!
//! # A server
//!
//! egret is not on crates.io: `cargo add egret --path ../egret` names a copy of the repository.
//!
//! ```no_run
//! use egret::net::{TcpListener, TcpStream};
//! use egret::shutdown::Shutdown;
//!
//! fn main() -> std::io::Result<()> {
//!     egret::block_on(async {
//!         let listener = TcpListener::bind("127.0.0.1:7000").await?;
//!         let echo = |mut client: TcpStream, _peer| async move {
//!             let (mut reader, mut writer) = client.split();
//!             egret::io::copy(&mut reader, &mut writer).await
//!         };
//!         listener.serve(&Shutdown::new()).run(echo).await
//!     })
//! }
//! ```
//!
//! Each client has its own task. An error of a client ends only its task, and a failed `accept`, for example while no
//! descriptor is free, is retried. [`guide`] goes on from here, with time limits, an orderly end, tests and TLS.
//!
//! # A tour
//!
//! | module | what it has | start at |
//! |---|---|---|
//! | [`task`] | tasks, groups of them, blocking jobs, what keeps one task from starving others | [`spawn`], [`task::JoinSet`], [`task::spawn_blocking`] |
//! | [`net`] | TCP, UDP and Unix sockets, name look-ups, the accept loop | [`net::TcpListener`], [`net::TcpStream`] |
//! | [`time`] | sleeping, time limits, intervals; a clock that a test controls | [`time::sleep`], [`time::timeout`] |
//! | [`io`] | any other descriptor, copies from stream to stream, standard input and output | [`io::AsyncFd`], [`io::copy`] |
//! | [`fs`] | files and folders, on threads that may block | [`fs::File`], [`fs::read`] |
//! | [`process`] | child processes and their pipes | [`process::Command`] |
//! | [`signal`] | Ctrl-C and other signals as events | [`signal::ctrl_c`] |
//! | [`shutdown`] | ending a server well | [`shutdown::Shutdown`] |
//! | [`cores`] | a runtime on each of several threads, and their joint end | [`cores::Builder`], [`net::TcpShares`] |
//! | [`service`] | messages to a supervisor such as systemd, and the descriptors that it passes | [`service::ready`], [`service::watchdog`] |
//! | [`runtime`] | a runtime that is configured, run turn by turn, counted, or reached from other threads | [`runtime::Builder`], [`runtime::Handle`] |
//! | `inspect` | what every task waits for, and which one holds the loop | feature `inspect` |
//! | `test`, `sim` | unit tests of wake-ups; a simulated kernel | features `test-util`, `sim` |
//!
//! # Features
//!
//! All are additive, and off by default.
//!
//! | feature | what it adds |
//! |---|---|
//! | `bytes` | `read_buf`, `recv_buf` and similar methods take any `BufMut` of bytes, and not only a `Vec<u8>` |
//! | `futures-io`, `tokio-io` | `AsyncRead` and `AsyncWrite` of futures-io and of tokio on every stream; the latter without tokio's runtime |
//! | `hyper` | the traits of hyper on every stream, and the module `hyper` with its executor and timer |
//! | `inspect` | the module `inspect`: dumps of what every task of a running server waits for, a page of them, reports of polls that hold the loop |
//! | `inspect-backtrace` | `inspect`, with the stack of a loop that is stuck; on x86-64 and 64-bit ARM |
//! | `macros` | the attributes `#[egret::main]` and `#[egret::test]` |
//! | `trace` | tasks, polls, wakes and events for tracing, and so for tokio-console |
//! | `test-util` | the module `test`, and a clock that a test controls |
//! | `sim` | the module `sim`: a simulated kernel under the real runtime |
//! | `sim-std` | with `sim`, for the binaries of tests: the clocks of `std` and its random bytes are the simulation's |
//!
//! # Further
//!
//! In the repository, `docs/coming-from-tokio.md` lists what is different, `docs/ecosystem.md` which other crates have been
//! tried, `docs/loop.md` the bounds on fairness, and `docs/architecture.md` how the code is laid out.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "macros")]
pub use egret_macros::{main, test};
#[cfg(feature = "macros")]
#[doc(hidden)]
pub use egret_runtime::macro_support;
pub use egret_runtime::{block_on, spawn, task_local};

#[cfg(feature = "hyper")]
pub mod hyper {
    //! The runtime traits of [hyper](https://docs.rs/hyper). With feature `hyper`.

    pub use egret_runtime::hyper::{Executor, Timer};
}

#[cfg(doc)]
pub mod guide {
    #![doc = "[hello]: hello\n[a_task_for_each_connection]: a_task_for_each_connection\n[time_limits]: time_limits\n"]
    #![doc = "[limits]: limits\n[ending_well]: ending_well\n[testing_it]: testing_it\n[tls]: tls\n[http]: http\n\n"]
    #![doc = include_str!("docs/guide/README.md")]

    #[cfg(not(doctest))]
    #[doc = "[next]: a_task_for_each_connection\n\n"]
    #[doc = include_str!("docs/guide/1-hello.md")]
    pub mod hello {}

    #[doc = "[next]: time_limits\n\n"]
    #[doc = include_str!("docs/guide/2-a-task-for-each-connection.md")]
    pub mod a_task_for_each_connection {}

    #[doc = "[next]: limits\n\n"]
    #[doc = include_str!("docs/guide/3-time-limits.md")]
    pub mod time_limits {}

    #[doc = "[next]: ending_well\n\n"]
    #[doc = include_str!("docs/guide/4-limits.md")]
    pub mod limits {}

    // The tests of `tests-ecosystem` run the programs of chapters 1 and 5 to 7: they serve until Ctrl-C, or need
    // other crates.

    #[cfg(not(doctest))]
    #[doc = "[next]: testing_it\n\n"]
    #[doc = include_str!("docs/guide/5-ending-well.md")]
    pub mod ending_well {}

    #[cfg(not(doctest))]
    #[doc = "[next]: tls\n\n"]
    #[doc = include_str!("docs/guide/6-testing-it.md")]
    pub mod testing_it {}

    #[cfg(not(doctest))]
    #[doc = "[next]: http\n\n"]
    #[doc = include_str!("docs/guide/7-tls.md")]
    pub mod tls {}

    #[doc = include_str!("docs/guide/8-http.md")]
    pub mod http {}
}

pub mod cores {
    //! One runtime on each of several threads: a server on every processor.
    //!
    //! ```no_run
    //! use egret::cores;
    //! use egret::net::{Sharing, TcpShares};
    //! use std::io;
    //!
    //! let shares = TcpShares::bind("0.0.0.0:8080", Sharing::Group)?;
    //! cores::Builder::new().run(async |core| {
    //!     shares.share(&core)?.serve(core.shutdown()).run(|mut stream, peer| async move {
    //!         let _ = stream.write_all(format!("hello, {peer}\n").as_bytes()).await;
    //!     }).await
    //! })?;
    //! # io::Result::Ok(())
    //! ```
    //!
    //! In the repository, `docs/cores.md` says when to use it, and what it costs.

    pub use egret_runtime::cores::{Builder, Core, Ended, OnFailure, Stop, available};
}

pub mod fs {
    //! Files and folders, on threads that may block.

    pub use egret_runtime::fs::*;
}

#[cfg(feature = "inspect")]
pub mod inspect {
    //! The view inside a running server. With feature `inspect`.

    pub use egret_net::inspect::{Options, Server, serve};
    pub use egret_runtime::inspect::{
        BlockingView, Cause, Dump, DumpError, FrameView, GroupHistograms, Hint, HintKind, Histogram,
        Histograms, JobView, LoopState, LoopView, Place, PollProgress, PollView, Progress, QueueView, Record,
        RecordedTask, Recording, SourceView, Stack, StackFrame, Stall, StallStage, TaskState, TaskView,
        ThreadView, TimerView, WaitKind, WaitView, What, WokenBy, dump_on, dump_on_with,
    };
}

pub mod io {
    //! Any descriptor as futures; copies from stream to stream; standard input and output.

    #[cfg(feature = "futures-io")]
    pub use egret_runtime::io::FuturesIo;
    #[cfg(feature = "tokio-io")]
    pub use egret_runtime::io::TokioIo;
    pub use egret_runtime::io::{
        Append, AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdTryNewError, AsyncRead, AsyncWrite,
        CopyBidirectional, Interest, Ready, Stderr, Stdin, Stdout, TrustedFd, TryIoError, copy,
        copy_bidirectional, stderr, stdin, stdout,
    };

    pub mod unix {
        //! The same, under tokio's name.

        pub use egret_runtime::io::{
            AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdTryNewError, TryIoError,
        };
    }
}

pub mod net {
    //! Sockets as futures: TCP, UDP and the Unix domain.

    pub use egret_net::*;
}

pub mod process {
    //! Child processes.

    pub use egret_runtime::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
}

pub mod runtime {
    //! The runtime itself: configure it, run single turns, count its work, or run several.

    pub use egret_runtime::runtime::{
        Builder, EnterGuard, Handle, Id, Metrics, Park, Runtime, TaskMeta, TryCurrentError, Turn,
        UnhandledPanic, is_rt_shutdown_err,
    };
}

pub mod service {
    //! Communication between a server and its supervisor: sockets, readiness, the watchdog.

    pub use egret_runtime::service::{
        main_pid, notify, passed, raise_open_files, ready, reloading, status, stopping, store_fd,
        take_passed, watchdog, watchdog_of,
    };
}

pub mod shutdown {
    //! Graceful shutdown of a server.

    pub use egret_runtime::shutdown::{Drained, Shutdown, ShutdownGuard};
}

pub mod signal {
    //! Signals as events: Ctrl-C, and streams of any kind.

    pub use egret_runtime::signal::{ctrl_c, unix};
}

pub mod sim {
    //! A kernel that a test controls, under the real runtime. With feature `sim`; without it only what programs say to a
    //! simulation is there, and does nothing.

    #[cfg(feature = "sim")]
    pub use egret_runtime::sim::{EdgePolicy, Fault, Faults, Host, Link, Name, Process, Seeds, Sim, check};
    pub use egret_runtime::sim::{is_simulated, maybe, note, random, sometimes};
}

pub mod task {
    //! Tasks.

    pub use egret_runtime::task::{
        AbortHandle, AccessError, Builder, Confined, FrameExt, Framed, Id, JoinError, JoinHandle, JoinSet,
        LocalKey, LocalSet, RemoteJoinHandle, Unconstrained, consume_budget, coop, frame, futures, id,
        join_set, spawn, spawn_blocking, spawn_local, try_id, unconstrained, yield_now,
    };
}

#[cfg(feature = "test-util")]
pub mod test {
    //! The kit for unit tests of wake-ups. With feature `test-util`.
    //!
    //! The attribute `#[egret::test]` of feature `macros` has the same name, in the namespace of macros.

    pub use egret_runtime::test::{
        LeakGuard, Leaks, Mask, Peer, PipePeer, Probe, Ready, Script, Scripted, UdpPeer, UnixPeer, Wake,
        WokenBy, advance, assert_pending, assert_ready, assert_ready_err, assert_ready_ok, assert_wakes,
        settle, settled, spawn, when_asleep, within,
    };
}

pub mod time {
    //! Time: sleeping, time limits and intervals.

    pub use egret_runtime::time::*;
}
