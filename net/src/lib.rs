//! TCP, UDP and Unix sockets for egret: sockets as futures on an edge-triggered reactor.
//!
//! The names and signatures are tokio's, with two differences. A socket is not `Send`, because it is registered with
//! the loop it was made in; [`TcpStream::into_std`] takes it out. And `read`, `write_all` and the like are methods of
//! the socket itself, without a trait import.
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
//! # Files
//!
//! | file | what |
//! |---|---|
//! | `addr.rs` | [`ToSocketAddrs`]: addresses, or a name; [`lookup_host`] |
//! | `resolver.rs` | [`set_resolver`]: a function of the program in place of `getaddrinfo` |
//! | `family.rs` | [`Family`](stream::Family): what differs between TCP and the Unix domain |
//! | `stream.rs`, `stream/` | [`Stream`](stream::Stream), which [`TcpStream`] and [`UnixStream`] are, and its methods |
//! | `stream/poll.rs` | the system calls of reading and writing, for the streams and their halves |
//! | `stream/copy.rs` | the streams as arguments of `io::copy` |
//! | `stream/futures_io.rs`, `tokio_io.rs`, `hyper.rs` | the traits of these crates on the streams, by features of the same names |
//! | `stream/halves.rs`, `stream/halves/` | the halves of a stream: one task reads, another writes |
//! | `listener.rs` | [`Listener`](listener::Listener), which [`TcpListener`] and [`UnixListener`] are |
//! | `serve.rs`, `accept_loop.rs` | [`tcp::Serve`]: the accept loop of a server, and its policy |
//! | `handover.rs` | [`handover::Handover`]: listeners for the next process |
//! | `passed.rs` | sockets from the supervisor: `from_env` of each type |
//! | `shares.rs`, `shares/` | [`TcpShares`]: a listening address, shared by the cores of [`egret_runtime::cores`] |
//! | `tcp/stream.rs`, `tcp/listener.rs`, `tcp/connect.rs`, `tcp/option.rs` | methods that only streams and listeners of TCP have |
//! | `tcp/socket.rs`, `tcp/socket/` | [`TcpSocket`]: options before the connection |
//! | `tcp/split.rs`, `unix/split.rs` | the names of the halves |
//! | `tcp/connector.rs` | [`tcp::Connector`]: several addresses at a time |
//! | `udp/socket.rs`, `udp/socket/` | [`UdpSocket`]; `many.rs` with many datagrams at a time, `message.rs` with what the kernel knows of one |
//! | `udp/batch.rs`, `udp/message.rs` | what these receive: [`udp::RecvBatch`], [`udp::Message`] |
//! | `udp/builder.rs` | [`udp::Builder`]: options before the bind |
//! | `unix/address.rs` | [`unix::SocketAddr`]: paths, abstract names, none |
//! | `unix/stream.rs`, `unix/listener.rs`, `unix/connect.rs` | methods that only streams and listeners of the Unix domain have |
//! | `unix/message.rs`, `unix/ancillary.rs` | descriptors and credentials as control data |
//! | `unix/socket.rs` | [`UnixSocket`]: options before the connection |
//! | `unix/datagram.rs`, `unix/datagram/` | [`UnixDatagram`] |
//! | `unix/seqpacket.rs`, `unix/seqpacket_listener.rs` | [`UnixSeqpacket`] and its listener |
//! | `unix/ucred.rs` | [`unix::UCred`]: the credentials of a process |
//! | `unix/pipe.rs` | [`unix::pipe`]: the names of the pipes, which are in the runtime |
//! | `inspect.rs`, `inspect/` | with feature `inspect`: the page of a running server |
//! | `socket.rs` | registration and `Debug` of all sockets |
//!
//! Readiness is not kept here: each operation goes through an [`egret_runtime::io::Registration`], which tries the
//! system call, clears readiness by the rules and waits for the next edge. `egret_runtime::sys` makes the system
//! calls; this crate has no unsafe code.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod accept_loop;
mod addr;
mod family;
pub mod handover;
#[cfg(feature = "inspect")]
pub mod inspect;
pub mod listener;
mod passed;
mod resolver;
mod serve;
pub mod shares;
mod socket;
pub mod stream;
pub mod tcp;
pub mod udp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use resolver::{ResolverGuard, set_resolver};
pub use shares::{Sharing, TcpShares, UdpShares, UnixShares};
pub use stream::halves;
pub use tcp::listener::TcpListener;
pub use tcp::socket::TcpSocket;
pub use tcp::stream::TcpStream;
pub use udp::socket::UdpSocket;
pub use unix::datagram::UnixDatagram;
pub use unix::listener::UnixListener;
pub use unix::seqpacket::UnixSeqpacket;
pub use unix::seqpacket_listener::UnixSeqpacketListener;
pub use unix::socket::UnixSocket;
pub use unix::stream::UnixStream;
