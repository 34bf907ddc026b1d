//! TCP, UDP and sockets of the Unix domain for egret: sockets as futures on an edge-triggered reactor.
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
//! | `byte_stream.rs` | what reading and writing come down to, for every stream of bytes |
//! | `futures_io.rs`, `tokio_io.rs`, `hyper.rs` | by features of these names: the traits of others on every stream |
//! | `tcp/stream.rs` | [`TcpStream`] |
//! | `tcp/stream/` | its methods: `connect.rs` with the recipe, `read.rs`, `write.rs`, `option.rs`, `descriptor.rs`, `sendfile.rs` |
//! | `tcp/socket.rs`, `tcp/socket/` | [`TcpSocket`]: options before the connection |
//! | `halves.rs`, `halves/` | the halves of every stream: one task reads, another writes |
//! | `tcp/split.rs`, `unix/split.rs` | the names of them, and what has an address in it |
//! | `udp/socket.rs`, `udp/socket/` | [`UdpSocket`]; `many.rs` with many datagrams at a time |
//! | `unix/address.rs` | [`unix::SocketAddr`]: paths, abstract names, none |
//! | `unix/stream.rs`, `unix/listener.rs`, `unix/connect.rs` | [`UnixStream`], [`UnixListener`], and how one gets to the other |
//! | `unix/datagram.rs`, `unix/seqpacket.rs` | [`UnixDatagram`], [`UnixSeqpacket`] |
//! | `unix/pipe.rs` | [`unix::pipe`]: the names of the pipes, which are in the runtime |
//! | `streams.rs` | every stream of bytes as what `io::copy` takes |
//! | `unix/ancillary.rs` | descriptors and credentials beside the bytes |
//!
//! Readiness is not kept here: each operation goes through an
//! [`egret_runtime::io::Registration`], which tries the system call, clears readiness by the rules and waits for
//! the next edge. System calls are made by `egret_runtime::sys`; there is no unsafe code in this crate.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod accept_loop;
mod addr;
#[cfg(feature = "futures-io")]
mod futures_io;
pub mod halves;
#[cfg(feature = "hyper")]
mod hyper;
mod interest;
mod listener;
mod serve;
mod stream;
pub mod tcp;
#[cfg(feature = "tokio-io")]
mod tokio_io;
pub mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use listener::TcpListener;
pub use stream::TcpStream;
pub use tcp::socket::TcpSocket;
pub use udp::socket::UdpSocket;
pub use unix::datagram::UnixDatagram;
pub use unix::listener::UnixListener;
pub use unix::seqpacket::UnixSeqpacket;
pub use unix::seqpacket_listener::UnixSeqpacketListener;
pub use unix::socket::UnixSocket;
pub use unix::stream::UnixStream;
