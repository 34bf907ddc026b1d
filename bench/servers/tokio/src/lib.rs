//! The accept loop on tokio, one thread. Flavours: none is `current_thread` with `tokio::spawn`;
//! `local` is a `LocalRuntime` with `spawn_local`.

use server_common::{Options, announce, fail};
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};

/// Listens where the arguments say and runs `handle` for each connection in a task of its own.
pub fn run<F>(handle: fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let options = Options::from_args();
    options.check_flavour(&["local"]);
    let mut builder = Builder::new_current_thread();
    builder.enable_io();
    let result = if options.flavour.is_some() {
        let spawn = |stream| {
            tokio::task::spawn_local(handle(stream));
        };
        builder
            .build_local(LocalOptions::default())
            .and_then(|runtime| runtime.block_on(serve(options.addr, spawn)))
    } else {
        let spawn = |stream| {
            tokio::spawn(handle(stream));
        };
        builder.build().and_then(|runtime| runtime.block_on(serve(options.addr, spawn)))
    };
    if let Err(error) = result {
        fail("the server failed", error);
    }
}

async fn serve(addr: SocketAddr, spawn: impl Fn(TcpStream)) -> io::Result<()> {
    let listener = TcpListener::bind(addr).await?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        spawn(stream);
    }
}
