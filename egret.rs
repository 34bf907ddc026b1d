//! An async runtime for Linux servers: edge-triggered `epoll`, one thread, wakers that are numbers.
//!
//! ```
//! use egret::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! egret::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     let server = egret::spawn(async move {
//!         let (mut stream, _) = listener.accept().await?;
//!         let mut buffer = [0; 64];
//!         let n = stream.read(&mut buffer).await?;
//!         stream.write_all(&buffer[..n]).await
//!     });
//!
//!     let mut client = TcpStream::connect(address).await?;
//!     client.write_all(b"hello").await?;
//!     let mut answer = [0; 5];
//!     client.read_exact(&mut answer).await?;
//!     assert_eq!(&answer, b"hello");
//!     server.await.unwrap()
//! })
//! # }
//! ```
//!
//! # The map of the code
//!
//! This crate only re-exports. `egret-runtime` (in `runtime/`) is the executor, the reactor and the seam to the
//! kernel; `egret-net` (in `net/`) is the sockets. To follow one readiness event through the system read four
//! files in order:
//!
//! 1. `runtime/src/reactor.rs`: `epoll_wait` reports it, its slot in the slab is found, its waiters are taken.
//! 2. `runtime/src/waker.rs`: what waits is the number that the task's waker is, and it is pushed to the run
//!    queue; from another thread a wake goes to the executor's mailbox (`remote.rs`).
//! 3. `runtime/src/executor.rs`: the number is popped and the task polled.
//! 4. `net/src/tcp/stream.rs`: the task calls `recv`.
//!
//! `docs/loop.md` in the repository tells the same with the bounds on fairness, `docs/edge-triggered.md` has
//! the rules by which readiness is set and cleared.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "macros")]
pub use egret_macros::{main, test};
#[cfg(feature = "macros")]
#[doc(hidden)]
pub use egret_runtime::macro_support;
pub use egret_runtime::{block_on, spawn};

#[cfg(feature = "hyper")]
pub mod hyper {
    //! What [hyper](https://docs.rs/hyper) asks of a runtime. With feature `hyper`.

    pub use egret_runtime::hyper::{Executor, Timer};
}

pub mod io {
    //! Any descriptor as futures; copies from stream to stream; standard input and output.

    #[cfg(feature = "tokio-io")]
    pub use egret_runtime::io::TokioIo;
    pub use egret_runtime::io::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdTryNewError, AsyncRead, AsyncWrite, CopyBidirectional, Interest,
        Stderr, Stdin, Stdout, TryIoError, copy, copy_bidirectional, stderr, stdin, stdout,
    };
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
    //! The runtime itself: for those who step it by hand, count what it does, or run several.

    pub use egret_runtime::runtime::{
        Builder, EnterGuard, Handle, Metrics, Park, Runtime, TryCurrentError, Turn, UnhandledPanic,
    };
}

pub mod shutdown {
    //! Ending a server well.

    pub use egret_runtime::shutdown::{Drained, Shutdown, ShutdownGuard};
}

pub mod signal {
    //! Signals as events: Ctrl-C, and streams of any kind.

    pub use egret_runtime::signal::{ctrl_c, unix};
}

#[cfg(feature = "sim")]
pub mod sim {
    //! A kernel that a test controls, under the real runtime. With feature `sim`.

    pub use egret_runtime::sim::{EdgePolicy, Fault, Faults, Host, Seeds, Sim, check};
}

pub mod task {
    //! Tasks.

    pub use egret_runtime::task::{
        AbortHandle, Builder, Id, JoinError, JoinHandle, JoinSet, RemoteJoinHandle, Unconstrained,
        consume_budget, coop, spawn, spawn_blocking, unconstrained, yield_now,
    };
}

#[cfg(feature = "test-util")]
pub mod test {
    //! The kit for unit tests of wake-ups. With feature `test-util`.
    //!
    //! Beside it, in the namespace of macros, is the attribute `#[egret::test]` of feature `macros`.

    pub use egret_runtime::test::{
        LeakGuard, Leaks, Mask, Peer, Probe, Ready, Wake, WokenBy, assert_pending, assert_ready,
        assert_ready_err, assert_ready_ok, assert_wakes, spawn, when_asleep,
    };
}

pub mod time {
    //! Time: sleeping, time limits and intervals.

    pub use egret_runtime::time::*;
}
