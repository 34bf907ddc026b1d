//! TCP for egret: sockets as futures on an edge-triggered reactor.
//!
//! The names and signatures are tokio's, with two differences that follow from one loop on one thread: a
//! socket is not `Send`, because it is registered with the loop it was made in ([`TcpStream::into_std`] moves
//! it out), and `read`, `write_all` and their kin are methods of the socket itself, with no trait to import.
//!
//! ```
//! use egret_net::{TcpListener, TcpStream};
//!
//! # egret_runtime::block_on(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let mut client = TcpStream::connect(listener.local_addr()?).await?;
//! let (mut server, _) = listener.accept().await?;
//!
//! client.write_all(b"hello").await?;
//! let mut buf = [0; 16];
//! let n = server.read(&mut buf).await?;
//! assert_eq!(&buf[..n], b"hello");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # Where what is
//!
//! | file | what |
//! |---|---|
//! | `addr.rs` | [`ToSocketAddrs`]: addresses, or a name; [`lookup_host`] |
//! | `tcp/listener.rs`, `tcp/incoming.rs` | [`TcpListener`], and its connections as a stream |
//! | `accept_loop.rs`, `tcp/serve.rs` | [`tcp::Serve`]: the policy of an accept loop, and TCP by it |
//! | `tcp/stream.rs` | [`TcpStream`]; the system calls that reading and writing come down to |
//! | `tcp/stream/` | its methods: `connect.rs` with the recipe, `read.rs`, `write.rs`, `option.rs`, `descriptor.rs` |
//! | `tcp/socket.rs`, `tcp/socket/option.rs` | [`TcpSocket`]: options before the connection |
//! | `tcp/split.rs`, `tcp/split_owned.rs` | one task reads, another writes |
//!
//! Readiness is not kept here: each operation goes through an
//! [`egret_runtime::io::Registration`], which tries the system call, clears readiness by the rules and waits for
//! the next edge. System calls are made by `egret_runtime::sys`; there is no unsafe code in this crate.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod accept_loop;
mod addr;
pub mod tcp;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp::listener::TcpListener;
pub use tcp::socket::TcpSocket;
pub use tcp::stream::TcpStream;
