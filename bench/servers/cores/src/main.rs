//! "Hello, world!" over HTTP/1.1 on several cores. The flavour says on what, and how many: `group-2`.
//!
//! | flavour | server |
//! |---|---|
//! | `group`, `fewest` | `egret::cores` with `Sharing::Group` and `Sharing::FewestOpen` |
//! | `tokio` | a `multi_thread` runtime with so many workers |
//! | `threads` | threads, each with the loop of `server-floor` and a socket in a group of `SO_REUSEPORT` |

#![forbid(unsafe_code)]

use egret::cores;
use egret::net::{Sharing, TcpShares};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use server_common::{BUFFER, Options, announce, fail, http};
use server_floor::{Answer, Protocol};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;

fn main() {
    let options = Options::from_args();
    let flavour = options.flavour.as_deref().unwrap_or("group-2");
    let wanted = flavour.split_once('-').and_then(|(name, count)| Some((name, count.parse().ok()?)));
    let result = match wanted {
        Some(("group", count @ 1..)) => on_egret(options.addr, Sharing::Group, count),
        Some(("fewest", count @ 1..)) => on_egret(options.addr, Sharing::FewestOpen, count),
        Some(("tokio", count @ 1..)) => on_tokio(options.addr, count),
        Some(("threads", count @ 1..)) => on_threads(options.addr, count),
        _ => fail("the flavours are group-N, fewest-N, tokio-N and threads-N", flavour),
    };
    if let Err(error) = result {
        fail("the server failed", error);
    }
}

/// What has arrived of a connection, and its answers.
#[derive(Default)]
struct Hello {
    input: Vec<u8>,
    filled: usize,
    output: Vec<u8>,
}

impl Hello {
    fn room(&mut self) -> &mut [u8] {
        self.input.resize(BUFFER, 0);
        &mut self.input[self.filled..]
    }

    /// Puts the answers to what was received into `output`; whether they are the last.
    fn answer(&mut self, received: usize) -> bool {
        self.filled += received;
        self.output.clear();
        let answered = http::answer(&self.input[..self.filled], &mut self.output);
        self.filled = answered.keep_rest(&mut self.input, self.filled);
        answered.close
    }
}

fn on_egret(address: SocketAddr, sharing: Sharing, count: usize) -> io::Result<()> {
    async fn hello(mut stream: egret::net::TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut hello = Hello::default();
        loop {
            let count = stream.read(hello.room()).await?;
            if count == 0 {
                return Ok(());
            }
            let close = hello.answer(count);
            stream.write_all(&hello.output).await?;
            if close {
                return Ok(());
            }
        }
    }
    let shares = TcpShares::bind(address, sharing)?;
    let core = async |core: cores::Core| {
        let share = shares.share(&core)?; // the first one makes all listen
        if core.index() == 0 {
            announce(*shares.local_addr());
        }
        share.serve(core.shutdown()).run(|stream, _peer| hello(stream)).await
    };
    cores::Builder::new().count(count).run(core).map(drop)
}

fn on_tokio(address: SocketAddr, count: usize) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn hello(mut stream: tokio::net::TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut hello = Hello::default();
        loop {
            let count = stream.read(hello.room()).await?;
            if count == 0 {
                return Ok(());
            }
            let close = hello.answer(count);
            stream.write_all(&hello.output).await?;
            if close {
                return Ok(());
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(count).enable_io().build()?;
    let accepting = async move {
        let listener = tokio::net::TcpListener::bind(address).await?;
        announce(listener.local_addr()?);
        loop {
            let (stream, _peer) = listener.accept().await?;
            tokio::spawn(hello(stream));
        }
    };
    // In a task: the future of `block_on` would run on a thread that is none of the workers.
    runtime.block_on(runtime.spawn(accepting)).unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// All connections of a thread are answered with the same memory.
#[derive(Default)]
struct Floor(Vec<u8>);

impl Protocol for Floor {
    fn answer<'a>(&'a mut self, input: &'a [u8]) -> Answer<'a> {
        self.0.clear();
        let answered = http::answer(input, &mut self.0);
        Answer { output: &self.0, consumed: answered.consumed, close: answered.close }
    }
}

fn on_threads(address: SocketAddr, count: usize) -> io::Result<()> {
    let first = bind(address)?;
    let address = net::getsockname(&first)?;
    let address = SocketAddr::try_from(address)?;
    let mut sockets = vec![first];
    for _ in 1..count {
        sockets.push(bind(address)?);
    }
    sockets.iter().try_for_each(|socket| net::listen(socket, 1024))?;
    announce(address);
    thread::scope(|scope| {
        let serve = |socket| scope.spawn(|| server_floor::serve(TcpListener::from(socket), Floor::default()));
        let threads: Vec<_> = sockets.into_iter().map(serve).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no loop panics"))
    })
}

fn bind(address: SocketAddr) -> io::Result<std::os::fd::OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    net::bind(&socket, &address)?;
    Ok(socket)
}
